"""What the two ways show at the places where a row of the table needs more than a look at one value."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.differential.differing import ABSENT, read_json
from tests.differential.fitting import Fits
from tests.differential.ways import CLIENT_KEY

DONE = b"data: [DONE]\n\n"
BOM = b"\xef\xbb\xbf"
SHAPE = ["message", "type", "param", "code"]
CODES_IN_BAND = ("http_response_incomplete", "http_protocol_error", "connection_read_timeout")
IN_A_200 = {
    None: 502,  # a fault
    "invalid_api_key": 502,
    "context_length_exceeded": 400,
    "content_policy_violation": 400,
    "rate_limit_exceeded": 429,
}
"""The status of an error that stood in a 200, by its code."""

# --- calls ---


def asking_usage(direct: bytes, through: bytes) -> bool:
    """The text of a call that asks for usage, and is the same otherwise."""
    theirs, ours = read_json(direct), read_json(through)
    options = {**(theirs.pop("stream_options", None) or {}), "include_usage": True}
    return bool(ours.pop("stream_options", None) == options and list(theirs.items()) == list(ours.items()))


def without_repetition(direct: bytes, through: bytes) -> bool:
    """The text of a call whose member `twice` came twice."""
    return b'"twice"' in direct and direct.replace(b'"twice":1,', b"").replace(b',"twice":2', b"") == through.replace(
        b'"twice":2,', b""
    )


def without_blanks(direct: bytes, through: bytes) -> bool:
    """The text of a call, member for member the same."""
    return str(read_json(direct)) == str(read_json(through))


# --- streams ---


def other_lines(direct: bytes, through: bytes) -> bool:
    """An event whose lines end in another way."""
    return payload(through) != "[DONE]" and direct.replace(b"\r\n", b"\n").replace(b"\r", b"\n") == through


def without_comment(direct: bytes, through: bytes) -> bool:
    """An event in which a comment stood."""
    lines = [line for line in direct.splitlines(keepends=True) if not line.startswith(b":")]
    return direct.startswith(b":") and b"".join(lines) == through


def no_data(block: bytes) -> bool:
    """A block that no reader makes an event of."""
    return not half(block) and not any(line.startswith(b"data") for line in block.splitlines())


def usage_only(event: bytes) -> bool:
    """The chunk that reports usage."""
    said = payload(event)
    return isinstance(said, dict) and said.get("choices") == [] and "usage" in said


def half(event: bytes) -> bool:
    """An event that was cut."""
    return not event.endswith((b"\n\n", b"\r\r", b"\r\n\r\n"))


def unread(event: bytes) -> bool:
    """An event that can't be read, or one behind it."""
    if half(event) or no_data(event) or event == DONE:
        return False
    return not usage_only(event) and error_in(event) is None


def with_record(direct: bytes, through: bytes) -> bool:
    """The provider's own error event, which says the record too."""
    theirs, ours = error_in(direct), error_in(through)
    return theirs is not None and ours is not None and theirs | {"record": ours.get("record")} == ours


def with_record_redacted(direct: bytes, through: bytes) -> bool:
    """The same, of an error that repeats a key."""
    theirs, ours = error_in(direct), error_in(through)
    if theirs is None or ours is None or not redacted(theirs["message"], ours["message"]):
        return False
    return theirs | {"message": ours["message"], "record": ours.get("record")} == ours


def out_of_a_chunk(event: bytes) -> bool:
    """An error that stood in a chunk of an answer, completed and by itself."""
    error = error_in(event)
    return error is not None and list(error) == ["message", "code", "metadata", "type", "param", "record"]


def broken_in_band(event: bytes) -> bool:
    """The gateway's own error event."""
    return own_in_band({"error": error_in(event)})


def own_in_band(exception: dict[str, Any]) -> bool:
    """The exception that it becomes."""
    error = exception["error"]
    return isinstance(error, dict) and list(error) == [*SHAPE, "record"] and error["code"] in CODES_IN_BAND


def own_comments(block: bytes) -> bool:
    """The final comment block: who served, every attempt, how it ended, the receipt, and nothing that is not ours."""
    said = [line.split(b" ")[1] for line in block.splitlines() if line]
    must = {b"tracegate-served-by", b"tracegate-attempts", b"tracegate-outcome", b"tracegate-receipt"}
    return must <= set(said) <= must | {b"tracegate-usage", b"tracegate-cost"} and block.endswith(b"\n\n")


def last_chunk(chunk: dict[str, Any]) -> bool:
    """LangChain's own chunk behind a stream that ended well."""
    return bool(chunk.get("chunk_position") == "last")


def payload(event: bytes) -> Any:
    """What an event says: its JSON, or its text."""
    lines = [line[5:].strip() for line in event.splitlines() if line.startswith(b"data:")]
    text = b"\n".join(lines).decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
        return text


def error_in(event: bytes) -> dict[str, Any] | None:
    """The error object of an event that has one."""
    said = payload(event)
    error = said.get("error") if isinstance(said, dict) else None
    return error if isinstance(error, dict) else None


# --- errors ---


def own_error(status: int, code: str) -> Fits:
    """What was no error is one of the gateway's own."""

    def holds(direct: Any, through: Any) -> bool:
        error = through["error"]
        said = (through["status"], error.get("code"), error.get("type"), list(error))
        return said == (status, code, "upstream_error", [*SHAPE, "record", "attempts"])

    return holds


def named_in_a_200(direct: dict[str, Any], through: dict[str, Any]) -> bool:
    """The error that stood in a 200 is one by its class; where it can be seen in the 200, it is the same."""
    error = {name: part for name, part in through["error"].items() if name not in ("record", "attempts")}
    if list(error) != SHAPE or error["type"] == "upstream_error" or IN_A_200.get(error["code"]) != through["status"]:
        return False
    body = direct.get("body") or next(iter(direct.get("events", [])), None)
    if body is None:
        return True
    theirs = error_in(body if body.startswith(b"data:") else b"data: " + b" ".join(body.splitlines())) or {}
    return all(theirs[name] == error[name] or redacted(theirs[name], error[name]) for name in SHAPE)


def refused(direct: dict[str, Any], through: dict[str, Any]) -> bool:
    """An error of the gateway's own, with the status and in the shape that the provider would give."""
    said = [name for name in through["error"] if name != "record"]
    return said == SHAPE and direct["status"] == through["status"]


def redacted(direct: Any, through: Any) -> bool:
    """A text without the key that it repeated."""
    return CLIENT_KEY[-4:] in (direct or "") and "[redacted]" in through and CLIENT_KEY[-4:] not in through


def reshaped(direct: Any, through: Any) -> bool:
    """A provider's error in another shape, or in plain words: the same words, as an object."""
    match direct:
        case bytes():
            words: Any = re.sub(r"</?\w+>", "", direct.decode())
        case [{"error": {"message": words}}]:
            pass
        case _:
            words = direct
    return isinstance(through, dict) and bool(through["message"] == words)


def wordless(direct: Any, through: Any) -> bool:
    """A body without an error in it."""
    return direct in (b"", []) and list(through) == [*SHAPE, "record", "attempts"] and bool(through["message"])


def shortened(direct: Any, through: Any) -> bool:
    """A text that was cut (ruling 12)."""
    return isinstance(direct, str) and len(direct) > 1000 == len(through) and direct.startswith(through[:-1])


def in_seconds(direct: Any, through: Any) -> bool:
    """A wait in whole seconds that came in another form."""
    return (direct is ABSENT or not direct.isdigit()) and through is not ABSENT and 0 < int(through) <= 60
