"""What a GPU does to latency: prefill, decode, batch, context, prefix and chunk, on one card.

    python benchmarks/gpu_physics.py --out gpu_physics.json [--shapes 8B 13B 32B]
        [--time-limit-s 420] [--device cuda] [--small]

Decoders of the shapes of published models, with random weights in bf16 (gpu_decoder.py), which
take as long as trained ones. Needs PyTorch alone; the 32B needs a card of 80 GB, and of 141 GB
for all of its points. A step is replayed as a CUDA graph, so that it is the card that is timed
and not Python; `decode_without_graph` says what that leaves out. Times are those of CUDA events.
Each point is the median of several runs, with the least and the most, and is written as soon as
it is there; what did not fit into the memory or the time is listed with the reason.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

PROMPTS = (500, 1000, 2000, 4000, 8000, 16000, 32000)
BATCHES = (1, 2, 4, 8, 16, 24, 32, 48, 64)
CONTEXTS = (500, 1000, 2000, 4000, 8000, 16000, 32000)
BATCH_CONTEXTS = (1000, 4000, 16000)
CUDNN_PAIRS = ((1, 1000), (16, 1000), (64, 1000), (32, 4000), (8, 16000))
CACHED_PROMPTS = (2000, 8000, 32000)
CACHED_SHARES = (0.5, 0.9)
LAST_TOKENS = 100
BESIDE_STREAMS, BESIDE_CONTEXT, BESIDE_PROMPT = 16, 2000, 8000
CHUNKS = (64, 128, 256, 512, 1024, 2048, 4096)
CHUNKS_OF_PROMPT = (512, 2048, 8000)
RESERVE_BYTES = 16e9
POINT_S, FEWEST, MOST = 0.5, 3, 20


def run_id(device: str) -> dict[str, Any]:
    """Where and when: the card and the versions."""
    import torch

    def version(package: str) -> str | None:
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            return None

    found = {
        "date": datetime.now(UTC).date().isoformat(),
        "device": device,
        "torch": torch.__version__,
        "transformers": version("transformers"),
        "attention": "FlashAttention of PyTorch's scaled_dot_product_attention",
        "step": "CUDA graph of plain PyTorch kernels",
    }
    if device == "cuda":
        card = torch.cuda.get_device_properties(0)
        asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        driver = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
        found |= {"card": card.name, "memory_bytes": card.total_memory, "driver": driver}
        found["cuda"] = torch.version.cuda
    return found


class Clock:
    """How a piece of work is run and timed on the device."""

    def __init__(self, device: str, most_runs: int) -> None:
        self.device, self.most_runs = device, most_runs

    def ready(self, work: Callable[[], Any], graph: bool = True) -> Callable[[], Any]:
        """The work, warm; on a GPU as a graph, unless told otherwise."""
        import torch

        work()
        if self.device != "cuda":
            return work
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        if not graph:
            return work
        recorded = torch.cuda.CUDAGraph()
        with torch.cuda.graph(recorded):
            work()
        return recorded.replay

    def times_s(self, works: list[Callable[[], Any]]) -> list[float]:
        """How long each took, one right after the other."""
        import torch

        if self.device != "cuda":
            found = []
            for work in works:
                begun_at = time.perf_counter()
                work()
                found.append(time.perf_counter() - begun_at)
            return found
        marks = [torch.cuda.Event(enable_timing=True) for _ in range(len(works) + 1)]
        marks[0].record()
        for work, mark in zip(works, marks[1:], strict=True):
            work()
            mark.record()
        torch.cuda.synchronize()
        return [begun.elapsed_time(ended) / 1e3 for begun, ended in pairwise(marks)]

    def repeated_s(self, work: Callable[[], Any]) -> list[float]:
        """Several runs, after a first that does not count: the longer the work, the fewer."""
        (first_s,) = self.times_s([work])
        runs = min(self.most_runs, max(FEWEST, round(POINT_S / max(first_s, 1e-6))))
        return self.times_s([work] * runs)


class Results:
    """The file of results, rewritten after each point."""

    def __init__(self, path: Path, header: dict[str, Any], time_limit_s: float) -> None:
        self.path, self.begun_at, self.time_limit_s = path, time.monotonic(), time_limit_s
        self.content = header | {"shapes": {}, "points": [], "left_out": []}

    def measure(self, labels: dict[str, Any], times: Callable[[], list[float]]) -> None:
        """A point: its labels, and the spread of its times. Without time or memory, the reason."""
        line = " ".join(f"{name}={value}" for name, value in labels.items())
        if self.elapsed_s > self.time_limit_s:
            return self.leave_out(labels, f"the limit of {self.time_limit_s:g} s was reached")
        try:
            found_s = times()
        except RuntimeError as error:  # out of memory, or a kernel that this card lacks
            return self.leave_out(labels, str(error).split(". ")[0])
        median_s, low_s, high_s = statistics.median(found_s), min(found_s), max(found_s)
        spread = {"median_s": median_s, "least_s": low_s, "most_s": high_s, "runs": len(found_s)}
        self.content["points"].append(labels | spread)
        print(f"{self.elapsed_s:6.1f} s  {line}: {1e3 * median_s:.3f} ms", flush=True)
        self.write()

    def leave_out(self, labels: dict[str, Any], reason: str) -> None:
        print(f"{self.elapsed_s:6.1f} s  {labels}: {reason}", flush=True)
        self.content["left_out"].append(labels | {"reason": reason})
        self.write()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.begun_at

    def write(self) -> None:
        self.content["elapsed_s"] = round(self.elapsed_s, 1)
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(self.content, indent=1) + "\n", encoding="utf-8")
        new.replace(self.path)


def ceilings(clock: Clock, results: Results, small: bool) -> None:
    """What the card does at most: a copy of memory, and a product of large matrices."""
    import torch

    size = 256 if small else 8192

    def drawn(*of: int) -> Any:
        return torch.empty(of, device=clock.device, dtype=torch.bfloat16).normal_()

    def copying() -> list[float]:
        source = drawn(size * size * 64)
        target = torch.empty_like(source)
        return clock.repeated_s(clock.ready(lambda: target.copy_(source), graph=False))

    def multiplying() -> list[float]:
        factor = drawn(size, size)
        return clock.repeated_s(clock.ready(lambda: factor @ factor, graph=False))

    results.measure({"what": "copy", "bytes": 2 * 2 * size * size * 64}, copying)
    results.measure({"what": "product", "operations": 2 * size**3}, multiplying)


class Measurements:
    """The points of a shape, in the order of what matters most."""

    def __init__(self, name: str, clock: Clock, results: Results, small: bool) -> None:
        import torch
        from gpu_decoder import SHAPES, Decoder

        self.name, self.clock, self.results, self.scale = name, clock, results, 1
        shape, dtype = SHAPES[name], torch.float32
        value_bytes, kv_tokens = 4, 20_000
        if clock.device == "cuda":
            gc.collect()
            torch.cuda.empty_cache()
            dtype, value_bytes = torch.bfloat16, 2
            free_bytes = (
                torch.cuda.mem_get_info()[0] - RESERVE_BYTES - value_bytes * shape.parameters
            )
            if free_bytes < 0:
                raise torch.OutOfMemoryError(f"{shape.name} lacks {-free_bytes / 1e9:.0f} GB")
            most = max(BATCHES) * max(BATCH_CONTEXTS)
            kv_tokens = int(min(most, free_bytes / (value_bytes * shape.kv_values_per_token)))
        if small:
            self.scale, kv_tokens = 100, 20_000
        longest = max(*PROMPTS, *CONTEXTS) + 1
        self.decoder = Decoder(shape, clock.device, dtype, kv_tokens, longest)
        results.content["shapes"][name] = asdict(shape) | {
            "parameters": shape.parameters,
            "weight_bytes_read": value_bytes * shape.read_parameters,
            "kv_bytes_per_token": value_bytes * shape.kv_values_per_token,
            "kv_tokens_that_fit": kv_tokens,
        }

    def all(self) -> None:
        self.decode()
        self.chunks()
        self.prompt_beside_streams()
        self.prefill()
        self.cached_prefix()
        self.other_kernel()

    def tokens(self, count: int) -> int:
        return max(2, count // self.scale)

    def point(self, what: str, work: Callable[[], Any], tokens: int, /, **labels: Any) -> None:
        labels = {"shape": self.name, "what": what, **labels}
        if tokens > self.decoder.kv_tokens:
            reason = f"{tokens} tokens do not fit: {self.decoder.kv_tokens} do"
            return self.results.leave_out(labels, reason)
        graph = what != "decode_without_graph"
        self.results.measure(labels, lambda: self.clock.repeated_s(self.clock.ready(work, graph)))

    def work(
        self, streams: int, context: int, start: int = 0, end: int = 0, prompt: int = 0
    ) -> Callable[[], Any]:
        """A step of running streams, and of a part of a prompt, as far as the next tokens."""
        from gpu_decoder import PromptPart

        tokens = self.decoder.tokens(streams + end - start)
        part = PromptPart(start, end, prompt or end) if end else None
        return lambda: self.decoder.step(tokens, streams, context, part).argmax(-1)

    def decode(self) -> None:
        """A step against batch and against context, and what a graph saves."""
        pairs = [(batch, context) for context in BATCH_CONTEXTS for batch in BATCHES]
        pairs += [(batch, context) for batch in (1, 8) for context in CONTEXTS]
        pairs += [(BESIDE_STREAMS, BESIDE_CONTEXT)]
        for batch, context in dict.fromkeys(pairs):
            tokens = self.tokens(context)
            work = self.work(batch, tokens)
            self.point("decode", work, batch * tokens, batch=batch, context=tokens)
        for batch in (1, 64):
            tokens = self.tokens(1000)
            work, what = self.work(batch, tokens), "decode_without_graph"
            self.point(what, work, batch * tokens, batch=batch, context=tokens)

    def other_kernel(self) -> None:
        """Some steps with another attention kernel, since a step is as good as its kernels."""
        self.decoder.attention = "CUDNN_ATTENTION"
        for batch, context in CUDNN_PAIRS:
            tokens = self.tokens(context)
            work = self.work(batch, tokens)
            self.point("decode_with_cudnn", work, batch * tokens, batch=batch, context=tokens)

    def chunks(self) -> None:
        """A step that carries a chunk of a prompt, whose first tokens are computed."""
        context, start = self.tokens(BESIDE_CONTEXT), self.tokens(2000)
        for streams in (1, BESIDE_STREAMS):
            for chunk in dict.fromkeys(map(self.tokens, CHUNKS)):
                end = start + chunk
                work = self.work(streams, context, start, end)
                labels = {"batch": streams, "context": context, "start": start}
                labels["chunk"] = chunk
                self.point("chunk", work, streams * context + end, **labels)

    def prompt_beside_streams(self) -> None:
        """A whole prompt in chunks: each step's time is a gap between the streams' tokens."""
        streams, context = BESIDE_STREAMS, self.tokens(BESIDE_CONTEXT)
        prompt = self.tokens(BESIDE_PROMPT)
        for chunk in map(self.tokens, CHUNKS_OF_PROMPT):
            starts = range(0, prompt, chunk)
            works = [self.work(streams, context, s, min(s + chunk, prompt), prompt) for s in starts]
            labels = {"shape": self.name, "batch": streams, "context": context}
            labels |= {"prompt": prompt, "chunk": chunk}
            if streams * context + prompt > self.decoder.kv_tokens:
                self.results.leave_out(labels | {"what": "beside"}, "does not fit")
                continue
            gaps: list[list[float]] = []

            def totals(works: list[Any] = works, gaps: list[list[float]] = gaps) -> list[float]:
                self.clock.times_s(works)
                gaps.extend(self.clock.times_s(works) for _ in range(FEWEST))
                return [sum(times) for times in gaps]

            self.results.measure(labels | {"what": "beside"}, totals)
            if gaps:
                worst = [max(times) for times in gaps]
                self.results.measure(labels | {"what": "beside_worst_gap"}, lambda w=worst: w)

    def prefill(self) -> None:
        for prompt in map(self.tokens, PROMPTS):
            work = self.work(0, 0, 0, prompt)
            self.point("prefill", work, prompt, prompt=prompt, cached=0)

    def cached_prefix(self) -> None:
        """A prompt of which the first tokens are in the cache."""
        for prompt in map(self.tokens, CACHED_PROMPTS):
            for cached in [*(int(prompt * s) for s in CACHED_SHARES), prompt - LAST_TOKENS]:
                if 0 < cached < prompt:
                    work = self.work(0, 0, cached, prompt)
                    self.point("prefill", work, prompt, prompt=prompt, cached=cached)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("gpu_physics.json"))
    parser.add_argument("--shapes", nargs="+", default=["8B", "13B", "32B"])
    parser.add_argument("--time-limit-s", type=float, default=420.0)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--small", action="store_true", help="points a hundredth as long")
    options = parser.parse_args(arguments)
    try:
        import torch
        from gpu_decoder import SHAPES
    except ImportError as error:
        sys.exit(f"{error}. Install it with: python -m pip install torch")
    if unknown := [name for name in options.shapes if name not in SHAPES]:
        sys.exit(f"No shape {unknown[0]!r}. Shapes: {', '.join(SHAPES)}.")
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("PyTorch finds no GPU. Try --device cpu --shapes tiny --small.")
    clock = Clock(options.device, FEWEST if options.small else MOST)
    results = Results(options.out, run_id(options.device), options.time_limit_s)
    ceilings(clock, results, options.small)
    for name in options.shapes:
        try:
            Measurements(name, clock, results, options.small).all()
        except torch.OutOfMemoryError as error:
            results.leave_out({"shape": name}, str(error).split(". ")[0])
    results.write()
    print(f"{len(results.content['points'])} points in {results.elapsed_s:.0f} s: {options.out}")


if __name__ == "__main__":
    main()
