"""Configurations from text: what they come to, or what is wrong with them. Nothing installed is needed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tracegate.config.document import Node
from tracegate.config.draft import Draft
from tracegate.config.known import Known
from tracegate.config.load import load
from tracegate.config.model import Config
from tracegate.config.parse import parse
from tracegate.config.problems import InvalidConfig, Problem
from tracegate.dialects.regions import region_of_host
from tracegate.dialects.rows import ROWS
from tracegate.policies.fallback import FallbackPolicy


class Sticky(BaseModel):
    """The settings of a third party's policy."""

    model_config = ConfigDict(extra="forbid")
    by: Literal["user", "tenant"]
    ratio: float = 0.5
    nested: dict[str, int] = {}


KNOWN = Known(
    rows=ROWS,
    policies={"fallback": FallbackPolicy().Settings, "sticky": Sticky},
    dialects=frozenset({"openai", "other"}),
    transports=frozenset({"fast", "httpx", "special"}),
    region_of_host=region_of_host,
    context_of=lambda provider, model: 128_000 if (provider, model) == ("openai", "gpt-5.5") else None,
    node="host-1",
)
ENV = {
    "OPENAI_API_KEY": "sk-openai-0000000000",
    "MISTRAL_API_KEY": "sk-mistral-0000000000",
    "KEY": "a-key-of-more-than-16-characters",
}
PROVIDERS = """
providers:
  openai: {}
  mistral: {}
  local: {row: vllm, base_url: "http://10.0.0.5:8000/v1", region: fra1}
targets:
  gpt: openai/gpt-5.5
  large: {provider: mistral, model: mistral-large-latest}
  llama: local/meta-llama/Llama-4-70B
"""


def configured(text: str, env: Mapping[str, str] = ENV, files: Mapping[str, str] | None = None) -> Config:
    """The configuration that a text comes to; `files` stand beside it."""
    with TemporaryDirectory() as folder:
        for name, content in {**(files or {}), "tracegate.yaml": text}.items():
            Path(folder, name).write_text(content, "utf-8")
        return load(str(Path(folder, "tracegate.yaml")), env, KNOWN)


def problems(text: str, env: Mapping[str, str] = ENV, files: Mapping[str, str] | None = None) -> list[str]:
    """What is wrong with a text: `line:column  path: what | fix`, with the file's name where it is another."""
    try:
        configured(text, env, files)
    except InvalidConfig as exc:
        return [_line(problem) for problem in exc.problems]
    return []


def whats(text: str, env: Mapping[str, str] = ENV, files: Mapping[str, str] | None = None) -> list[str]:
    """The same, `path: what` alone."""
    return [line.partition("  ")[2].partition(" | ")[0] for line in problems(text, env, files)]


def notes(text: str, env: Mapping[str, str] = ENV, files: Mapping[str, str] | None = None) -> list[str]:
    """What a person should know of a text that can be used: `kind path: text`."""
    return [f"{note.kind} {note.path}: {note.text}" for note in configured(text, env, files).notes]


def draft(text: str, env: Mapping[str, str] = ENV) -> Draft:
    """A text as it is while it is read."""
    return Draft(parse(text, "t.yaml"), env, KNOWN)


def said(one: Draft) -> list[str]:
    """The problems of a draft, as `problems` has them."""
    return [_line(problem) for problem in one.problems]


def node(text: str) -> Node:
    """A text as nodes."""
    return parse(text, "t.yaml")


def _line(problem: Problem) -> str:
    place = "environment"
    if problem.at is not None:
        name = Path(problem.at.file).name
        place = f"{'' if name in ('tracegate.yaml', 't.yaml') else name + ':'}{problem.at.line}:{problem.at.column}"
    return f"{place}  {problem.path}: {problem.what} | {problem.fix}"
