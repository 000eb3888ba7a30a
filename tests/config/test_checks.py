"""What can be used but is probably not meant."""

from __future__ import annotations

from tests.config.reading import PROVIDERS, notes

FIRST = "`first_token` 60s is not below `attempt` 30s: it never fires"


def test_the_defaults_warn_of_nothing() -> None:
    """They were chosen to fit."""
    assert notes(f"{PROVIDERS}routes: {{chat: [gpt, large, openai/m]}}") == []


def test_a_limit_that_never_fires_is_warned_of_at_its_target() -> None:
    """Routes that change nothing of it stay silent."""
    text = PROVIDERS + "  slow: {provider: openai, model: m, timeouts: {attempt: 30s}}\nroutes: {chat: [slow, gpt]}"
    assert notes(text) == [f"warning targets.slow: {FIRST}"]


def test_a_limit_that_never_fires_is_warned_of_at_the_route_that_set_it() -> None:
    """For each of its targets."""
    text = f"{PROVIDERS}routes: {{chat: {{fallback: [gpt, openai/m], timeouts: {{attempt: 30s}}}}}}"
    assert notes(text) == [f"warning routes.chat: `gpt`: {FIRST}", f"warning routes.chat: `openai/m`: {FIRST}"]


def test_an_attempt_is_cut_by_the_deadline() -> None:
    """Then the limit of the attempt never fires."""
    assert notes(f"{PROVIDERS}routes: {{chat: {{target: gpt, deadline: 90s}}}}") == [
        "warning routes.chat: `gpt`: `attempt` 2m is not below `deadline` 90s: it never fires"
    ]
    assert notes(f"timeouts: {{deadline: 2m}}\n{PROVIDERS}routes: {{chat: nested, nested: gpt}}") == [
        f"warning targets.{id}: `attempt` 2m is not below `deadline` 2m: it never fires"
        for id in ("gpt", "large", "llama")
    ]


def test_without_a_limit_of_the_attempt_the_deadline_bounds_the_first_token() -> None:
    """And without any there is nothing to compare."""
    text = f"{PROVIDERS}routes: {{chat: {{target: gpt, timeouts: {{attempt: none, first_token: %s}}}}}}"
    assert notes(text % "20m") == [
        "warning routes.chat: `gpt`: `first_token` 20m is not below `deadline` 10m: it never fires"
    ]
    assert notes(text % "none") == []


def test_a_route_of_disabled_targets_is_warned_of() -> None:
    """Nothing can answer."""
    text = (
        "providers: {openai: {disabled: true}, mistral: {}}\n"
        "routes: {a: [openai/a, openai/b], b: [openai/a, mistral/a], c: a}"
    )
    assert notes(text) == [
        "warning routes.a: every target is disabled: nothing can answer",
        "warning routes.c: every target is disabled: nothing can answer",
    ]
