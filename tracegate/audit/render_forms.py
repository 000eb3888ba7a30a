"""Forms: leaves of one shape are written by filling in what is each one's own.

Nearly every leaf says what another has said, of a request with the same key, route, target and end. A form keeps that
as text; what is left to do for a request of a known shape is a tuple of values. A form is made from what `render`
makes of a request, and only where filling it in gives the very same bytes; whatever has no form is rendered.

What shapes there are is said in `render_shape`.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from tracegate.audit.blinding import Blinding
from tracegate.audit.canonical import LARGEST
from tracegate.audit.kinds import At, Final, Intent, LeafUsage
from tracegate.audit.leaf import WRITTEN, Written, encode, written
from tracegate.audit.render import LeafWriter, Question, Sent
from tracegate.audit.render_shape import Key, Values, asked_of, closed_of
from tracegate.record import Recorder

KEPT = 512
"""Forms of intents and of finals that are kept, about 2 MB each; when they are full they begin anew."""

LONGEST = 2048
"""Characters of a shape: longer ones are not kept."""

_HOLE = "\0"
_USAGE = LeafUsage(input=LARGEST)
_HOLES = (("%", "%%"), (encode(_USAGE).decode(), "%s"), (encode(_HOLE).decode(), '"%s"'), (str(LARGEST), "%d"))
"""What stands in a leaf in place of a value, and how that is written; the percent sign first."""


class Form(NamedTuple):
    """What all leaves of one shape say, with room for their values; and what the key knows by its identity only."""

    text: str
    tenant: str
    held: object


class Begun(NamedTuple):
    """The beginning of a record: its intent, written or not, and what the final repeats of it.

    `form` is that of the intent, `own` are its values; neither, where it was rendered.
    """

    intent: Written
    form: Form | None
    own: Values


class _Kept(dict[Key, Form | None]):
    """Forms by their shapes; `None` where a shape can have none. A shape that came once has no form yet."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: set[Key] = set()

    def again(self, key: Key) -> bool:
        """Whether a shape without a form comes again."""
        if key in self._seen:
            self._seen.discard(key)
            return True
        if len(repr(key)) <= LONGEST:
            if len(self._seen) >= KEPT:
                self._seen.clear()
            self._seen.add(key)
        return False

    def keep(self, key: Key, form: Form | None) -> None:
        """Keep the form of a shape."""
        if len(self) >= KEPT:
            self.clear()
        self[key] = form


class LeafForms:
    """Writes the leaves of requests of one process into one log.

    Args:
        leaves: Renders what has no form.
    """

    __slots__ = ("_finals", "_intents", "_leaves", "_log")

    def __init__(self, leaves: LeafWriter) -> None:
        self._leaves = leaves
        self._log = leaves.log
        self._intents = _Kept()
        self._finals = _Kept()

    def intent(self, recorder: Recorder, question: Question) -> Begun:
        """The beginning of a record; see `LeafWriter.intent`."""
        route = self._leaves.about(recorder)
        key, own = asked_of(recorder, question, route, self._leaves.clock_state())
        form = self._intents.get(key)
        if form is None:
            leaf = self._leaves.intent(recorder, question)
            one = written(leaf)
            if key not in self._intents and self._intents.again(key):
                self._intents.keep(key, _form(leaf, one, own, route))
            return Begun(one, None, ())
        raw = (form.text % own).encode()
        return Begun(Written(Intent, self._log, raw, f"tg-{recorder.request_id}", form.tenant, begins=True), form, own)

    def final(
        self,
        recorder: Recorder,
        begun: Begun,
        blinding: Blinding,
        sent: Sent,
        exc: BaseException | None,
        prev_intent: At | None,
        *,
        late: bool = False,
    ) -> Written:
        """The leaf that closes a record; see `LeafWriter.final`."""
        shape = None
        if begun.form is not None and exc is None and not late and begun.intent.log == self._log:
            shape = closed_of(recorder, id(begun.form), begun.own, blinding, sent, prev_intent)
        form = None if shape is None else self._finals.get(shape.key)
        if shape is None or form is None:
            leaf, raw = self._leaves.final(recorder, begun.intent.intent, blinding, sent, exc, prev_intent, late=late)
            one = written(leaf, raw)
            if shape is not None and shape.key not in self._finals and self._finals.again(shape.key):
                self._finals.keep(shape.key, _form(leaf, one, shape.own, (begun.form, recorder.attempts[0].target)))
            return one
        raw = (form.text % shape.own).encode()
        return Written(Final, self._log, raw, begun.intent.record_id, form.tenant, prev_intent is None)


def _form(leaf: Intent | Final, one: Written, own: Values, held: object) -> Form | None:
    """The form of a leaf that was rendered; `None` where its values do not stand in it like that."""
    if len(one.raw) > WRITTEN // 2:  # the values of another may be longer
        return None
    text = encode(_with_holes(leaf)).decode()
    for hole, written_as in _HOLES:
        text = text.replace(hole, written_as)
    try:
        same = (text % own).encode() == one.raw
    except TypeError:  # the leaf says somewhere what should be said of a hole only
        return None
    return Form(text, one.tenant, held) if same else None


def _with_holes(leaf: Intent | Final) -> Intent | Final:
    """A leaf with holes where its values were."""
    asked = replace(
        leaf,
        r_hash=_HOLE,
        record_id=_HOLE,
        req=replace(leaf.req, bytes=LARGEST, commit=_HOLE),
        req_id=_HOLE,
        span_id=_HOLE,
        t_mono=LARGEST,
        t_start=LARGEST,
        trace_id=_HOLE,
    )
    if isinstance(asked, Intent):
        return asked
    (tried,), res, cost = asked.attempts, asked.res, asked.cost
    return replace(
        asked,
        attempts=[
            replace(
                tried,
                cost_micros=None if tried.cost_micros is None else LARGEST,
                dur_us=LARGEST,
                response_id=None if tried.response_id is None else _HOLE,
                t_us=LARGEST,
                upstream_request_id=None if tried.upstream_request_id is None else _HOLE,
                usage=None if tried.usage is None else _USAGE,
            )
        ],
        cost=None if cost is None else replace(cost, micros=LARGEST),
        prev_intent=None if asked.prev_intent is None else At(index=LARGEST, hash=_HOLE),
        res=replace(
            res,
            bytes=LARGEST,
            commit_canonical=None if res.commit_canonical is None else _HOLE,
            commit_text=None if res.commit_text is None else _HOLE,
            commit_wire=_HOLE,
        ),
        t_end=LARGEST,
        usage=None if asked.usage is None else _USAGE,
    )
