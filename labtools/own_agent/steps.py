"""Steps: what a reader finds in a log, on the calendar's clock, until they make a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from labtools.clock import calendar_ns, elapsed_s
from labtools.lab.trace import Trace
from labtools.read_back import Json, number, tokens
from labtools.records import CallError, CallRecord, Span, Wait

# A first token that came with the last is a total under another name.
_TTFT_SHARE = 0.999


def instant_ns(value: object) -> int | None:
    """An instant, from ISO 8601, or from seconds or nanoseconds since 1970."""
    found = number(value)
    if found is not None:
        return int(found) if found >= 10**15 else int(found * 1e9) if 1e8 < found < 1e11 else None
    return calendar_ns(value) if isinstance(value, str) else None


@dataclass(slots=True)
class Step:
    """One step as a log has it. `key` is the log's own name for it."""

    key: str
    name: str
    kind: str
    start_ns: int
    end_ns: int
    parent: str | None = None
    after: list[str] = field(default_factory=list)
    """Keys of the steps that the data shows it waited for."""
    derived: tuple[str, ...] = ()
    error: str | None = None
    model: str = "unknown"
    input_tokens: int | None = None
    """Cached ones included."""
    cached_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    ttft_s: float | None = None
    finish_reason: str | None = None

    def count(
        self, usage: object, given: str, cached: str, output: str, reasoning: str = ""
    ) -> None:
        """Take token counts in, each under its name in the log. Cached ones are counted twice."""
        self.input_tokens, self.cached_tokens = tokens(usage, given), tokens(usage, cached)
        self.output_tokens, self.reasoning_tokens = tokens(usage, output), tokens(usage, reasoning)

    def call(self, sent_at: float, ended_at: float) -> CallRecord:
        """Its record. A TTFT that is the total, or longer, is not one."""
        ttft_s, whole_s = self.ttft_s, elapsed_s(sent_at, ended_at)
        known = ttft_s is not None and 0 < ttft_s < _TTFT_SHARE * whole_s
        cached, reasoning = self.cached_tokens, self.reasoning_tokens
        if None not in (self.input_tokens, cached) and cached > self.input_tokens:  # type: ignore[operator]
            cached = None  # another count than that of the input: neither can be trusted to hold it
        if self.output_tokens is not None and (reasoning or 0) > self.output_tokens:
            reasoning = None
        return CallRecord(
            self.model,
            sent_at,
            ended_at,
            (round(sent_at + (ttft_s or 0.0), 9),) if known else (),
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cached_tokens=cached,
            reasoning_tokens=reasoning,
            finish_reason=self.finish_reason,
            error=CallError("protocol", self.error) if self.error else None,
        )


@dataclass(frozen=True, slots=True)
class Reader:
    """A format: what it is called, how it is told from others, and what its records say."""

    name: str
    recognises: Callable[[Json], bool]
    """Whether a record, one of the file's first, is of this format."""
    read: Callable[[list[Json]], tuple[list[Step], str]]
    """The steps, and what to call where they ran. Whatever is not as expected is left out."""


def trace_of(steps: Iterable[Step], endpoint: str) -> Trace:
    """The steps as a trace that begins at 0. Of two steps with one key the first is meant."""
    steps = [step for step in steps if step.end_ns >= step.start_ns]
    by_key = {step.key: step for step in reversed(steps)}
    depth = {id(step): sum(1 for _ in _holders(step, by_key)) for step in steps}
    steps.sort(key=lambda step: (step.start_ns, depth[id(step)], step.kind != "group"))
    zero = steps[0].start_ns if steps else 0
    ids = {step.key: n for n, step in reversed(list(enumerate(steps, start=1)))}
    spans = [_span(n, step, zero, ids) for n, step in enumerate(steps, start=1)]
    ended_at = max((span.ended_at for span in spans), default=0.0)
    return Trace(tuple(spans), 0.0, ended_at, endpoint, "wall")


def _span(n: int, step: Step, zero: int, ids: dict[str, int]) -> Span:
    start, end = (step.start_ns - zero) / 1e9, (step.end_ns - zero) / 1e9
    before = sorted({ids[key] for key in step.after if ids.get(key, n) < n})
    return Span(
        n,
        step.name,
        step.kind,
        start,
        end,
        ids.get(step.parent or ""),
        step.call(start, end) if step.kind == "llm" else None,
        step.error,
        tuple(Wait(id) for id in before),
        step.derived,
    )


def _holders(step: Step, by_key: dict[str, Step]) -> Iterator[Step]:
    """What holds a step, from the innermost out; a log can hold a circle, which ends here."""
    seen = {step.key}
    while (parent := by_key.get(step.parent or "")) and parent.key not in seen:
        yield parent
        seen.add(parent.key)
        step = parent


def settled(steps: Sequence[Step]) -> list[Step]:
    """The steps of a tree, each with a kind: "other" holds steps, or is a tool.

    A call that holds calls is a group: it repeats what they say. Others inside a call or a tool
    say nothing of an agent, and are left out.
    """
    by_key = {step.key: step for step in steps}
    for step in steps:
        for holder in _holders(step, by_key) if step.kind in ("llm", "tool") else ():
            if holder.kind == "llm" or (holder.kind == "tool" and step.kind == "llm"):
                holder.kind = "group"
    holders = {step.parent for step in steps}
    kept = []
    for step in steps:
        if step.kind == "other":
            step.kind = "group" if step.key in holders else "tool"
            parent = by_key.get(step.parent or "")
            if step.kind == "tool" and parent and parent.kind in ("llm", "tool"):
                continue
        kept.append(step)
    return kept


@dataclass(slots=True)
class Turns:
    """The steps of one conversation, as its log tells of them, line after line.

    The log has instants of what was finished: blocks of an answer, results, messages of a person.
    A call is taken to begin when the last result or message before it was there. What passed
    between an answer and a person's next message was the person's.
    """

    name: str
    """Distinguishes it from others in the log."""
    steps: list[Step] = field(default_factory=list)
    calls: int = 0
    call: Step | None = None
    ready_ns: int | None = None
    """When the last message or result was there."""
    last_ns: int | None = None
    """The end of the last answer."""
    asked_ns: int | None = None
    """A person's message that no call has taken up yet."""
    results: list[str] = field(default_factory=list)
    open_tools: dict[str, Step] = field(default_factory=dict)

    def person(self, at_ns: int) -> None:
        """A person's message."""
        self.asked_ns = self.ready_ns = at_ns

    def output(self, at_ns: int, key: str, model: str) -> Step:
        """A finished block of an answer; the first of it makes the call."""
        if self.call is None or self.call.key != key:
            self.end_call()
            self.calls += 1
            self.call = Step(key, f"call {self.calls}", "llm", at_ns, at_ns, model=model)
            self._begin(self.call, at_ns)
            self.steps.append(self.call)
        self.call.end_ns = self.last_ns = max(self.call.end_ns, at_ns)
        return self.call

    def _begin(self, call: Step, at_ns: int) -> None:
        call.start_ns = at_ns if self.ready_ns is None else min(self.ready_ns, at_ns)
        call.derived = ("started_at",)
        if self.asked_ns is not None and self.last_ns is not None:
            key = f"{self.name} person {len(self.steps)}"
            start_ns = min(self.last_ns, call.start_ns)
            pause = Step(key, "a person", "human", start_ns, call.start_ns)
            pause.derived = ("started_at",)
            self.steps.append(pause)
            call.after.append(key)
        call.after += self.results
        self.results, self.asked_ns = [], None

    def end_call(self) -> None:
        """What comes now belongs to another call."""
        self.call = None

    def tool(self, at_ns: int, id: str, name: str) -> None:
        """An answer asked for a tool."""
        after = [self.call.key] if self.call else []
        key = f"{self.name} tool {id}"
        step = Step(key, name or "tool", "tool", at_ns, at_ns, after=after)
        self.steps.append(step)
        self.open_tools[id] = step

    def result(self, at_ns: int, id: str) -> None:
        """A tool's result."""
        if step := self.open_tools.pop(id, None):
            step.end_ns = max(step.start_ns, at_ns)
            self.results.append(step.key)
        self.ready_ns = at_ns if self.ready_ns is None else max(self.ready_ns, at_ns)

    def failed(self, at_ns: int, why: str, again_ns: int) -> None:
        """An attempt that came to nothing, and when the next began."""
        start_ns = at_ns if self.ready_ns is None else min(self.ready_ns, at_ns)
        end_ns = max(at_ns, again_ns)
        key = f"{self.name} retry {len(self.steps)}"
        step = Step(key, "retry", "retry", start_ns, end_ns, error=why, derived=("started_at",))
        step.after, self.results = self.results, [key]
        self.steps.append(step)
        self.ready_ns = end_ns
