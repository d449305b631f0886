"""Errors as OpenAI's API sends them: `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

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


def message_of(status: int, body: bytes) -> str:
    """What an error body says, for a body from any server: JSON, HTML or nothing."""
    try:
        parsed: Any = json.loads(body)
    except (ValueError, RecursionError):
        return body[:200].decode("utf-8", "replace").strip() or f"HTTP status {status}"
    error = parsed.get("error", parsed) if isinstance(parsed, dict) else parsed
    message = error.get("message") if isinstance(error, dict) else error
    return str(message) if message else f"HTTP status {status}"
