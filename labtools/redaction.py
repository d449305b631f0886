"""What must not be written down, and every form of it that an endpoint may send back."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Collection, Iterable
from functools import lru_cache
from urllib.parse import parse_qsl, unquote, urlsplit

MASK = "[key]"
# What is shorter ("none", "EMPTY") is no secret; a password is one from four characters on.
_SHORTEST_KEY, _SHORTEST_PASSWORD = 8, 4
_PUBLIC_PARAMETERS = ("api-version",)


class Redactor:
    """Takes secrets out of texts: as they are, in base64, in hex, and with escaped characters."""

    def __init__(self, secrets: Collection[str]) -> None:
        forms = [form for secret in sorted(secrets, key=len, reverse=True) for form in _of(secret)]
        self._any = re.compile("|".join(forms)) if forms else None
        # The same, cut up by a stream: the rest of a chunk, and the next one up to its text.
        between = r'(?:"(?!:)[^\r\n]*[\r\n]+(?:[^"\r\n]*[\r\n]+)*data:[^\r\n]*?"\w+": ?"(?=[^"]))?'
        cut = [between.join(map(_character, secret)) for secret in sorted(secrets, key=len)]
        self._streamed = re.compile("|".join([*forms, *cut])) if forms else None
        self._between = re.compile(between.removesuffix("?"))

    def __call__(self, text: str) -> str:
        """The text with each secret replaced by a word."""
        return self._any.sub(MASK, text) if self._any else text

    def same_length(self, body: str) -> str:
        """A body with each character of a secret replaced by a star, whatever chunks it is in."""
        return self._streamed.sub(self._stars, body) if self._streamed else body

    def _stars(self, found: re.Match[str]) -> str:
        text, start, masked = found[0], 0, []
        for gap in self._between.finditer(text):
            masked += ["*" * (gap.start() - start), gap[0]]
            start = gap.end()
        return "".join([*masked, "*" * (len(text) - start)])


NO_SECRET = Redactor(())


@lru_cache(maxsize=64)
def redactor_for(key: str, url: str) -> Redactor:
    """What a client with this key and this base URL must not write down."""
    parts, secrets = urlsplit(url), set[str]()
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    pairs = [f"{user}:{password}"] if password else []
    values = [value for name, value in parse_qsl(parts.query) if name not in _PUBLIC_PARAMETERS]
    secrets.update(word for word in (key, user, *pairs, *values) if len(word) >= _SHORTEST_KEY)
    if len(password) >= _SHORTEST_PASSWORD:
        secrets.add(password)
    return Redactor(secrets)


def _of(secret: str) -> Iterable[str]:
    """The forms of a secret, as patterns."""
    raw = secret.encode()
    yield "".join(map(_character, secret))
    yield f"(?i:{raw.hex()})"
    for before in range(3):  # in base64 it looks different after one and after two other bytes
        text = b64encode(b"\0" * before + raw).decode().rstrip("=")
        # Characters that hold bits of what stands beside it are not the secret's own.
        own = text[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        if len(own) >= _SHORTEST_PASSWORD:
            pattern = re.escape(own).replace(r"\+", "[+-]").replace("/", "[/_]")
            yield f"[A-Za-z0-9+/_-]?{pattern}[A-Za-z0-9+/_-]?={{0,2}}"


def _character(character: str) -> str:
    """One character: itself, or escaped as URLs, JSON, Python and HTML do it."""
    forms = [re.escape(character), rf"(?i:\\u{ord(character):04x})"]
    forms.append("".join(f"%(?:25)*(?i:{byte:02x})" for byte in character.encode()))
    forms += [
        rf"(?i:\\x{ord(character):02x})",
        rf"&\#(?:{ord(character)}|(?i:x{ord(character):x}));",
    ]
    if character in "/\"'&":
        forms.append(re.escape("\\" + character))
    return f"(?:{'|'.join(forms)})"


def without_credentials(url: str) -> str:
    """The address without a user's name, a password or a query, any of which may be a key."""
    return re.sub("//[^/]*@", "//", url).partition("?")[0]
