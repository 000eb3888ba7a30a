"""The saved answer and its bundle in `examples/receipt/`: what README.md verifies is what the formats' vectors are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from examples import verify_bundle
from tests.audit.vectors import UNARY, UNARY_RESPONSE, VKEY
from tests.house.repository import ROOT

FOLDER = ROOT / "examples" / "receipt"


def test_the_files_are_those_of_the_vectors() -> None:
    """Byte by byte; of the changed one, one word is another."""
    assert (FOLDER / "answer.http").read_bytes() == UNARY_RESPONSE
    assert json.loads((FOLDER / "bundle.json").read_bytes()) == UNARY["bundle"]
    assert (FOLDER / "log.vkey").read_text().splitlines()[-1] == VKEY
    assert (FOLDER / "changed.http").read_bytes() == UNARY_RESPONSE.replace(b"Paris", b"Turin")


@pytest.mark.parametrize(("name", "status"), [("answer.http", 0), ("changed.http", 1)])
def test_the_verifier_that_stands_alone_says_the_same(tmp_path: Path, name: str, status: int) -> None:
    """Of the bodies of both."""
    (tmp_path / "body").write_bytes((FOLDER / name).read_bytes().partition(b"\r\n\r\n")[2])
    assert verify_bundle.main(str(FOLDER / "bundle.json"), VKEY, str(tmp_path / "body")) == status
