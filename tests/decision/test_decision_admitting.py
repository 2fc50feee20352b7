"""What lists and limits of models keep out: every statement is true when it is decided again."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from support.drawn import evidences, profiles
from support.evidence import make_evidence, make_measurement, make_planned, make_profile

from selector.decision import Decision, Status, decide
from selector.decision.admitting import KEYS, admissions
from selector.requirements import RequirementProfile
from selector.types import Evidence


def chosen(decision: Decision) -> str | None:
    return None if decision.winner is None else decision.winner.id


def excluded(decision: Decision, key: str | None = None) -> set[str]:
    found = (one for one in decision.rejected if one.exclusion is not None)
    return {
        one.id for one in found if key is None or (one.exclusion is not None and one.exclusion.requirement == key)
    }


@settings(max_examples=400)
@given(profiles(), evidences())
def test_every_statement_is_true_when_decided_again(profile: RequirementProfile, evidence: Evidence) -> None:
    decision = decide(profile, evidence)
    found = admissions(decision)
    assert {one.key for one in found} == {key for key in KEYS if excluded(decision, key)}
    for one in found:
        again = decide(one.changed(profile), evidence)
        admitted = excluded(decision) - excluded(again)
        admitted -= {each.id for each in again.unavailable}
        assert (chosen(decision), chosen(again)) == (one.chosen, one.winner)
        assert len(admitted) == one.candidates
        assert len(admitted & {each.id for each in again.ranked}) == one.feasible
        assert one.measured <= one.candidates
        assert f"{one.winner} the choice" in one.sentence or one.winner == one.chosen
        assert one.sentence.startswith(f"{one.key}: ")


@settings(max_examples=200)
@given(profiles(), evidences())
def test_a_larger_limit_is_the_least_that_changes_the_choice(profile: RequirementProfile, evidence: Evidence) -> None:
    decision = decide(profile, evidence)
    told = [one for one in admissions(decision) if one.key == "max_parameters"]
    raised = next((one for one in told if one.limit is not None), None)
    sizes = sorted({one.facts.parameters or 0 for one in evidence.plan.considered})
    limit = profile.candidates.max_parameters or max(sizes, default=0)
    for size in (one for one in sizes if one > limit):
        candidates = profile.candidates.model_copy(update={"max_parameters": size})
        again = chosen(decide(profile.model_copy(update={"candidates": candidates}), evidence))
        if again != chosen(decision):
            assert raised is not None
            assert (raised.winner, raised.limit is not None and raised.limit >= size) == (again, True)
            return
    assert raised is None


def example(*, measured: bool, chosen_too: bool = True, **profile: object) -> Decision:
    """A small model that is allowed, and a better one under another licence, of more weights and pretrained."""
    small = make_planned("small.x", top1=0.75, parameters=5_000_000, license="apache-2.0")
    better = make_planned("better.x", top1=0.8, parameters=28_589_128, license="cc-by-nc-4.0", pretraining="in12k")
    evidence = make_evidence(
        [
            (small, make_measurement(small.candidate, 0.01 if chosen_too else 0.2)),
            (better, make_measurement(better.candidate, 0.02) if measured else None),
        ]
    )
    return decide(make_profile({"latency_p95": "< 50 ms"}, **profile), evidence)


def test_a_licence_tells_whom_it_would_admit_and_what_that_brings() -> None:
    (told,) = (one.sentence for one in admissions(example(measured=True, licenses=("apache-2.0",))))
    assert told.startswith(
        "license: allowing cc-by-nc-4.0 admits 1 candidate, which is measured, and makes better.x@eager the choice, "
        "+5.0 points top-1"
    )


def test_of_the_unmeasured_it_tells_what_is_published() -> None:
    (told,) = (one.sentence for one in admissions(example(measured=False, pretraining=("none",))))
    assert told == (
        "pretraining: allowing in12k admits 1 candidate, which is not measured; the best of those not measured: "
        "better.x, top-1 80.0 % (published)"
    )


def test_weights_that_name_no_pretraining_are_not_taken_for_nobody() -> None:
    told = admissions(example(measured=True, pretraining=("in12k",)))
    assert told[0].sentence.startswith('pretraining: allowing "none" (no pretraining named) admits 1 candidate')


def test_a_limit_of_weights_tells_the_least_that_changes_the_choice() -> None:
    decision = example(measured=True, candidates={"max_parameters": 10_000_000})
    raised, dropped = admissions(decision)
    assert raised.sentence.startswith(
        "max_parameters: raising it to 28.6 M admits 1 candidate, which is measured, and"
    )
    assert raised.limit == 28_600_000
    assert dropped.sentence.startswith("max_parameters: dropping it admits 1 candidate")


def test_without_a_choice_it_tells_who_would_be_feasible() -> None:
    (told,) = admissions(example(measured=True, chosen_too=False, licenses=("apache-2.0",)))
    assert (told.chosen, told.winner, told.brings) == (None, "better.x@eager", ())
    assert told.sentence.endswith("which is measured, and makes better.x@eager the choice")


def test_an_unknown_licence_is_admitted_by_no_value() -> None:
    known = make_planned("known.x", license="apache-2.0")
    unknown = make_planned("unknown.x", license=None)
    decision = decide(make_profile(licenses=("apache-2.0",)), make_evidence([known, unknown]))
    (told,) = admissions(decision)
    assert told.sentence.startswith("license: dropping it admits 1 candidate, which is not measured")


def test_what_two_lists_exclude_neither_admits() -> None:
    decision = example(measured=True, licenses=("apache-2.0",), pretraining=("none",))
    (told,) = admissions(decision)
    assert (told.key, told.candidates) == ("license", 0)
    assert "admits nobody" in told.sentence
    assert decision.find("better.x@eager").status is Status.REJECTED
    assert replace(told, key="pretraining").changed(decision.profile).pretraining == ()
