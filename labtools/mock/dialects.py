"""How providers say it: the mock's plain Chat Completions, respelt as each of ten sends them.

The times are the plain mock's. What differs is what a client must cope with: where usage stands and
what it tells, under which name thoughts come, which limit is obeyed, the form of an error, comments
that keep a connection alive. The forms are those of the providers' documents and of recorded
streams of 2025 and 2026.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from labtools.wire.api_error import ApiError
from labtools.wire.generation import parse_json_object

Json = dict[str, Any]
_NEWER_LIMIT = "max_completion_tokens"


class Dialect:
    """A provider's ways, so far as they differ from the plain mock's. This one has none."""

    comment = b""
    """What is sent while no token is due."""
    takes_newer_limit: bool | None = True
    """Whether `max_completion_tokens` is obeyed. None: it is refused."""
    whole_calls = False
    """Whether a tool call is one chunk, sent when it is complete."""
    thoughts = "reasoning_content"
    """The field that thoughts come in."""
    details = True
    """Whether usage says more than the three counts."""
    usage_rides = False
    """Whether usage is on the chunk with the last finish reason, asked for or not."""

    def request(self, raw: bytes) -> bytes:
        """The request as this provider reads it. Raises ApiError (422) for what it refuses."""
        if self.takes_newer_limit or _NEWER_LIMIT.encode() not in raw:
            return raw
        body = parse_json_object(raw)
        if body.pop(_NEWER_LIMIT, None) is not None and self.takes_newer_limit is None:
            raise ApiError(422, "Extra inputs are not permitted", param=_NEWER_LIMIT)
        return json.dumps(body).encode()

    def opening(self) -> list[Json]:
        """Chunks before the first."""
        return []

    def message(self, message: Json) -> Json | None:
        """A delta, or a whole message. None: nothing is sent."""
        names = {"reasoning_content": self.thoughts}
        return {names.get(name, name): value for name, value in message.items()}

    def body(self, body: Json) -> Json:
        """A chunk, or the body of a whole answer; usage is not yet in it."""
        return body

    def usage(self, usage: Json) -> Json:
        """The token counts."""
        three = ("prompt_tokens", "completion_tokens", "total_tokens")
        return usage if self.details else {name: usage[name] for name in three}

    def ending(self, finish: Json, usage: Json, asked: bool) -> list[Json]:
        """The chunk with the last finish reason, and the usage where it is told."""
        if self.usage_rides:
            return [{**finish, "usage": usage}]
        return [finish, {**finish, "choices": [], "usage": usage}] if asked else [finish]

    def whole(self, body: Json, usage: Json) -> Json:
        """The body of an answer that is not streamed, with its usage."""
        return {**body, "usage": usage}

    def error(self, error: ApiError) -> Json:
        """The body of an error."""
        plain: Json = json.loads(error.body())
        return plain


class OpenAI(Dialect):
    """Thoughts are counted and not shown."""

    def message(self, message: Json) -> Json | None:
        shown = {name: value for name, value in message.items() if name != "reasoning_content"}
        return shown if shown or not message else None

    def body(self, body: Json) -> Json:
        return {**body, "service_tier": "default", "system_fingerprint": "fp_mock"}


class Azure(OpenAI):
    """A chunk without choices comes first; every choice tells what a filter found."""

    def opening(self) -> list[Json]:
        filtered = [{"prompt_index": 0, "content_filter_results": {}}]
        nothing = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}
        return [{**nothing, "prompt_filter_results": filtered}]

    def body(self, body: Json) -> Json:
        choices = [{**choice, "content_filter_results": {}} for choice in body["choices"]]
        return {**body, "choices": choices, "system_fingerprint": "fp_mock"}

    def error(self, error: ApiError) -> Json:
        return {"error": {"code": error.code or str(error.status), "message": error.message}}


class Groq(Dialect):
    """Usage is in `x_groq`, asked for or not; thoughts are `reasoning`."""

    thoughts = "reasoning"

    def ending(self, finish: Json, usage: Json, asked: bool) -> list[Json]:
        return [{**finish, "x_groq": {"id": finish["id"], "usage": usage}}]

    def whole(self, body: Json, usage: Json) -> Json:
        return {**body, "usage": usage, "x_groq": {"id": body["id"]}}


class DeepSeek(Dialect):
    """Usage rides on the last chunk and counts hits and misses; the newer limit is ignored."""

    comment = b": keep-alive\n\n"
    takes_newer_limit = False
    usage_rides = True

    def usage(self, usage: Json) -> Json:
        hit = usage["prompt_tokens_details"]["cached_tokens"]
        counts = {
            "prompt_cache_hit_tokens": hit,
            "prompt_cache_miss_tokens": usage["prompt_tokens"] - hit,
        }
        return {**usage, **counts, "prompt_tokens_details": {"cached_tokens": hit}}


class Mistral(Dialect):
    """Thoughts are parts of the content; the newer limit is refused; a tool call comes whole."""

    takes_newer_limit = None
    whole_calls = True
    details = False
    usage_rides = True

    def message(self, message: Json) -> Json | None:
        message = {**message}
        if thought := message.pop("reasoning_content", None):
            parts: list[Json] = [
                {"type": "thinking", "thinking": [{"type": "text", "text": thought}]}
            ]
            if message.get("content"):
                parts.append({"type": "text", "text": message["content"]})
            message["content"] = parts
        return message

    def error(self, error: ApiError) -> Json:
        if error.status == 401:
            return {"detail": "Unauthorized"}
        message: Any = error.message
        if error.status == 422:
            found = {"type": "extra_forbidden", "loc": ["body", error.param], "msg": message}
            message = {"detail": [found]}
        kind = "rate_limited" if error.status == 429 else "invalid_request_error"
        return {"object": "error", "message": message, "type": kind, "param": None, "code": "1300"}


class Moonshot(Dialect):
    """Usage is in the last chunk's choice; cached tokens stand beside the others."""

    details = False

    def usage(self, usage: Json) -> Json:
        cached = usage["prompt_tokens_details"]["cached_tokens"]
        return {**super().usage(usage), "cached_tokens": cached}

    def ending(self, finish: Json, usage: Json, asked: bool) -> list[Json]:
        choices = [{**choice, "usage": usage} for choice in finish["choices"]]
        return [{**finish, "choices": choices}]

    def error(self, error: ApiError) -> Json:
        kind = "rate_limit_reached_error" if error.status == 429 else "invalid_request_error"
        return {"error": {"message": error.message, "type": kind}}


class OpenRouter(Dialect):
    """Every delta has a role and a content; the chunk with the usage has a choice as well."""

    comment = b": OPENROUTER PROCESSING\n\n"
    thoughts = "reasoning"

    def message(self, message: Json) -> Json | None:
        shown = super().message({"role": "assistant", "content": "", **message})
        if shown and (thought := shown.get("reasoning")):
            shown["reasoning_details"] = [{"type": "reasoning.text", "text": thought, "index": 0}]
        return shown

    def body(self, body: Json) -> Json:
        choices = [
            {**choice, "native_finish_reason": choice["finish_reason"]}
            for choice in body["choices"]
        ]
        return {**body, "provider": "Mock", "choices": choices}

    def usage(self, usage: Json) -> Json:
        return {**usage, "cost": 0, "is_byok": False}

    def ending(self, finish: Json, usage: Json, asked: bool) -> list[Json]:
        nothing = {"role": "assistant", "content": ""}
        choice = {"index": 0, "delta": nothing, "finish_reason": None}
        return [finish, {**finish, "choices": [choice], "usage": usage}]

    def error(self, error: ApiError) -> Json:
        metadata = {"provider_name": "Mock", "raw": error.message}
        found = {"code": error.status, "message": error.message, "metadata": metadata}
        return {"error": found, "user_id": "user_mock"}


class VLLM(Dialect):
    """Thoughts are `reasoning`; cached tokens are not told unless a server is set up for it."""

    thoughts = "reasoning"
    details = False

    def usage(self, usage: Json) -> Json:
        return {**super().usage(usage), "prompt_tokens_details": None}

    def error(self, error: ApiError) -> Json:
        names = {401: "Unauthorized", 404: "NotFoundError", 400: "BadRequestError"}
        kind = names.get(error.status, "InternalServerError")
        found = {"message": error.message, "type": kind, "param": error.param}
        return {"error": {**found, "code": error.status}}


class LlamaCpp(Dialect):
    """The last chunk has `timings`, which alone count what came from the cache."""

    details = False

    def message(self, message: Json) -> Json | None:
        opens = message.get("role") == "assistant" and message["content"] == ""
        return {**message, "content": None} if opens else message

    def usage(self, usage: Json) -> Json:
        cached = usage["prompt_tokens_details"]["cached_tokens"]
        given, written = usage["prompt_tokens"] - cached, usage["completion_tokens"]
        timings = {"cache_n": cached, "prompt_n": given, "predicted_n": written}
        return {**super().usage(usage), "_timings": timings}

    def ending(self, finish: Json, usage: Json, asked: bool) -> list[Json]:
        timings = usage.pop("_timings")
        return [
            {**chunk, "timings": timings} if "usage" in chunk or not asked else chunk
            for chunk in super().ending(finish, usage, asked)
        ]

    def whole(self, body: Json, usage: Json) -> Json:
        timings = usage.pop("_timings")
        return {**super().whole(body, usage), "timings": timings}

    def error(self, error: ApiError) -> Json:
        kinds = {401: "authentication_error", 404: "not_found_error", 503: "unavailable_error"}
        kind = kinds.get(error.status, "invalid_request_error")
        return {"error": {"code": error.status, "message": error.message, "type": kind}}


class Ollama(Dialect):
    """Thoughts are `reasoning`, the newer limit is ignored, a tool call comes whole."""

    takes_newer_limit = False
    whole_calls = True
    thoughts = "reasoning"
    details = False

    def message(self, message: Json) -> Json | None:
        return super().message({"role": "assistant", "content": "", **message})

    def body(self, body: Json) -> Json:
        return {**body, "system_fingerprint": "fp_ollama"}


DIALECTS: Mapping[str, Dialect] = {
    "openai": OpenAI(),
    "azure": Azure(),
    "groq": Groq(),
    "deepseek": DeepSeek(),
    "mistral": Mistral(),
    "moonshot": Moonshot(),
    "openrouter": OpenRouter(),
    "vllm": VLLM(),
    "llama.cpp": LlamaCpp(),
    "ollama": Ollama(),
}
"""The dialects by the names that `serve --dialect` takes."""
