"""The log of now, with what renders and signs for it."""

from __future__ import annotations

from typing import cast

from tests.audit.leaves import GATEWAY
from tests.audit.made import SIGNER
from tests.audit.vectors import ORIGIN
from tracegate.audit.epoch import Epoch
from tracegate.audit.log import Log
from tracegate.audit.render import LeafWriter
from tracegate.audit.render_forms import LeafForms
from tracegate.audit.signature import ResponseSigner


def test_an_epoch_has_the_name_of_its_key() -> None:
    """Which is that of its log."""
    leaves = LeafForms(LeafWriter(ORIGIN, GATEWAY, lambda: None))
    assert Epoch(cast("Log", None), leaves, ResponseSigner(SIGNER), SIGNER).origin == ORIGIN
