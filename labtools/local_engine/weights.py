"""A llama model's file with random weights: the text is noise, the work is real.

The weights are drawn, not trained, except that three numbers of a token's vector are reserved. No
layer writes to them, so they reach the output as they are:

- the first is constant, which makes the first column of the output a bias for each token. It
  ends JSON early and keeps what cannot be shown out of the text;
- the second is set by the token that ends a prompt with tools, and starts a tool call;
- the third is set by the token that closes a tool call, and ends the turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from labtools.local_engine.settings import Size
from labtools.local_engine.tokenizer import (
    CALL_END,
    CALL_START,
    CALLING,
    END_OF_TEXT,
    SPECIAL,
    TURN_END,
    Vocabulary,
)

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
