"""Predicted outputs: what of an answer the request's prediction holds, and the steps that it saves.

The two are compared line by line. A line that the prediction does not hold changes nothing about
where the next one is expected; one that it holds further on is accepted from there, and what lay
between is rejected.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import replace

from labtools.model.tokens import count_tokens
from labtools.wire.answer import Answer, Piece


def with_prediction(answer: Answer, prediction: str, per_step: int) -> Answer:
    """The answer in fewer steps: each takes up to `per_step` predicted tokens before its own."""
    text = answer.text("content")
    if not (prediction and text and per_step):
        return answer
    held, rejected = _compared(text, prediction)
    pieces: list[Piece] = []
    waiting: list[Piece] = []
    accepted = end = 0
    for piece in answer.pieces:
        end += len(piece.text) if piece.kind == "content" else 0
        is_held = piece.kind == "content" and all(held[end - len(piece.text) : end])
        accepted += is_held
        waiting.append(piece)
        if not is_held or len(waiting) > per_step:
            pieces.append(_joined(waiting))
            waiting = []
    if waiting:
        pieces.append(_joined(waiting))
    return replace(
        answer,
        pieces=tuple(pieces),
        accepted_tokens=accepted,
        rejected_tokens=count_tokens(rejected),
    )


def _joined(pieces: list[Piece]) -> Piece:
    *_, last = pieces
    return replace(last, text="".join(piece.text for piece in pieces), tokens=len(pieces))


def _compared(text: str, prediction: str) -> tuple[list[bool], str]:
    """Of each character of the text, whether the prediction holds it; and what is rejected."""
    predicted = prediction.splitlines(keepends=True)
    places: dict[str, list[int]] = defaultdict(list)
    for place, line in enumerate(predicted):
        places[line].append(place)
    held: list[bool] = []
    rejected: list[str] = []
    at = 0
    for line in text.splitlines(keepends=True):
        ahead = places[line]
        nearest = bisect_left(ahead, at)
        found = ahead[nearest] if nearest < len(ahead) else -1
        # An empty line is everywhere; it goes on from where the last one was and from nowhere else.
        is_held = found == at or (found > at and bool(line.strip()))
        held += [is_held] * len(line)
        if is_held:
            rejected += predicted[at:found]
            at = found + 1
    return held, "".join([*rejected, *predicted[at:]])
