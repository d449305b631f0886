"""The shape of the package: imports point one way, one module knows the time, few names are public.

Read from the source with `ast`, so that nothing depends on what happens to be imported already.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import labtools

ROOT = Path(labtools.__file__).parent

# Low to high: a module imports from its own layer and from those above it in this list.
LAYERS = [
    "platform",
    "errors",
    "wording",
    "read_back",
    "files",
    "redaction",
    "progress",
    "server_process",
    "clock",
    "loop_thread",
    "model",
    "records",
    "wire",
    "transport",
    "mock",
    "local_engine",
    "lab",
    "plots",
    "dispatch",
    "evaluation",
    "coding_agent",
    "own_agent",
    "course",
    "cli",
    "__main__",
]

# Conveniences that reach up, and only when they are called: (module, layer).
REACHES_UP_WHEN_CALLED = {("lab.trace", "plots")}

# The repositories that the case study's agent works on are material, not part of the package.
MATERIAL = ROOT / "coding_agent" / "scenarios"


# The size of the package, which only a commit that says why may raise. It is to come down: it
# was planned at 22,500 lines in about 150 modules with all of this phase's features.
MOST_LINES = 30_156
MOST_MODULES = 183


@cache
def sources() -> dict[str, ast.Module]:
    """Every module of the package by its name within it."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        if MATERIAL in path.parents and path.parent != MATERIAL:
            continue
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def modules() -> list[str]:
    return sorted(sources())


def imports(node: ast.AST, when_called: bool = False) -> Iterator[tuple[str, bool]]:
    """(what is imported, whether only when a function is called). For typing only: not at all."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, when_called) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are written out in full"
        yield from ((f"{node.module}.{alias.name}", when_called) for alias in node.names)
    is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for_typing = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    for part in node.orelse if for_typing else ast.iter_child_nodes(node):
        yield from imports(part, when_called or is_function)


def own_imports(module: str) -> Iterator[tuple[str, bool]]:
    """The modules of this package that a module imports."""
    for name, when_called in imports(sources()[module]):
        if name.split(".")[0] != "labtools":
            continue
        inner = name.removeprefix("labtools").removeprefix(".")
        while inner not in sources():  # a name within a module
            inner = inner.rpartition(".")[0]
        if inner != "__init__":
            yield inner, when_called


def layer_of(module: str) -> str:
    return module.split(".")[0]


def test_every_layer_has_its_place_and_every_place_its_layer():
    found = {layer_of(module) for module in modules()} - {"__init__"}
    assert found == set(LAYERS), "give a new module its place in LAYERS, low to high"
    assert len(LAYERS) == len(set(LAYERS))


def test_the_house_does_not_grow_unnoticed():
    lines = sum(
        len((ROOT / path).read_text(encoding="utf-8").splitlines())
        for path in ROOT.rglob("*.py")
        if MATERIAL not in path.parents or path.parent == MATERIAL
    )
    assert len(modules()) <= MOST_MODULES
    assert lines <= MOST_LINES


def test_imports_point_one_way():
    upwards = [
        f"{module} imports {imported}"
        for module in modules()
        for imported, when_called in own_imports(module)
        if module != "__init__"
        and LAYERS.index(layer_of(imported)) > LAYERS.index(layer_of(module))
        and not (when_called and (module, layer_of(imported)) in REACHES_UP_WHEN_CALLED)
    ]
    assert upwards == []


def test_every_exception_is_in_use():
    used = {(m, layer_of(i)) for m in modules() for i, when_called in own_imports(m) if when_called}
    assert used >= REACHES_UP_WHEN_CALLED


def test_no_modules_import_one_another():
    graph = {
        module: {imported for imported, when_called in own_imports(module) if not when_called}
        for module in modules()
    }
    for module, imported in graph.items():
        # A package's own list of names is made last.
        imported.difference_update({module, module.rpartition(".")[0]})
    list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


def outsiders(module: str) -> set[str]:
    """What a module imports from the standard library and from other packages."""
    return {name.split(".")[0] for name, _ in imports(sources()[module])} - {"labtools"}


def test_only_the_clock_knows_the_time():
    """Everybody else waits with asyncio.sleep and reads the loop's time()."""
    knowing = [module for module in modules() if outsiders(module) & {"time", "datetime"}]
    assert knowing == ["clock"]


def test_only_the_platform_knows_where_it_runs():
    """Everybody else asks it, so that a test can say that this is a page."""
    knowing = [module for module in modules() if "emscripten" in ast.unparse(sources()[module])]
    assert knowing == ["platform"]


def test_the_wire_does_no_input_or_output():
    doers = {"asyncio", "httpx2", "openai", "os", "socket", "starlette", "threading", "uvicorn"}
    assert [m for m in modules() if layer_of(m) == "wire" and outsiders(m) & doers] == []


def test_the_evaluator_never_reads_the_answer_key():
    """What is measured of the mock must be measured, as with any other endpoint."""
    readers = [m for m in modules() if layer_of(m) == "evaluation"]
    imported = {i for m in readers for i, _ in own_imports(m) if layer_of(i) == "mock"}
    assert readers
    assert imported == set()


def test_modules_are_named_after_what_they_hold():
    vague = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [module for module in modules() if vague & set(module.split("."))] == []


def test_the_public_names_are_few_and_these():
    assert labtools.__all__ == [
        "Budget",
        "CallRecord",
        "Lab",
        "LabtoolsError",
        "LatencyProfile",
        "Trace",
        "connect",
    ]
    assert len(labtools.__all__) <= 8
    assert all(hasattr(labtools, name) for name in labtools.__all__)


# The checks themselves, on code that breaks each rule.


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import time", [("time", False)]),
        ("from time import monotonic", [("time.monotonic", False)]),
        ("def f():\n    import time", [("time", True)]),
        ("class A:\n    async def f(self):\n        from a import b", [("a.b", True)]),
        ("try:\n    import time\nexcept ImportError:\n    pass", [("time", False)]),
        ("if TYPE_CHECKING:\n    import time", []),
        ("if typing.TYPE_CHECKING:\n    import a\nelse:\n    import b", [("b", False)]),
    ],
)
def test_imports_are_found_wherever_they_stand(source, found):
    assert list(imports(ast.parse(source))) == found
