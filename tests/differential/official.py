"""The official client of OpenAI, sync and async, as something that asks on a way and tells what it saw."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Any, Literal

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from tests.differential.bare import LONGEST_S, MESSAGES
from tests.differential.seeing import Seen
from tests.differential.ways import Way

Form = Literal["whole", "whole, async", "stream", "stream, async"]


class Official:
    """One sync and one async client, pointed at a way by nothing but `base_url`.

    Args:
        sync, asynchronous: The clients.
        run: Runs a coroutine of the async one, always in the same loop.
    """

    def __init__(
        self, sync: OpenAI, asynchronous: AsyncOpenAI, run: Callable[[Coroutine[Any, Any, Seen]], Seen]
    ) -> None:
        self._sync = sync
        self._async = asynchronous
        self._run = run

    def at(self, way: Way, *, retries: int = 0, patience_s: float = LONGEST_S) -> OpenAI:
        """The sync client for a way."""
        return self._sync.with_options(base_url=way.base_url, max_retries=retries, timeout=patience_s)

    def ask(self, form: Form, way: Way, *, retries: int = 0, patience_s: float = LONGEST_S, **members: Any) -> Seen:
        """Create a completion, and read it to its end.

        Args:
            form: As a whole or as a stream, by which client.
            way: Where.
            retries, patience_s: Of the client.
            members: Of the request, beside model and messages.
        """
        sent = {"model": way.model, "messages": MESSAGES, **members}
        if form in ("whole", "stream"):
            create = self.at(way, retries=retries, patience_s=patience_s).chat.completions.create
            return _whole(create, sent) if form == "whole" else _streamed(create, sent)
        client = self._async.with_options(base_url=way.base_url, max_retries=retries, timeout=patience_s)
        later = client.chat.completions.create
        return self._run(_whole_later(later, sent) if form == "whole, async" else _streamed_later(later, sent))


def _whole(create: Any, sent: Seen) -> Seen:
    try:
        return of_result(create(**sent))
    except Exception as exc:  # noqa: BLE001  # whatever is raised is compared
        return of_exception(exc)


def _streamed(create: Any, sent: Seen) -> Seen:
    seen: Seen = {"kind": "stream", "chunks": [], "broken": {}}
    try:
        stream = create(stream=True, **sent)
    except Exception as exc:  # noqa: BLE001  # whatever is raised is compared
        return of_exception(exc)
    try:
        with stream:
            for chunk in stream:
                seen["chunks"].append(plain(chunk))
    except Exception as exc:  # noqa: BLE001  # whatever is raised is compared
        seen["broken"] = {named(exc): of_exception(exc)}
    return seen


async def _whole_later(create: Any, sent: Seen) -> Seen:
    try:
        return of_result(await create(**sent))
    except Exception as exc:  # noqa: BLE001  # whatever is raised is compared
        return of_exception(exc)


async def _streamed_later(create: Any, sent: Seen) -> Seen:
    seen: Seen = {"kind": "stream", "chunks": [], "broken": {}}
    try:
        stream = await create(stream=True, **sent)
    except Exception as exc:  # noqa: BLE001  # whatever is raised is compared
        return of_exception(exc)
    try:
        async with stream:
            async for chunk in stream:
                seen["chunks"].append(plain(chunk))
    except Exception as exc:  # noqa: BLE001  # whatever is raised is compared
        seen["broken"] = {named(exc): of_exception(exc)}
    return seen


def of_result(answer: Any) -> Seen:
    """What a call returned: every member, with the request's id that the client took from the head."""
    return {"kind": "answer", "answer": plain(answer), "request_id": getattr(answer, "_request_id", None)}


def of_exception(exc: Exception) -> Seen:
    """What a call raised: an `error` with a status, or `broken`; the object as the exception shows it.

    `exception` is the class of OpenAI's client, `class` that of a framework, which derives from it.
    """
    seen: Seen = {
        "kind": "broken",
        "exception": named(exc),
        "class": f"{type(exc).__module__}.{type(exc).__qualname__}",
    }
    seen["message"] = re.sub(r"^Error code: \d+ - ", "", str(exc))
    if isinstance(exc, openai.APIError):
        seen |= {"error": exc.body, "attributes": {"code": exc.code, "param": exc.param, "type": exc.type}}
    if isinstance(exc, openai.APIStatusError):
        seen |= {"kind": "error", "status": exc.status_code, "request_id": exc.request_id}
        seen |= {name: f"{seen[name]} {exc.status_code}" for name in ("exception", "class")}
    return seen


def named(exc: Exception) -> str:
    """The class of an exception, without what a framework made of it."""
    theirs = [cls for cls in type(exc).__mro__ if cls.__module__ == "openai"]
    cls = theirs[0] if theirs else type(exc)
    return f"{cls.__module__}.{cls.__qualname__}"


def plain(value: Any) -> Any:
    """A result as plain data, unknown members too."""
    return value.model_dump(warnings=False) if isinstance(value, BaseModel) else value
