"""The journey: profile, plan, measure, store, decide.

`evaluate` measures what the profile needs and decides, `rank` decides from what is stored, `decide_run` decides
again what a run decided, and `survey` says what evaluating would do. (The module is not called `evaluate`, or
`from selector import evaluate` would give the module once something has imported it.)
"""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import islice

from selector.catalog import load_catalog
from selector.decision import Assessment, Decision, decide
from selector.devices import resolve
from selector.devices.host import foreign_load
from selector.engines.run import Observer, Options, Prospect
from selector.errors import UnavailableError, UnknownNameError, UsageError
from selector.optimizations import OPTIMIZATIONS, all_libraries, unavailable_ways
from selector.profiler.rule import stopping_rule, suffices
from selector.reports.timings import FINALISTS
from selector.requirements import RequirementProfile
from selector.requirements.profile import AccuracyBasis
from selector.search import estimate_run, exclusions, make_plan, resolve_strategy
from selector.search.plan import with_digest
from selector.store import RunRecord, Store
from selector.store.evidence import find_environment, gather, stored
from selector.types import Evidence, Measurement, Plan, Timing

_LOOKED_AT = 50
"""Of the ranking, to find the finalists: tags of one architecture share a measurement."""
_BUSY = 0.3
"""Processors that others keep busy from which on a machine is called busy."""

__all__ = ["Observer", "Options", "Prospect", "decide_run", "evaluate", "rank", "sampled", "survey", "with_samples"]

LEFT_OUT = "left out by --only or --skip"
"""Reason under which a run keeps what it did not consider, so that `decide_run` considers the same."""


def evaluate(
    profile: RequirementProfile, store: Store, options: Options | None = None, observer: Observer | None = None
) -> Decision:
    """Measures what the profile needs, keeps it, and decides.

    Args:
        profile: What is asked.
        store: Where measurements are kept and found; each is committed as it is made.
        options: How the run goes.
        observer: Is told how it goes.

    Raises:
        UsageError: The device is not here; a model, way or strategy does not exist.
        StoreError: The store could not be written; what was measured before is kept.
    """
    # Only measuring needs these; deciding again from the store must not wait for numpy.
    from selector.engines.campaign import Campaign
    from selector.engines.weights import WeightsPolicy

    options, observer = options or Options(), observer or Observer()
    started = time.monotonic()
    profile = with_digest(profile)
    prospect = survey(profile, store, options)
    examined = profile.test_set is not None  # and then also what was timed before needs its weights
    looked_at = prospect.plan.considered if examined else prospect.open
    models = {one.facts.name: one.facts for one in looked_at if one.candidate.id not in prospect.excluded}
    weights = WeightsPolicy(prospect.device.kind, list(models.values()), offline=options.offline)
    notes = (weights.note, _busy_note(prospect) if prospect.open else None)
    told = (*prospect.plan.notes, *(note for note in notes if note is not None))
    prospect = replace(prospect, plan=replace(prospect.plan, notes=told))
    observer.begins(prospect)
    _bring_checkpoints(prospect, options)
    excluded = [(name, exclusion.reason) for name, exclusion in prospect.excluded.items()]
    excluded += [(name, LEFT_OUT) for name in prospect.left_out]
    run_id = store.begin_run(profile, prospect.plan, excluded, prospect.strategy)
    observer.started(run_id)
    campaign = Campaign(
        profile, store, prospect, run_id, options=options, observer=observer, weights=weights, started=started
    )
    try:
        certificate = campaign.run()
    except BaseException as error:
        store.finish_run(run_id, "interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
        raise
    timing = Timing(time.monotonic() - started, campaign.measured_seconds)
    interrupted = certificate.stopped_because == "interrupted"
    store.finish_run(run_id, "interrupted" if interrupted else "finished", certificate, timing)
    return with_samples(decide(profile, gather(store, prospect.plan, certificate, timing, run_id)), store)


def survey(profile: RequirementProfile, store: Store | None, options: Options | None = None) -> Prospect:
    """What evaluating would do: the dry run.

    Args:
        profile: What is asked.
        store: What was measured before, or None when there is no store yet.
        options: How the run would go.

    Raises:
        UsageError: The device is not here; a model, way or strategy does not exist.
    """
    options = options or Options()
    profile = with_digest(profile)
    device = resolve(profile.device.target)
    environment = device.environment(profile.device.threads, all_libraries())
    strategy, _ = resolve_strategy(profile.evaluation.strategy)
    everything = make_plan(profile, load_catalog(), environment, unavailable_ways(environment))
    plan = _selected(everything, options)
    kept = {one.candidate.id for one in plan.considered}
    left_out = tuple(one.candidate.id for one in everything.considered if one.candidate.id not in kept)
    excluded = exclusions(profile, plan)
    wanted = [one for one in plan.considered if one.candidate.id not in excluded and one.unavailable is None]
    known: dict[str, Measurement] = {}
    if store is not None and not options.force:
        rule = stopping_rule(profile)
        found = stored(store, wanted, environment)
        known = {name: measurement for name, measurement in found.items() if suffices(measurement, rule)}
    left = tuple(one for one in wanted if one.candidate.id not in known)
    estimate = estimate_run(profile, left, environment)
    return Prospect(device, plan, excluded, left_out, known, left, estimate, strategy)


def rank(
    profile: RequirementProfile, store: Store, environment_id: str | None = None, options: Options | None = None
) -> Decision:
    """Decides from what is stored; measures nothing and imports no torch.

    Args:
        profile: What is asked.
        store: Where measurements are found.
        environment_id: Beginning of an environment's id; the device's newest without it.
        options: `only` and `skip` narrow what is considered.

    Raises:
        UsageError: The store has no measurements of the device.
    """
    profile = with_digest(profile)
    environment = find_environment(profile, store, environment_id)
    runs = [run for run in store.runs(100, with_checks=False) if run.environment.id == environment.id]
    notes = runs[0].notes if runs else ()
    plan = make_plan(profile, load_catalog(), environment, _unavailable_in(runs), notes)
    return with_samples(decide(profile, gather(store, _selected(plan, options or Options()))), store)


def decide_run(store: Store, reference: str, profile: RequirementProfile | None = None) -> Decision:
    """Decides from the evidence that a run stood on when it ended; of a check, from what it measured alone.

    Args:
        store: The store.
        reference: The run's id, a unique beginning of it, or "latest".
        profile: Another profile than the run's own, or None.

    Raises:
        UnknownNameError: No such run.
    """
    record = store.run(reference)
    profile = profile or record.profile
    if any(basis is not None and not basis.digest for basis in (profile.calibration, _own_images(profile))):
        profile = with_digest(profile)
    plan = make_plan(profile, load_catalog(), record.environment, record.unavailable, record.notes)
    left_out = {name for name, reason in record.excluded if reason == LEFT_OUT}
    plan = replace(plan, considered=tuple(one for one in plan.considered if one.candidate.id not in left_out))
    if record.is_check:
        return decide(profile, _of_check(store, record, plan))
    evidence = gather(store, plan, record.certificate, record.timing, record.id, as_of=record.revision)
    return with_samples(decide(profile, evidence), store, record.revision)


def _own_images(profile: RequirementProfile) -> AccuracyBasis | None:
    """The labelled images that accuracy is measured on, if the profile names some."""
    return None if profile.test_set is None else profile.accuracy


def with_samples(decision: Decision, store: Store, as_of: int | None = None) -> Decision:
    """The decision with the raw latencies of its finalists, whose spread reports show.

    Of all the others the sketch is enough; the samples of thousands of candidates would fill the memory.

    Args:
        decision: On evidence of the store.
        store: Where the samples are.
        as_of: The store's revision that the evidence is of, None for today's.
    """
    measured = islice((one for one in decision.ranked if one.measurement is not None), _LOOKED_AT)
    identities = dict.fromkeys(one.measurement.identity for one in measured if one.measurement is not None)
    found = store.latest(islice(identities, FINALISTS), with_samples=True, as_of=as_of)
    ranked = (*(_sampled(one, found) for one in decision.ranked[:_LOOKED_AT]), *decision.ranked[_LOOKED_AT:])
    return replace(decision, ranked=ranked, winner=ranked[0] if decision.winner is not None else None)


def sampled(one: Assessment, store: Store, as_of: int | None = None) -> Assessment:
    """A candidate with the raw latencies that its figures are of, where the store has them.

    Args:
        one: Of any decision on evidence of the store.
        store: Where the samples are.
        as_of: As for `with_samples`.
    """
    if one.measurement is None:
        return one
    return _sampled(one, store.latest([one.measurement.identity], with_samples=True, as_of=as_of))


def _sampled(one: Assessment, found: Mapping[str, Measurement]) -> Assessment:
    mine = one.measurement
    other = None if mine is None else found.get(mine.identity)
    if mine is None or mine.observation is None or other is None or other.observation is None:
        return one
    observation = replace(mine.observation, latencies=other.observation.latencies)
    return replace(one, measurement=replace(mine, observation=observation))


def _of_check(store: Store, record: RunRecord, plan: Plan) -> Evidence:
    """The last visit of a check: what it measured speaks for nobody elsewhere."""
    measured = {one.candidate.id: one for one in store.measurements(record.id)}
    return Evidence(plan, measured, certificate=record.certificate, timing=record.timing, run_id=record.id)


def _bring_checkpoints(prospect: Prospect, options: Options) -> None:
    """Reads own weights before anything is measured: one that does not fit its model is told at once, not a row.

    Raises:
        UsageError: A file cannot be read or does not fit; the message names what is missing and unexpected.
    """
    own = {one.facts.name: one for one in prospect.open if one.facts.checkpoint is not None}
    if not own or prospect.device.kind == "fake":
        return
    from selector.profiler.models import fetch_weights

    with options.cache.telling():
        for one in own.values():
            with suppress(UnavailableError):  # becomes a row, when it is this candidate's turn
                fetch_weights(options.cache, one.facts, one.candidate, pretrained=True)


def _busy_note(prospect: Prospect) -> str | None:
    """A warning when other programs compete for the processors as a run begins."""
    others = foreign_load() if prospect.device.kind != "fake" else 0.0
    if others < _BUSY:
        return None
    return (
        f"Other programs kept {others:.1f} of {prospect.device.default_threads} cores busy when measuring began. "
        "What they disturb is timed again, and is called unstable if they go on."
    )


def _unavailable_in(runs: Iterable[RunRecord]) -> dict[str, str]:
    """Which ways could not run in one environment, with the reason; of each the newest run that asked for it knows.

    Args:
        runs: In that environment, newest first.
    """
    known: dict[str, str | None] = {}
    for run in runs:
        patterns = run.profile_document.get("candidates", {}).get("optimizations", ())
        for way in OPTIMIZATIONS.names():
            if not patterns or any(fnmatch.fnmatchcase(way, pattern) for pattern in patterns):
                known.setdefault(way, run.unavailable.get(way))
    return {way: reason for way, reason in known.items() if reason is not None}


def _selected(plan: Plan, options: Options) -> Plan:
    """The plan without what --only and --skip leave out.

    Raises:
        UsageError: A pattern that matches nothing, or nothing is left.
    """
    if not options.only and not options.skip:
        return plan
    names = [one.candidate.id for one in plan.considered]
    for pattern in (*options.only, *options.skip):
        if not fnmatch.filter(names, pattern):
            raise UnknownNameError("candidate", pattern, names)
    kept = tuple(
        one
        for one in plan.considered
        if (not options.only or _matches(one.candidate.id, options.only))
        and not _matches(one.candidate.id, options.skip)
    )
    if not kept:
        raise UsageError("--only and --skip together leave no candidate; loosen one of them")
    return replace(plan, considered=kept)


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
