"""The log of now, with what renders and signs for it.

Whoever makes a leaf takes the epoch and hands the leaf over without an `await` in between: then the log is the one that
the leaf names. An answer whose intent stands in an earlier epoch's log has its final in that of now; the final names
that log in `prev_intent`.
"""

from __future__ import annotations

from dataclasses import dataclass

from tracegate.audit.keys import Signer
from tracegate.audit.log import Log
from tracegate.audit.render_forms import LeafForms
from tracegate.audit.signature import ResponseSigner


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch of a process.

    Args:
        log: Takes leaves; it is the same in all epochs of a process.
        leaves: Renders those of requests.
        responses: Signs heads of responses.
        signer: Signs receipts.
    """

    log: Log
    leaves: LeafForms
    responses: ResponseSigner
    signer: Signer

    @property
    def origin(self) -> str:
        """Of its log."""
        return self.signer.key.name
