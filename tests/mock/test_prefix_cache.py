"""The prefix cache in its steps, against a store that remembers whole prompts."""

from itertools import takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.mock.prefix_cache import PrefixStore, block_keys
from labtools.model.profile import PrefixCache

BLOCK = 16
WIDTH = 4 * BLOCK
SETTINGS = PrefixCache(block_tokens=BLOCK, minimum_tokens=0, ttl_s=300, capacity_tokens=10**6)


def text_of(tokens, letter="a"):
    return letter * (4 * tokens)


def after(*prompts, settings=SETTINGS):
    store = PrefixStore(settings)
    for prompt in prompts:
        store.remember(prompt, 0)
    return store


# blocks


@given(st.text(max_size=5 * WIDTH))
def test_only_full_blocks_have_a_key(prompt):
    assert len(list(block_keys(prompt, BLOCK))) == len(prompt) // WIDTH


def test_a_key_stands_for_the_whole_prefix():
    first, second = text_of(BLOCK, "a"), text_of(BLOCK, "b")
    assert len(set(block_keys(first + second + first, BLOCK))) == 3


@given(st.integers(0, 6 * WIDTH - 1))
def test_a_changed_character_changes_every_key_from_its_block_on(place):
    prompt = text_of(6 * BLOCK)
    changed = prompt[:place] + "b" + prompt[place + 1 :]
    pairs = zip(block_keys(prompt, BLOCK), block_keys(changed, BLOCK), strict=True)
    same = [one == other for one, other in pairs]
    assert same == [block < place // WIDTH for block in range(6)]


@pytest.mark.parametrize("prompt", ["\ud800" * WIDTH, "😀" * WIDTH])
def test_odd_characters_have_keys_too(prompt):
    store = after(prompt + prompt)
    assert store.cached_tokens(prompt + prompt, 0) == BLOCK


# what is cached


def test_nothing_is_cached_at_first():
    assert after().cached_tokens(text_of(1000), 0) == 0


@pytest.mark.parametrize(
    ("tokens", "cached"),
    [(BLOCK - 1, 0), (BLOCK, 0), (BLOCK + 1, BLOCK), (3 * BLOCK, 2 * BLOCK), (49, 48), (50, 48)],
)
def test_reuse_is_in_whole_blocks_and_one_token_is_always_computed(tokens, cached):
    prompt = text_of(tokens)
    assert after(prompt).cached_tokens(prompt, 0) == cached


@pytest.mark.parametrize(
    ("shared", "cached"), [(1023, 0), (1024, 1024), (1151, 1024), (1152, 1152)]
)
def test_below_the_minimum_nothing_is_reused(shared, cached):
    store = after(text_of(shared) + text_of(500, "b"), settings=PrefixCache())
    assert store.cached_tokens(text_of(shared) + text_of(500, "c"), 0) == cached


words = st.lists(st.sampled_from(["a" * WIDTH, "b" * WIDTH, "a" * 7, "b" * 30]), max_size=5).map(
    "".join
)


def shared_characters(one, other):
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


@given(st.lists(words, max_size=5), words)
def test_it_finds_the_longest_prefix_in_blocks_that_any_earlier_prompt_shares(earlier, prompt):
    shared = max((shared_characters(prompt, other) for other in earlier), default=0)
    blocks = min(shared // WIDTH, max(0, -(-len(prompt) // 4) - 1) // BLOCK)
    assert after(*earlier).cached_tokens(prompt, 0) == blocks * BLOCK


@given(st.lists(words, max_size=5), words)
def test_cached_tokens_are_fewer_than_the_prompts(earlier, prompt):
    tokens = -(-len(prompt) // 4)
    assert 0 <= after(*earlier).cached_tokens(prompt, 0) <= max(0, tokens - 1)


# forgetting


def test_a_block_is_forgotten_when_it_was_not_used_for_its_time_to_live():
    store = after(prompt := text_of(100))
    assert store.cached_tokens(prompt, 300) == 96
    assert store.cached_tokens(prompt, 600) == 96  # the use at 300 s keeps it
    assert store.cached_tokens(prompt, 900.001) == 0


def test_only_the_blocks_that_are_used_are_kept_alive():
    store = after(text_of(100))
    short = text_of(2 * BLOCK + 1)
    assert store.cached_tokens(short, 200) == 2 * BLOCK
    assert store.cached_tokens(text_of(100), 400) == 2 * BLOCK


def test_a_lookup_that_is_below_the_minimum_keeps_nothing_alive():
    settings = PrefixCache(block_tokens=BLOCK, minimum_tokens=3 * BLOCK, ttl_s=300)
    store = after(text_of(100), settings=settings)
    assert store.cached_tokens(text_of(2 * BLOCK + 1), 200) == 0
    assert store.cached_tokens(text_of(100), 301) == 0


def test_the_least_recently_used_blocks_go_first():
    four_blocks = PrefixCache(block_tokens=BLOCK, minimum_tokens=0, capacity_tokens=4 * BLOCK)
    old, new = text_of(2 * BLOCK + 1, "o"), text_of(2 * BLOCK + 1, "n")
    store = after(old, new, settings=four_blocks)
    assert store.cached_tokens(old, 1) == 2 * BLOCK  # now the newest
    store.remember(text_of(2 * BLOCK + 1, "x"), 2)
    assert len(store) == 4
    assert store.cached_tokens(new, 3) == 0
    assert store.cached_tokens(old, 3) == 2 * BLOCK


def test_a_prefix_outlives_what_continues_it():
    three_blocks = PrefixCache(block_tokens=BLOCK, minimum_tokens=0, capacity_tokens=3 * BLOCK)
    store = after(text_of(5 * BLOCK + 1), settings=three_blocks)
    assert store.cached_tokens(text_of(5 * BLOCK + 1), 0) == 3 * BLOCK


@given(st.lists(words, max_size=8), st.integers(0, 6))
def test_it_never_holds_more_than_its_capacity(prompts, blocks):
    settings = PrefixCache(block_tokens=BLOCK, minimum_tokens=0, capacity_tokens=blocks * BLOCK)
    assert len(after(*prompts, settings=settings)) <= blocks
