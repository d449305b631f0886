"""Images in a prompt: how many tokens one takes, by its size in pixels.

As OpenAI counts for GPT-4o (https://platform.openai.com/docs/guides/images-vision): 85 tokens,
and in high detail 170 more for each square of 512 pixels, once the image is scaled into 2048
pixels and its shorter side to 768.
"""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from collections.abc import Iterable, Mapping
from typing import Any

from labtools.model.tokens import CHARS_PER_TOKEN
from labtools.wire.api_error import ApiError

_BASE_TOKENS = 85
_SQUARE_TOKENS = 170
# What is not fetched is taken to be a square of this size.
_UNKNOWN_SIZE = (1024, 1024)


def with_images_as_text(messages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The messages, each image in them as text of as many tokens as the image takes."""
    return [
        {
            name: [_as_text(part) if isinstance(part, dict) else part for part in value]
            if name == "content" and isinstance(value, list)
            else value
            for name, value in message.items()
        }
        for message in messages
    ]


def image_tokens(width: int, height: int, detail: str = "auto") -> int:
    """The tokens of an image of this size in pixels."""
    if detail == "low":
        return _BASE_TOKENS
    scale = min(1.0, 2048 / max(width, height))
    scale *= min(1.0, 768 / (min(width, height) * scale))
    squares = math.ceil(width * scale / 512) * math.ceil(height * scale / 512)
    return _BASE_TOKENS + _SQUARE_TOKENS * squares


def image_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) in pixels of a PNG, GIF, WebP or JPEG file, from its head. None: neither."""
    found: tuple[int, ...] = ()
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 24:
        found = struct.unpack(">II", data[16:24])
    elif data.startswith((b"GIF87a", b"GIF89a")) and len(data) >= 10:
        found = struct.unpack("<HH", data[6:10])
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP" and len(data) >= 30:
        if data[12:16] == b"VP8X":
            found = tuple(1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        elif data[12:16] == b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            found = (1 + bits % 2**14, 1 + (bits >> 14) % 2**14)
        else:
            found = tuple(size % 2**14 for size in struct.unpack("<HH", data[26:30]))
    elif data.startswith(b"\xff\xd8"):
        found = _jpeg_size(data)
    return (found[0], found[1]) if found and min(found) > 0 else None


def _jpeg_size(data: bytes) -> tuple[int, ...]:
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + length
    return ()


def _as_text(part: Mapping[str, Any]) -> Mapping[str, Any]:
    if part.get("type") not in ("image_url", "input_image"):
        return part
    source = part.get("image_url")
    chat = source if isinstance(source, dict) else {"url": source, "detail": part.get("detail")}
    image, detail = chat.get("url"), chat.get("detail")
    if not isinstance(image, str):
        return part
    width, height = _size_of(image) if image.startswith("data:") else _UNKNOWN_SIZE
    length = CHARS_PER_TOKEN * image_tokens(width, height, str(detail))
    digest = hashlib.blake2b(image.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return {"type": "image", "pixels": (digest * -(-length // len(digest)))[:length]}


def _size_of(url: str) -> tuple[int, int]:
    try:
        found = image_size(base64.b64decode(url.partition(",")[2]))
    except ValueError:
        found = None
    if found is None:
        raise ApiError(
            400,
            "You uploaded an unsupported image. Allowed: png, jpeg, gif and webp, in base64.",
            code="invalid_image",
        )
    return found
