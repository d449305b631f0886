"""The page stands alone, says what the report says, and lets nobody's text become markup."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from made_up import (
    ALL,
    SLOPE,
    a_chain,
    a_failure,
    a_record,
    at_context,
    crowd,
    measured,
    prefix_rounds,
    seen,
    structured_rounds,
)
from small_evaluation import EVERYTHING, SMALL

from labtools import connect
from labtools.evaluation.compare import compare
from labtools.evaluation.fitting import fit
from labtools.evaluation.report import summarise
from labtools.evaluation.reporting import comparison_page, page
from labtools.evaluation.session import evaluate
from labtools.wording import count, duration, four_digits, joined, signed_share

HOSTILE = '<script>alert(1)</script><img src="x" onerror="y">{{ 7*7 }}'
VOID = {"meta", "link", "img", "br", "source"}


class Seen(HTMLParser):
    """Tags, attributes and text; fails on tags that do not nest."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts, self.open = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    with connect("sim", profile=EVERYTHING) as lab:
        folder = tmp_path_factory.mktemp("page")
        return evaluate({"acme": lab}, folder, SMALL, progress=False)["acme"]


@pytest.fixture(scope="module")
def report(everything):
    return summarise(everything, fit(everything))


@pytest.fixture(scope="module")
def report_page(report):
    return page(report)


def hostile():
    """Everything that comes from outside is markup."""
    failing = seen("context", "context/600/9", "cold", a_failure(message=HOSTILE), input_tokens=600)
    found = measured(
        *SLOPE, *crowd(1, 0.5), failing, name=HOSTILE, abilities=replace(ALL, notes=(HOSTILE,))
    )
    identity = replace(found.identity, model=HOSTILE, endpoint=f"https://{HOSTILE}")
    return replace(found, identity=identity)


def test_the_verdict_comes_first_and_whole(report, report_page):
    seen_page = Seen(report_page)
    for sentence in report.verdict:
        assert " ".join(sentence.text.split()) in seen_page.text
    assert seen_page.text.index("Verdict") < seen_page.text.index("TTFT by context")
    assert report.repeat in seen_page.text


def test_every_figure_has_words(report_page):
    shown = Seen(report_page)
    alts = [value for tag, name, value in shown.attributes if (tag, name) == ("img", "alt")]
    assert len(alts) == 6
    assert all(re.search(r"\d", alt) for alt in alts)


@pytest.mark.parametrize("made", ["report", "comparison"])
def test_it_needs_no_other_file_no_host_and_no_script(everything, report_page, made):
    text = report_page if made == "report" else comparison_page(compare(everything, everything))
    shown = Seen(text)
    assert not {"script", "iframe", "object"} & set(shown.tags)
    sources = [v for _, name, v in shown.attributes if name in ("src", "srcset", "href", "action")]
    assert sources
    assert all(source.startswith("data:") for source in sources)
    assert not re.search(r"url\(|@import", text)
    assert "default-src 'none'" in text


@pytest.mark.parametrize("made", ["report", "comparison"])
def test_hostile_text_stays_text(made):
    report = hostile()
    text = page(summarise(report)) if made == "report" else comparison_page(compare(report, report))
    shown = Seen(text)
    assert "script" not in shown.tags
    assert not [name for _, name, _ in shown.attributes if name.startswith("on")]
    assert HOSTILE in shown.text
    assert "49" not in re.findall(r"\b49\b", shown.text)


POOR = {
    "nothing": measured(abilities=None),
    "abilities only": measured(),
    "one observation": measured(*at_context(600, 0.2)),
    "all failed": measured(
        *(replace(one, record=a_failure()) for one in (*SLOPE, *crowd(2, 0.5))),
        *a_chain(a_failure()),
    ),
    "one round of the cache": measured(*prefix_rounds(0.2, None, rounds=1)),
    "no time at all": measured(*at_context(600, 0.0), *crowd(1, 0.1), *a_chain(a_record(0.0))),
    "no usage": measured(
        *at_context(600, 0.2, output_tokens=11), *structured_rounds(1),
        abilities=replace(ALL, usage=False, cached_tokens=False, tools=False),
    ),
    "thousands": measured(*at_context(600, *(0.2 + n / 1e5 for n in range(3_000)))),
}  # fmt: skip


@pytest.mark.parametrize("name", POOR)
def test_poor_input_still_makes_a_page(name):
    text = Seen(page(summarise(POOR[name], fit(POOR[name])))).text
    assert "None" not in text.replace("None of", "")
    assert "nan" not in text.lower().split()


def test_an_interrupted_run_is_said_above_all():
    text = Seen(page(summarise(measured(abilities=None)))).text
    assert text.index("Interrupted") < text.index("Verdict")


def test_a_run_without_an_answer_is_not_called_interrupted():
    text = Seen(page(summarise(measured(abilities=None, made=(a_failure("status", 404),))))).text
    assert text.index("Not begun. Nothing of the plan") < text.index("Verdict")
    assert "Interrupted" not in text


def test_a_p95_of_few_calls_is_marked():
    text = Seen(page(summarise(measured(*at_context(600, *[0.2] * 8))))).text
    assert "too few: needs 59" in text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 ms"), (1e-9, "0 ms"), (0.00031, "0.31 ms"), (0.152, "152 ms"), (0.9996, "1.00 s"),
     (2.4, "2.40 s"), (10.0, "10 s"), (8.000000000000002, "8 s"), (12_345, "12,345 s"),
     (-0.02, "−20 ms"), (-1e-9, "0 ms")],
)  # fmt: skip
def test_durations_in_words(seconds, words):
    assert duration(seconds) == words


def test_shares_have_a_sign_and_there_is_no_minus_nothing():
    assert [signed_share(x) for x in (0.123, -0.03, -0.001)] == ["+12%", "−3%", "+0%"]
    assert signed_share(-0.0123, 1) == "−1.2%"


def test_four_digits_have_no_exponent():
    assert [four_digits(x) for x in (16_000, 0.97321, 2_000_000, 110)] == [
        "16,000",
        "0.9732",
        "2,000,000",
        "110",
    ]


def test_counts_and_lists_in_words():
    assert [count(n, "call") for n in (0, 1, 1_200)] == ["0 calls", "1 call", "1,200 calls"]
    assert [joined("abc"[:n]) for n in (1, 2, 3)] == ["a", "a and b", "a, b and c"]
