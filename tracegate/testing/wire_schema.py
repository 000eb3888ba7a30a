"""The smallest value that a JSON schema accepts: what a simulated model answers to `response_format`.

It knows what structured output allows (objects, arrays, enumerations, unions, references), not all of JSON Schema;
what it does not know becomes a text.
Source: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEPTH = 12
"""A schema that refers to itself is followed so far; then optional things are left out."""

_PLAIN: Mapping[str, object] = {"string": "text", "integer": 1, "number": 1.5, "boolean": True, "null": None}


def instance(schema: object, root: Mapping[str, Any], depth: int = 0) -> object:
    """A value that `schema` accepts; `root` is the whole schema, for references."""
    if not isinstance(schema, Mapping) or depth > 2 * DEPTH:
        return "text"
    if "$ref" in schema:
        return instance(_resolve(str(schema["$ref"]), root), root, depth + 1)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            # Too deep, the last member is taken: by custom that is `null`, which ends a recursion.
            return instance(schema[key][-1 if depth > DEPTH else 0], root, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = kind[-1 if depth > DEPTH else 0]
    if kind == "object":
        members = schema.get("properties", {})
        return {name: instance(member, root, depth + 1) for name, member in members.items()}
    if kind == "array":
        return [] if depth > DEPTH else [instance(schema.get("items", {}), root, depth + 1)]
    return _PLAIN.get(kind, "text")


def _resolve(reference: str, root: Mapping[str, Any]) -> object:
    found: Any = root
    for name in reference.lstrip("#").strip("/").split("/"):
        if name:
            found = found.get(name, {}) if isinstance(found, Mapping) else {}
    return found
