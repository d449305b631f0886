"""An image is as many tokens as OpenAI counts for its pixels, whatever its file weighs."""

import base64
import struct

import pytest

from labtools.model.tokens import count_tokens, render_prompt
from labtools.wire.api_error import ApiError
from labtools.wire.images import image_size, image_tokens, with_images_as_text


def png(width, height, weight=0):
    head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
    return head + struct.pack(">II", width, height) + bytes(5 + weight)


def jpeg(width, height):
    about = b"\xff\xe1\x00\x10" + bytes(14)
    frame = b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", height, width)
    return b"\xff\xd8" + about + frame + bytes(9)


def webp(kind, body):
    return b"RIFF\0\0\0\0WEBP" + kind + b"\0\0\0\0" + body + bytes(20)


FILES = {
    "png": png(640, 480),
    "gif": b"GIF89a" + struct.pack("<HH", 640, 480) + bytes(9),
    "jpeg": jpeg(640, 480),
    "webp": webp(b"VP8 ", bytes(6) + struct.pack("<HH", 640, 480)),
    "webp, lossless": webp(b"VP8L", b"\x2f" + (639 | 479 << 14).to_bytes(4, "little")),
    "webp, extended": webp(
        b"VP8X", bytes(4) + (639).to_bytes(3, "little") + (479).to_bytes(3, "little")
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_the_size_is_read_from_the_head_of_a_file(name):
    assert image_size(FILES[name]) == (640, 480)


@pytest.mark.parametrize("name", FILES)
def test_half_a_file_has_no_size_or_its_own(name):
    for end in range(len(FILES[name])):
        assert image_size(FILES[name][:end]) in (None, (640, 480))


# The first three are OpenAI's own examples (https://platform.openai.com/docs/guides/images-vision).
@pytest.mark.parametrize(
    ("width", "height", "detail", "tokens"),
    [
        (1024, 1024, "high", 765),
        (2048, 4096, "high", 1105),
        (4096, 8192, "low", 85),
        (512, 512, "auto", 255),
        (1, 1, "None", 255),
    ],
)
def test_tokens_go_by_size_and_detail(width, height, detail, tokens):
    assert image_tokens(width, height, detail) == tokens


def url(data):
    return "data:image/png;base64," + base64.b64encode(data).decode()


def prompt(*parts):
    content = [{"type": "text", "text": "x"}, *parts]
    return render_prompt(None, [], with_images_as_text([{"role": "user", "content": content}]))


def tokens_of(part):
    return count_tokens(prompt(part)) - count_tokens(prompt())


@pytest.mark.parametrize("weight", [0, 1_000_000])
def test_a_prompt_counts_the_pixels_and_not_the_file(weight):
    image = url(png(1024, 1024, weight))
    for part in (
        {"type": "image_url", "image_url": {"url": image}},
        {"type": "input_image", "image_url": image},
        {"type": "image_url", "image_url": {"url": "https://example.com/unknown.png"}},
    ):
        assert 765 <= tokens_of(part) <= 775  # and the JSON around it
    low = {"type": "input_image", "image_url": image, "detail": "low"}
    assert 85 <= tokens_of(low) <= 95


def test_another_image_is_another_prompt():
    first, second = ({"type": "input_image", "image_url": url(png(64, n))} for n in (63, 64))
    assert prompt(first) != prompt(second)


@pytest.mark.parametrize("data", [b"", b"BM and more", png(0, 5)])
def test_what_is_no_image_is_refused(data):
    with pytest.raises(ApiError, match=r"unsupported image.*Allowed: png"):
        tokens_of({"type": "image_url", "image_url": {"url": url(data)}})
