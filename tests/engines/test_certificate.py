"""The certificate of a guided search on the simulated device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.fake_profiles import fake_profile

from selector.decision import Decision
from selector.journey import decide_run, evaluate
from selector.reports import provenance, render
from selector.reports.terminal import render_text
from selector.store import Store
from selector.types import Certificate

FAMILIES = ["mobilenetv3_*", "mobilenetv4_conv_*", "efficientnet_b*", "resnet*"]


@pytest.fixture
def store() -> Iterator[Store]:
    with Store("sqlite://") as opened:
        yield opened


def guided(confidence: float, **evaluation: Any) -> Any:
    return fake_profile(
        requirements={"latency_p95": "< 8 ms"},
        objective={"maximize": "accuracy_top1"},
        candidates={"models": FAMILIES, "optimizations": ["eager", "openvino", "compile"]},
        evaluation={"strategy": "guided", "confidence": confidence, "candidate_time": "0.2 s", **evaluation},
    )


def certificate_of(decision: Decision) -> Certificate:
    found = decision.evidence.certificate
    assert found is not None
    return found


def test_it_tells_what_was_saved_and_who_may_be_missed(store: Store) -> None:
    decision = evaluate(guided(0.9), store)
    certificate = certificate_of(decision)
    assert certificate.stopped_because == "confidence"
    assert certificate.measured < certificate.candidates
    assert certificate.asked == 0.9
    assert certificate.confidence is not None
    assert 0.9 <= certificate.confidence <= 1
    assert certificate.saved_seconds is not None
    assert certificate.saved_seconds > 0
    unmeasured = {one.id for one in decision.assessments if one.measurement is None}
    assert {one.candidate for one in certificate.missed} <= unmeasured
    assert sum(one.chance for one in certificate.missed) <= 1 - certificate.confidence + 1e-9
    assert certificate_of(decide_run(store, "latest")) == certificate, "it is stored with the run"
    told = provenance.extent(decision)
    assert "confidence nothing better was missed; the rest would have taken about" in told
    assert "was asked for" not in told
    for text in (render(decision, "md"), render_text(decision, 118)):
        assert "confidence nothing better was missed" in text
        if certificate.missed:
            assert certificate.missed[0].candidate.partition("@")[0] in text


def test_a_budget_that_ends_it_leaves_the_confidence_that_was_reached(store: Store) -> None:
    full = certificate_of(evaluate(guided(0.999), store))
    with Store("sqlite://") as other:
        decision = evaluate(guided(0.999, time_budget="1 ns", candidate_time="1 ns"), other)
        certificate = certificate_of(decision)
        assert (certificate.stopped_because, certificate.measured) == ("time_budget", 0)
        assert certificate.confidence is None or certificate.confidence < 0.999
        assert certificate.saved_seconds is not None
        assert full.saved_seconds is not None
        assert certificate.saved_seconds > full.saved_seconds
        assert "the time budget was used up" in provenance.extent(decision)


def test_who_measures_all_has_missed_nobody(store: Store) -> None:
    profile = fake_profile(evaluation={"strategy": "exhaustive", "candidate_time": "0.2 s"})
    certificate = certificate_of(evaluate(profile, store))
    assert (certificate.confidence, certificate.missed, certificate.saved_seconds) == (1.0, (), 0.0)
