"""The file that the engine loads, read back by the format's own reader."""

import argparse
import inspect
import math

import pytest

from labtools.local_engine import model_file as made
from labtools.local_engine import tokenizer
from labtools.local_engine.model_file import write_model
from labtools.local_engine.settings import SIZES, Size
from labtools.local_engine.tokenizer import (
    CALL_END,
    CALL_START,
    CALLING,
    TURN_END,
    Vocabulary,
    train,
)

gguf = pytest.importorskip("gguf", reason="the engine's packages are not installed")
pytest.importorskip("tokenizers", reason="the engine's packages are not installed")

TINY = Size("tiny", 64, 2, 2, 1, 96, vocabulary=512)


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    """As the engine's, from less text: it is trained in no time."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tokenizer, "_text", lambda: iter([inspect.getsource(argparse)]))
        return train(TINY.vocabulary)


@pytest.fixture(scope="module")
def tensors(vocabulary, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "tiny.gguf"
    write_model(path, TINY, vocabulary)
    found = gguf.GGUFReader(path).tensors
    return {one.name: gguf.quants.dequantize(one.data, one.tensor_type) for one in found}


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(vocabulary, tmp_path):
    files = [tmp_path / str(number) for number in range(3)]
    for path, seed in zip(files, (0, 0, 1), strict=True):
        write_model(path, TINY, vocabulary, seed)
    first, again, other = (path.read_bytes() for path in files)
    assert first == again != other


def test_there_are_as_many_weights_as_the_size_says(tensors):
    assert sum(math.prod(tensor.shape) for tensor in tensors.values()) == parameters(TINY)


def test_no_layer_writes_to_the_reserved_places(tensors):
    writing = [name for name in tensors if "attn_output" in name or "ffn_down" in name]
    assert len(writing) == 2 * TINY.layers
    for name in writing:
        assert not tensors[name][:3].any()
        assert tensors[name][3:].any()


def test_a_prompt_with_tools_is_followed_by_a_call_and_a_call_by_the_end(tensors, vocabulary):
    """What the reserved places alone say is next."""
    embeddings, output = tensors["token_embd.weight"], tensors["output.weight"]
    for token, following in ((CALLING, CALL_START), (CALL_END, TURN_END)):
        logits = output[:, 1:3] @ embeddings[vocabulary.number(token), 1:3]
        assert vocabulary.tokens[logits.argmax()] == following


def test_a_closing_quote_is_likely_and_a_broken_character_never(tensors, vocabulary):
    bias = tensors["output.weight"][:, 0]
    quote, letter, newline, byte = (bias[vocabulary.number(token)] for token in '"aĊÿ')
    assert quote > letter > newline
    assert newline == byte == bias.min()


# the cache


@pytest.fixture
def cache(monkeypatch, tmp_path, vocabulary):
    monkeypatch.setattr(made, "train", {TINY.vocabulary: vocabulary}.__getitem__)
    monkeypatch.setenv(made.CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_file_is_made_once_and_named_by_size_and_version(cache):
    path = made.model_file(TINY)
    assert path == cache / f"random-tiny-v{made.FORMAT_VERSION}.gguf"
    path.write_bytes(b"found again")
    assert made.model_file(TINY).read_bytes() == b"found again"


def test_a_failure_half_way_leaves_nothing(cache, monkeypatch):
    def half(path, *_):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(made, "write_model", half)
    with pytest.raises(KeyboardInterrupt):
        made.model_file(TINY)
    assert list(cache.iterdir()) == []


def test_what_a_killed_process_left_is_not_used_and_goes_away(cache):
    cache.mkdir()
    (cache / f"random-tiny-v{made.FORMAT_VERSION}.0badcafe.part").write_bytes(b"half")
    path = made.model_file(TINY)
    assert list(cache.iterdir()) == [path]
    assert path.read_bytes().startswith(b"GGUF")


def test_two_that_make_it_at_once_both_get_it(cache, monkeypatch):
    def overtaken(path, size, vocabulary):
        write_model(path, size, vocabulary)
        monkeypatch.setattr(made, "write_model", write_model)
        made.model_file(TINY)

    monkeypatch.setattr(made, "write_model", overtaken)
    path = made.model_file(TINY)
    assert list(cache.iterdir()) == [path]


def test_a_directory_that_cannot_be_written_says_which_variable_to_set(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("not a directory")
    monkeypatch.setenv(made.CACHE_VARIABLE, str(tmp_path / "file" / "cache"))
    with pytest.raises(made.ConfigurationError, match=r"Cannot write .* Set LABTOOLS_CACHE"):
        made.model_file(TINY)


def parameters(size):
    """How many weights there are, the embeddings counted in and out."""
    attention = 2 * size.width**2 + 2 * size.width * size.kv_heads * size.head_width
    layer = attention + 3 * size.width * size.feed_forward + 2 * size.width
    return size.layers * layer + 2 * size.vocabulary * size.width + size.width


def test_the_sizes_are_what_their_names_say():
    for name, size in SIZES.items():
        assert parameters(size) == pytest.approx(int(name.removesuffix("M")) * 1e6, rel=0.1)
        # Q8_0 packs 32 numbers of a row, and heads share keys and values evenly.
        assert size.width % 32 == size.feed_forward % 32 == 0
        assert size.width % size.heads == size.heads % size.kv_heads == 0
