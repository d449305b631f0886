"""Every row of the ledger follows from its numbers, and everything that it names exists."""

from __future__ import annotations

import importlib
import inspect
import re
import string
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from labtools.course import CHAPTERS, FOLDER
from labtools.course.ledger import SECTIONS, Claim, Finding, Verdict, claim_from, claims
from labtools.course.multiplier import checks as multiplier
from labtools.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
BIBLIOGRAPHY = set(
    re.findall(r"^@\w+\{(\w+),", (ROOT / "chapters/references.bib").read_text(), re.MULTILINE)
)
CITED = re.compile(r"\{cite:[pt]\}`([^`]+)`")

each_claim = pytest.mark.parametrize("claim", claims().values(), ids=lambda claim: claim.id)


@each_claim
def test_the_verdict_follows_from_the_numbers(claim: Claim) -> None:
    claim.check()


@each_claim
def test_no_other_verdict_can_be_stated(claim: Claim) -> None:
    for verdict in set(Verdict) - {claim.verdict}:
        with pytest.raises(ConfigurationError, match=f"{claim.id}.*numbers say"):
            replace(claim, verdict=verdict).check()


@each_claim
def test_what_it_says_is_filled_in_and_uses_each_figure_and_value(claim: Claim) -> None:
    finding = claim.check()
    texts = (claim.says, claim.recomputed, claim.because)
    named = {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}
    figures, values = set(claim.figures), set(finding.values)
    assert not figures & values
    assert named <= figures | values
    assert figures <= {name for _, name, _, _ in string.Formatter().parse(claim.says)}
    assert bool(claim.recompute) == bool(claim.recomputed) == bool(claim.uses)


def named_object(name: str) -> Any:
    module, _, rest = "labtools." + name, "", ""
    attributes: list[str] = []
    while True:
        try:
            found: Any = importlib.import_module(module)
            break
        except ModuleNotFoundError:
            module, _, rest = module.rpartition(".")
            attributes.insert(0, rest)
    for attribute in attributes:
        found = getattr(found, attribute)
    return found


@each_claim
def test_the_functions_it_names_exist_and_its_module_uses_them(claim: Claim) -> None:
    for name in claim.uses:
        assert named_object(name) is not None
    if claim.recompute is not None:
        source = inspect.getsource(inspect.getmodule(claim.recompute))
        for name in claim.uses:
            assert name.rpartition(".")[2] in source, name


@each_claim
def test_its_section_and_sources_exist(claim: Claim) -> None:
    assert claim.section in SECTIONS
    cited = CITED.findall(claim.evidence_for + claim.evidence_against)
    assert set(cited) <= BIBLIOGRAPHY


@each_claim
def test_each_chapter_that_it_names_has_a_lab_and_quotes_its_verdict(claim: Claim) -> None:
    assert claim.chapter not in claim.also_in
    for chapter in (claim.chapter, *claim.also_in):
        assert (ROOT / f"labs/{chapter}.ipynb").is_file()
        text = (ROOT / f"chapters/{chapter}.md").read_text(encoding="utf-8")
        assert f"{{verdict}}`{claim.id}`" in text


@pytest.mark.parametrize("chapter", sorted(path.stem for path in (ROOT / "labs").glob("*.ipynb")))
def test_a_claim_in_a_chapters_table_of_measurements_names_that_chapter(chapter: str) -> None:
    text = (ROOT / f"chapters/{chapter}.md").read_text(encoding="utf-8")
    for row in re.findall(r"^\|.*\{verdict\}`.*$", text, re.MULTILINE):
        for id_ in re.findall(r"\{verdict\}`([^`]+)`", row):
            claim = claims()[id_]
            assert chapter in (claim.chapter, *claim.also_in), id_


def test_chapters_quote_known_claims_only() -> None:
    for chapter in (ROOT / "chapters").glob("*.md"):
        quoted = re.findall(r"\{verdict\}`([^`]+)`", chapter.read_text(encoding="utf-8"))
        assert set(quoted) <= set(claims()), chapter.name


def test_the_claims_come_in_the_order_of_the_chapters() -> None:
    chapters = [claim.chapter for claim in claims().values()]
    assert chapters == sorted(chapters, key=CHAPTERS.index)
    assert set(chapters) == {path.parent.name for path in FOLDER.glob("*/claims.toml")}


def test_every_function_belongs_to_a_claim() -> None:
    ids = {claim.id.replace("-", "_") for claim in claims().values()}
    for chapter in {claim.chapter for claim in claims().values()}:
        module = importlib.import_module(f"labtools.course.{chapter}.checks")
        functions = {
            name
            for name, value in inspect.getmembers(module, inspect.isfunction)
            if value.__module__ == module.__name__ and not name.startswith(("_", "check_"))
        }
        assert functions <= ids, module.__name__


def test_a_changed_figure_of_the_essay_changes_the_verdict() -> None:
    claim = claims()["one-shot"]
    with pytest.raises(ConfigurationError, match="numbers say 'fails'"):
        replace(claim, figures={"total_s": 8.0}).check()
    claim = claims()["three-changes"]
    with pytest.raises(ConfigurationError, match="numbers say 'holds'"):
        replace(claim, figures={"total_s": 8.0}).check()


TABLE: dict[str, Any] = {
    "title": "A title",
    "section": SECTIONS[0],
    "says": "It says {calls}.",
    "figures": {"calls": 20},
    "verdict": "holds",
    "because": "It does.",
}


def test_a_claim_is_read_with_the_function_of_its_name() -> None:
    claim = claim_from("one-call-or-twenty", TABLE, "multiplier", multiplier)
    assert claim.recompute is multiplier.one_call_or_twenty
    assert claim.chapter == "multiplier"
    assert claim.verdict_words == "holds"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"verdict": "true"}, "verdict: Input should be 'holds'"),
        ({"because": None}, "because: Input should be a valid string"),
        ({"colour": "red"}, "colour: Unexpected keyword"),
        ({"figures": {"calls": [1]}}, "figures.calls"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=r"'x' in multiplier/claims.toml") as caught:
        claim_from("x", {**TABLE, **change}, "multiplier", multiplier)
    assert said in str(caught.value)


def test_a_missing_field_is_named() -> None:
    without = {name: value for name, value in TABLE.items() if name != "says"}
    with pytest.raises(ConfigurationError, match="says"):
        claim_from("x", without, "multiplier", multiplier)


def test_a_condition_belongs_to_holds_if_and_to_nothing_else() -> None:
    claim = claims()["end-to-end"]
    with pytest.raises(ConfigurationError, match="a condition belongs"):
        replace(claim, condition="").check()
    claim = claims()["one-shot"]
    with pytest.raises(ConfigurationError, match="a condition belongs"):
        replace(claim, condition="it rains").check()


@pytest.mark.parametrize(
    ("finding", "verdict"),
    [
        (Finding(), Verdict.NOT_TESTED),
        (Finding(holds=True), Verdict.HOLDS),
        (Finding(holds=False, holds_if=True), Verdict.HOLDS_IF),
        (Finding(holds=False), Verdict.FAILS),
    ],
)
def test_what_follows_from_a_finding(finding: Finding, verdict: Verdict) -> None:
    assert finding.verdict is verdict
