"""Each check passes the right answer and names each mistake it knows."""

from __future__ import annotations

from check_cases import mistakes_are_named, right_answers_pass

from labtools.course.own_agent import check, covered_s


def pauses(trace):
    return [span for span in trace.spans if span.kind == "human"]


def in_place(before, now):
    pairs = enumerate(zip(before, now, strict=False))
    return next((place for place, (old, new) in pairs if old != new), None)


def new_block(before, now):
    new = [block for block in now if block not in before]
    return now.index(new[0]) if new else None


def by_id(tool, calls):
    return next((call["name"] for call in calls if tool["id"] in call["asked"]), None)


def by_instant(tool, calls):
    ended = [call for call in calls if call["ended_at"] <= tool["started_at"]]
    return ended[-1]["name"] if ended else None


RIGHT = {
    check.check_agents_seconds: lambda trace: trace.duration_s - covered_s(pauses(trace)),
    check.check_first_difference: in_place,
    check.check_asked_by: by_id,
}


MISTAKES = {
    check.check_agents_seconds: [
        (lambda trace: trace.duration_s, "A person was reading"),
        (lambda trace: 14.0 - sum(span.duration_s for span in pauses(trace)), "are one wait"),
        (lambda trace: 14.0 - 10.0 * bool(pauses(trace)) - 0.5, "Tools are the agent's own"),
        (lambda trace: 2.0, "Count every call"),
        (lambda trace: 5.0, "the agent's are 4.00 s"),
        (lambda trace: None, "should return a number"),
    ],
    check.check_first_difference: [
        (new_block, "What was added at the end breaks nothing"),
        (lambda before, now: None, "The first block is another one"),
        (
            lambda before, now: None if set(now) >= set(before) else in_place(before, now),
            "compare them place by place",
        ),
        (
            lambda before, now: len(now) if len(now) < len(before) else in_place(before, now),
            "What was cut off at the end",
        ),
        (lambda before, now: min(in_place(before, now), 1), "raised TypeError"),
        (
            lambda before, now: (place := in_place(before, now)) and min(place, 1),
            "Name the first place that differs",
        ),
    ],
    check.check_asked_by: [
        (by_instant, "logged as begun before its call had ended"),
        (lambda tool, calls: calls[0]["name"], "It stands in what that call asked for"),
        (
            lambda tool, calls: by_instant(tool, calls) or by_id(tool, calls),
            "it is not the one that asked",
        ),
        (lambda tool, calls: by_id(tool, calls) or "call 3", "No call asked for it"),
    ],
}

test_the_right_answer_passes = right_answers_pass(RIGHT)
test_a_mistake_is_named = mistakes_are_named(MISTAKES)
