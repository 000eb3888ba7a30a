"""The end of an intent for which no final comes."""

from __future__ import annotations

import msgspec

from tests.audit.failing import intent
from tests.audit.leaves import AT, GATEWAY, HEX, LOG
from tracegate.audit.aborting import aborted
from tracegate.audit.kinds import RouteTaken
from tracegate.audit.leaf import WRITTEN, write


def test_it_says_what_the_intent_said() -> None:
    """With the time of now and the run that closes it; an outcome is not stated."""
    asked = intent(7)
    leaf = aborted(asked, AT, "crash", GATEWAY, 9)
    assert (leaf.t, leaf.cause, leaf.record_id, leaf.prev_intent) == (9, "crash", asked.record_id, AT)
    assert (leaf.req, leaf.actor, leaf.r_hash, leaf.stream) == (asked.req, asked.actor, asked.r_hash, asked.stream)


def test_in_the_next_log_it_says_where_the_intent_stands() -> None:
    """Which is in the one before."""
    asked, at = intent(7), msgspec.structs.replace(AT, log=None)
    leaf = aborted(asked, at, "crash", GATEWAY, 9, LOG)
    assert (leaf.log, leaf.prev_intent) == (LOG, msgspec.structs.replace(AT, log=asked.log))
    leaf = aborted(asked, at, "crash", GATEWAY, 9, asked.log)
    assert (leaf.log, leaf.prev_intent) == (asked.log, at)


def test_it_says_less_where_both_would_be_too_long() -> None:
    """An intent can be as long as a leaf may be, and has to be closed all the same."""
    asked = intent()
    room = WRITTEN - 1 - len(write(asked))
    asked = msgspec.structs.replace(asked, route=RouteTaken(name=f"fast{'x' * room}", digest=HEX))
    assert len(write(asked)) == WRITTEN - 1
    leaf = aborted(asked, AT, "crash", msgspec.structs.replace(GATEWAY, node="n" * 500), 9)
    assert (leaf.record_id, leaf.route, leaf.req) == (asked.record_id, None, None)
    assert len(write(leaf)) < WRITTEN
