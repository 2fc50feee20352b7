"""What the two arguments of `compare` mean: stores, runs, devices, environments or candidates.

Each argument is read in every way that it can be; the pair is compared in the one way that both share. Where there is
none, or more than one, the call is wrong and the message says what was looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from selector.decision import Decision
from selector.decision.comparing import (
    CandidateComparison,
    DecisionComparison,
    compare_candidates,
    compare_decisions,
)
from selector.decision.differences import spread_sessions
from selector.devices import DEVICES
from selector.errors import UnknownNameError, UsageError, excerpt
from selector.journey import decide_run, rank
from selector.requirements import RequirementProfile
from selector.store import Store

_STORE_SUFFIXES = (".db", ".sqlite", ".sqlite3")
_FEWEST = 4
"""Characters of an environment's id from which on a beginning of it is taken for one."""
_HEXADECIMAL = frozenset("0123456789abcdef")


class Kind(StrEnum):
    """What an argument can be."""

    STORE = "store"
    RUN = "run"
    DEVICE = "device"
    ENVIRONMENT = "environment"
    CANDIDATE = "candidate"


@dataclass(frozen=True)
class Call:
    """What `compare` was asked.

    Attributes:
        first: One argument.
        second: The other.
        profile: What to decide by, None where none is named.
        run: A run whose decision candidates are of; None for the newest.
        environment: Beginning of an environment's id, for candidates and stores under a profile.
        store: URL of the store.
        open: Opens a store for reading.
    """

    first: str
    second: str
    profile: RequirementProfile | None
    run: str | None
    environment: str | None
    store: str
    open: Callable[[str], Store]


@dataclass(frozen=True)
class Compared:
    """A comparison, and what was compared.

    Attributes:
        kind: What both arguments are.
        names: How each side is called.
        comparison: The comparison.
    """

    kind: Kind
    names: tuple[str, str]
    comparison: CandidateComparison | DecisionComparison


def compare(call: Call) -> Compared:
    """Compares what the two arguments mean.

    Raises:
        UsageError: They are of no kind, of two, or of several; or the kind needs what was not said.
        UnknownNameError: One names nothing.
        StoreError: A store cannot be read.
    """
    if _is_store(call.first) and _is_store(call.second):
        return _stores(call)
    with closing(call.open(call.store)) as store:
        kind = _kind(call, store)
        if kind is Kind.CANDIDATE:
            return _candidates(call, store)
        if kind is Kind.RUN:
            return _runs(call, store)
        return _places(call, store, kind)


def readings(argument: str, store: Store) -> tuple[Kind, ...]:
    """Every kind that an argument can be by its form and by what the store holds, candidates' names apart."""
    if _is_store(argument):
        return (Kind.STORE,)
    found = []
    if argument == "latest" or store.has_run(argument):
        found.append(Kind.RUN)
    if argument.partition(":")[0] in ("auto", *DEVICES.names()):
        found.append(Kind.DEVICE)
    if _may_be_environment(argument) and any(one.id.startswith(argument) for one in store.environments()):
        found.append(Kind.ENVIRONMENT)
    if "@" in argument:
        found.append(Kind.CANDIDATE)
    return tuple(found)


def url_of(argument: str) -> str:
    """The URL of a store that is named by URL or by file."""
    return argument if "://" in argument else f"sqlite:///{argument}"


def _kind(call: Call, store: Store) -> Kind:
    arguments = (call.first, call.second)
    read = [readings(one, store) if one else () for one in arguments]
    shared = [kind for kind in Kind if all(kind in map(_as, kinds) for kinds in read)]
    if len(shared) == 1:
        return shared[0]
    if shared:
        raise UsageError(
            f"{excerpt(call.first)} and {excerpt(call.second)} may be two {'s or two '.join(shared)}s of "
            f"{store.name}: write more of their ids"
        )
    named = [(one, kinds) for one, kinds in zip(arguments, read, strict=True) if kinds]
    if len(named) == len(arguments):
        told = " and ".join(f"{excerpt(one)} is a {' or a '.join(kinds)}" for one, kinds in named)
        raise UsageError(f"{told}: compare two of one kind")
    # What no id and no device is may be enough of a candidate's name.
    if not named or all(Kind.CANDIDATE in kinds for _, kinds in named):
        return Kind.CANDIDATE
    (other, kinds) = named[0]
    unknown = next(one for one, found in zip(arguments, read, strict=True) if not found)
    raise UsageError(f"{_not_found(unknown, store)}. {excerpt(other)} is a {' or a '.join(kinds)}: name another one")


def _as(kind: Kind) -> Kind:
    """Devices and environments are compared with each other, too."""
    return Kind.DEVICE if kind is Kind.ENVIRONMENT else kind


def _not_found(argument: str, store: Store) -> str:
    runs, environments = store.runs(), store.environments()
    return (
        f"{excerpt(argument)} is nothing that can be compared. Looked for: a store (a URL, or a file ending in .db), "
        f"one of the {len(runs)} runs and {len(environments)} environments of {store.name}, a device "
        f"({', '.join(DEVICES.names())}), a candidate (MODEL@OPTIMIZATION)"
    )


def _is_store(argument: str) -> bool:
    return "://" in argument or ("@" not in argument and Path(argument).suffix in _STORE_SUFFIXES)


def _may_be_environment(argument: str) -> bool:
    return len(argument) >= _FEWEST and set(argument) <= _HEXADECIMAL


def _candidates(call: Call, store: Store) -> Compared:
    """Two candidates of one decision: of the profile, or of a run, the newest unless one is named."""
    if call.profile is not None:
        decision = rank(call.profile, store, call.environment)
    else:
        _refuse_environment(call, "a run")
        decision = decide_run(store, call.run or "latest")
    try:
        first, second = decision.find(call.first), decision.find(call.second)
    except UnknownNameError as error:
        if "@" in error.name:
            raise
        raise UsageError(f"{_not_found(error.name, store)}; of these {error}") from None
    return Compared(Kind.CANDIDATE, (first.id, second.id), compare_candidates(decision, first, second))


def _runs(call: Call, store: Store) -> Compared:
    """Two runs, each by its own profile, or both by the one that is named."""
    _refuse_environment(call, "runs")
    _refuse_run(call, "two runs")
    records = [store.run(one) for one in (call.first, call.second)]
    first, second = (decide_run(store, record.id, call.profile) for record in records)
    names = tuple(f"run {record.id}{' (a check)' if record.is_check else ''}" for record in records)
    return Compared(Kind.RUN, (names[0], names[1]), _across(first, second, (store, store)))


def _places(call: Call, store: Store, kind: Kind) -> Compared:
    """Two devices or environments of one store, under one profile."""
    _refuse_environment(call, f"two {kind}s")
    _refuse_run(call, f"two {kind}s")
    profile = call.profile
    if profile is None:
        raise UsageError(
            f"two {kind}s are compared for one profile: add --profile PROFILE, e.g. --profile "
            f"{_newest_profile(store) or 'quickstart'}"
        )
    decisions = []
    for argument in (call.first, call.second):
        if argument.partition(":")[0] in ("auto", *DEVICES.names()):
            device = profile.device.model_copy(update={"target": argument})
            decisions.append(rank(profile.model_copy(update={"device": device}), store))
        else:
            decisions.append(rank(profile, store, argument))
    places = [one.evidence.plan.environment for one in decisions]
    names = tuple(f"{place.device_name} (environment {place.id[:8]})" for place in places)
    return Compared(kind, (names[0], names[1]), _across(decisions[0], decisions[1], (store, store)))


def _stores(call: Call) -> Compared:
    """Two stores: the newest run of each, or one profile decided in both."""
    _refuse_run(call, "two stores")
    if call.profile is None:
        _refuse_environment(call, "the newest runs of two stores")
    with closing(call.open(url_of(call.first))) as one, closing(call.open(url_of(call.second))) as other:
        stores = (one, other)
        if call.profile is None:
            for store in stores:
                if not store.runs(1, with_checks=False):
                    raise UsageError(f"the store {store.name} has no run to compare; name a profile with --profile")
            first, second = (decide_run(store, "latest") for store in stores)
        else:
            first, second = (rank(call.profile, store, call.environment) for store in stores)
        return Compared(Kind.STORE, (f"store {one.name}", f"store {other.name}"), _across(first, second, stores))


def _across(first: Decision, second: Decision, stores: Sequence[Store]) -> DecisionComparison:
    """Two decisions, with what sessions of their choices are known to differ by."""
    medians = []
    for decision, store in zip((first, second), stores, strict=True):
        chosen = None if decision.winner is None else decision.winner.measurement
        if chosen is not None:
            medians.append(store.medians(chosen.identity))
    return compare_decisions(first, second, spread_sessions(medians))


def _newest_profile(store: Store) -> str:
    from selector.requirements import bundled_profiles

    name = next((run.profile_name for run in store.runs(1, with_checks=False)), "")
    return name if name in bundled_profiles() else ""


def _refuse_environment(call: Call, what: str) -> None:
    if call.environment is not None:
        raise UsageError(f"--environment cannot be given with {what}: leave it out")


def _refuse_run(call: Call, what: str) -> None:
    if call.run is not None:
        raise UsageError(
            f"--profile names the run {excerpt(call.run)}, but {what} are compared by a profile: name one"
        )


__all__ = ["Call", "Compared", "Kind", "compare", "readings", "url_of"]
