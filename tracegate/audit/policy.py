"""What a verifier trusts: keys of logs, and how many of which witnesses must have seen a head.

A plain key trusts one log and asks for no witness. Source: C2SP tlog-policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tracegate.audit.encodings import number
from tracegate.audit.keys import LOG, WITNESS, Key, parse_vkey
from tracegate.audit.notes import Note
from tracegate.errors import Malformed

NONE = "none"


@dataclass(frozen=True, slots=True)
class Group:
    """So many of its members, each a witness or a group."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Keys of logs by key id; witnesses and groups by their names; the one that must hold."""

    logs: Mapping[str, Key]
    witnesses: Mapping[str, Key] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    quorum: str = NONE

    def key(self, keyid: str | None) -> Key:
        """The key of a log that is trusted.

        Raises:
            Malformed: No key of that id is.
        """
        if keyid is None:
            raise Malformed("it names none of the keys that are trusted")
        key = self.logs.get(keyid)
        if key is None:
            raise Malformed(f"`{keyid}` is none of the keys that are trusted")
        return key

    def reached(self, note: Note) -> bool:
        """Whether enough witnesses cosigned a checkpoint.

        Raises:
            Malformed: A cosignature of a known witness is false.
        """
        seen = {name for name, key in self.witnesses.items() if note.cosigned_at(key) is not None}
        return self.quorum == NONE or self._holds(self.quorum, seen)

    def _holds(self, name: str, seen: set[str]) -> bool:
        group = self.groups.get(name)
        if group is None:
            return name in seen
        return sum(self._holds(member, seen) for member in group.members) >= group.threshold


def trusting(keys: Iterable[Key]) -> Policy:
    """The policy of keys alone.

    Raises:
        Malformed: One is no key of a log.
    """
    logs = {}
    for key in keys:
        if key.kind != LOG:
            raise Malformed(f"{key.keyid} is no key of a log")
        logs[key.keyid] = key
    return Policy(logs)


def parse_policy(text: str) -> Policy:
    """The policy of its file.

    Raises:
        Malformed: A line is none of a policy; the text says which.
    """
    reader = _Reader()
    for count, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if words and not words[0].startswith("#"):
            try:
                reader.take(words)
            except Malformed as exc:
                raise Malformed(f"line {count}: {exc}") from None
    if reader.quorum is None:
        raise Malformed("a policy without a `quorum` line")
    if not reader.logs:
        raise Malformed("a policy without a `log` line")
    return Policy({key.keyid: key for key in reader.logs}, reader.witnesses, reader.groups, reader.quorum)


class _Reader:
    def __init__(self) -> None:
        self.logs: list[Key] = []
        self.witnesses: dict[str, Key] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None

    def take(self, words: list[str]) -> None:
        match words:
            case ["log", vkey] | ["log", vkey, _]:
                self._log(parse_vkey(vkey))
            case ["witness", name, vkey] | ["witness", name, vkey, _]:
                self._witness(name, parse_vkey(vkey))
            case ["group", name, count, first, *rest]:
                self._group(name, count, (first, *rest))
            case ["quorum", name]:
                self._quorum(name)
            case _:
                raise Malformed(f"not a line of a policy: `{' '.join(words)[:60]}`")

    def _log(self, key: Key) -> None:
        if key.kind != LOG:
            raise Malformed(f"{key.keyid} is no key of a log")
        if any(key.public == other.public for other in self.logs):
            raise Malformed("two logs with one key")
        self.logs.append(key)

    def _witness(self, name: str, key: Key) -> None:
        if key.kind != WITNESS:
            raise Malformed(f"{key.keyid} is no key of a witness")
        self._name(name)
        if any(key.public == other.public for other in self.witnesses.values()):
            raise Malformed("two witnesses with one key")
        self.witnesses[name] = key

    def _group(self, name: str, count: str, members: tuple[str, ...]) -> None:
        self._name(name)
        for member in members:
            if member not in self.witnesses and member not in self.groups:
                raise Malformed(f"`{member}` is not defined above")
        threshold = {"any": 1, "all": len(members)}.get(count)
        threshold = number(count) if threshold is None else threshold
        if len(set(members)) != len(members) or not 1 <= threshold <= len(members):
            raise Malformed(f"a group of {len(members)} of which {threshold} are asked for")
        self.groups[name] = Group(threshold, members)

    def _quorum(self, name: str) -> None:
        if self.quorum is not None:
            raise Malformed("a second `quorum` line")
        if name != NONE and name not in self.witnesses and name not in self.groups:
            raise Malformed(f"`{name}` is not defined above")
        self.quorum = name

    def _name(self, name: str) -> None:
        if name == NONE or name in self.witnesses or name in self.groups:
            raise Malformed(f"the name `{name}` is taken")
