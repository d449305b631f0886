"""What a change saves is what the changed run really saves, as far as a trace can know it."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from agent_logs import SHARED, SMALL

from labtools import CallRecord, Trace, connect
from labtools.cli import main
from labtools.errors import ConfigurationError
from labtools.lab.waits import Order, shares
from labtools.model.named_profiles import FAST, SLOW
from labtools.model.profile import PrefixCache
from labtools.own_agent.fit import identity
from labtools.own_agent.levers import Foretelling, Levers
from labtools.own_agent.prompt_blocks import breaks
from labtools.own_agent.readers import read_trace
from labtools.own_agent.report import Report, report, sentences
from labtools.read_back import schema_text, to_json
from labtools.records import Block, Span, Wait

SCHEMA = Path(__file__).parents[2] / "docs" / "trace-report.schema.json"
needs_samples = pytest.mark.skipif(not SHARED.exists(), reason="needs the samples beside the tree")


def run(profile=FAST, beside=False, output=100, tool_s=1.0, drop=False, seed=0):
    """Eight turns: a call, and two tools in a row or beside each other."""

    async def agent(lab):
        for n in range(8):
            await lab.call(f"ask {n}", output_tokens=output, input_tokens=1000 + 700 * n)
            tools = [lab.tool("read", tool_s)]
            if not drop:
                tools.append(lab.tool("test", 0.5))
            if beside:
                await asyncio.gather(*tools)
            else:
                for tool in tools:
                    await tool
                    await asyncio.sleep(0.01)

    with connect("sim", profile=profile, seed=seed) as lab:
        return lab.run(agent(lab))


def foretelling(trace):
    order = Order(trace.spans, trace.started_at, trace.ended_at)
    return Foretelling(trace, order, identity(trace))


def test_each_lever_is_the_run_that_was_changed():
    trace = run()
    told = foretelling(trace)

    def run_s(**levers):
        return round(told.saving(Levers(**levers)).run_s, 6)

    assert run_s(on=SLOW) == round(run(SLOW).duration_s, 6)
    assert run_s(route={"all": SLOW}) == round(run(SLOW).duration_s, 6)
    assert run_s(output_tokens={"all": 0.5}) == round(run(output=50).duration_s, 6)
    assert run_s(tools={"read": 0.25}) == round(run(tool_s=0.25).duration_s, 6)
    assert run_s(tools={"read": 0.25}, on=SLOW) == round(run(SLOW, tool_s=0.25).duration_s, 6)
    # What the agent did between the two tools is not foretold to go.
    assert run_s(parallel=(("read", "test"),)) == round(run(beside=True).duration_s + 8 * 0.01, 6)
    assert run_s(drop=("test",)) == round(run(drop=True).duration_s, 6)


def test_what_answers_of_one_length_took_is_not_told_apart():
    def blind(span):
        return replace(span, call=replace(span.call, chunks_at=())) if span.call else span

    trace = run()
    told = foretelling(replace(trace, spans=tuple(map(blind, trace.spans))))
    with pytest.raises(ConfigurationError, match="cannot be told from this trace"):
        told.saving(Levers(output_tokens={"all": 0.5}))
    assert not any("output" in saving.levers for saving in told.usual())


def test_routing_moves_the_calls_of_a_step():
    told = foretelling(run())
    moved_s = told.saving(Levers(route={"ask 3": SLOW})).saved_s
    assert moved_s == round(FAST.e2e_latency_s(100, 3100) - SLOW.e2e_latency_s(100, 3100), 9)


def test_a_causal_edge_is_not_to_be_parallel():
    spans = (
        Span(1, "ask", "llm", 0.0, 1.0, call=CallRecord("m", 0.0, 1.0)),
        Span(2, "read", "tool", 1.0, 2.0, waits_for=(Wait(1),)),
    )
    told = foretelling(Trace(spans, 0.0, 2.0, "e", "simulated"))
    with pytest.raises(ConfigurationError, match="cannot run beside 'ask': the trace shows"):
        told.saving(Levers(parallel=(("ask", "read"),)))
    with pytest.raises(ConfigurationError, match="Unknown step of this trace: 'write'"):
        told.saving(Levers(drop=("write",)))


def test_the_first_steps_of_a_run_can_run_beside_each_other():
    async def reads(lab, beside):
        both = [lab.call(name, output_tokens=200) for name in ("source", "test")]
        if beside:
            await asyncio.gather(*both)
        else:
            for call in both:
                await call

    with connect("sim", profile=FAST) as lab:
        row, side = lab.run(reads(lab, False)), lab.run(reads(lab, True))
    saving = foretelling(row).saving(Levers(parallel=(("source", "test"),)))
    assert saving.run_s == side.duration_s


def test_retries_can_be_left_out():
    spans = (
        Span(1, "first", "retry", 0.0, 2.0),
        Span(2, "again", "tool", 2.5, 3.0),
    )
    saving = foretelling(Trace(spans, 0.0, 3.0, "e", "simulated")).saving(Levers(no_retries=True))
    assert (saving.saved_s, saving.run_s) == (2.0, 1.0)


@needs_samples
def test_what_does_not_reproduce_itself_is_not_moved():
    trace = read_trace(SHARED / "inspect_browser.json")
    assert round(identity(trace).off, 2) == 0.69
    with pytest.raises(ConfigurationError, match=r"5 calls, .* 69% off"):
        foretelling(trace)


@needs_samples
def test_the_codex_session_on_fast():
    saving = foretelling(read_trace(SHARED / "codex_rollout.jsonl")).saving(Levers(on=FAST))
    assert round(saving.run_s, 2) == 42.47
    assert saving.low_s < saving.saved_s < saving.high_s


def test_a_trace_of_few_calls_is_not_moved():
    trace = replace(run(), clock="wall")
    few = replace(trace, spans=trace.spans[:9])
    with pytest.raises(ConfigurationError, match="3 usable calls of fast, and 5 of a model"):
        foretelling(few)


def test_the_path_adds_up_to_the_run():
    trace = run(beside=True)
    path = Order(trace.spans, trace.started_at, trace.ended_at).critical_path()
    found = shares(path)
    assert round(sum(found.values()), 6) == round(trace.duration_s, 6)
    assert round(found["tool"], 6) == 8.0
    assert round(found["decode"], 6) == 4.0


@needs_samples
@pytest.mark.parametrize("file", ["claude_code.jsonl", "codex_rollout.jsonl"])
def test_the_path_of_a_log_adds_up_too(file):
    trace = read_trace(SHARED / file)
    path = Order(trace.spans, trace.started_at, trace.ended_at).critical_path()
    assert sum(shares(path).values()) == pytest.approx(trace.duration_s)


def call_of(n, blocks, cached=0):
    record = CallRecord("m", n, n + 0.5, input_tokens=1000, output_tokens=10, cached_tokens=cached)
    return Span(n, f"call {n}", "llm", n, n + 0.5, call=record, blocks=tuple(blocks))


def blocks(*digests, kind="message"):
    return [Block(kind, "user", digest, 100) for digest in digests]


@pytest.mark.parametrize(
    ("later", "place", "tokens"),
    [
        (blocks("a", "x", "c", "d"), 2, 500),
        (blocks("x", "b", "c", "d"), 1, 750),
        (blocks("b", "a", "c", "d"), 1, 1000),
    ],
)
def test_the_first_block_that_differs_is_named(later, place, tokens):
    spans = [call_of(1, blocks("a", "b", "c", "d")), call_of(2, later)]
    (found,) = breaks(spans, {})
    assert (found.step, found.place, found.tokens, found.took_s) == (2, place, tokens, None)
    assert f"block {place}, message 'user', differed" in found.sentence


@pytest.mark.parametrize("later", [blocks("a", "b", "c"), blocks("x", "y"), blocks("a", "x")])
def test_a_prompt_that_grew_and_another_conversation_broke_nothing(later):
    spans = [call_of(1, blocks("a", "b")), call_of(2, later)]
    assert list(breaks(spans, {})) == []


def test_a_cache_finds_what_prompts_have_in_common():
    trace = run(FAST.but(rtt_s=0.01))
    grown = foretelling(trace).saving(Levers(cache_ttl_s=300.0))
    assert grown.saved_s == pytest.approx(sum(1000 + 700 * n for n in range(7)) / 20_000)
    short = foretelling(trace).saving(Levers(cache_ttl_s=0.1))
    assert short.saved_s == 0.0


def test_the_stored_schema_is_current():
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(Report), (
        "the report's format has changed: raise FORMAT if old readers break, then "
        "write schema_text(Report) to docs/trace-report.schema.json"
    )


def test_the_report_is_json_of_its_schema(capsys, tmp_path):
    path = run().save(tmp_path / "run.json")
    main(["trace", str(path), "--json", "--on", "slow"])
    values = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(json.loads(schema_text(Report))).validate(values)
    assert values["asked"]["levers"] == "--on slow"
    assert values["levers"][0]["saved_s"] >= values["levers"][-1]["saved_s"]


def test_the_page_stands_alone(tmp_path, capsys):
    log = tmp_path / "<log>.jsonl"
    log.write_text(SMALL["claude_code.jsonl"])
    out = tmp_path / "page.html"
    main(["trace", str(log), "--html", str(out)])
    page = out.read_text()
    assert "&lt;log&gt;" in page
    assert "<log>" not in page
    assert "http" not in page
    assert "Nothing is foretold: 3 usable calls of opus" in page
    assert f"{out}: open it in a browser" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--route", "x"], "--route takes STEP=MODEL; found 'x'"),
        (["--tools", "read=2"], "--tools takes STEP=xF, F from 0 to 1000; found '2'"),
        (["--tools", "nope=x2"], "Unknown step of this trace: 'nope'"),
        (["--cache", "-1"], "--cache takes seconds above 0"),
        (["--on", "warp"], "Unknown profile: 'warp'"),
        (["--html", "{path}"], "would overwrite the trace itself"),
    ],
)
def test_a_lever_that_is_none_is_one_line(tmp_path, arguments, said):
    path = run().save(tmp_path / "run.json")
    with pytest.raises(SystemExit, match=r"^labtools: ") as caught:
        main(["trace", str(path), *(each.format(path=path) for each in arguments)])
    assert said in caught.value.code
    assert "\n" not in caught.value.code


def test_levers_on_a_trace_that_does_not_hold_end_with_why(tmp_path, capsys):
    log = tmp_path / "log.jsonl"
    log.write_text(SMALL["claude_code.jsonl"])
    with pytest.raises(SystemExit, match="Nothing is foretold"):
        main(["trace", str(log), "--on", "fast"])
    assert "3 calls of opus" in capsys.readouterr().out


def test_a_report_of_nothing(tmp_path):
    empty = report(Trace((), 0.0, 1.0, "e", "wall"), "f")
    assert empty.path == {"nothing": 1.0}
    assert json.loads(to_json(empty))["levers"] == []


def conversation(edit_on=None):
    """Eight turns, each prompt the one before and more; every third may go to another model."""
    cache = PrefixCache(block_tokens=1, minimum_tokens=1)
    models = {each.name: each.but(prefix_cache=cache, rtt_s=0.01) for each in (FAST, SLOW)}

    async def agent(lab):
        messages = [{"role": "user", "content": "long ago " * 400}]
        for n in range(8):
            edits = n % 3 == 2
            model = edit_on if edits and edit_on else FAST.name
            step = "edit" if edits else "look"
            await lab.call(step, messages=list(messages), output_tokens=30, model=model)
            messages += [
                {"role": "assistant", "content": "so"},
                {"role": "user", "content": f"{n} " * 80},
            ]

    with connect("sim", profile=models, model=FAST.name) as lab:
        return lab.run(agent(lab)), models


def test_a_model_that_steps_are_routed_to_has_not_seen_the_prompts_before():
    trace, models = conversation()
    really, _ = conversation(edit_on=SLOW.name)
    saving = foretelling(trace).saving(Levers(route={"edit": models[SLOW.name]}))
    # Without blocks a prompt is taken to be the one before and more; here but for two words.
    assert saving.run_s == pytest.approx(really.duration_s, rel=0.001)


def test_another_run_is_less_sure_than_what_is_saved():
    trace = run(FAST.but(jitter_sigma=0.3))
    told = foretelling(replace(trace, clock="wall"))
    saving = told.saving(Levers(tools={"read": 0.5}))
    assert (round(saving.low_s, 9), round(saving.high_s, 9)) == (4.0, 4.0)
    assert saving.run_low_s < saving.run_s < saving.run_high_s
    others = [run(FAST.but(jitter_sigma=0.3), tool_s=0.5, seed=n).duration_s for n in range(1, 21)]
    assert sum(saving.run_low_s <= took <= saving.run_high_s for took in others) >= 16


def test_decode_reads_the_context():
    deep = FAST.but(decode_context_tokens_per_s=1e5)
    assert foretelling(run()).saving(Levers(on=deep)).run_s == run(deep).duration_s


def test_a_system_prompt_whose_first_line_changes_is_paid_again_itself():
    def prompt(head, chars=5000):
        return [Block("system", "system", head, chars), *blocks("a", "b")]

    spans = [call_of(1, prompt("10:00")), call_of(2, prompt("10:01"))]
    (found,) = breaks(spans, {})
    assert (found.place, found.tokens) == (1, 1000)
    spans = [call_of(1, prompt("10:00")), call_of(2, prompt("another", 90))]
    assert next(breaks(spans, {})).tokens == round(1000 * 200 / 5200)


def test_remarks_on_the_answers_are_said():
    call = CallRecord(
        "m",
        0.0,
        2.0,
        (1.9, 1.9),
        output_tokens=50,
        content="a b",
        chunk_chars=(2, 1),
        finish_reason="stop",
    )
    trace = Trace((Span(1, "a", "llm", 0.0, 2.0, call=call),), 0.0, 2.0, "e", "wall")
    said = list(sentences(report(trace, "f")))
    assert said[1].startswith("1 of 1 answers came in one piece")


def test_a_log_that_was_pieced_together_gets_no_remarks(tmp_path):
    log = tmp_path / "log"
    log.write_text(SMALL["codex_rollout.jsonl"])
    assert report(read_trace(log), "f").remarks == ()
