"""Predicted outputs against their closed form, and on the wire."""

from __future__ import annotations

from typing import Any

import pytest

from labtools.errors import ConfigurationError
from labtools.lab.connect import connect
from labtools.mock.answers import with_prediction
from labtools.model.named_profiles import FAST
from labtools.model.tokens import split_tokens
from labtools.wire.answer import Answer, Piece

PREDICTING = FAST.but(name="predicting", prediction_tokens_per_step=8)
LINES = [f"line {number:02} is here\n" for number in range(20)]  # 16 characters, four tokens
FILE = "".join(LINES)


def asked(profile: Any, content: str, prediction: str, **more: Any) -> Any:
    """The record and the usage of one call."""
    with connect("sim", profile=profile) as lab:

        async def both() -> Any:
            request = {
                "messages": [{"role": "user", "content": "Rename it."}],
                "prediction": {"type": "content", "content": prediction},
                "extra_body": {"mock": {"content": content}},
                **more,
            }
            record = await lab.call(**request)
            whole = await lab.client.chat.completions.create(model=profile.name, **request)
            return record, whole.usage

        return lab.run(both()).result


CASES = {
    "all of it": (FILE, FILE, [80], 0, 0),
    "one line changed": (FILE.replace("07", "xx"), FILE, [28, 48], 4, 4),
    "a line added": (FILE.replace("line 07", "more of it here\nline 07"), FILE, [28, 52], 4, 0),
    "lines deleted": ("".join(LINES[:5] + LINES[9:]), FILE, [64], 0, 16),
    "nothing of it": ("x" * 320, FILE, [], 80, 80),
}


@pytest.mark.parametrize("case", CASES)
def test_the_steps_are_the_closed_form(case: str) -> None:
    content, prediction, runs, others, rejected = CASES[case]
    record, usage = asked(PREDICTING, content, prediction)
    steps = PREDICTING.steps_with_prediction(runs, others)
    left = runs[-1] % 9 if runs else 0  # the run at the end has no other token behind it
    steps += left > 0
    ttft_s = PREDICTING.ttft_s(record.input_tokens)
    assert record.e2e_latency_s == pytest.approx(ttft_s + steps / 200)
    assert record.content == content
    assert len(record.chunks_at) == steps
    details = usage.completion_tokens_details
    assert details.accepted_prediction_tokens == sum(runs)
    assert details.rejected_prediction_tokens == rejected
    assert record.output_tokens == usage.completion_tokens == sum(runs) + others + rejected


@pytest.mark.parametrize("profile", [FAST, PREDICTING])
def test_without_the_term_or_without_a_prediction_nothing_changes(profile: Any) -> None:
    plain, usage = asked(profile, FILE, "" if profile is PREDICTING else FILE)
    assert len(plain.chunks_at) == 80
    assert plain.output_tokens == 80
    assert usage.completion_tokens_details.accepted_prediction_tokens is None


def test_an_empty_line_elsewhere_is_no_reason_to_go_there() -> None:
    prediction = "a\nb\n\nc\nd\n\ne\n"
    pieces = tuple(Piece("content", text) for text in split_tokens("a\n\nb\n\nc\nd\n\ne\n"))
    answer = with_prediction(Answer(pieces, "stop"), prediction, 8)
    assert answer.rejected_tokens == 0
    assert answer.text("content") == "a\n\nb\n\nc\nd\n\ne\n"


def test_words_before_the_file_are_not_held_against_it() -> None:
    record, usage = asked(PREDICTING, "Here it is: \n```\n" + FILE + "```", FILE)
    assert usage.completion_tokens_details.rejected_prediction_tokens == 0
    assert len(record.chunks_at) < 20


def test_what_is_no_prediction_is_a_400() -> None:
    with connect("sim", profile=PREDICTING) as lab:
        record = lab.run(lab.call(prediction={"type": "file", "content": "x"})).result
    assert record.error.status == 400
    assert "prediction.type" in record.error.message


def test_parts_are_one_text() -> None:
    parts = [{"type": "text", "text": "".join(part)} for part in (LINES[:9], LINES[9:])]
    _, usage = asked(PREDICTING, FILE, parts)
    assert usage.completion_tokens_details.accepted_prediction_tokens == 80


def test_a_profile_says_how_many() -> None:
    with pytest.raises(ConfigurationError, match=r"prediction_tokens_per_step is .*at least 0"):
        FAST.but(prediction_tokens_per_step=-1)
