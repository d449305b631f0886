"""What the book's diagrams show. Lengths are for the eye: the figures hold the numbers."""

from __future__ import annotations

from itertools import pairwise

from diagram import Block, Diagram, Lane

_STEPS = [41 + 6.5 * step for step in range(10)]

CALL = Diagram(
    (
        Lane(
            "what happens",
            (
                Block(0, 5, "waiting"),
                Block(5, 17, "waiting", "queue"),
                Block(17, 36, "ttft", "prefill"),
                Block(36, 41, "waiting"),
                *(Block(start, end, "decode") for start, end in pairwise(_STEPS)),
            ),
        ),
        Lane("what you see", (Block(0, 41, "span", "TTFT"), Block(41, 99.5, "span", "decode"))),
        Lane("", (Block(0, 99.5, "span", "the call, end to end"),)),
    ),
    "A call over time: the request travels, waits in a queue, the prompt is read, the first token "
    "travels back; that is TTFT. Then tokens follow at a steady rate; that is decode.",
    "A call from the request to the end of the answer. The first token ends the wait, and from "
    "there on each step brings one more.",
    (("waiting", "network and queue"), ("ttft", "reading the prompt"), ("decode", "a token each")),
)

BATCH = Diagram(
    (
        Lane("slot 1", (Block(0, 52, "decode", "A"), Block(52, 90, "decode", "E"))),
        Lane("slot 2", (Block(0, 30, "decode", "B"), Block(30, 78, "decode", "D"))),
        Lane("slot 3", (Block(0, 64, "decode", "C"),)),
        Lane("queue", (Block(8, 30, "waiting", "D waits"),)),
        Lane("", (Block(18, 52, "waiting", "E waits"),)),
    ),
    "A batch of three slots over time: A, B and C begin at once. D waits until B has ended, and E, "
    "which came after D, until A has.",
    "A batch with three slots. A call that finds them full waits for an answer to end, however "
    "fast each step is.",
    (("decode", "an answer being written"), ("waiting", "waiting for a slot")),
    (
        (0, "A, B and C come, and each takes a slot."),
        (8, "D comes. No slot is free, so it waits."),
        (18, "E comes, and waits behind D."),
        (30, "B is the first to end, and D takes its slot."),
        (52, "A ends, and E takes its slot. When C ends, nobody waits."),
    ),
)

_SERVED = ((0, 10), (10, 20), (20, 60), (60, 70), (70, 80), (80, 90))

LOOPS = Diagram(
    (
        Lane(
            "closed loop",
            tuple(
                Block(start, end, "decode", "the stall" if end - start > 10 else "")
                for start, end in _SERVED
            ),
        ),
        *(
            Lane(
                "open loop" if number == 0 else "",
                (
                    *((Block(10 * number, start, "waiting"),) if start > 10 * number else ()),
                    Block(start, end, "decode", "the stall" if end - start > 10 else ""),
                ),
            )
            for number, (start, end) in enumerate(_SERVED)
        ),
    ),
    "An endpoint that serves one call at a time stalls once. The closed loop sends nothing "
    "meanwhile and has one slow call. In the open loop calls keep arriving, and each waits.",
    "The same stall, met by a client that waits for each answer and by users who do not know of "
    "one another. Each row of the open loop is one call, from its arrival to its end.",
    (("decode", "served"), ("waiting", "waiting behind the stall")),
)

CRITICAL_PATH = Diagram(
    (
        Lane("locate the file", (Block(0, 18, "path", "locate"),)),
        Lane("read the source", (Block(18, 52, "path", "source"),)),
        Lane("read the test", (Block(18, 38, "decode", "test"), Block(38, 52, "slack", "slack"))),
        Lane("write the fix", (Block(52, 98, "path", "fix"),)),
    ),
    "Four steps over time: locating the file, then reading the source and the test at once, then "
    "the fix, which waits for the longer read. The test has slack: it could take longer.",
    "The steps with a heavy outline are the critical path. Make the read of the test faster, and "
    "the run takes as long as before.",
)

_PREVIOUS = "as in the call before"

LAYOUTS = Diagram(
    (
        Lane(
            "stable first",
            (
                Block(0, 18, "kept", "tools"),
                Block(18, 36, "kept", "system"),
                Block(36, 82, "kept", "history"),
                Block(82, 94, "ttft", "new"),
                Block(94, 100, "ttft"),
            ),
            mark=82,
        ),
        Lane(
            "history rewritten",
            (
                Block(0, 18, "kept", "tools"),
                Block(18, 36, "kept", "system"),
                Block(36, 42, "kept"),
                Block(42, 58, "ttft", "history"),
                Block(58, 70, "ttft", "new"),
            ),
            mark=42,
        ),
        Lane(
            "time first",
            (
                Block(0, 18, "kept", "tools"),
                Block(18, 22, "ttft"),
                Block(22, 40, "ttft", "system"),
                Block(40, 86, "ttft", "history"),
                Block(86, 98, "ttft", "new"),
            ),
            mark=18,
        ),
        Lane(
            "tools shuffled",
            (
                Block(0, 18, "ttft", "tools"),
                Block(18, 36, "ttft", "system"),
                Block(36, 82, "ttft", "history"),
                Block(82, 94, "ttft", "new"),
                Block(94, 100, "ttft"),
            ),
            mark=0,
        ),
    ),
    "Four layouts of a prompt as rows of tools, system prompt, history and what is new. An arrow "
    "marks the first byte that differs from the call before: behind the history where what is "
    "stable comes first, inside the history where it is rewritten, behind the tools where the time "
    "comes first, and at the very start where the tools are shuffled. All behind it is read again.",
    "Arrows mark the first byte that differs from the call before. What stands before the arrow "
    "comes from the cache, and everything behind it is read again.",
    (("kept", _PREVIOUS), ("ttft", "read again")),
)

DIAGRAMS = {
    "call": CALL,
    "batch": BATCH,
    "loops": LOOPS,
    "critical_path": CRITICAL_PATH,
    "layouts": LAYOUTS,
}
"""By the name that a page gives to the directive."""
