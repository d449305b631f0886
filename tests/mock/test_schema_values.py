"""Every value drawn is admitted by a second validator; what has none fails clearly, and soon."""

import json
import random
import socket
import time
from enum import StrEnum
from typing import Annotated, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from pydantic import BaseModel, Field

from labtools.errors import ConfigurationError, UnusableSchema
from labtools.mock.schema import compiled, value_for

# Draws for each schema of a table: enough for every branch to be taken.
SEEDS = range(40)


def admitted(schema, value):
    """By the reference implementation, formats included."""
    kind = validator_for(schema, default=Draft202012Validator)
    return kind(schema, format_checker=kind.FORMAT_CHECKER).is_valid(value)


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, child in value.items():
            yield name
            yield from strings(child)
    elif isinstance(value, list):
        for child in value:
            yield from strings(child)


# Schemas as tools have them


class Severity(StrEnum):
    LOW = "low"
    HIGH = "high"


class Comment(BaseModel):
    line: Annotated[int, Field(ge=1)]
    body: str
    replies: list["Comment"] = []


class Added(BaseModel):
    kind: Literal["added"]
    path: Annotated[str, Field(pattern=r"^src/[a-z_]+\.py$")]


class Removed(BaseModel):
    kind: Literal["removed"]
    reason: str | None = None


class Review(BaseModel):
    """What a code review tool might be called with."""

    severity: Severity
    score: Annotated[float, Field(gt=0, le=1)]
    labels: Annotated[set[str], Field(min_length=1, max_length=3)]
    counts: dict[str, int]
    position: tuple[int, str]
    change: Annotated[Added | Removed, Field(discriminator="kind")]
    comments: list[Comment]


STRICT = {
    "type": "object",
    "properties": {
        "location": {"type": "string", "description": "City and country"},
        "units": {"type": ["string", "null"], "enum": ["celsius", "fahrenheit", None]},
        "days": {"type": "integer", "minimum": 1, "maximum": 14},
        "fields": {"type": "array", "items": {"type": "string", "enum": ["rain", "wind"]}},
        "exact": {"type": "boolean"},
    },
    "required": ["location", "units", "days", "fields", "exact"],
    "additionalProperties": False,
}

TOOLS = {
    "strict": STRICT,
    "pydantic": Review.model_json_schema(),
    "strict, recursive": {
        "type": "object",
        "properties": {
            "ui": {"$ref": "#/$defs/element"},
        },
        "required": ["ui"],
        "additionalProperties": False,
        "$defs": {
            "element": {
                "type": "object",
                "properties": {
                    "type": {"type": "string", "enum": ["div", "button", "form"]},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/element"}},
                    "next": {"anyOf": [{"$ref": "#/$defs/element"}, {"type": "null"}]},
                },
                "required": ["type", "children", "next"],
                "additionalProperties": False,
            }
        },
    },
    "zod": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "range": {"type": "array", "items": [{"type": "integer"}, {"type": "integer"}]},
            "target": {"$ref": "#/definitions/target"},
            "limit": {"type": "number", "exclusiveMinimum": 0},
        },
        "required": ["range", "target"],
        "definitions": {"target": {"anyOf": [{"type": "string", "format": "uri"}, {"const": 0}]}},
        "additionalProperties": False,
    },
    "no arguments": {"type": "object", "properties": {}},
    "anything": {},
}


@pytest.mark.parametrize("name", TOOLS)
def test_tool_schemas_get_arguments_that_validate(name):
    for seed in SEEDS:
        value = value_for(TOOLS[name], random.Random(seed))
        assert admitted(TOOLS[name], value), value
        assert len(json.dumps(value)) < 3000


def test_a_pydantic_model_reads_what_its_schema_gets():
    for seed in SEEDS:
        Review.model_validate(value_for(Review.model_json_schema(), random.Random(seed)))


def test_values_are_words():
    for seed in SEEDS:
        for text in strings(value_for(TOOLS["pydantic"], random.Random(seed))):
            assert text.isprintable()
            assert 0 < len(text) < 60


def test_members_come_in_the_order_of_the_schema():
    assert list(value_for(STRICT, random.Random(1))) == STRICT["required"]


# One keyword after the other

KEYWORDS = {
    "true": True,
    "type list": {"type": ["integer", "null", "array"]},
    "const": {"const": {"a": [1, None]}},
    "enum": {"enum": ["a", 1, None, {"b": []}]},
    "enum and more": {"enum": ["a", "bbb", 7, 70], "minLength": 2, "minimum": 50},
    "bounds": {"type": "integer", "minimum": 5, "exclusiveMaximum": 7},
    "bounds of 64 bits": {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    "beyond floats": {"type": "number", "minimum": 10**400},
    "narrow": {"type": "number", "exclusiveMinimum": 0.1, "exclusiveMaximum": 0.1001},
    "far and narrow": {"type": "number", "minimum": 1e15, "maximum": 1e15 + 0.5},
    "negative": {"type": "number", "maximum": -1e6},
    "whole number": {"type": "number", "multipleOf": 3, "minimum": 100, "maximum": 103},
    "cents": {"type": "number", "multipleOf": 0.01, "minimum": 0, "maximum": 1},
    "two steps": {"type": "integer", "allOf": [{"multipleOf": 4}, {"multipleOf": 6}]},
    "broken step": {"type": "integer", "multipleOf": 2.5},
    "long": {"type": "string", "minLength": 500, "maxLength": 505},
    "short": {"type": "string", "maxLength": 2},
    "empty string": {"type": "string", "maxLength": 0},
    "pattern": {"type": "string", "pattern": r"^[A-Z]{3}-\d{4}(-[a-f]+)?$"},
    "pattern, long": {"type": "string", "pattern": "^[a-z]+$", "minLength": 60},
    "pattern, short": {"type": "string", "pattern": "^[a-z]*$", "maxLength": 1},
    "pattern, anywhere": {"type": "string", "pattern": "b+c", "minLength": 12},
    "patterns": {"type": "string", "pattern": "^[a-z]{2,9}$", "allOf": [{"pattern": "z$"}]},
    "look-ahead": {"type": "string", "pattern": r"^(?=.*\d)(?=.*[A-Z])[A-Za-z\d]{8,}$"},
    "classes": {"type": "string", "pattern": r"^[^\W\d_][^a-y]\s\S\D\W[^\s\S]?.[\w-]$"},
    "alternatives": {"type": "string", "pattern": "^(?:GET|POST|(?:PUT|PATCH)!)$"},
    "unique": {"type": "array", "items": {"enum": [1, 2, 3]}, "minItems": 3, "uniqueItems": True},
    "unique, not the same": {"enum": [[1, True], [0, False]], "uniqueItems": True},
    "tuple": {"type": "array", "prefixItems": [{"const": 1}, {"type": "string"}], "items": False},
    "tuple and more": {"prefixItems": [{"const": 1}], "items": {"const": 2}, "minItems": 3},
    "no item fits": {"type": "array", "items": False},
    "closed": {"type": "object", "required": ["b"], "properties": {"a": {}, "b": {"const": 1}}},
    "map": {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 4},
    "many members": {"type": "object", "minProperties": 120},
    "few members": {"properties": {name: {} for name in "abcdef"}, "maxProperties": 2},
    "names by pattern": {
        "type": "object",
        "patternProperties": {"^x-[a-z]+$": {"type": "integer"}},
        "additionalProperties": False,
        "minProperties": 2,
    },
    "both patterns": {
        "required": ["ab"],
        "patternProperties": {"^a": {"minimum": 5}, "b$": {"type": "integer", "maximum": 6}},
    },
    "names": {"type": "object", "propertyNames": {"pattern": "^[a-c]{2}$"}, "minProperties": 3},
    "optional that cannot be": {"type": "object", "properties": {"a": False, "b": {"const": 1}}},
    "all of": {"allOf": [{"required": ["a"]}, {"properties": {"a": {"type": "string"}}}]},
    "any of, one fits": {"type": "string", "anyOf": [{"type": "integer"}, {"minLength": 3}]},
    "one of": {"oneOf": [{"type": "number"}, {"type": "integer", "maximum": 3}]},
    "one of, required": {"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
    "not": {
        "type": "object",
        "properties": {name: {"type": "integer"} for name in "ab"},
        "not": {"required": ["a", "b"]},
    },
    "if": {
        "properties": {"kind": {"enum": ["a", "b"]}},
        "required": ["kind"],
        "if": {"properties": {"kind": {"const": "a"}}},
        "then": {"required": ["of_a"]},
        "else": {"required": ["of_b"]},
    },
    "unevaluated": {
        "type": "object",
        "anyOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"const": 2}}}],
        "unevaluatedProperties": False,
    },
    "linked list": {
        "$defs": {"node": {"properties": {"next": {"$ref": "#/$defs/node"}}, "type": "object"}},
        "$ref": "#/$defs/node",
    },
    "only one way ends": {
        "type": "object",
        "properties": {"x": {"anyOf": [{"$ref": "#"}] * 9 + [{"const": "end"}]}},
        "required": ["x"],
    },
    "pointer": {"properties": {"a/b~c %": {"const": 1}}, "not": {}, "$comment": "see below"},
    "example": {"type": "string", "examples": ["like this"]},
    "wrong example": {"type": "string", "maxLength": 3, "examples": ["too long"]},
}
KEYWORDS["pointer"] = {
    "$ref": "#/$defs/a~1b~0c%20",
    "$defs": {"a/b~c ": {"type": "object", "required": ["é"], "properties": {"é": {"const": 1}}}},
}


@pytest.mark.parametrize("name", KEYWORDS)
def test_each_keyword_is_followed(name):
    schema = KEYWORDS[name]
    for seed in SEEDS:
        value = value_for(schema, random.Random(seed))
        assert admitted(schema, value), value
        assert json.loads(json.dumps(value, allow_nan=False)) == value


@pytest.mark.parametrize(
    "name",
    [
        "date",
        "date-time",
        "duration",
        "email",
        "hostname",
        "ipv4",
        "ipv6",
        "json-pointer",
        "regex",
        "time",
        "uri",
        "uri-reference",
        "uuid",
    ],
)
def test_each_format_is_followed(name):
    schema = {"type": "string", "format": name}
    assert not admitted(schema, "?? {"), "the oracle checks it"
    for seed in SEEDS:
        assert admitted(schema, value_for(schema, random.Random(seed)))


def test_an_unknown_format_gets_words():
    assert value_for({"type": "string", "format": "flavour"}, random.Random(1)).isprintable()


def test_every_branch_is_taken():
    schema = {"oneOf": [{"const": "a"}, {"const": "b"}, {"type": "null"}]}
    assert {value_for(schema, random.Random(seed)) for seed in SEEDS} == {"a", "b", None}
    optional = {"type": "object", "properties": {"a": {"const": 1}}}
    assert {len(value_for(optional, random.Random(seed))) for seed in SEEDS} == {0, 1}


# Drawn from the generator, and from nothing else


@pytest.mark.parametrize("name", [*TOOLS, *KEYWORDS])
def test_the_same_seed_gives_the_same_value(name):
    schema = {**TOOLS, **KEYWORDS}[name]
    first = [json.dumps(value_for(schema, random.Random(seed))) for seed in range(3)]
    assert first == [json.dumps(value_for(schema, random.Random(seed))) for seed in range(3)]


@pytest.mark.parametrize("name", [*TOOLS, *KEYWORDS])
def test_without_a_wheel_of_the_validator_the_values_are_the_same(name, monkeypatch):
    schema = {**TOOLS, **KEYWORDS}[name]
    values = [value_for(schema, random.Random(seed)) for seed in range(3)]
    monkeypatch.setattr(compiled, "jsonschema_rs", None)
    compiled._compile.cache_clear()
    in_python = [value_for(schema, random.Random(seed)) for seed in range(3)]
    compiled._compile.cache_clear()
    assert in_python == values


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "strnig"}, "not valid at '#/type'.*strnig.*Allowed"),
        ({"type": "string", "pattern": "("}, "not valid"),
        ({"$ref": "#/$defs/nope"}, r"'#/\$defs/nope', which does not exist"),
        ({"const": 1, "type": "string"}, "enum or const"),
    ],
)
def test_without_that_wheel_what_is_wrong_is_told_as_well(schema, message, monkeypatch):
    monkeypatch.setattr(compiled, "jsonschema_rs", None)
    with pytest.raises(UnusableSchema, match=message):
        value_for(schema, random.Random(1))
    compiled._compile.cache_clear()


def test_known_values_stay_as_they_are():
    # A lab's pages show such values: a change here changes them.
    assert value_for(STRICT, random.Random(7)) == {
        "location": "paper bridge",
        "units": None,
        "days": 6,
        "fields": ["rain", "rain", "rain"],
        "exact": True,
    }


def test_the_schema_is_neither_changed_nor_shared():
    schema = {"type": "object", "properties": {"a": {"enum": [[1, 2]]}}, "required": ["a"]}
    before = json.dumps(schema)
    value_for(schema, random.Random(1))["a"].append(3)
    assert json.dumps(schema) == before
    assert value_for(schema, random.Random(1)) == {"a": [1, 2]}


# Schemas drawn at random

names = st.sampled_from(["a", "b", "kind", "path"])
counts = st.integers(0, 3)


@st.composite
def satisfiable(draw, depth=3):
    """A schema that surely has a value."""
    kinds = ["string", "integer", "number", "boolean", "null", "enum", "any", "ref"]
    kind = draw(st.sampled_from(kinds + ["object", "array", "anyOf", "allOf"] * bool(depth)))
    inner = satisfiable(depth=depth - 1)
    if kind == "string":
        least = draw(counts)
        return {"type": "string", "minLength": least, "maxLength": least + draw(counts)}
    if kind in ("integer", "number"):
        least = draw(st.integers(-1000, 1000))
        return {"type": kind, "minimum": least, "maximum": least + draw(st.integers(0, 10))}
    if kind == "enum":
        return {"enum": draw(st.lists(st.integers() | names | st.none(), min_size=1, max_size=3))}
    if kind == "any":
        return draw(st.sampled_from([True, {}]))
    if kind == "ref":
        return {"$ref": draw(st.sampled_from(["#/$defs/tree", "#/$defs/word"]))}
    if kind == "object":
        properties = draw(st.dictionaries(names, inner, max_size=3))
        required = draw(st.lists(names, unique=True, max_size=2))
        return {"type": "object", "properties": properties, "required": required}
    if kind == "array":
        least = draw(counts)
        return {"type": "array", "items": draw(inner), "minItems": least}
    if kind == "anyOf":
        return {"anyOf": [*draw(st.lists(inner | st.just(False), max_size=3)), draw(inner)]}
    if kind == "allOf":
        return {"allOf": [draw(inner), draw(st.sampled_from([True, {}, {"title": "a"}]))]}
    return {"type": kind}


DEFINITIONS = {
    "word": {"type": "string", "pattern": "^[a-z]{3,5}$"},
    "tree": {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
        "required": ["children"],
    },
}


@settings(max_examples=150)
@given(satisfiable(), st.integers(0, 2**32))
def test_a_schema_that_has_a_value_gets_one(schema, seed):
    if isinstance(schema, dict):
        schema = {**schema, "$defs": DEFINITIONS}
    value = value_for(schema, random.Random(seed))
    assert admitted(schema, value), value


keywords = st.sampled_from([*sorted(Draft202012Validator.VALIDATORS), "$defs", "$id", "$anchor"])
scalars = st.none() | st.booleans() | st.integers(-3, 9) | st.floats() | st.text(max_size=3)
references = st.sampled_from(["#", "#/$defs/a", "#/properties/a", "#a", "a", "http://x.invalid/"])
types = st.sampled_from(["string", "integer", "number", "object", "array", "null", "boolean"])


def near_schemas(children):
    maps = st.dictionaries(names | keywords, children, max_size=3)
    values = children | st.lists(children, max_size=3) | maps | references | types | counts
    return st.dictionaries(keywords, values, max_size=5)


@settings(max_examples=300)
@given(st.recursive(scalars | st.just({}), near_schemas, max_leaves=12), st.integers(0, 9))
def test_whatever_is_sent_gets_an_admitted_value_or_a_clear_error(schema, seed):
    try:
        value = value_for(schema, random.Random(seed))
    except UnusableSchema:
        return
    json.dumps(value, allow_nan=False).encode()
    # `dependencies` is no keyword of 2020-12, but validators may follow it.
    if '"dependencies"' not in json.dumps(schema) and not recursive_in_place(schema):
        assert Draft202012Validator(schema).is_valid(value), value


def recursive_in_place(schema):
    """Whether the oracle might not return: it does not notice references that go in circles."""
    return any(f'"{word}"' in json.dumps(schema) for word in ("$ref", "$dynamicRef", "$id"))


# What has no value


def holder(inner):
    return {"type": "object", "properties": {"x": inner}, "required": ["x"]}


def array(**keywords):
    return {"type": "array", **keywords}


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (False, "false admits nothing"),
        ({"type": "strnig"}, "not valid at '#/type'.*strnig.*Allowed"),
        ({"properties": {"a": {"minimum": "1"}}}, "not valid at '#/properties/a/minimum'"),
        ({"type": "string", "pattern": "("}, "not valid at '#/pattern'"),
        ({"$ref": "#/$defs/nope"}, r"'/\$defs/nope' does not exist"),
        ({"$ref": "#here", "$defs": {"n": {"$anchor": "here"}}}, r"'\$anchor' within"),
        ({"properties": {"a": {"$id": "x"}}}, r"'\$id' within.*Allowed"),
        ({"$schema": "https://example.com/own"}, "https://example.com/own"),
        ({"type": "integer", "minimum": 5, "maximum": 4}, "no number lies within"),
        ({"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 2}, "no number lies"),
        ({"type": "string", "minLength": 5, "maxLength": 4}, "minLength is 5 and maxLength is 4"),
        ({"type": "string", "const": 5}, "enum or const"),
        ({"enum": []}, "enum or const"),
        ({"allOf": [{"type": "string"}, {"type": "null"}]}, "'null' excludes"),
        (holder({"type": "array", "items": False, "minItems": 1}), "at '/x/0' false"),
        (array(minItems=3, uniqueItems=True, items={"type": "null"}), "3 different items"),
        ({"type": "object", "minProperties": 2, "propertyNames": {"const": "a"}}, "minProperties"),
        ({"not": {}}, "broke another part"),
        ({"type": "string", "pattern": "^a(?<!a)$"}, "no string was found"),
        ([{"type": "string"}], "Found list"),
        (None, "Found NoneType"),
        ({"enum": {1, 2}}, "cannot be written as JSON"),
        ({"minimum": float("inf")}, "cannot be written as JSON"),
        ({"const": "\ud800"}, "not valid at '#'"),
    ],
)
def test_a_schema_without_a_value_says_why(schema, message):
    with pytest.raises(UnusableSchema, match=message) as raised:
        value_for(schema, random.Random(1))
    assert isinstance(raised.value, ConfigurationError)
    assert len(str(raised.value)) < 700


def chain(length, link, last=True):
    """`length` definitions, each made by `link` from a reference to the next."""
    definitions = {f"d{i}": link({"$ref": f"#/$defs/d{i + 1}"}) for i in range(length)}
    return {"$defs": {**definitions, f"d{length}": last}, "$ref": "#/$defs/d0"}


def nested(levels, wrap):
    schema = {"type": "integer"}
    for _ in range(levels):
        schema = wrap(schema)
    return schema


HOSTILE = {
    "minLength": {"type": "string", "minLength": 10**9},
    "minItems": {"type": "array", "minItems": 10**9},
    "minProperties": {"type": "object", "minProperties": 10**9},
    "minContains": {"type": "array", "contains": {}, "minContains": 10**9},
    "large in all": nested(6, lambda s: {"type": "array", "minItems": 100, "items": s}),
    "endless": holder({"$ref": "#"}),
    "endless, wide": {
        "type": "object",
        "properties": {name: {"$ref": "#"} for name in "abcdefgh"},
        "required": list("abcdefgh"),
    },
    "endless by any name": {
        "type": "object",
        "additionalProperties": {"$ref": "#"},
        "minProperties": 2,
    },
    "denies itself": {"not": {"$ref": "#"}},
    "two to the 40 branches": chain(40, lambda ref: {"oneOf": [ref, ref]}),
    "two to the 40 parts": chain(40, lambda ref: {"allOf": [ref, ref]}),
    "two to the 40 parts of a name": {
        **chain(40, lambda ref: {"allOf": [ref, ref]}),
        "$ref": "#/$defs/d40",
        "required": ["a"],
        "propertyNames": {"$ref": "#/$defs/d0"},
    },
    "a long const, often": array(minItems=5000, items={"const": "x" * 200_000}),
    "a long name, often": array(minItems=5000, items={"required": ["x" * 200_000]}),
    "half a surrogate pair": {"type": "string", "pattern": "^[\\ud800-\\udbff]$"},
    "two to the 30 below": chain(30, lambda ref: holder({"oneOf": [ref, ref]})),
    "long chain": chain(2500, lambda ref: ref),
    "long way down": chain(1500, holder),
    "deep": nested(100, holder),
    "too deep to read": nested(400, lambda schema: {"not": schema}),
    "much too deep": nested(900, lambda schema: {"not": schema}),
    "long": {"description": "x" * 300_000},
    "branches that all fail": {"type": "string", "anyOf": [{"type": "integer"}] * 2000},
    "puzzle": {
        "type": "object",
        "required": ["a"],
        "allOf": [
            {"anyOf": [{"properties": {"a": {"const": i}}}, {"properties": {"a": {"const": -i}}}]}
            for i in range(1, 40)
        ],
    },
    "pattern of a billion": {"type": "string", "pattern": "((a{1000}){1000}){1000}"},
    "pattern of nothing": {"type": "string", "pattern": "^((){1000000000})$"},
    "pattern in pattern": {"type": "string", "pattern": "(" * 30_000 + ")" * 30_000},
    "pattern that backtracks": {"type": "string", "pattern": r"^(?=(a+)+b)(?!a)(.*)*c$"},
    "other resources": {"$defs": {"c": {"$ref": "http://x.invalid/y"}}, "$ref": "#/$defs/c"},
    "file": {"$ref": "file:///etc/passwd"},
    "contradictory names": {
        "$defs": {
            "c": {"allOf": [{"$id": "b", "$anchor": "foo"}]},
            "kind": {"$id": "b", "$ref": "#foo"},
        },
        "not": {},
    },
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_schemas_fail_soon(name):
    started = time.process_time()
    with pytest.raises(UnusableSchema):
        value_for(HOSTILE[name], random.Random(1))
    # Half a second here; the bound only has to tell it from a hang.
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "maxLength": 10**9},
        {"type": "array", "maxItems": 10**9},
        {"type": "string", "pattern": "^(a+)+$", "minLength": 50},
        {"anyOf": [{"type": "string", "minLength": 10**9}, {"const": 1}]},
        {"type": "array", "items": {"type": "boolean"}, "minItems": 3000},
        nested(35, holder),
    ],
)
def test_what_only_looks_hostile_has_a_value(schema):
    value = value_for(schema, random.Random(1))
    assert len(json.dumps(value)) < 100_000
    if "pattern" not in schema and "$ref" not in schema:
        assert admitted(schema, value)


@pytest.mark.parametrize("pattern", ["^[\u0800-\uffff]{20}$", "^[\\u0800-\\uffff]{20}$"])
def test_a_pattern_draws_no_half_of_a_surrogate_pair(pattern):
    for seed in SEEDS:
        value = value_for({"type": "string", "pattern": pattern}, random.Random(seed))
        assert len(value.encode()) == 60


def test_nothing_is_fetched():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(UnusableSchema, match="nothing is fetched"):
            value_for({"$ref": f"http://127.0.0.1:{port}/schema.json"}, random.Random(1))
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
