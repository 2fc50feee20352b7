"""What the store says of a plan: the bridge from measurements to a decision."""

from __future__ import annotations

from collections.abc import Sequence

from selector.devices import resolve
from selector.errors import DeviceError, UnknownNameError, UsageError
from selector.requirements import RequirementProfile
from selector.store.examinations import examined
from selector.store.store import Store
from selector.types import (
    Certificate,
    Environment,
    Evidence,
    Examined,
    Measurement,
    Plan,
    Planned,
    Timing,
    accuracy_identity,
    speed_identity,
)


def gather(
    store: Store,
    plan: Plan,
    certificate: Certificate | None = None,
    timing: Timing | None = None,
    run_id: str | None = None,
    as_of: int | None = None,
) -> Evidence:
    """Everything that a decision over a plan's candidates stands on.

    Args:
        store: The store.
        plan: What is considered, where.
        certificate: How the search went, if there was one.
        timing: What the run cost.
        run_id: The run.
        as_of: A revision of the store: leave out what was added later.
    """
    measurements = stored(store, plan.considered, plan.environment, as_of)
    missing = [one.candidate for one in plan.considered if one.candidate.id not in measurements]
    stale = store.stale(missing, plan.environment)
    identities = {one.identity for one in measurements.values()}
    run_offs = tuple(store.run_offs(identities, plan.environment, as_of=as_of))
    answered = find_examined(store, plan, as_of)
    return Evidence(plan, measurements, stale, certificate, timing or Timing(), run_id, run_offs, answered)


def find_examined(store: Store, plan: Plan, as_of: int | None = None) -> dict[str, Examined]:
    """How candidates answered the plan's labelled images, by candidate id; nothing where it names none.

    Args:
        store: The store.
        plan: What is considered, where.
        as_of: A revision of the store: leave out what was added later.
    """
    if plan.test_set is None:
        return {}
    asked, where = plan.test_set, plan.environment
    models = {one.facts.name: one.facts for one in plan.considered}
    references = {
        name: accuracy_identity(candidate, models[name], where, asked)
        for name, candidate in plan.reference.items()
        if name in models
    }
    # Features are those of fp32 eager, and what a probe makes of them holds for every way of the model.
    identities = {
        one.candidate.id: references[one.facts.name]
        if asked.protocol is not None
        else accuracy_identity(one.candidate, one.facts, where, asked)
        for one in plan.considered
    }
    found = store.examinations([*identities.values(), *references.values()], as_of=as_of)
    return {
        one.candidate.id: examined(found[identity], found.get(references.get(one.facts.name, "")))
        for one in plan.considered
        if (identity := identities[one.candidate.id]) in found
    }


def stored(
    store: Store, planned: Sequence[Planned], environment: Environment, as_of: int | None = None
) -> dict[str, Measurement]:
    """The measurement that speaks for each candidate, by candidate id."""
    identities = {one.candidate.id: speed_identity(one.candidate, environment) for one in planned}
    latest = store.latest(set(identities.values()), as_of=as_of)
    return {name: latest[identity] for name, identity in identities.items() if identity in latest}


def find_environment(profile: RequirementProfile, store: Store, environment_id: str | None = None) -> Environment:
    """The environment whose evidence a decision uses.

    Raises:
        UnknownNameError: None begins with `environment_id`.
        DeviceError: The store has none of the profile's device.
    """
    known = store.environments()
    if environment_id is not None:
        chosen = [one for one in known if one.id.startswith(environment_id)]
        if not chosen:
            raise UnknownNameError("environment", environment_id, [one.id for one in known])
        if len({one.id for one in chosen}) > 1:
            raise UsageError(f"several environments begin with {environment_id!r}; write more of the id")
        return chosen[0]
    target, threads = profile.device.target, profile.device.threads
    kind = (resolve("auto").kind if target == "auto" else target.partition(":")[0]) if known else target
    fitting = [one for one in known if one.device_kind == kind and threads in (None, one.threads)]
    if not fitting:
        have = sorted({one.device_kind for one in known})
        hint = f"it has {', '.join(have)}: name one with --device" if have else "it is empty"
        raise DeviceError(
            f"the store {store.name} has no measurements of the device {target!r} ({hint}); "
            "measure first with `selector evaluate PROFILE`"
        )
    return _of_the_device(fitting, target)


def _of_the_device(fitting: Sequence[Environment], target: str) -> Environment:
    """The newest of those that are this machine's `target`; without one the newest, if no number asks for another.

    Args:
        fitting: Of the target's kind, newest first; at least one.
        target: How the profile names the device.

    Raises:
        DeviceError: Which of several devices "cuda:1" was cannot be known, or it was never measured.
    """
    try:
        here = resolve(target).environment(None, ()).device_id
    except DeviceError:
        here = None
    same = [one for one in fitting if one.device_id == here]
    devices = {one.device_id for one in fitting}
    if same or ":" not in target or (here is None and len(devices) == 1):
        return (same or fitting)[0]
    newest = {one.device_id: one for one in reversed(fitting)}.values()
    listed = ", ".join(f"{one.device_name} ({one.id[:8]})" for one in newest)
    why = "is not on this machine, so which one it was is not known" if here is None else "was not measured"
    raise DeviceError(
        f"the device {target!r} {why}; the store has {listed}. Name one by the beginning of its id with --environment"
    )
