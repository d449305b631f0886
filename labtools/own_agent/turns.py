"""Turns: a coding agent's own log, in which a call begins when all that it needs is there."""

from __future__ import annotations

from dataclasses import dataclass, field

from labtools.own_agent.steps import Step


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
