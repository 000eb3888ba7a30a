"""The audit room: what an auditor can prove, from one leaf to the verdict over a saved response.

The formats are public ones: canonical JSON (RFC 8785), the Merkle tree of RFC 6962, signed notes, checkpoints, tiles
and proofs of C2SP, HTTP signatures (RFC 9421) over digests (RFC 9530). Nothing here knows the server or telemetry.
What leaves, receipts and bundles say beyond them is laid down in "The audit formats, version 1", which wins over any
docstring; the worked bytes of that version are among the tests.
"""
