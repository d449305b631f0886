"""What is read back: its type, or one line that says where, what is allowed and what was found.

The mutations at the end change one value of a good file, whatever it is, and nothing else: either
everything that can be done with what was read works, or there is a clear error.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import pytest
from pydantic import BaseModel, ConfigDict

from labtools import connect
from labtools.errors import ConfigurationError, LabtoolsError
from labtools.lab.trace import Trace
from labtools.lab.whatif import what_if
from labtools.model.named_profiles import load_profiles
from labtools.read_back import read_back

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    names: tuple[str, ...] = ()


class Row(BaseModel):
    model_config = ConfigDict(strict=True)
    points: list[Point]


@pytest.mark.parametrize("values", [{"x": 1, "names": ["a"]}, '{"x": 1, "names": ["a"]}'])
def test_values_and_json_become_their_type(values):
    assert read_back(Point, values, "p.json") == Point(1.0, ("a",))


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        (Point, {}, "p.json, x: Field required."),
        (Point, {"x": "soon"}, "p.json, x: Input should be a valid number, unable to parse string "
         "as a number; found 'soon'."),
        (Point, {"x": 1, "y": 2}, "p.json, y: Unexpected keyword argument; found 2."),
        (Row, {"points": [{"x": None}]}, "p.json, points.0: Input should be an instance of Point; "
         "found {'x': None}."),
        (Point, '{"x": ', "p.json: Invalid JSON: EOF while parsing a value at line 1 column 6; "
         "found '{\"x\": '."),
    ],
)  # fmt: skip
def test_the_first_fault_is_a_sentence(kind, values, said):
    with pytest.raises(ConfigurationError) as caught:
        read_back(kind, values, "p.json", next_step="Write it anew.")
    assert str(caught.value) == f"{said} Write it anew."


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"format": "p/2", "x": 1}, "its format is 'p/2'; this version reads 'p/1'"),
        ({"x": 1}, "its format is None"),
        ("5", "a JSON object is expected; found 5"),
        ("[" * 100_000, "nested too deeply"),
        (b"\xff", "can't decode"),
    ],
)
def test_another_format_is_named(values, said):
    assert read_back(Point, {"format": "p/1", "x": 1}, "p.json", format="p/1") == Point(1.0)
    with pytest.raises(ConfigurationError, match=said):
        read_back(Point, values, "p.json", format="p/1")


# Mutations

_WORSE = [
    None, True, -1, 0, 1.5, 10**30, float("nan"), float("inf"), -1e300, 1e300, "", "soon", "\ud800",
    [], [None], {}, {"a": []},
]  # fmt: skip


def mutated(value: object) -> Iterator[object]:
    """The JSON value with each of its values in turn made worse, left out or doubled."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield {key: kept for key, kept in value.items() if key != name}
            yield from ({**value, name: other} for other in mutated(inner))
        yield {**value, "made": "up"}
    elif isinstance(value, list) and value:
        place = len(value) // 2
        yield value + value[:1]
        yield from ([*value[:place], x, *value[place + 1 :]] for x in mutated(value[place]))
    yield from _WORSE


def some(value: object, most: int = 400) -> list[str]:
    found = [json.dumps(other) for other in mutated(value)]
    return random.Random(0).sample(found, min(most, len(found)))


def agent(lab):
    async def steps():
        with lab.group("plan"):
            await lab.call("ask", output_tokens=3)
        await lab.tool("read", 0.5)

    return steps()


@pytest.fixture
def lab():
    with connect("sim") as lab:
        yield lab


def attempt(use: Callable[..., T], *arguments: object) -> T | None:
    """What came of it; None where labtools refused it, in words."""
    try:
        return use(*arguments)
    except LabtoolsError:
        return None


def test_no_mutated_trace_ends_in_a_traceback(lab, tmp_path):
    good = lab.run(agent(lab))
    path, out = tmp_path / "trace.json", tmp_path / "perfetto.json"
    saved = json.loads(good.save(path).read_text())
    read = []
    for text in some(saved, 100):
        path.write_text(text)
        trace = attempt(Trace.load, path)
        if trace is None:
            continue
        read.append(trace)
        trace.table()
        good.compare(trace)
        written = trace.save_chrome_trace(out).read_text()
        json.loads(written, parse_constant=lambda name: pytest.fail(f"{name} in Perfetto's file"))
        attempt(what_if, trace, "fast")
        if len(read) % 10 == 0:  # a figure takes its time
            attempt(trace.plot)
    assert 10 < len(read) < 100


def test_no_mutated_recording_ends_in_a_traceback(tmp_path):
    path = tmp_path / "run.jsonl"
    with connect("sim", record=path) as lab:
        lab.run(agent(lab))
    head, exchange = map(json.loads, path.read_text().splitlines())
    files = [f"{text}\n{json.dumps(exchange)}\n" for text in some(head, 60)]
    files += [f"{json.dumps(head)}\n{text}\n" for text in some(exchange, 100)]

    def replay():
        with connect(f"replay:{path}") as lab:
            return lab.run(agent(lab)).table()

    replayed = 0
    for content in files:
        path.write_text(content)
        replayed += attempt(replay) is not None
    assert 20 < replayed < 130


def test_no_mutated_profile_ends_in_a_traceback(tmp_path):
    path = tmp_path / "profiles.json"
    table = {"prefix_cache": {"ttl_s": 5.0}, "prices": {"input_usd_per_million": 1.0}}
    good = {"mine": {"decode_tokens_per_s": 50.0, "max_batch": 4, **table}}
    for text in some(good):
        path.write_text(text)
        attempt(load_profiles, path)
