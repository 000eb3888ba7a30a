"""Ask a question through Tracegate, fetch the receipt of the answer, and verify it with a key that you pinned.

    python fetch_receipt.py URL VKEY [KEY]

URL is the gateway's, as `http://127.0.0.1:4000`. VKEY is the log's public key, which you must have from somewhere else
than the answer. KEY is your key for the gateway, where it asks for one. The model asked for is `chat`.

Exit status: as of `verify_bundle.py`, which stands beside this file and does the verifying. That one needs no other
file, and each is read alone: so the lines that print a verdict, and those that start the script, stand in both.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import httpx

try:
    from examples import verify_bundle
except ImportError:  # run as a script, which finds what stands beside it
    import verify_bundle  # type: ignore[import-not-found, no-redef]  # the same module, by the name it has there

QUESTION = {"model": "chat", "messages": [{"role": "user", "content": "Why do apples fall? One sentence."}]}
AGAIN_S = 1.0
"""The proof is there within a second or two of the answer."""

TRIES = 5


def ask(client: httpx.Client) -> httpx.Response:
    """The answer to the question."""
    return client.post("/v1/chat/completions", json=QUESTION).raise_for_status()


def receipt(client: httpx.Client, record: str) -> Any:
    """The bundle of a record: leaf, blinding, signature, and the proof that the leaf stands in the log."""
    bundle: Any = {}
    for _ in range(TRIES):
        bundle = client.get(f"/v1/receipts/{record}").raise_for_status().json()
        if "tlog_proof" in bundle:
            break
        time.sleep(AGAIN_S)  # until the next checkpoint covers the leaf; nothing tells a client of it
    return bundle


def main(url: str, vkey: str, key: str | None = None) -> int:
    """Ask, fetch, verify, and say what came of it; returns the exit status."""
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        answer = ask(client)
        record = answer.headers["Tracegate-Record"]
        bundle = receipt(client, record)
    print(answer.json()["choices"][0]["message"]["content"])
    try:
        missing = verify_bundle.verify(bundle, vkey, answer.content)
    except verify_bundle.Refused as exc:
        print(f"refused: {record}: {exc}")
        return 1
    print(f"incomplete: {record}: {missing}" if missing else f"verified: {record} is leaf {bundle['index']} of its log")
    return 3 if missing else 0


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    sys.exit(main(*sys.argv[1:]))
