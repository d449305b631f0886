"""What decides which of two endpoints is faster: the size of the model, and what else.

The size: at batch 1 every generated token needs every weight, so a token takes at least the
weights' bytes over the memory bandwidth (Williams, Waterman and Patterson, Roofline, CACM 52(4),
2009). The bound leaves out reading the KV cache (which grows with the context), communication
between accelerators, and that kernels do not reach the peak bandwidth: a real engine stays below
it. Batching raises the tokens per second of all streams together, not of one. A mixture of experts
reads only its active weights for a token: count those. Speculative decoding gets several tokens out
of one reading, and can pass the bound.

The load: the flip compares the closed loop's end-to-end time (`closed_loop`), so it holds for alike
requests in the long run, without jitter.

The engine that makes an answer fit a schema. Before each token it works out which tokens the
schema still allows, the mask; before the first it compiles the schema. MaskBench measures both on
one CPU thread, without a model, over some 10,000 schemas
(https://github.com/guidance-ai/jsonschemabench, folder maskbench, results of March 2025). The
spread is wide: a few masks and schemas take a thousand times the median. `bound_by` turns that
into a profile in which the mask is worked out after the model's step and holds it up. Servers work
it out during the step where they can, and then a mask costs nothing until it takes longer than the
step: the profile is the worst case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from labtools.errors import require
from labtools.model.closed_loop import closed_loop
from labtools.model.profile import DEFAULT_INPUT_TOKENS, LatencyProfile

MASKBENCH = "MaskBench, March 2025"


def crossover_clients(
    first: LatencyProfile,
    second: LatencyProfile,
    output_tokens: int,
    input_tokens: int = DEFAULT_INPUT_TOKENS,
    most_clients: int = 10_000,
) -> int | None:
    """The smallest number of clients at which a call takes longer on `first` than on `second`.

    1 if it does for a lone client; None if it never does up to `most_clients`.
    """
    require("most_clients", most_clients, at_least=1)
    for clients in range(1, most_clients + 1):
        calls = [closed_loop(p, clients, output_tokens, input_tokens) for p in (first, second)]
        if calls[0].e2e_latency_s > calls[1].e2e_latency_s:
            return clients
    return None


@dataclass(frozen=True, slots=True)
class SchemaEngine:
    """One engine's times in MaskBench, in seconds."""

    name: str
    mask_mean_s: float
    compile_p50_s: float


SCHEMA_ENGINES: Mapping[str, SchemaEngine] = {
    engine.name: engine
    for engine in (
        SchemaEngine("LLGuidance", 64e-6, 0.001037),
        SchemaEngine("XGrammar", 728e-6, 0.919459),
        SchemaEngine("Outlines", 1_858e-6, 0.587900),
        SchemaEngine("llama.cpp", 16_565e-6, 0.000312),
    )
}
"""MaskBench's engines by name. Later versions of each may be faster."""


def slowdown(engine: SchemaEngine, profile: LatencyProfile) -> float:
    """How many times longer a step takes when it waits for a mask of mean length.

    The mean, because the masks of an answer add up. 1 is no slowdown.
    """
    return 1 + engine.mask_mean_s / profile.step_s()


def bound_by(engine: SchemaEngine, profile: LatencyProfile) -> LatencyProfile:
    """The profile, served with this engine: each mask waited for, a new schema compiled first."""
    return profile.but(
        name=f"{profile.name} with {engine.name}",
        source=f"{profile.source} Schemas: {MASKBENCH}, mean mask and median compile time of "
        f"{engine.name}. Assumed: nothing is worked out while the model computes.",
        structured_factor=slowdown(engine, profile),
        schema_compile_s=engine.compile_p50_s,
    )


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A named accelerator and the peak bandwidth of its memory, with where that is published."""

    name: str
    bandwidth_bytes_per_s: float
    source: str


ACCELERATORS: Mapping[str, Accelerator] = {
    accelerator.name: accelerator
    for accelerator in (
        Accelerator("A100 80GB SXM", 2.039e12, "NVIDIA A100 datasheet: 2,039 GB/s"),
        Accelerator("H100 SXM", 3.35e12, "NVIDIA H100 datasheet: 3.35 TB/s"),
    )
}
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
