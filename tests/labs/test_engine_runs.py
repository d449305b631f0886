"""The labs' recordings of a real engine: small, whole, and without a trace of the machine."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest
from lab_runner import LABS, cells
from record_engine import recording_source

from labtools.course import recorded, recordings
from labtools.course.engine import PREDICTION, fitted_profile
from labtools.errors import ConfigurationError
from labtools.model.profile import PrefixCache
from labtools.transport.recording import Recording

RECORDINGS = list(recordings().values())
PLAYED = re.compile(r'recorded\("([\w-]+)"\)')
HEADING = "## And on a real engine"
# Of the lab's name and the engine's size. A lab without a recording needs no engine to be added.
RECORDED = {path.stem.rpartition("-")[0] for path in RECORDINGS}
LARGEST_BYTES = 300_000
CHUNK_FIELDS = set("id object created model system_fingerprint choices usage timings".split())

each_recording = pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)


def test_every_recording_is_played_by_one_lab():
    sources = "\n".join(cell.source for lab in LABS for cell in cells(lab))
    assert Counter(PLAYED.findall(sources)) == Counter(path.stem for path in RECORDINGS)


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.stem)
def test_a_lab_has_the_engines_section_just_if_it_has_a_recording(lab):
    text = "\n".join(cell.source for cell in cells(lab))
    if lab.stem in RECORDED:
        assert HEADING in text, (
            f"{lab.name} has a recording and no section {HEADING!r} that plays "
            "it: write the section, or remove the recording."
        )
        assert text.index(HEADING) < text.index("## Now on your own endpoint"), (
            f"{lab.name}: move {HEADING!r} before '## Now on your own endpoint'."
        )
    else:
        assert HEADING not in text, (
            f"{lab.name} has a section {HEADING!r} and no recording {lab.stem}-SIZE.jsonl: "
            f"make it with `python tools/record_engine.py labs/{lab.name}`, or "
            "remove the section, which is optional."
        )


def test_every_recording_is_named_after_its_lab():
    unknown = RECORDED - {lab.stem for lab in LABS}
    assert not unknown, f"there are recordings of no lab: {sorted(unknown)}"


@each_recording
def test_no_request_failed_while_it_was_recorded(path):
    exchanges = Recording.load(path).exchanges
    assert exchanges
    assert {(one.status, one.ending) for one in exchanges} == {(200, "complete")}


@each_recording
def test_it_is_small(path):
    assert path.stat().st_size <= LARGEST_BYTES


@each_recording
def test_it_holds_no_key_no_host_and_no_path(path):
    recording = Recording.load(path)
    assert recording.header.base_url == "http://engine/v1"
    assert {name for one in recording.exchanges for name in one.headers} <= {"content-type"}
    assert {one.path for one in recording.exchanges} == {"/v1/chat/completions"}
    for one in recording.exchanges:
        stream = b"".join(data for _, data in one.pieces()).decode()
        chunks = [line.removeprefix("data: ") for line in stream.split("\n") if line]
        assert chunks.pop() == "[DONE]"
        for chunk in map(json.loads, chunks):
            assert set(chunk) <= CHUNK_FIELDS
            assert chunk["model"] == recording.header.models["default"]
            assert re.fullmatch(r"b[\w-]+", chunk["system_fingerprint"])
            assert re.fullmatch(r"chatcmpl-\w+", chunk["id"])
            # What else is text was written by random weights.
            for choice in chunk["choices"]:
                assert set(choice) <= {"index", "delta", "finish_reason"}
                assert set(choice["delta"]) <= {"role", "content"}


def test_an_unknown_recording_lists_the_known_ones():
    with pytest.raises(ConfigurationError, match="multiplier-2M"):
        recorded("multiplier-3M")


def test_the_fitted_profile_is_the_one_that_was_measured():
    profile = fitted_profile()
    assert profile.prefix_cache == PrefixCache(**PREDICTION["profile"]["prefix_cache"])
    for name in PREDICTION["profile"].keys() - {"prefix_cache"}:
        assert getattr(profile, name) == PREDICTION["profile"][name]


def test_the_fitted_profile_stands_beside_an_engine_of_its_size():
    sources = ["\n".join(cell.source for cell in cells(lab)) for lab in LABS]
    beside = [PLAYED.findall(source) for source in sources if "fitted_profile()" in source]
    assert beside
    for names in beside:
        assert {name.rpartition("-")[2] for name in names} == {PREDICTION["size"]}


def test_to_record_is_to_run_the_same_cell_on_the_engine(tmp_path):
    source = 'engine = connect(recorded("multiplier-2M"))\nengine.run(agent(engine))'
    changed = recording_source(source, tmp_path)
    file = str(tmp_path / "multiplier-2M.jsonl")
    assert f'connect("engine", engine="2M", record={file!r})' in changed
    assert changed.endswith("\nengine.run(agent(engine))")
    assert recording_source("lab = connect()", tmp_path) == "lab = connect()"
