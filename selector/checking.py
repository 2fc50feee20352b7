"""Measuring an earlier choice again: has it become worse?

`check` takes the winner of a run, measures exactly that candidate again on the same device, by the same engine as
`selector.journey.evaluate`, and lets `selector.decision.regression` judge. Libraries and drivers may have changed
meanwhile; that is what a check is for. What it measures is kept in a run of its own and stands aside: rankings stay
as they are.
"""

from __future__ import annotations

import glob
import time
from dataclasses import dataclass, replace

from selector.decision import Assessment
from selector.decision.comparing import changes, environment_changes, flat
from selector.decision.deciding import decide
from selector.decision.differences import spread_sessions
from selector.decision.regression import Check, Visit, conclusion, is_over, judge_visit
from selector.engines.run import Observer, Options, Prospect
from selector.errors import UnknownNameError, UsageError, excerpt
from selector.journey import LEFT_OUT, decide_run, survey
from selector.requirements import RequirementProfile
from selector.search.plan import with_digest
from selector.store import CHECK, RunRecord, Store
from selector.types import Candidate, Certificate, Environment, Evidence, Measurement, Timing, speed_identity

_DEVICE = ("device_kind", "device_name", "device_id", "threads", "protocol")
"""What has to be as it was; everything else of an environment may have changed."""


@dataclass(frozen=True)
class Baseline:
    """What a check compares with.

    Attributes:
        record: The run that chose.
        choice: Its winner, under the profile of today.
    """

    record: RunRecord
    choice: Assessment


def check(
    profile: RequirementProfile,
    store: Store,
    baseline: str,
    tolerance: float = 0.0,
    options: Options | None = None,
    observer: Observer | None = None,
) -> Check:
    """Measures the choice of a run again, and says whether it has become worse.

    Args:
        profile: What is asked today.
        store: Holds the run; every visit is kept in it.
        baseline: The run's id, a unique beginning of it, or "latest".
        tolerance: By how much each metric may become worse, as a fraction.
        options: How the run goes; `only`, `skip` and `force` mean nothing here.
        observer: Is told how it goes.

    Raises:
        UsageError: The run chose nothing, or elsewhere, or something that the profile does not ask for.
        StoreError: The store could not be written; what was measured before is kept.
        Stopped: It was asked to stop.
    """
    # Only measuring needs these.
    from selector.engines.checkup import Checkup
    from selector.engines.server import Stopped
    from selector.engines.weights import WeightsPolicy

    options, observer = options or Options(), observer or Observer()
    started = time.monotonic()
    profile = with_digest(profile)
    chosen = find_baseline(profile, store, baseline)
    prospect = prospect_of(profile, chosen, options)
    (planned,) = prospect.plan.considered
    identities = [
        speed_identity(planned.candidate, one) for one in (chosen.record.environment, prospect.plan.environment)
    ]
    sessions = spread_sessions(store.medians(identity) for identity in dict.fromkeys(identities))
    weights = WeightsPolicy(prospect.device.kind, [planned.facts], offline=options.offline)
    notes = (*prospect.plan.notes, *((weights.note,) if weights.note else ()))
    prospect = replace(prospect, plan=replace(prospect.plan, notes=notes))
    observer.begins(prospect)
    run_id = store.begin_run(profile, prospect.plan, [(name, LEFT_OUT) for name in prospect.left_out], CHECK)
    observer.started(run_id)
    visits: list[Visit] = []

    def judged(measurement: Measurement | None) -> bool:
        known = {} if measurement is None else {planned.candidate.id: measurement}
        now = decide(profile, Evidence(prospect.plan, known, run_id=run_id)).find(planned.candidate.id)
        visits.append(judge_visit(profile, chosen.choice, now, tolerance, sessions))
        return is_over(visits)

    measured_seconds = 0.0
    try:
        if planned.unavailable is not None:
            judged(None)
        else:
            checkup = Checkup(profile, store, prospect, run_id, options=options, observer=observer, weights=weights)
            checkup.run(judged)
            measured_seconds = checkup.measured_seconds
    except BaseException as error:
        store.finish_run(run_id, "interrupted" if isinstance(error, Stopped | KeyboardInterrupt) else "failed")
        raise
    certificate = Certificate(CHECK, 1, len(visits), None, conclusion(visits).value)
    store.finish_run(run_id, "finished", certificate, Timing(time.monotonic() - started, measured_seconds))
    return Check(
        profile=profile,
        baseline=chosen.record.id,
        run_id=run_id,
        candidate=planned.candidate.id,
        device=prospect.plan.environment,
        visits=tuple(visits),
        environment=environment_changes(chosen.record.environment, prospect.plan.environment),
        asked=changes(flat(chosen.record.profile.as_dict()), flat(profile.as_dict())),
        tolerance=tolerance,
        sessions=sessions,
    )


def find_baseline(profile: RequirementProfile, store: Store, reference: str) -> Baseline:
    """The run that a check compares with, and its choice as today's profile sees it.

    Raises:
        UsageError: It is a check itself, chose nothing, or its choice is not what the profile asks for.
    """
    record = store.run(reference)
    if record.is_check:
        raise UsageError(
            f"the run {record.id} is a check and chose nothing itself: name the run of `selector evaluate` that chose"
        )
    winner = decide_run(store, record.id).winner
    if winner is None:
        raise UsageError(
            f"the run {record.id} made no choice, so nothing is there to measure again: `selector report "
            f"{record.id}` says why; name a run that chose"
        )
    try:
        choice = decide_run(store, record.id, profile).find(glob.escape(winner.id))
    except UnknownNameError:
        raise UsageError(
            f"the profile {excerpt(profile.name)} no longer considers {winner.id}, the choice of run {record.id}: "
            "check with the profile that chose it, or evaluate this one and check against that run"
        ) from None
    _require_same(winner.planned.candidate, choice.planned.candidate, record)
    return Baseline(record, choice)


def prospect_of(profile: RequirementProfile, baseline: Baseline, options: Options) -> Prospect:
    """The choice of the baseline, and nothing else, as it would be measured now.

    Raises:
        UsageError: This is another device, or the profile rules the choice out unmeasured.
    """
    only = replace(options, only=(glob.escape(baseline.choice.id),), skip=(), force=True)
    prospect = survey(profile, None, only)
    _require_device(baseline.record.environment, prospect.plan.environment, baseline.record)
    (planned,) = prospect.plan.considered
    _require_same(baseline.choice.planned.candidate, planned.candidate, baseline.record)
    for exclusion in prospect.excluded.values():
        raise UsageError(
            f"the profile {excerpt(profile.name)} rules {planned.candidate.id} out unmeasured: {exclusion.reason}. "
            f"Check with the profile of run {baseline.record.id}"
        )
    return prospect


def _require_device(then: Environment, now: Environment, record: RunRecord) -> None:
    """Refuses a comparison with what was measured elsewhere, or otherwise than now."""
    for name in _DEVICE:
        was, is_ = getattr(then, name), getattr(now, name)
        if was == is_:
            continue
        if name == "threads":
            hint = f"write `threads: {was}` below `device` in the profile"
        elif name == "protocol":
            hint = "this version measures otherwise: evaluate again and check against that run"
        elif name == "device_kind":
            hint = f"add --device {was}, on the machine that has it, or evaluate here and check against that run"
        else:
            hint = "check on the machine that measured it, or evaluate here and check against that run"
        raise UsageError(
            f"the run {record.id} was measured with {name.replace('_', ' ')} {excerpt(str(was))}, this is "
            f"{excerpt(str(is_))}, so the two cannot be told apart from a regression: {hint}"
        )


def _require_same(then: Candidate, now: Candidate, record: RunRecord) -> None:
    """Refuses to measure something else under the choice's name."""
    found = changes(_asked(then), _asked(now))
    if found:
        told = ", ".join(f"{one.name} {one.first} there and {one.second} here" for one in found)
        raise UsageError(
            f"{now.id} is not what run {record.id} chose: {told}. Check with the profile that it was chosen by, or "
            "evaluate this one and check against that run"
        )


def _asked(candidate: Candidate) -> dict[str, object]:
    return {
        "precision": candidate.precision,
        "batch size": candidate.batch_size,
        "image size": "×".join(map(str, candidate.image_size)),
        "classes": candidate.num_classes,
        "task": candidate.task,
        "scenario": candidate.scenario,
        "latency scope": candidate.latency_scope,
        **{f"the setting {name}": value for name, value in candidate.settings},
    }
