from __future__ import annotations

import json
import random
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labtools.coding_agent.tools import (
    TOOLS,
    Edit,
    Locate,
    Read,
    Search,
    Verdict,
    parsed,
    proposed_file,
)
from labtools.coding_agent.workspace import ToolError, Workspace
from labtools.mock.schema import value_for
from labtools.records import ToolCall

SOURCE = "listing/pages.py"


def tool_call(name: str, arguments: Any) -> ToolCall:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return ToolCall("call_1", name, text)


@pytest.mark.parametrize("name", TOOLS)
def test_the_schema_is_valid_and_says_what_the_check_accepts(name: str) -> None:
    function = TOOLS[name].schema_for_model()["function"]
    jsonschema.Draft202012Validator.check_schema(function["parameters"])
    assert function["name"] == name
    assert function["description"].endswith(".")
    for seed in range(20):
        value = value_for(function["parameters"], random.Random(seed))
        jsonschema.validate(value, function["parameters"])
        assert parsed(tool_call(name, value), TOOLS[name])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (tool_call("rm", {}), "no tool 'rm'. Tools: search, locate, read, edit, verdict"),
        (tool_call("", {}), "no tool ''"),
        (tool_call("search", {"error": "e", "text": "t"}), "needs read; found a call of search"),
        (tool_call("read", '{"path": '), "JSON"),
        (tool_call("read", ""), "JSON"),
        (tool_call("read", "[]"), "object"),
        (tool_call("read", "null"), "object"),
        (tool_call("read", '{"path": "\\ud800"}'), "JSON"),
        (tool_call("read", {}), "path: Field required"),
        (tool_call("read", {"path": 7}), "path: .*string"),
        (tool_call("read", {"path": "a", "mode": "w"}), "mode: Extra"),
    ],
)
def test_a_malformed_call_says_what_is_wrong(call: ToolCall, message: str) -> None:
    with pytest.raises(ToolError, match=message):
        parsed(call, Read)


def test_search_finds_lines_with_path_and_number(workspace: Workspace) -> None:
    found = Search(error="e", text="def page").use(workspace)
    assert found.splitlines()[0].startswith(f"{SOURCE}:9: def page_count(")
    assert len(found.splitlines()) == 3


def test_search_that_finds_nothing_says_what_there_is(workspace: Workspace) -> None:
    with pytest.raises(ToolError, match=f"'absent'. Files here: .*{SOURCE}"):
        Search(error="e", text="absent").use(workspace)


def test_search_is_bounded(workspace: Workspace) -> None:
    workspace.write(SOURCE, "x = 1  # needle\n" * 2_000 + "needle = " + "9" * 2_000)
    found = Search(error="e", text="needle").use(workspace)
    assert len(found.splitlines()) == 12
    assert max(map(len, found.splitlines())) < 200


def test_locate_needs_both_files(workspace: Workspace) -> None:
    good = Locate(source=SOURCE, test="tests/test_pages.py")
    assert good.use(workspace).splitlines() == [f"source: {SOURCE}", "test: tests/test_pages.py"]
    with pytest.raises(ToolError, match=r"no file 'tests/test_page.py'\. .*test_pages"):
        Locate(source=SOURCE, test="tests/test_page.py").use(workspace)


def test_edit_replaces_a_text_that_occurs_once(workspace: Workspace) -> None:
    before = workspace.read(SOURCE)
    diff = Edit(path=SOURCE, old="items // page_size", new="1").use(workspace)
    assert workspace.read(SOURCE) == before.replace("items // page_size", "1")
    assert "-    return items // page_size\n+    return 1" in diff


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("absent", "x", "occurs 0 times"),
        ("page_size", "x", r"occurs \d+ times"),
        ("", "x", r"occurs \d+ times"),
        ("items // page_size", "items // page_size", "changes nothing"),
        ("  return items //  page_size", "x", "occurs 0 times"),
    ],
)
def test_an_edit_that_does_not_apply_changes_nothing(
    workspace: Workspace, old: str, new: str, message: str
) -> None:
    before = workspace.texts()
    with pytest.raises(ToolError, match=message):
        Edit(path=SOURCE, old=old, new=new).use(workspace)
    assert workspace.texts() == before


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_edit_is_replacement_of_what_is_unique(workspace: Workspace, data: st.DataObject) -> None:
    workspace.restore()
    text = workspace.read(SOURCE)
    start = data.draw(st.integers(0, len(text) - 1))
    old = text[start : data.draw(st.integers(start + 1, len(text)))]
    new = data.draw(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=20))
    if text.count(old) == 1 and old != new:
        Edit(path=SOURCE, old=old, new=new).use(workspace)
        assert workspace.read(SOURCE) == text[:start] + new + text[start + len(old) :]
    else:
        with pytest.raises(ToolError):
            Edit(path=SOURCE, old=old, new=new).use(workspace)
        assert workspace.read(SOURCE) == text


def test_a_verdict_knows_only_two_places_to_go_back_to() -> None:
    arguments = {"accepted": False, "reason": "r", "go_back_to": "bed"}
    with pytest.raises(ToolError, match="'plan' or 'locate_file'"):
        parsed(tool_call("verdict", arguments), Verdict)
    with pytest.raises(ToolError, match=r"accepted: .*boolean"):
        parsed(tool_call("verdict", {"accepted": "yes", "reason": "r"}), Verdict)


def test_the_proposed_file_is_the_one_block_of_code() -> None:
    assert proposed_file("So:\n```python\nx = 1\n```\nThat is all.") == "x = 1\n"
    assert proposed_file("```py\nx = 1\n```") == "x = 1\n"
    for answer in ("x = 1", "```python\nx = 1", "```python\na\n```\n```python\nb\n```", ""):
        with pytest.raises(ToolError, match=r"Found \d blocks"):
            proposed_file(answer)
