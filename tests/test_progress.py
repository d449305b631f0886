"""What is said of a run under way: on a terminal, in a notebook, in a log."""

import io
import sys

import pytest

from labtools.progress import Progress


class Screen(io.StringIO):
    def isatty(self):
        return True


class Notebook(io.StringIO):
    """Stands where ipykernel's stream does."""

    __module__ = "ipykernel.iostream"


def said(stream, monkeypatch, *, seconds, runs=1, shown=True):
    """What runs with a step every half second leave on a stream."""
    monkeypatch.setattr(sys, "stderr", stream)
    for _ in range(runs):
        progress = Progress(100.0, shown)
        for half in range(2 * seconds + 1):
            progress.say(f"{half} steps", 100 + half / 2)
        progress.end()
    return stream.getvalue()


@pytest.mark.parametrize("stream", [Screen, Notebook])
def test_where_a_line_can_be_rewritten_it_is_twice_a_second(stream, monkeypatch):
    written = said(stream(), monkeypatch, seconds=3)
    assert written == "\r4 steps, 2 s\r5 steps, 2 s\r6 steps, 3 s\n"


def test_a_shorter_line_covers_the_one_before(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Screen())
    progress = Progress(0.0)
    progress.say("100 steps", 2.0)
    progress.say("1 step", 4.0)
    assert sys.stderr.getvalue().split("\r")[1:] == ["100 steps, 2 s", "1 step, 4 s   "]


def test_elsewhere_each_line_is_whole_and_rare(monkeypatch):
    written = said(io.StringIO(), monkeypatch, seconds=70, runs=2)
    assert written == 2 * "60 steps, 30 s\n120 steps, 60 s\n"


def test_a_short_run_says_nothing(monkeypatch):
    assert said(Screen(), monkeypatch, seconds=1) == said(io.StringIO(), monkeypatch, seconds=1)
    assert said(Screen(), monkeypatch, seconds=1) == ""


def test_what_is_not_to_be_shown_is_not(monkeypatch):
    assert said(Screen(), monkeypatch, seconds=70, shown=False) == ""
