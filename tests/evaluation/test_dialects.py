"""An evaluation finds of each imitated provider what it finds of the plain mock, to the digit."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial

import pytest
from small_evaluation import EVERYTHING, SMALL, comparable

from labtools import connect
from labtools.evaluation.report import summarise
from labtools.evaluation.session import evaluate
from labtools.mock import app
from labtools.mock.dialects import DIALECTS, Dialect

# These tell nobody what came from the cache: how long a prompt took is all there is to see.
HIDES_CACHED = {"mistral", "vllm", "ollama"}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """What an evaluation finds of the mock that speaks in a dialect."""
    plain = app.create_app

    def measure(dialect, limit):
        # A request that names its limit differently is another request, with draws of its own:
        # the plain mock that an endpoint is compared with takes the limit that it takes.
        spoken = DIALECTS.get(dialect) or Dialect()
        plainly = type(spoken)() if dialect else spoken
        plainly.takes_newer_limit = limit
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(app, "DIALECTS", {"spoken": plainly})
            patched.setattr(app, "create_app", partial(plain, dialect="spoken"))
            with connect("sim", profile=EVERYTHING) as lab:
                out = tmp_path_factory.mktemp("out")
                return evaluate({"a": lab}, out, SMALL, progress=False)["a"]

    return cache(measure)


def without_what_is_hidden(one, dialect):
    """The observation without what this provider does not tell or sends in one piece."""
    record = replace(one.record, reasoning_tokens=None)  # there are none; some say 0
    if dialect in HIDES_CACHED:
        record = replace(record, cached_tokens=None)
    if record.tool_calls and DIALECTS[dialect].whole_calls:
        record = replace(record, chunks_at=(), chunk_chars=(), first_output_at=None)
    return replace(one, record=record)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_it_finds_the_plain_mocks_figures(measured, dialect):
    limit = DIALECTS[dialect].takes_newer_limit
    plain, found = measured(None, limit), measured(dialect, limit)
    cached = dialect not in HIDES_CACHED
    assert found.abilities.cached_tokens is cached
    assert replace(found.abilities, cached_tokens=True, notes=()) == replace(
        plain.abilities, notes=()
    )
    assert found.finished == plain.finished
    for was, now in zip(
        comparable(plain.observations), comparable(found.observations), strict=True
    ):
        if was.axis != "abilities":
            hidden = without_what_is_hidden(was, dialect)
            assert now.record.error is None
            assert without_what_is_hidden(now, dialect) == hidden
            assert now.record.cached_tokens == hidden.record.cached_tokens
    was, now = summarise(plain), summarise(found)
    told = ("closed_loop", "open_loop", "interference")
    assert [getattr(now, part) for part in told] == [getattr(was, part) for part in told]
    assert now.contexts.rows == was.contexts.rows
    # Where it is not told what of a cold prompt came from the cache, that little counts as read.
    rates = (was.contexts.prefill_tokens_per_s, was.contexts.fixed_s)
    assert (now.contexts.prefill_tokens_per_s, now.contexts.fixed_s) == pytest.approx(
        rates, rel=2e-3
    )
    assert now.in_one_piece == was.in_one_piece
    if cached and not DIALECTS[dialect].whole_calls:
        same = {"endpoint": was.endpoint, "abilities": was.abilities, "repeat": was.repeat}
        assert replace(now, **same) == was


def test_the_mock_that_takes_the_newer_limit_is_the_plain_one(measured, tmp_path):
    with connect("sim", profile=EVERYTHING) as lab:
        plain = evaluate({"a": lab}, tmp_path, SMALL, progress=False)["a"]
    assert comparable(measured(None, True).observations) == comparable(plain.observations)
