"""The generated page has an entry for each claim, with the computed numbers in it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from claims_ledger import PLACE, fill_in

from labtools.course.ledger import SECTIONS, Verdict, claims, ledger_markdown
from labtools.errors import ConfigurationError

SOURCE = Path(__file__).parents[2] / "chapters/ledger.md"
PAGE = ledger_markdown(claims().values())


def entries() -> dict[str, str]:
    parts = re.split(r"^\((claim-[a-z0-9-]+)\)=$", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_claim_has_one_entry_under_its_heading() -> None:
    assert set(entries()) == {claim.target for claim in claims().values()}
    headings = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert headings == list(SECTIONS)
    for claim in claims().values():
        before = PAGE[: PAGE.index(f"({claim.target})=")]
        assert re.findall(r"^## (.+)$", before, re.MULTILINE)[-1] == claim.section


@pytest.mark.parametrize("claim", claims().values(), ids=lambda claim: claim.id)
def test_an_entry_holds_the_verdict_and_the_computed_numbers(claim) -> None:
    entry = entries()[claim.target]
    values = {**claim.figures, **claim.finding().values}
    assert entry.lower().find(f"**{claim.verdict_words.lower()}.**") > 0
    for text in (claim.says, claim.recomputed, claim.because):
        assert text.format(**values) in entry
    assert claim.evidence_for in entry
    assert claim.evidence_against in entry
    for chapter in (claim.chapter, *claim.also_in):
        assert f"../labs/{chapter}.ipynb" in entry
    if claim.recompute is not None:
        name = claim.id.replace("-", "_")
        assert f"`course.{claim.chapter}.checks.{name}`" in entry


@pytest.mark.parametrize("claim", claims().values(), ids=lambda claim: claim.id)
def test_what_a_doubter_looks_up_is_folded_and_the_summary_says_what_it_is(claim) -> None:
    shown, _, rest = entries()[claim.target].partition('<details class="ledger-more"><summary>')
    summary, _, folded = rest.partition("</summary>")
    terms = re.findall(r"^(\S.*)\n: ", folded, re.MULTILINE)
    assert summary == ", ".join(terms).capitalize()
    assert folded.count("</details>") == 1
    assert "The essay says\n: " in shown
    assert ("Recomputed\n: " in shown) == (claim.recompute is not None)


def test_the_counts_are_those_of_the_claims() -> None:
    counted = dict(re.findall(r"^\| \[([a-z ]+)\]\S+ \| (\d+) \|", PAGE, re.MULTILINE))
    for verdict in Verdict:
        found = sum(claim.verdict is verdict for claim in claims().values())
        assert counted[verdict] == str(found)
    assert sum(map(int, counted.values())) == len(claims())


def test_a_claim_that_its_numbers_contradict_stops_the_page() -> None:
    wrong = replace(claims()["eighty-tokens"], verdict=Verdict.HOLDS)
    with pytest.raises(ConfigurationError, match="'eighty-tokens' is stated as 'holds'"):
        ledger_markdown([wrong])


def test_the_source_asks_for_the_ledger_once_and_gets_it() -> None:
    source = [SOURCE.read_text(encoding="utf-8")]
    assert source[0].count(PLACE) == 1
    fill_in(None, "chapters/ledger", source)  # type: ignore[arg-type]
    assert PLACE not in source[0]
    assert PAGE in source[0]


def test_another_source_stays_as_it_is() -> None:
    source = ["# A chapter\n"]
    fill_in(None, "chapters/multiplier", source)  # type: ignore[arg-type]
    assert source == ["# A chapter\n"]
