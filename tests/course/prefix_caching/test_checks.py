"""Each check passes the right answer and names each mistake it knows."""

from __future__ import annotations

import re

from check_cases import mistakes_are_named, right_answers_pass

from labtools.course.prefix_caching.checks import (
    check_cached_tokens,
    check_layout,
    check_most_saved,
)


def blocks(shared, block, minimum):
    whole = shared // block * block
    return whole if whole >= minimum else 0


def named(tools):
    return sorted(tools, key=lambda tool: tool["function"]["name"])


def at_end(now):
    return {"role": "user", "content": f"It is {now}."}


def first(system):
    return {"role": "system", "content": system}


def time_first(tools, system, history, now):
    return named(tools), [first(f"It is {now}. {system}"), *history]


def tools_as_they_come(tools, system, history, now):
    return tools, [first(system), *history, at_end(now)]


def time_before_the_history(tools, system, history, now):
    return named(tools), [first(system), at_end(now), *history]


def time_in_the_system_prompts_end(tools, system, history, now):
    return named(tools), [first(f"{system} It is {now}."), *history]


def time_in_front_of_the_last_message(tools, system, history, now):
    *earlier, last = history
    return named(tools), [first(system), *earlier, at_end(now), last]


def history_first(tools, system, history, now):
    return named(tools), [*history, first(system), at_end(now)]


def without_the_time(tools, system, history, now):
    return named(tools), [first(system), *history]


def a_window(tools, system, history, now):
    return named(tools), [first(system), *history[-4:], at_end(now)]


def newest_first(tools, system, history, now):
    return named(tools), [first(system), *reversed(history), at_end(now)]


def without_the_system_prompt(tools, system, history, now):
    return named(tools), [*history, at_end(now)]


def fewer_tools(tools, system, history, now):
    return named(tools)[:3], [first(system), *history, at_end(now)]


def a_role_of_its_own(tools, system, history, now):
    return named(tools), [first(system), *history, {"role": "clock", "content": now}]


def test_layout_passes_with_the_time_in_a_message_of_its_own():
    def answer(tools, system, history, now):
        return named(tools), [first(system), *history, at_end(now)]

    assert check_layout(answer).passed


def test_layout_passes_with_the_time_behind_the_last_message():
    def answer(tools, system, history, now):
        *earlier, last = history
        return named(tools), [first(system), *earlier, {**last, "content": last["content"] + now}]

    assert check_layout(answer).passed


RIGHT = {
    check_cached_tokens: blocks,
    check_most_saved: lambda contexts, rate: sum(contexts[:-1]) / rate,
}
MISTAKES = {
    check_cached_tokens: [
        (lambda shared, block, minimum: shared, re.compile("1,100 shared .* Only whole blocks")),
        (lambda shared, block, minimum: shared // block * block, "Below the minimum"),
        (lambda shared, block, minimum: -(-shared // block) * block, "round down"),
        (lambda shared, block, minimum: round(shared / block) * block, "round down"),
        (
            lambda shared, block, minimum: shared // block * block if shared > minimum else 0,
            "Exactly the minimum is enough",
        ),
        (lambda *case: blocks(*case) // case[1], "number of blocks"),
        (
            lambda shared, block, minimum: max(0, shared - minimum) // block * block,
            "tokens before it count too",
        ),
        (lambda shared, block, minimum: 7, "you say 7, the endpoint says 1,024"),
        (lambda shared, block, minimum: None, "should return a number"),
        (lambda shared: shared, "raised TypeError"),
    ],
    check_layout: [
        (time_first, "before the system prompt"),
        (tools_as_they_come, "among the tools"),
        (time_before_the_history, "before the history"),
        (time_in_the_system_prompts_end, "before the history"),
        (time_in_front_of_the_last_message, "inside the history"),
        (history_first, "belongs before the history"),
        (without_the_time, "no longer says the time"),
        (a_window, "1 of 5 messages"),
        (newest_first, "no longer in the order"),
        (without_the_system_prompt, "system prompt is no longer"),
        (fewer_tools, "has the tools edit, find, list"),
        (a_role_of_its_own, "the endpoint refused"),
        (lambda tools, system, history, now: None, "raised or led to TypeError"),
        (lambda tools: tools, "raised or led to TypeError"),
    ],
    check_most_saved: [
        (lambda contexts, rate: sum(contexts) / rate, "What a call adds is new"),
        (lambda contexts, rate: sum(contexts[1:]) / rate, "of the call before, not its own"),
        (lambda contexts, rate: contexts[0] * (len(contexts) - 1) / rate, "Not only the first"),
        (lambda contexts, rate: contexts[-1] / rate, "still has to be read"),
        (lambda contexts, rate: sum(contexts[:-1]), "divide by the rate"),
        (lambda contexts, rate: 0.1, "the two runs differ by 0.290 s"),
        (lambda contexts, rate: "much", "should return a number"),
    ],
}

test_the_right_answer_passes = right_answers_pass(RIGHT)
test_a_mistake_is_named = mistakes_are_named(MISTAKES)
