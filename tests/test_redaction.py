"""What an endpoint may send back of a key or a password, in whatever dress."""

import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labtools.redaction import redactor_for, without_credentials

KEY = "sk-ab/c+d=e:0123&456789"
URL = "https://alice:p%40ss%2Fw@api.example.com/v1?api-version=2024-10-21&code=abcdefghij"


@pytest.mark.parametrize(
    "form",
    [
        KEY,
        f"Bearer {KEY}",
        quote(KEY),
        quote(KEY, safe=""),
        quote(quote(KEY, safe=""), safe=""),
        "".join(f"%{byte:02x}" for byte in KEY.encode()),
        b64encode(KEY.encode()).decode(),
        b64encode(f"Bearer {KEY}".encode()).decode(),
        b64encode(f"a:{KEY}".encode()).decode(),
        urlsafe_b64encode(f"user:{KEY}".encode()).decode().rstrip("="),
        KEY.encode().hex().upper(),
        KEY.replace("/", "\\/").replace("&", "\\u0026"),
        KEY.replace("&", "&#38;"),
        "alice:p@ss/w",
        "p@ss/w",
        "p%40ss%2Fw",
        b64encode(b"alice:p@ss/w").decode(),
        "abcdefghij",
    ],
)
def test_no_form_of_a_secret_is_left(form):
    said = redactor_for(KEY, URL)(f"you sent <{form}>, dear user")
    assert "[key]" in said
    assert said.startswith("you sent <")
    assert said.endswith(">, dear user")
    assert len(said) < len("you sent <[key]>, dear user") + 14  # base64 of what stands before it


@pytest.mark.parametrize("key", ["none", "EMPTY", "ollama", ""])
def test_a_word_that_is_no_secret_stays(key):
    said = f"{key}, alice, 2024-10-21 and /v1 are none"
    assert redactor_for(key, URL)(said) == said
    assert redactor_for(key, "https://api.example.com/v1").same_length(said) == said


@given(st.integers(1, len(KEY) - 1), st.integers(1, len(KEY) - 1), st.integers(0, 2))
def test_a_key_that_comes_in_several_chunks_is_in_no_recording(first, second, pings):
    parts = [KEY[: min(first, second)], KEY[min(first, second) : max(first, second)]]
    parts = [part for part in [*parts, KEY[max(first, second) :]] if part]
    body = "".join(
        f"data: {json.dumps({'choices': [{'delta': {'content': part}, 'index': 0}]})}\n\n"
        + ": ping\n\n" * pings
        for part in parts
    )
    masked = redactor_for(KEY, "").same_length(body)
    assert len(masked) == len(body)
    stars = [json.loads(line[6:]) for line in masked.split("\n") if line.startswith("data")]
    said = [chunk["choices"][0]["delta"]["content"] for chunk in stars]
    assert said == ["*" * len(part) for part in parts]


def test_an_address_is_shown_without_credentials():
    assert without_credentials(URL) == "https://api.example.com/v1"
