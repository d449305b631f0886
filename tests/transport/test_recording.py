"""Record and replay: the same requests get the same bytes, as late as they were, on no wall."""

import asyncio
import json
from dataclasses import replace

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools import LatencyProfile, connect
from labtools.clock import elapsed_s
from labtools.coding_agent import Switches, play, scenario_names
from labtools.errors import ClockError, ConfigurationError
from labtools.mock.faults import Fault, FaultPlan
from labtools.mock.server import ServerProcess
from labtools.redaction import redactor_for
from labtools.transport.arrivals import EXTENSION, Arrivals, StampingTransport
from labtools.transport.recording import FORMAT, Header, Recording
from labtools.transport.recording_transports import (
    LEAVE_WITHIN_S,
    RecordingTransport,
    ReplayTransport,
)

JITTERY = LatencyProfile(
    "j", decode_tokens_per_s=130, overhead_s=0.07, rtt_s=0.013, jitter_sigma=0.4, max_batch=2
)
HEADER = Header("url", "https://api.example.com/v1", {"default": "m"})


@pytest.fixture
def file(tmp_path):
    return tmp_path / "run.jsonl"


def recorded_and_replayed(file, use, **settings):
    """The traces of a run in "sim", `use(lab)`, and of its replay."""
    with connect("sim", record=file, **settings) as lab:
        first = lab.run(use(lab))
    with connect(f"replay:{file}") as lab:
        return first, lab.run(use(lab))


async def fan_out(lab):
    await asyncio.gather(*(lab.call(f"c{n}", output_tokens=5 + n) for n in range(6)))
    await lab.call("last", output_tokens=3)


def test_a_replay_is_the_recorded_run_again(file):
    first, again = recorded_and_replayed(file, fan_out, profile=JITTERY, seed=0)
    assert again.spans == first.spans
    assert again.duration_s == first.duration_s
    assert again.clock == "simulated"
    assert "recording" in again.endpoint


def test_two_labs_that_begin_a_file_at_once_have_both_written_its_header(file):
    first, _ = recorded_and_replayed(file, fan_out)
    header, rest = file.read_text().split("\n", 1)
    file.write_text(f"{header}\n{header}\n{rest}")
    with connect(f"replay:{file}") as lab:
        assert lab.run(fan_out(lab)).spans == first.spans
    with connect("sim", record=file) as lab:  # and it can be added to
        assert lab.run(lab.call(output_tokens=2)).result.error is None


def test_a_recording_of_another_model_is_not_added_to(file):
    recorded_and_replayed(file, fan_out, profile="fast")
    before = file.read_bytes()
    with pytest.raises(ConfigurationError, match=r"default: fast.*default: slow.*another file"):
        connect("sim", profile="slow", record=file)
    assert file.read_bytes() == before


@pytest.mark.parametrize("folder", ["", "."])
def test_a_folder_is_no_file_to_record_to(folder):
    with pytest.raises(ConfigurationError, match="it is a folder"):
        connect("sim", record=folder)


def test_what_went_wrong_goes_wrong_again(file):
    kinds = ("429", "cut", "stall", "503", "slow_first_byte")
    plan = FaultPlan(script={n: Fault(kind, 1.5) for n, kind in enumerate(kinds, start=1)})

    async def use(lab):
        for kind in (*kinds, "none"):
            await lab.call(kind, output_tokens=10)

    first, again = recorded_and_replayed(file, use, faults=plan)
    assert again.spans == first.spans
    told = {span.name: span.call.error for span in again.spans}
    assert (told["429"].status, told["429"].retry_after_s) == (429, 1.5)
    assert told["cut"].kind == "cut_off"
    assert told["none"] is None


def test_plain_clients_and_other_routes_are_recorded_too(file):
    async def use(lab):
        whole = await lab.client.chat.completions.create(
            model="fast", messages=[{"role": "user", "content": "hi"}]
        )
        words = []
        async with lab.client.responses.stream(model="fast", input="hello") as events:
            async for event in events:
                words.append((lab._loop.time(), event.type))
        models = [model.id async for model in lab.client.models.list()]
        return whole, words, models

    first, again = recorded_and_replayed(file, use)
    assert again.result == first.result


def test_the_same_request_again_gets_the_next_answer_in_the_order_of_asking(file):
    same = {"messages": [{"role": "user", "content": "a number, please"}], "output_tokens": 4}

    async def use(lab):
        # With jitter they end in another order than they began.
        return await asyncio.gather(*(lab.call("c", **same) for _ in range(8)))

    first, again = recorded_and_replayed(file, use, profile=JITTERY.but(max_batch=None))
    assert again.result == first.result
    ends = [record.ended_at for record in first.result]
    assert ends != sorted(ends)
    assert len({record.content for record in first.result}) > 1

    with connect(f"replay:{file}") as lab:
        more = lab.run(asyncio_gather(lambda: lab.call("c", **same), 9)).result
    assert [record.error is None for record in more] == [True] * 8 + [False]
    assert "was recorded 8 time(s)" in more[8].error.message


async def asyncio_gather(call, count):
    return await asyncio.gather(*(call() for _ in range(count)))


def test_a_call_that_was_cancelled_is_cancelled_again_at_the_same_instant(file):
    async def use(lab):
        for seconds in (0.1, 0.4):  # before the first byte, and after some
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(seconds):
                    await lab.call("hedged", output_tokens=1000)
        await lab.call("after", output_tokens=2)

    first, again = recorded_and_replayed(file, use)
    assert again.spans == first.spans
    assert [exchange.ending for exchange in Recording.load(file).exchanges] == [
        "left",
        "left",
        "complete",
    ]


def test_who_reads_on_where_the_recorded_run_left_is_told_so(file):
    async def use(lab):
        async with asyncio.timeout(0.4):
            await lab.call("hedged", output_tokens=1000)

    with connect("sim", record=file) as lab, pytest.raises(TimeoutError):
        lab.run(use(lab))
    with connect(f"replay:{file}") as lab:
        record = lab.run(lab.call("hedged", output_tokens=1000)).result
    assert record.error.kind == "cut_off"
    assert "stopped reading here" in record.error.message
    assert record.ended_at == 0.4 + LEAVE_WITHIN_S
    assert record.content


def test_a_shorter_timeout_than_the_recorded_one_counts(file):
    plan = FaultPlan(script={1: Fault("stall", 20.0)})
    with connect("sim", record=file, faults=plan) as lab:
        lab.run(lab.call("c", output_tokens=10))
    with connect(f"replay:{file}") as lab:
        record = lab.run(lab.call("c", output_tokens=10, timeout=5.0)).result
    assert record.error.kind == "timeout"
    assert record.ended_at < 6


# Against other endpoints than the mock


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["mock", "url"])
def test_a_run_over_http_is_replayed_to_the_nanosecond(file, mode):
    profile = LatencyProfile("p", decode_tokens_per_s=2000, overhead_s=0.02)
    server = ServerProcess({"p": profile}, 0) if mode == "url" else None
    endpoint = server.base_url if server else "mock"
    try:
        with connect(endpoint, profile=profile, model="p", record=file) as lab:
            first = lab.run(fan_out(lab))
    finally:
        if server:
            server.stop()
    with connect(f"replay:{file}") as lab:
        again = lab.run(fan_out(lab))
        assert lab.mode == "replay"
    assert len(again.calls) == 7
    assert any(record.connect_s for record in first.calls)
    for one, other in zip(first.calls, again.calls, strict=True):
        assert other.connect_s == round(one.connect_s, 9)
        assert (other.ttft_s, other.e2e_latency_s) == (one.ttft_s, one.e2e_latency_s)
        assert other.itl_s == pytest.approx(one.itl_s, abs=1.1e-9)
        times = dict.fromkeys(("sent_at", "ended_at", "chunks_at", "first_output_at", "connect_s"))
        assert replace(other, **times) == replace(one, **times)


@pytest.fixture
def at(sim):
    """Run `use(client)` on a transport; the client's base URL is the recorded one's."""

    def at(transport, use):
        client = httpx2.AsyncClient(
            transport=transport, base_url="https://api.example.com/v1", trust_env=False
        )

        async def main():
            async with client:
                return await use(client)

        return sim.run(main())

    return at


class Failing(httpx2.AsyncBaseTransport):
    """Fails with `error` after a second."""

    def __init__(self, error):
        self.error = error

    async def handle_async_request(self, request):
        await asyncio.sleep(1)
        raise self.error


@pytest.mark.parametrize(
    "error",
    [httpx2.ConnectError("refused"), httpx2.ReadTimeout("No bytes for 1 s."),
     httpx2.ConnectTimeout(""), httpx2.RemoteProtocolError("gone")],
)  # fmt: skip
def test_a_connection_that_fails_fails_again(at, sim, file, error):
    async def post(client):
        started_at = sim.now
        with pytest.raises(type(error)) as caught:
            await client.post("/chat/completions", json={"model": "m"})
        return str(caught.value), sim.now - started_at

    first = at(RecordingTransport(Failing(error), file, HEADER), post)
    again = at(ReplayTransport(Recording.load(file), sim.loop), post)
    assert again == first == (str(error), 1)


class Says(httpx2.AsyncBaseTransport):
    """Answers with these pieces, a tenth of a second apart."""

    def __init__(self, pieces, status=200):
        self.pieces = pieces
        self.status = status

    async def handle_async_request(self, request):
        return httpx2.Response(self.status, stream=Pieces(self.pieces), headers={"x-made-by": "me"})


class Pieces(httpx2.AsyncByteStream):
    def __init__(self, pieces):
        self.pieces = pieces

    async def __aiter__(self):
        for piece in self.pieces:
            await asyncio.sleep(0.1)
            yield piece


@given(st.lists(st.binary(min_size=1, max_size=8), max_size=5))
def test_any_bytes_come_back_in_the_same_pieces(new_sim, tmp_path_factory, pieces):
    sim, file = new_sim(), tmp_path_factory.mktemp("recordings") / "run.jsonl"

    async def read(transport):
        request = httpx2.Request("POST", "https://api.example.com/v1/x", content=b"\xff\x00")
        response = await transport.handle_async_request(request)
        start = sim.now
        read = [(elapsed_s(start, sim.now), piece) async for piece in response.stream]
        await response.aclose()
        arrivals = response.extensions[EXTENSION]
        assert isinstance(arrivals, Arrivals)
        stamped = [(elapsed_s(arrivals.sent_at, at), piece) for at, piece in arrivals.chunks]
        return read, stamped, elapsed_s(arrivals.sent_at, arrivals.ended_at)

    inner = StampingTransport(Says(pieces))
    first = sim.run(read(RecordingTransport(inner, file, HEADER)))
    again = sim.run(read(ReplayTransport(Recording.load(file), sim.loop)))
    assert again == first
    assert [piece for _, piece in again[0]] == pieces
    sim.loop.close()


SECRET = "sk-very-secret-0123456789"
HIDDEN = redactor_for(SECRET, "")


@pytest.mark.parametrize("cut", [0, 5, 30])
def test_no_key_and_no_question_is_in_the_file(at, file, cut):
    said = b'{"error": {"message": "Incorrect API key provided: %s"}}' % SECRET.encode()
    pieces = [piece for piece in (said[:cut], said[cut:40], said[40:]) if piece]
    transport = RecordingTransport(StampingTransport(Says(pieces, 401)), file, HEADER, HIDDEN)

    async def ask(client):
        headers = {"authorization": f"Bearer {SECRET}"}
        return await client.post("/x?key=" + SECRET, json={"ask": "WHO"}, headers=headers)

    assert at(transport, ask).content == said
    text = file.read_text()
    assert SECRET not in text
    assert "WHO" not in text
    assert "x-made-by" not in text
    kept = b"".join(data for _, data in Recording.load(file).exchanges[0].pieces())
    assert kept == said.replace(SECRET.encode(), b"*" * len(SECRET))


def test_a_key_in_a_failure_is_not_in_the_file(at, file):
    transport = RecordingTransport(
        Failing(httpx2.ConnectError(f"no {SECRET}")), file, HEADER, HIDDEN
    )

    async def ask(client):
        with pytest.raises(httpx2.ConnectError):
            await client.post("/x")

    at(transport, ask)
    assert SECRET not in file.read_text()
    assert Recording.load(file).exchanges[0].message == "no [key]"


# What was not recorded


def test_a_request_that_was_not_recorded_says_what_changed(file):
    with connect("sim", record=file) as lab:
        lab.run(lab.call("c", output_tokens=10))
    with connect(f"replay:{file}") as lab:
        record = lab.run(lab.call("c", output_tokens=11, temperature=0.5)).result
    assert (record.error.kind, record.error.status) == ("status", 404)
    for part in ("'fast'", str(file), "1 exchange", "mock, temperature", "record="):
        assert part in record.error.message
    assert record.ended_at == 0


def test_the_sdk_reads_the_refusal_as_openais(file):
    with connect("sim", record=file) as lab:
        lab.run(lab.call("c", output_tokens=10))

    async def use():
        with pytest.raises(openai.NotFoundError) as caught:
            await lab.client.embeddings.create(model="e", input="x")
        return caught.value

    with connect(f"replay:{file}") as lab:
        error = lab.run(use()).result
    assert error.code == "not_recorded"
    assert "None asks for this path" in error.message


def test_another_seed_is_another_prompt(file):
    with connect("sim", record=file, seed=1) as lab:
        lab.run(lab.call())
    with connect(f"replay:{file}") as lab:
        assert "messages" in lab.run(lab.call()).result.error.message
    with connect(f"replay:{file}", seed=1) as lab:
        assert lab.run(lab.call()).result.error is None


def test_the_order_of_a_bodys_fields_does_not_matter(at, sim, file):
    transport = RecordingTransport(StampingTransport(Says([b"{}"])), file, HEADER)
    at(transport, lambda client: client.post("/x", json={"a": 1, "b": {"c": 2, "d": 3}}))
    again = ReplayTransport(Recording.load(file), sim.loop)
    response = at(again, lambda client: client.post("/x", json={"b": {"d": 3, "c": 2}, "a": 1}))
    assert response.status_code == 200


def test_the_recorded_models_are_the_replays(file, monkeypatch):
    models = {"plan": "big", "default": "small"}

    async def use(lab):
        return [(await lab.call(step)).model for step in ("plan", "other")]

    profiles = {"small": "fast", "big": "slow"}
    with connect("sim", record=file, profile=profiles, model=models) as lab:
        lab.run(use(lab))
    monkeypatch.setenv("LABTOOLS_ENDPOINT", f"replay:{file}")
    with connect() as lab:
        assert lab.run(use(lab)).result == ["big", "small"]
    with connect(model="small") as lab:
        assert lab.run(use(lab)).calls[0].error.status == 404


def test_a_replay_belongs_to_its_lab(file):
    with connect("sim", record=file) as lab:
        lab.run(lab.call())
    with connect(f"replay:{file}") as lab, pytest.raises(ClockError):
        asyncio.run(
            lab.client.chat.completions.create(
                model="fast", messages=[{"role": "user", "content": "hi"}]
            )
        )


# The file


@pytest.fixture
def recording(file):
    with connect("sim", record=file) as lab:
        lab.run(fan_out(lab))
    return file


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_a_file_cut_off_while_writing_keeps_its_whole_lines(recording, share):
    data = recording.read_bytes()
    first_line = data.index(b"\n") + 1
    data = data[: first_line + int((len(data) - first_line) * share)]
    recording.write_bytes(data)
    whole = Recording.load(recording).exchanges
    assert len(whole) == data.count(b"\n") - 1
    # The next recording goes on after them.
    with connect("sim", record=recording) as lab:
        lab.run(lab.call("more", output_tokens=77))
    more = Recording.load(recording).exchanges
    assert more[:-1] == whole
    assert more[-1].number == max((exchange.number for exchange in whole), default=0) + 1


def test_a_last_line_that_only_lacks_its_end_counts(recording):
    whole = Recording.load(recording)
    recording.write_bytes(recording.read_bytes().removesuffix(b"\n"))
    assert Recording.load(recording) == whole
    with connect("sim", record=recording) as lab:
        lab.run(lab.call("more"))
    assert len(Recording.load(recording).exchanges) == len(whole.exchanges) + 1


def line(**changes):
    values = {"method": "POST", "path": "/x", "model": None, "asked": {}, "number": 1}
    return json.dumps({**values, "ended_s": 1.0, "ending": "complete", **changes})


FIRST = json.dumps({"format": FORMAT, "mode": "url", "base_url": "https://x/v1", "models": {}})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is not a recording"),
        ("\n", "is not a recording"),
        ("{", "is not a recording"),
        ("[]\n", "line 1"),
        ("5", "line 1"),
        ("[" * 100_000, "is not a recording"),
        ('{"format": "labtools-trace/1"}', "'labtools-trace/1'; this version reads"),
        (json.dumps({"format": FORMAT}), "is not a recording"),
        (FIRST.replace('"url"', "7"), "is not a recording"),
        (b"\xff\xfe\x00", "is not a recording"),
        (f"{FIRST}\nnonsense\n{line()}\n", "line 2: it is not JSON"),
        (f"{FIRST}\n{line()}\n\n[]\n", r"line 4: it is \[\], no JSON object"),
        (f"{FIRST}\n{line(ended_s=-1)}\n", "greater than or equal to 0"),
        (f"{FIRST}\n{line(ended_s='soon')}\n", "valid number"),
        (f"{FIRST}\n{line(ending='Explosion')}\n", "no transport error 'Explosion'"),
        (f"{FIRST}\n{line(ending='AsyncClient')}\n", "no transport error"),
        (f"{FIRST}\n{line(status=99)}\n", "Line 2"),
        (f"{FIRST}\n{line(body=[[0.1, chr(300)]])}\n", "Line 2"),
        (f"{FIRST}\n{line(body=[[float('nan'), 'x']])}\n", "Line 2"),
        (f"{FIRST}\n{line(made='up')}\n", "Line 2"),
    ],
)
def test_a_file_that_is_no_recording_is_refused(file, content, said):
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigurationError, match=said) as caught:
        connect(f"replay:{file}")
    assert str(file) in str(caught.value)


def test_what_is_not_there_or_no_file_is_refused(tmp_path):
    for path in (tmp_path / "nowhere.jsonl", tmp_path):
        with pytest.raises(ConfigurationError, match="Cannot read"):
            connect(f"replay:{path}")
    with pytest.raises(ConfigurationError, match="Cannot write to"):
        connect("sim", record=tmp_path / "no folder" / "run.jsonl")


def test_nothing_is_added_to_what_is_no_recording_of_this_endpoint(recording, tmp_path):
    before = recording.read_bytes()
    with pytest.raises(ConfigurationError, match="Record into another file"):
        connect("http://127.0.0.1:9/v1", model="m", record=recording)
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    with pytest.raises(ConfigurationError, match="is not a recording"):
        connect("sim", record=notes)
    assert (recording.read_bytes(), notes.read_text()) == (before, "mine")
    with pytest.raises(ConfigurationError, match="not recorded"):
        connect(f"replay:{recording}", record=tmp_path / "again.jsonl")


# The coding agent


@pytest.mark.parametrize("scenario", scenario_names())
def test_the_coding_agents_run_is_the_same_in_a_replay(file, tmp_path, monkeypatch, scenario):
    switches = Switches(parallel_reads=True, speculative_tests=True, prefix_caching=True)
    tested = {}
    with connect("sim", record=file) as lab:
        first = play(lab, scenario, switches=switches, tested=tested)
    # In a folder of another name, so that a path in a prompt would be another prompt; for what
    # pytest says of a path one scenario is enough.
    (elsewhere := tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    tested = None if scenario == "silent_failure" else tested
    with connect(f"replay:{file}") as lab:
        again = play(lab, scenario, switches=switches, tested=tested)
    assert again.spans == first.spans
    assert again.result == first.result
    assert again.result.solved
