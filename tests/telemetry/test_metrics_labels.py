"""Label sets: in one order, made once, and finite whatever comes from outside."""

from __future__ import annotations

import pytest

from tests.telemetry.recorders import AZURE, OPENAI, Request
from tracegate.facts import Fact
from tracegate.telemetry.metrics_labels import Names, RouteLabels, TargetLabels, TargetLabelSets, labels


def test_a_label_set_is_sorted_and_leaves_out_what_does_not_apply() -> None:
    """Equal sets are equal, in whatever order they were made."""
    assert labels({"b": 1, "a": "x", "c": None}) == (("a", "x"), ("b", 1))


def test_known_names_are_admitted_and_others_have_to_prove_themselves() -> None:
    """The first that do, up to the limit; once admitted they need no proof."""
    names = Names(["known"], limit=1)
    assert [names.label("known"), names.label("new"), names.label("new", proven=True), names.label("new")] == [
        "known",
        "other",
        "new",
        "new",
    ]
    assert names.label("next", proven=True) == "other"


@pytest.mark.parametrize("name", ["x" * 201, "\ud83d"])
def test_a_name_that_is_no_fit_label_is_not_admitted(name: str) -> None:
    """Nor does it use up room."""
    names = Names(limit=1)
    assert names.label(name, proven=True) == "other"
    assert names.label("x" * 200, proven=True) == "x" * 200


def test_label_sets_are_made_once() -> None:
    """The same object comes again, unless a limiter refused a name: that text is not kept."""
    of = TargetLabels(OPENAI, "gpt", "gpt-4o", served=0)
    assert of.inference("gpt-4o") is of.inference("gpt-4o")
    assert of.attempt("retry", "429") is of.attempt("retry", "429")
    assert of.cost("USD") is of.cost("USD")
    assert of.cost_unknown("broken") is of.cost_unknown("broken")
    assert of.inference("made-up") is not of.inference("made-up")
    assert of.inference("made-up") == of.inference("made-up too")
    route = RouteLabels("default")
    assert route.request("ok", streaming=True) is route.request("ok", streaming=True)


def test_what_was_served_is_labelled_by_the_strongest_claim() -> None:
    """Where nothing is claimed, it is `unknown`."""
    of = TargetLabels(AZURE, "azure-gpt", "gpt-4o")
    attempt = Request().attempt(AZURE, model="gpt-4o", region="westus")
    assert of.served(attempt) is of.served(attempt)
    said = dict(of.served(attempt))
    assert (said["tracegate.target.region"], said["tracegate.target.region_evidence"]) == ("eastus2", "observed")
    assert of.expected(Fact("eastus2", "observed")) == of.served(attempt)
    assert dict(of.expected(None))["tracegate.target.region"] == "unknown"


def test_a_target_that_nobody_configured_has_the_labels_of_its_provider_until_it_answers() -> None:
    """All such names of one provider share one label set."""
    sets = TargetLabelSets(Names([]))
    request = Request()
    silent, answered = request.attempt(exc=ValueError(), commits=False), request.attempt()
    assert sets.of(silent) is sets.of(silent)
    assert (sets.of(silent).id, sets.of(silent).model) == ("other", "other")
    assert (sets.of(answered).id, sets.of(answered).model) == ("gpt", "gpt-4o")
    assert sets.of(silent).id == "gpt"
