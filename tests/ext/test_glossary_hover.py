"""A link to a term carries its definition, and other links do not."""

from __future__ import annotations

from glossary_hover import told

TTFT = {"term-TTFT": 'Time to first token, "the wait".'}


def test_a_term_carries_its_definition() -> None:
    link = '<a class="reference internal" href="glossary.html#term-TTFT"><span>TTFT</span></a>'
    found = told(link, TTFT)
    assert 'data-definition="Time to first token, &quot;the wait&quot;."' in found
    assert found.endswith("><span>TTFT</span></a>")


def test_other_links_stay() -> None:
    for target in ("glossary.html#term-other", "ledger.html#claim-x"):
        link = f'<a class="reference internal" href="{target}">x</a>'
        assert told(link, TTFT) == link


def test_a_citation_carries_its_entry_without_the_address() -> None:
    link = '<a class="reference internal" href="bibliography.html#id7"'
    told_ = told(f'{link} title="A &amp; B. Tails. 2013. URL: https://a.org/x.">A, 2013</a>', {})
    assert told_ == f'{link} data-definition="A &amp; B. Tails. 2013.">A, 2013</a>'
    page = '<a class="reference internal" href="labs/x.html" title="Lab: X">'
    assert told(page, {}) == page
