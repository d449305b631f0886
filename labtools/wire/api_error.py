"""Errors as OpenAI's API sends them: `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping

_TYPES = {
    401: "authentication_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
}
# What is quoted of a request must not make the error as long as the request.
_LONGEST = 2_000


class ApiError(Exception):
    """An answer of the endpoint that is not a 200.

    `status` is the HTTP status; `param` names the part of the request that was wrong, such as
    `messages[0].role`; `code` is OpenAI's machine-readable name for the error, where it has one.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message if len(message) <= _LONGEST else f"{message[:_LONGEST]}..."
        self.param = param
        self.code = code
        self.headers = dict(headers or {})

    def body(self) -> bytes:
        kind = _TYPES.get(self.status, "invalid_request_error")
        error = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return json.dumps({"error": error}).encode()


def invalid(param: str, message: str, code: str | None = None) -> ApiError:
    """The 400 for a request of which `param` is wrong."""
    return ApiError(400, message, param=param, code=code)


def missing(param: str) -> ApiError:
    """The 400 for a request that lacks `param`."""
    return invalid(param, f"Missing required parameter: '{param}'.")


def message_of(status: int, body: bytes) -> str:
    """What an error body says, for a body from any server, in at most some hundred characters."""
    text = body[:20_000].decode("utf-8", "replace").strip()
    try:
        said = words_in(json.loads(body))
    except (ValueError, RecursionError):
        said = _of_page(text) if text.startswith("<") else text
    return shortened(said) or f"HTTP status {status}"


def words_in(error: object) -> str:
    """What a JSON value says of what went wrong: it has as many forms as there are servers."""
    if isinstance(error, str):
        return error
    if isinstance(error, list):
        return "; ".join(filter(None, map(words_in, error[:3])))
    if not isinstance(error, dict):
        return ""
    said = next(filter(None, (words_in(error.get(name)) for name in _NAMES)), "")
    where = error.get("loc")  # pydantic's
    if said and isinstance(where, list):
        said = f"{'.'.join(map(str, where))}: {said}"
    metadata = error.get("metadata")  # what a router's provider said
    raw = words_in(metadata.get("raw")) if isinstance(metadata, dict) else ""
    return f"{said}: {raw}" if said and raw else said or raw


def shortened(text: str) -> str:
    """On one line, and not a page of it."""
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_SAID else f"{text[:_LONGEST_SAID]} ..."


def _of_page(page: str) -> str:
    """The words of an HTML page: its title and what follows."""
    page = re.sub(r"(?is)<(script|style)\b.*?(</\1>|$)", " ", page)
    return html.unescape(re.sub(r"<[^>]*>", " ", page))


_NAMES = (
    "error", "errors", "detail", "details", "message", "Message", "msg", "error_message",
    "error_msg", "errorMessage", "error_description", "status_msg", "description", "reason",
    "title", "code", "type",
)  # fmt: skip
_LONGEST_SAID = 500
