"""A decoder of Llama's kind in plain PyTorch, with random weights and a static KV cache.

One forward pass serves running streams, a part of a prompt, or both, as an engine's step does.
What an engine's own kernels fuse (the rotation, the gate, sampling) are kernels of their own here.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.bias import causal_lower_right

ROTATION_BASE = 500_000.0


@dataclass(frozen=True)
class Shape:
    """The sizes of a decoder, whose name says whose they are."""

    name: str
    layers: int
    width: int
    heads: int
    kv_heads: int
    inner: int
    vocabulary: int
    head_width: int = 128

    @property
    def layer_parameters(self) -> int:
        qkv = (self.heads + 2 * self.kv_heads) * self.head_width
        attention = self.width * (qkv + self.heads * self.head_width)
        return attention + 3 * self.width * self.inner + 2 * self.width

    @property
    def read_parameters(self) -> int:
        """The weights that a step reads: all but the table of the embeddings."""
        return self.layers * self.layer_parameters + self.width * (self.vocabulary + 1)

    @property
    def parameters(self) -> int:
        return self.read_parameters + self.vocabulary * self.width

    @property
    def kv_values_per_token(self) -> int:
        return self.layers * 2 * self.kv_heads * self.head_width


SHAPES = {
    "8B": Shape("Llama 3.1 8B", 32, 4096, 32, 8, 14336, 128_256),
    "13B": Shape("Llama 2 13B", 40, 5120, 40, 40, 13824, 32_000),
    "32B": Shape("Qwen 2.5 32B", 64, 5120, 40, 8, 27648, 152_064),
    "tiny": Shape("tiny", 2, 64, 4, 2, 96, 128, head_width=16),
}


@dataclass(frozen=True)
class PromptPart:
    """Tokens `start` up to `end` of a prompt of so many; those before are in the cache."""

    start: int
    end: int
    prompt_tokens: int


class Decoder:
    """The weights, and the cache as one flat tensor that every point lays out anew."""

    def __init__(
        self,
        shape: Shape,
        device: str,
        dtype: torch.dtype,
        kv_tokens: int,
        longest: int,
        seed: int = 0,
    ) -> None:
        self.shape, self.device, self.dtype = shape, device, dtype
        self.attention = "FLASH_ATTENTION"
        self.random = torch.Generator(device).manual_seed(seed)
        qkv = (shape.heads + 2 * shape.kv_heads) * shape.head_width
        self.embedding = self.normal(1.0, shape.vocabulary, shape.width)
        self.layers = [
            {
                "norm_in": self.ones(shape.width),
                "qkv": self.normal(0.02, qkv, shape.width),
                "out": self.normal(0.02, shape.width, shape.heads * shape.head_width),
                "norm_up": self.ones(shape.width),
                "up": self.normal(0.02, 2 * shape.inner, shape.width),
                "down": self.normal(0.02, shape.width, shape.inner),
            }
            for _ in range(shape.layers)
        ]
        self.norm_last = self.ones(shape.width)
        self.head = self.normal(0.02, shape.vocabulary, shape.width)
        self.cache = self.normal(1.0, kv_tokens * shape.kv_values_per_token)
        half = torch.arange(0, shape.head_width, 2, device=device) / shape.head_width
        angles = torch.outer(torch.arange(longest, device=device), ROTATION_BASE**-half)
        self.cosines = torch.cat((angles.cos(), angles.cos()), -1).to(dtype).unsqueeze(1)
        self.sines = torch.cat((-angles.sin(), angles.sin()), -1).to(dtype).unsqueeze(1)

    def normal(self, deviation: float, *size: int) -> Tensor:
        values = torch.empty(size, device=self.device, dtype=self.dtype)
        return values.normal_(0.0, deviation, generator=self.random)

    def ones(self, *size: int) -> Tensor:
        return torch.ones(size, device=self.device, dtype=self.dtype)

    def tokens(self, count: int) -> Tensor:
        return torch.randint(
            self.shape.vocabulary, (count,), device=self.device, generator=self.random
        )

    @property
    def kv_tokens(self) -> int:
        return self.cache.numel() // self.shape.kv_values_per_token

    def laid_out(self, rows: int, length: int, before: int = 0) -> Tensor:
        """The cache of `rows` sequences of `length` tokens: layer, K or V, row, token, head."""
        values = self.shape.kv_values_per_token
        used = self.cache[before * values : (before + rows * length) * values]
        return used.view(
            self.shape.layers, 2, rows, length, self.shape.kv_heads, self.shape.head_width
        )

    @torch.inference_mode()
    def step(
        self,
        tokens: Tensor,
        streams: int = 0,
        context: int = 0,
        part: PromptPart | None = None,
    ) -> Tensor:
        """Logits of each stream, and of the last token of the prompt's part, if there is one.

        `tokens` holds a token of each stream, which is the `context`-th of its sequence, and
        then those of the part. The prompt's cache comes after that of the streams.
        """
        shape = self.shape
        part = part or PromptPart(0, 0, 0)
        positions = [torch.full((streams,), context - 1, device=self.device)] if streams else []
        positions.append(torch.arange(part.start, part.end, device=self.device))
        where = torch.cat(positions)
        cosines, sines = self.cosines[where], self.sines[where]
        running = self.laid_out(streams, context)
        prompt = self.laid_out(1, part.prompt_tokens, before=streams * context)
        rotated = shape.heads + shape.kv_heads
        residual = self.embedding[tokens]
        for number, layer in enumerate(self.layers):
            normed = functional.rms_norm(residual, (shape.width,), layer["norm_in"], 1e-5)
            heads = functional.linear(normed, layer["qkv"])
            heads = heads.view(len(tokens), rotated + shape.kv_heads, shape.head_width)
            turning, values = heads[:, :rotated], heads[:, rotated:]
            swapped = turning.roll(shape.head_width // 2, -1)
            turned = torch.addcmul(turning * cosines, swapped, sines)
            queries, keys = turned[:, : shape.heads], turned[:, shape.heads :]
            if streams:
                running[number, 0, :, -1] = keys[:streams]
                running[number, 1, :, -1] = values[:streams]
            if part.end:
                prompt[number, 0, 0, part.start : part.end] = keys[streams:]
                prompt[number, 1, 0, part.start : part.end] = values[streams:]
            attended = self.attended(queries, streams, running[number], part, prompt[number])
            residual.addmm_(attended, layer["out"].t())
            normed = functional.rms_norm(residual, (shape.width,), layer["norm_up"], 1e-5)
            gate, up = functional.linear(normed, layer["up"]).chunk(2, -1)
            residual.addmm_(functional.silu(gate) * up, layer["down"].t())
        spoken = torch.cat((residual[:streams], residual[-1:])) if part.end else residual
        normed = functional.rms_norm(spoken, (shape.width,), self.norm_last, 1e-5)
        return functional.linear(normed, self.head)

    def attended(
        self, queries: Tensor, streams: int, running: Tensor, part: PromptPart, prompt: Tensor
    ) -> Tensor:
        shape = self.shape
        found = []
        kernel = sdpa_kernel(getattr(SDPBackend, self.attention))
        with kernel if self.device == "cuda" else nullcontext():
            if streams:
                # As rows of one query, the queries of a group read their keys once.
                grouped = queries[:streams].reshape(streams, shape.kv_heads, -1, shape.head_width)
                keys, values = running.transpose(2, 3)
                out = functional.scaled_dot_product_attention(grouped, keys, values)
                found.append(out.reshape(streams, -1))
            if part.end:
                keys, values = prompt[:, :, : part.end].transpose(2, 3)
                out = functional.scaled_dot_product_attention(
                    queries[streams:].transpose(0, 1).unsqueeze(0),
                    keys,
                    values,
                    attn_mask=causal_lower_right(part.end - part.start, part.end),
                    enable_gqa=True,
                )
                found.append(out.squeeze(0).transpose(0, 1).flatten(1))
        return torch.cat(found) if len(found) > 1 else found[0]
