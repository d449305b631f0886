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
