"""The claims from their files, in the order of the essay: a TOML file and a module each chapter.

CHAPTER/claims.toml       a table for each claim, under its id
CHAPTER/claims.py         a function for each, named after it
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.resources import files
from types import MappingProxyType, ModuleType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from labtools.course.ledger.claim import Claim
from labtools.errors import ConfigurationError

MODULES: tuple[ModuleType, ...] = tuple(
    import_module(f"labtools.course.{chapter}.claims")
    for chapter in (
        "multiplier",
        "model_size",
        "routing",
        "parallel_calls",
        "prefix_caching",
        "coding_agent",
        "compounding",
    )
)


@cache
def claims() -> Mapping[str, Claim]:
    """Every claim by its id, in the order of the book."""
    found: dict[str, Claim] = {}
    for module in MODULES:
        chapter = module.__name__.split(".")[2]
        text = (files("labtools.course") / chapter / "claims.toml").read_text(encoding="utf-8")
        for id_, table in tomllib.loads(text).items():
            if id_ in found:
                raise ConfigurationError(f"Two claims have the id {id_!r}. Ids must differ.")
            found[id_] = claim_from(id_, table, module)
    return MappingProxyType(found)


def claim_from(id_: str, table: Mapping[str, Any], module: ModuleType) -> Claim:
    """One claim. Raises ConfigurationError that names the claim and the field."""
    chapter = module.__name__.split(".")[2]
    recompute = getattr(module, id_.replace("-", "_"), None)
    try:
        return _ADAPTER.validate_python(
            {"id": id_, "chapter": chapter, **table, "recompute": recompute}, extra="forbid"
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigurationError(
            f"Claim {id_!r} in {chapter}/claims.toml, {where}: {first['msg']}; found "
            f"{first['input']!r:.80}."
        ) from None


_ADAPTER = TypeAdapter(Claim)
