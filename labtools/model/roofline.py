"""How fast a decoder can be at most: the time to read its weights once.

At batch 1 every generated token needs every weight, so a token takes at least the weights' bytes
over the memory bandwidth (Williams, Waterman and Patterson, Roofline, CACM 52(4), 2009).
The bound leaves out reading the KV cache (which grows with the context), communication between
accelerators, and that kernels do not reach the peak bandwidth: a real engine stays below it.
Batching raises the tokens per second of all streams together, not of one. A mixture of experts
reads only its active weights for a token: count those. Speculative decoding gets several tokens
out of one reading, and can pass the bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from labtools.errors import require


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A named accelerator and the peak bandwidth of its memory, with where that is published."""

    name: str
    bandwidth_bytes_per_s: float
    source: str


ACCELERATORS: Mapping[str, Accelerator] = MappingProxyType(
    {
        accelerator.name: accelerator
        for accelerator in (
            Accelerator("A100 80GB SXM", 2.039e12, "NVIDIA A100 datasheet: 2,039 GB/s"),
            Accelerator("H100 SXM", 3.35e12, "NVIDIA H100 datasheet: 3.35 TB/s"),
        )
    }
)
"""Accelerators by name."""


def decode_bound_tokens_per_s(
    parameters: float,
    bytes_per_parameter: float,
    accelerators: int,
    bandwidth_bytes_per_s_each: float,
) -> float:
    """The most tokens per second that one stream can decode at batch 1.

    accelerators * bandwidth / (parameters * bytes). `parameters` counts the weights that a token
    reads (70e9 for a dense 70B), `bytes_per_parameter` is 2 for fp16 and 1 for fp8, and the
    weights are split evenly over the accelerators, which read at the same time. Its inverse is
    the shortest time per token in seconds.
    """
    for name, value in (
        ("parameters", parameters),
        ("bytes_per_parameter", bytes_per_parameter),
        ("bandwidth_bytes_per_s_each", bandwidth_bytes_per_s_each),
    ):
        require(name, value, above=0)
    require("accelerators", accelerators, at_least=1, whole=True)
    return accelerators * bandwidth_bytes_per_s_each / (parameters * bytes_per_parameter)
