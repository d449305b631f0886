"""The rule of what is cached, against the store that holds the blocks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.mock.prefix_cache import PrefixStore
from labtools.model.profile import PrefixCache
from labtools.model.tokens import CHARS_PER_TOKEN

few = st.integers(min_value=1, max_value=40)


@given(shared=st.integers(0, 400), tail=few, block=few, minimum=st.integers(0, 200))
def test_the_rule_says_what_the_store_finds(shared, tail, block, minimum):
    rule = PrefixCache(block_tokens=block, minimum_tokens=minimum)
    store = PrefixStore(rule)
    start = "same" * shared
    store.remember(start + "x" * CHARS_PER_TOKEN * tail, now=0.0)
    found = store.cached_tokens(start + "y" * CHARS_PER_TOKEN * tail, now=1.0)
    assert found == rule.cached_tokens(shared)


@pytest.mark.parametrize(
    ("shared", "cached"), [(0, 0), (1023, 0), (1024, 1024), (1151, 1024), (1152, 1152)]
)
def test_openais_rule(shared, cached):
    assert PrefixCache().cached_tokens(shared) == cached
