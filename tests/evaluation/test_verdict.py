"""Each rule of the verdict has a case in which it speaks, and one in which it is silent."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_up import (
    ALL,
    BARE,
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

from labtools.evaluation.fitting import Fit
from labtools.evaluation.fitting.result import Prediction
from labtools.evaluation.observations import Watched
from labtools.evaluation.report import RULES, summarise

UNFINISHED = BARE.but(contexts=(600,), context_calls=2)
PREDICTED = Fit(None, (), (Prediction("profile", 2, 40, 10.0, 10.2, 0.03, 0.2),))


def stream(gap_s):
    chunks = (0.1, 0.11, 0.12, 0.12 + gap_s)
    record = replace(a_record(), chunks_at=chunks, ended_at=chunks[-1])
    return [
        seen("interference", "interference/0", "stream", record),
        seen("interference", "interference/0", "prompt",
             replace(a_record(), sent_at=0.125, ended_at=0.13), lane=1),
    ]  # fmt: skip


def pause(ttft_s):
    """Eight prompts, a pause, and the same again."""
    before = a_record(0.6, input_tokens=3_000)
    after = a_record(ttft_s, input_tokens=3_000)
    records = [*[before] * 8, *[after] * 8]
    return [
        seen("prefix", "prefix/pause", ("before_pause", "after_pause")[n >= 8], one, place=n)
        for n, one in enumerate(records)
    ]


def schemas(cold_ttft_s, count=8):
    return [
        seen("cold_schema", f"cold_schema/{n}", label, a_record(ttft_s), place=place)
        for n in range(count)
        for place, (label, ttft_s) in enumerate(
            [("cold_schema", cold_ttft_s), ("warm_schema", 0.2)]
        )
    ]


def late(seconds):
    return (Watched("context/600/0", (seconds,) * 20, 0.01, 1),)


FAST_STEP = a_record(0.3, output_tokens=11)  # 0.3 s of TTFT, 0.1 s of decode
LONG_STEP = a_record(0.1, output_tokens=91)  # 0.1 s of TTFT, 0.9 s of decode
INVALID = {"tool_calls": ()}
KEPT = prefix_rounds(0.12, 2_880)
LOST = prefix_rounds(0.6, 0)

# rule: ((what was measured), what the sentence holds), ... ; None: silent
CASES = {
    "incomplete": [
        (measured(*at_context(600, 0.2), settings=UNFINISHED), "1 of 2 blocks"),
        (measured(abilities=None), "before the first probe"),
        (
            measured(abilities=None, made=(a_failure("status", 404),) * 2),
            "Nothing was measured: 2 of 2 calls failed, with status 404: ",
        ),
        (measured(abilities=None, made=(a_failure(), a_record(0.1))), "before the first probe"),
        (measured(*at_context(600, 0.2, 0.2), settings=UNFINISHED), None),
    ],
    "chain_total": [
        (
            measured(*a_chain(*[FAST_STEP] * 20)),
            "spends 8 s in inference; 75% of it is TTFT",
        ),
        (measured(*a_chain(*[LONG_STEP] * 20)), "10% of it is TTFT"),
        (measured(*a_chain(LONG_STEP), *a_chain(LONG_STEP, run=1)), "in 2 runs"),
        (measured(*a_chain(FAST_STEP, a_failure())), None),
        (measured(), None),
    ],
    "chain_broken": [
        (measured(*a_chain(FAST_STEP, a_failure())), "the best had 1 of 2"),
        (measured(*a_chain(FAST_STEP)), None),
        (measured(), None),
    ],
    "parallel_calls": [
        (measured(*crowd(1, 1.0, 6), *crowd(2, 1.1), *crowd(4, 1.3)), "fifth at 4 calls at once"),
        (measured(*crowd(1, 1.0, 6), *crowd(2, 1.1)), "Up to 2 calls at once no call is slowed"),
        (measured(*crowd(1, 1.0), *crowd(2, 1.1)), "needs 6 samples and has 1"),
        (measured(*crowd(2, 1.0), *crowd(4, 1.1)), None),
        (measured(*crowd(1, 1.0)), None),
    ],
    "goodput": [
        (measured(*crowd(1, 1.0), *crowd(4, 2.5)), "At 4 clients only 0% of the calls"),
        (measured(*crowd(4, 1.0)), None),
    ],
    "interfered": [
        (measured(*stream(0.5)), "stops: the longest gap between chunks is 500 ms"),
        (measured(*stream(0.02)), "goes on"),
        (measured(), None),
    ],
    "prefix_cache": [
        (
            measured(*SLOPE, *KEPT),
            "works at 3,000 tokens for an exact repeat (TTFT 480 ms shorter)",
        ),
        (measured(*SLOPE, *LOST), "No prefix cache shows at 3,000 tokens"),
        (measured(*SLOPE, *prefix_rounds(0.12, 2_880, rounds=3)), "3 rounds; an interval needs 6"),
        (measured(*at_context(3_000, 0.6), *KEPT), "cannot be told from TTFT"),
        (measured(*SLOPE), None),
    ],
    "prefix_lifetime": [
        (measured(*SLOPE, *KEPT, *pause(0.12)), "left alone for 10 s is still there"),
        (measured(*SLOPE, *KEPT, *pause(0.6)), "left alone for 10 s is gone"),
        (measured(*SLOPE, *LOST, *pause(0.6)), None),
        (measured(*SLOPE, *KEPT), None),
    ],
    "prefix_disagreement": [
        (measured(*SLOPE, *prefix_rounds(0.6, 2_880)), "reports more than it saves: 96% of"),
        (measured(*SLOPE, *prefix_rounds(0.12, 0)), "saves more than it reports"),
        (measured(*SLOPE, *KEPT), None),
    ],
    "schema_warm": [
        (measured(*structured_rounds(8, 0.3)), "A tool call, its schema known, takes 100 ms more"),
        (
            measured(*structured_rounds(8, step_s=0.013)),
            "3 ms more (8 rounds: 3 ms to 3 ms) a",
        ),
        (measured(*structured_rounds(8)), "takes no more (8 rounds: 0 ms to 0 ms) of TTFT"),
        (measured(*structured_rounds(3)), "(3 rounds; an interval needs 6)"),
        (measured(), None),
    ],
    "schema_cold": [
        (measured(*schemas(0.9)), "first call takes 700 ms more"),
        (measured(*schemas(0.2)), "first call takes no more"),
        (measured(*schemas(0.9, count=3)), "(3 schemas; an interval needs 6)"),
        (measured(), None),
    ],
    "invalid_answers": [
        (measured(*structured_rounds(4, answer=INVALID)), "4 of 4 to a tool call"),
        (measured(), None),
    ],
    "failed": [
        (measured(*a_chain(a_failure(), a_failure("timeout", None))), "2 calls failed: 1 × status"),
        (measured(*a_chain(a_failure())), "1 of them met a rate limit"),
        (measured(*a_chain(FAST_STEP)), None),
        (measured(abilities=None, made=(a_failure(),)), None),
    ],
    "lacking": [
        (measured(abilities=replace(ALL, tools=False)), "which is not slowness. No tool calls."),
        (measured(), None),
    ],
    "not_known": [
        (
            measured(abilities=replace(ALL, tools=False, not_known=("tools",))),
            "Whether the endpoint can do tool calls is not known",
        ),
        (measured(abilities=replace(ALL, tools=False)), None),
        (measured(abilities=None), None),
    ],
    "in_one_piece": [
        (measured(*at_context(600, 0.2, step_s=0.0)), "1 stream came in one piece"),
        (measured(*at_context(600, 0.2)), None),
    ],
    "without_finish_reason": [
        (measured(*at_context(600, 0.2, 0.2, finish_reason=None)), "2 answers ended with [DONE]"),
        (measured(*at_context(600, 0.2, finish_reason=None)), "1 answer ended with [DONE]"),
        (measured(*at_context(600, 0.2, finish_reason="length")), None),
        (measured(seen("context", "context/600/0", "cold", a_failure(), input_tokens=600)), None),
    ],
    "blurred": [
        (measured(*SLOPE, overheads=late(0.03)), "woke 30 ms late at p95"),
        (measured(*SLOPE, overheads=late(0.003)), None),
        (measured(*SLOPE), None),
    ],
    "too_few": [
        (measured(*at_context(600, *[0.2] * 8)), "from 59 samples on, and 1 group of 1 had fewer"),
        (measured(*at_context(600, *[0.2] * 59)), None),
        (measured(), None),
    ],
}


@pytest.mark.parametrize(
    ("rule", "what", "said"),
    [(rule, what, said) for rule, cases in CASES.items() for what, said in cases],
)
def test_a_rule_speaks_or_is_silent(rule, what, said):
    sentences = {one.rule: one.text for one in summarise(what).verdict}
    if said is None:
        assert rule not in sentences
    else:
        assert said in sentences[rule]


def test_the_prediction_is_told_where_there_is_one():
    told = {one.rule: one.text for one in summarise(measured(), PREDICTED).verdict}
    assert "with an error of +2.0% in sum; a step's median error is 3.0%" in told["prediction"]
    assert "prediction" not in {one.rule for one in summarise(measured()).verdict}


def test_every_rule_is_tried_both_ways():
    for rule in RULES.keys() - {"prediction"}:
        said = [said for _, said in CASES[rule]]
        assert None in said
        assert any(said)


def test_every_sentence_is_one_or_more_whole_ones():
    for cases in CASES.values():
        for what, _ in cases:
            for sentence in summarise(what).verdict:
                assert (
                    sentence.text[0].isupper()
                    or sentence.text[0].isdigit()
                    or (sentence.text.startswith(("p95", "cached_tokens")))
                )
                assert sentence.text.endswith(".")
