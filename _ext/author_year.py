"""Citations and bibliography by author and year: "Zhu et al., 2026".

Differs from the styles that come with pybtex and sphinxcontrib-bibtex in three ways: the label in
the bibliography is the one that the citation shows, ``and others`` reads "et al.", and titles keep
their capitals.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import sphinxcontrib.bibtex.plugin
from pybtex.database import Entry, Person
from pybtex.plugin import register_plugin
from pybtex.richtext import Text
from pybtex.style.formatting.plain import Style
from pybtex.style.labels import BaseLabelStyle
from pybtex.style.sorting import BaseSortingStyle
from pybtex.style.template import FieldIsMissing, join, node, sentence
from pybtex.style.template import field as entry_field
from sphinx.application import Sphinx
from sphinxcontrib.bibtex.style.referencing import GroupReferenceStyle
from sphinxcontrib.bibtex.style.referencing.basic_author_year import (
    BasicAuthorYearParentheticalReferenceStyle,
    BasicAuthorYearTextualReferenceStyle,
)
from sphinxcontrib.bibtex.style.template import entry_label, reference
from sphinxcontrib.bibtex.style.template import join as template_join


def is_others(person: Person) -> bool:
    """Whether this stands for authors who are not listed."""
    return str(person) == "others"


def cited_names(entry: Entry) -> str:
    """One or two last names, or the first and "et al."; the title of a work without authors."""
    persons = entry.persons.get("author", [])
    last_names = [
        " ".join([*person.prelast_names, *person.last_names]).strip("{}") for person in persons
    ]
    if len(persons) > 2 or any(map(is_others, persons)):
        return f"{last_names[0]} et al."
    return " and ".join(last_names) or str(entry.fields["title"])


class AuthorYearLabels(BaseLabelStyle):
    """Labels for a bibliography; works that would share one get a letter each, as in "2026a" and
    "n.d.-a".
    """

    def format_labels(self, sorted_entries: Iterable[Entry]) -> Iterator[str]:
        """One label an entry, in their order."""
        labels = [
            f"{cited_names(entry)}, {entry.fields.get('year', 'n.d.')}" for entry in sorted_entries
        ]
        for position, label in enumerate(labels):
            letter = chr(ord("a") + labels[:position].count(label))
            letter = f"-{letter}" if label.endswith(".") else letter
            yield f"{label}{letter}" if labels.count(label) > 1 else label


class AuthorYearOrder(BaseSortingStyle):
    """By the names that a citation shows, then year, then title."""

    def sorting_key(self, entry: Entry) -> tuple[str, ...]:
        """What entries are compared by."""
        fields = entry.fields
        return cited_names(entry).casefold(), fields.get("year", ""), fields.get("title", "")


@node
def listed_names(children: Any, context: Any, role: str) -> Any:
    """All names of an entry, with "et al." for those who are not listed."""
    try:
        persons = context["entry"].persons[role]
    except KeyError:
        raise FieldIsMissing(role, context["entry"]) from None
    style = context["style"]
    known = [
        style.format_name(person, style.abbreviate_names)
        for person in persons
        if not is_others(person)
    ]
    if len(known) < len(persons):
        return Text(join(sep=", ")[known].format_data(context), " et al.")
    return join(sep=", ", sep2=" and ", last_sep=", and ")[known].format_data(context)


class AuthorYearStyle(Style):
    """pybtex's plain style, with labels, order and names as above."""

    default_label_style = AuthorYearLabels
    default_sorting_style = AuthorYearOrder

    def format_names(self, role: str, as_sentence: bool = True) -> Any:
        """The template for the names of a role."""
        return sentence[listed_names(role)] if as_sentence else listed_names(role)

    def format_title(self, e: Entry, which_field: str, as_sentence: bool = True) -> Any:
        """The template for a title, as it is written in the file."""
        return sentence[entry_field(which_field)] if as_sentence else entry_field(which_field)


@node
def cited_year(children: Any, data: Any) -> Any:
    """What the label of an entry says after the names."""
    return Text(data["formatted_entry"].label.removeprefix(f"{cited_names(data['entry'])}, "))


@node
def cited_names_node(children: Any, data: Any) -> Any:
    """The names as a citation shows them."""
    return Text(cited_names(data["entry"]))


@dataclass
class InParentheses(BasicAuthorYearParentheticalReferenceStyle):
    """A citation after the sentence that it supports: the label."""

    def inner(self, role_name: str) -> Any:
        """The template of a reference."""
        return reference[entry_label]


@dataclass
class InText(BasicAuthorYearTextualReferenceStyle):
    """A citation as part of a sentence: the names, and the rest of the label in brackets."""

    def inner(self, role_name: str) -> Any:
        """The template of a reference."""
        year = template_join[self.bracket.left, reference[cited_year], self.bracket.right]
        return template_join(sep=self.text_reference_sep)[cited_names_node, year]


@dataclass
class LabelCitations(GroupReferenceStyle):
    """Citations that show the labels of the bibliography."""

    styles: list[Any] = field(default_factory=lambda: [InParentheses(), InText()])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the styles, both under the name ``author_year_et_al``."""
    name = "author_year_et_al"
    register_plugin("pybtex.style.formatting", name, AuthorYearStyle)
    citation_styles = "sphinxcontrib.bibtex.style.referencing"
    sphinxcontrib.bibtex.plugin.register_plugin(citation_styles, name, LabelCitations)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
