"""Takes credentials out of error text that came from a provider (ruling 12).

It never sees an answer: only what a `Failed` carries passes here before it reaches a client, span, event or log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tracegate.errors import Failed

LONGEST = 1_000  # characters that are shown (ruling 12)
HIDDEN = "[redacted]"
KEPT = 200  # characters of a text that is kept once it was found clean
MANY = 500  # of these; then they are forgotten and begin anew
_WINDOW = 8 * LONGEST  # characters that are searched; what follows is cut anyway
_MARGIN = 256  # at the end of that window, the first half of a credential might stand
_DEEPEST = 16  # levels of an error object

_VALUE = r"\s*[\"']?(?:(?:bearer|basic)\s+)?[^\s\"',;&<>]+"
# What credentials look like, each behind a text without which it can't match: looking for that costs a tenth.
_LOOKS = tuple(
    (hint, re.compile(pattern, re.IGNORECASE))
    for hint, pattern in (
        ("authorization", rf"authorization[\"']?\s*[:=]{_VALUE}"),
        ("bearer", r"\bbearer\s+[^\s\"',;&<>]+"),
        ("basic", r"\bbasic\s+[a-z0-9+/_-]{8,}={0,2}"),
        ("key", rf"api[-_ ]?key[\"']?(?:\s+provided)?\s*[:=]{_VALUE}"),
        ("key=", rf"key={_VALUE}"),
        ("token", rf"access[-_ ]?token[\"']?\s*[:=]{_VALUE}"),
        ("token=", rf"token={_VALUE}"),
        ("secret", rf"secret[\"']?\s*[:=]{_VALUE}"),
        ("password", rf"password[\"']?\s*[:=]{_VALUE}"),
        ("sig", rf"\bsig(?:nature)?={_VALUE}"),
        ("sk-", r"\bsk-[\w*.-]{4,}"),
        ("_", r"\b(?:gsk_|fw_|hf_|tgp_v1_)[\w*.-]{8,}"),  # Groq, Fireworks, Hugging Face, Together
        ("xai-", r"\bxai-[\w*.-]{8,}"),
        ("aiza", r"\bAIza[\w-]{8,}"),
        ("eyj", r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),  # a JSON web token
        ("://", r"(?<=://)[^\s/@:\"']{1,200}:[^\s/@\"']{1,200}(?=@)"),
    )
)


class Redactor:
    """Replaces every known secret and whatever looks like one by `[redacted]`.

    Args:
        secrets: Exact values of the configured secrets; empty ones are left out.
    """

    __slots__ = ("_clean", "_margin", "_secrets", "_usual")

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # Longest first: one may be the beginning of another.
        self._secrets = tuple(sorted({secret for secret in secrets if secret}, key=len, reverse=True))
        self._clean: set[str] = set()  # texts that were found clean; no other one is kept
        self._usual: Mapping[str, Any] | None = None  # the last body that was found clean as it is
        self._margin = max(_MARGIN, len(self._secrets[0]) if self._secrets else 0)

    def __repr__(self) -> str:
        return f"Redactor({HIDDEN})"

    def text(self, text: str) -> str:
        """The text without credentials, at most 1,000 characters long."""
        if text in self._clean:
            return text
        if len(text) > _WINDOW + self._margin:
            shown = self._redacted(text[: _WINDOW + self._margin])
            text = f"{shown[: max(0, len(shown) - self._margin)]}…"
        else:
            shown = self._redacted(text)
            if shown == text and len(text) <= KEPT:  # it will come again: a member's name, a code, the usual words
                if len(self._clean) >= MANY:
                    self._clean.clear()
                self._clean.add(text)
            text = shown
        return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"

    def failed(self, failed: Failed) -> None:
        """Redact what an error carries, in place: its message, its code, and every text of its body."""
        clean, said, body = self._clean, failed.message, failed.body
        if said not in clean:
            failed.message = self.text(said)
            failed.args = (failed.message,)
        if failed.code is not None and failed.code not in clean:
            failed.code = self.text(failed.code)
        if body is None or body is self._usual:
            return
        if self._is_clean(body):
            self._usual = body
        else:
            shown = {}
            for name, part in body.items():  # most of it is known all the same, and its text is the message
                if part is not None and (part.__class__ is not str or part not in clean):
                    part = failed.message if part == said else self._inside(part, 1)
                shown[name if name in clean else self.text(name)] = part
            failed.body = shown

    def _is_clean(self, body: Mapping[str, Any]) -> bool:
        """Whether nothing but texts that are known stands in a body: most of them come again and again."""
        clean = self._clean
        for name, part in body.items():
            if name not in clean or (part is not None and (part.__class__ is not str or part not in clean)):
                return False
        return True

    def _redacted(self, text: str) -> str:
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, HIDDEN)
        folded = text.lower()
        for hint, look in _LOOKS:
            if hint in folded:
                text = look.sub(HIDDEN, text)
        return text

    def _inside(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict | list) and depth > _DEEPEST:
            return HIDDEN
        if isinstance(value, dict):
            return {self.text(name): self._inside(part, depth + 1) for name, part in value.items()}
        if isinstance(value, list):
            return [self._inside(part, depth + 1) for part in value]
        return value
