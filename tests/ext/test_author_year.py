"""Who a citation names, and in which order the bibliography lists."""

from pathlib import Path

import pytest
from author_year import AuthorYearLabels, AuthorYearOrder, cited_names
from pybtex.database import Entry, Person, parse_file


def work(*authors: str, title: str = "A Title", **fields: str) -> Entry:
    persons = {"author": [Person(author) for author in authors]} if authors else {}
    return Entry("misc", fields={"title": title, **fields}, persons=persons)


@pytest.mark.parametrize(
    ("authors", "names"),
    [
        (["Ada Lovelace"], "Lovelace"),
        (["Dean", "Barroso"], "Dean and Barroso"),
        (["Raj", "Wang", "Krishna"], "Raj et al."),
        (["Zhu", "others"], "Zhu et al."),
        (["{General Compute}"], "General Compute"),
        ([], "A Title"),
    ],
)
def test_cited_names(authors: list[str], names: str) -> None:
    assert cited_names(work(*authors)) == names


def test_labels_carry_the_year_and_are_unique() -> None:
    works = [work("Zhu", "others", year="2026"), work("Zhu", "others", year="2026"), work("Oracle")]
    assert list(AuthorYearLabels().format_labels([*works, work("OpenAI"), work("OpenAI")])) == [
        "Zhu et al., 2026a",
        "Zhu et al., 2026b",
        "Oracle, n.d.",
        "OpenAI, n.d.-a",
        "OpenAI, n.d.-b",
    ]


def test_organisations_are_sorted_among_people() -> None:
    works = [work("Zhu", year="2026"), work("{General Compute}"), work("Dean", "Barroso")]
    ordered = sorted(works, key=AuthorYearOrder().sorting_key)
    assert [cited_names(entry) for entry in ordered] == [
        "Dean and Barroso",
        "General Compute",
        "Zhu",
    ]


def test_every_work_has_a_link_but_one_on_paper() -> None:
    works = parse_file(str(Path(__file__).parents[2] / "chapters" / "references.bib")).entries
    linked = {key for key, work in works.items() if {"url", "doi", "eprint"} & set(work.fields)}
    assert set(works) - linked == {"doherty1982rapid"}
