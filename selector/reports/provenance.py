"""Where the figures of a decision come from, and how to get them again."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from selector.decision import headline
from selector.quantities import format_price, format_quantity
from selector.reports.content import count, evaluating, most_common
from selector.reports.text import plain
from selector.reports.values import observed

if TYPE_CHECKING:
    from selector.decision import Assessment, Decision
    from selector.reports.base import Context
    from selector.types import Certificate, Environment, Measurement, TestSet

_UNFINISHED = "The run has not come to its end: this is decided from what it has measured so far"
Facts = tuple[tuple[str, str], ...]
"""Labels with what they name, in order."""


def day(decision: Decision, context: Context) -> str:
    """The day of the decision as YYYY-MM-DD: as given, else the run's, else that of the newest measurement."""
    if context.date is not None:
        return context.date.isoformat()
    stamp = re.match(r"(\d{4})(\d{2})(\d{2})-", decision.evidence.run_id or "")
    if stamp:
        return "-".join(stamp.groups())
    created = [one.created.astimezone(dt.UTC) for one in decision.evidence.measurements.values()]
    return max(created).date().isoformat() if created else "not recorded"


def workload(decision: Decision) -> str:
    """The workload in one clause: "image-classification, single-stream, batch 32, native image size"."""
    asked = decision.profile.workload
    size = (
        "native image size" if asked.image_size == "native" else f"{asked.image_size[0]}×{asked.image_size[1]} pixels"
    )
    scope = "forward pass" if asked.latency_scope == "forward" else plain(asked.latency_scope).replace("_", " ")
    return f"{asked.task}, {asked.scenario}, batch {asked.batch_size}, {size}, latency of the {scope}"


def device_name(environment: Environment) -> str:
    """The device as people call it; the fake one is never passed off as real."""
    return plain(headline.device(environment))


def trust(decision: Decision) -> Facts:
    """What a reader needs to believe the figures: device, driver, libraries, protocol, weights, sources."""
    environment = decision.evidence.plan.environment
    facts = [
        ("Device", f"{device_name(environment)}, {format_quantity(environment.memory_total, 'memory')} of memory"),
        ("Driver or kernel", plain(environment.driver) or "not known"),
        ("Power limit", _power(environment)),
        ("Threads", str(environment.threads)),
        ("Libraries", ", ".join(f"{plain(one)} {plain(version)}" for one, version in environment.versions) or "none"),
        ("Workload", workload(decision)),
        (
            "Protocol",
            f"version {environment.protocol}: candidates run in processes of their own; raw samples are kept",
        ),
        ("Samples", _samples(decision)),
        ("Weights", _weights(decision)),
        ("Accuracy", _accuracy(decision)),
        ("Search", search(decision)),
        *([("Likeliest missed", missed)] if (missed := likeliest_missed(decision)) else []),
        ("Environment", environment.id),
        ("Run", plain(decision.evidence.run_id or "none: decided from what the store holds")),
    ]
    if decision.profile.device.price is not None:
        facts.insert(4, ("Price", f"{format_price(decision.profile.device.price)} for one device"))
    stale = sum(decision.evidence.stale.values())
    if stale:
        facts.append(("Stale", f"{count(stale, 'older measurement')} of other library or driver versions left out"))
    return tuple(facts)


def _power(environment: Environment) -> str:
    return "none set or readable" if environment.power_limit is None else f"{environment.power_limit:g} W"


def _measured(decision: Decision) -> list[Measurement]:
    ids = (one.id for one in _compared(decision))
    found = (decision.evidence.measurements.get(each) for each in ids)
    return [one for one in found if one is not None and one.observation is not None]


def _compared(decision: Decision) -> tuple[Assessment, ...]:
    return (*decision.ranked, *decision.undecided, *decision.rejected)


def _samples(decision: Decision) -> str:
    samples = [one.observation.summary.samples for one in _measured(decision) if one.observation is not None]
    if not samples:
        return "none"
    fewest, most = min(samples), max(samples)
    several = count(most, "timed query", "timed queries")
    if fewest != most:
        several = f"{fewest:,} to {several}"
    return f"{several} of {'each of ' if len(samples) > 1 else ''}{count(len(samples), 'measured candidate')}"


def _weights(decision: Decision) -> str:
    sources = most_common(one.weights.source for one in _measured(decision) if one.weights is not None)
    words = {
        "random": "random (speed and memory only: outputs and accuracy not observed)",
        "pretrained": "pretrained",
        "checkpoint": "from a checkpoint",
    }
    return "; ".join(f"{number:,} {words[source]}" for source, number in sources) or "nothing ran"


def _accuracy(decision: Decision) -> str:
    figures: Iterable[tuple[str, str]] = (
        (figure.evidence, figure.source)
        for one in decision.ranked or _compared(decision)
        for key in one.metrics
        if key.startswith("accuracy_") and (figure := observed(one.metrics[key])) is not None
    )
    test_set = decision.evidence.plan.test_set
    kinds = most_common(
        f"{evidence}: {plain(source)}" for evidence, source in figures if evidence != "measured" or test_set is None
    )
    told = [text for text, _ in kinds[:5]]
    return "; ".join(told if test_set is None else [_examined(decision, test_set), *told]) or "not observed"


def _examined(decision: Decision, test_set: TestSet) -> str:
    """What accuracy was measured on, and how."""
    images = [one.images for one in decision.evidence.examined.values() if one.images]
    where = f"labelled images in {plain(test_set.path)} (hash {test_set.digest})"
    if not images:
        return f"to be measured on {where}: nobody was examined"
    fewest, most, total = min(images), max(images), max(one.total for one in decision.evidence.examined.values())
    part = f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"
    part += "" if fewest == total else f" of {total:,}"
    who = count(len(images), "candidate")
    if test_set.protocol is not None:
        probe = {"linear-probe": "a linear probe", "knn": "nearest neighbours"}[test_set.protocol]
        return (
            f"measured by {probe} on each model's frozen fp32 features, in folds that it was not fitted on: {who} "
            f"on {part} {where}; Wilson's intervals"
        )
    return f"measured: {who} on {part} {where}; Wilson's intervals, losses against fp32 paired image by image"


def search(decision: Decision) -> str:
    """How the search went, with how sure it is that nothing better was missed."""
    certificate = decision.evidence.certificate
    if certificate is None:
        return _UNFINISHED if decision.evidence.run_id else "none: decided from stored evidence"
    return f"{plain(certificate.strategy).replace('_', ' ')}: {extent(decision)}"


def extent(decision: Decision) -> str:
    """How much was measured, and what that leaves open; "" where nothing was searched."""
    certificate = decision.evidence.certificate
    if certificate is None:
        return _UNFINISHED if decision.evidence.run_id else ""
    wall = decision.evidence.timing.wall_seconds
    took = f" in {format_quantity(wall, 'time')}" if wall else ""
    text = f"{certificate.measured:,} of {certificate.candidates:,} measured{took}"
    if certificate.measured >= certificate.candidates:
        return text
    sure = certificate.confidence
    left_open = stopped(certificate.stopped_because)
    parts = [text, left_open]
    if sure is not None:
        parts = [text, f"with {_chance(sure)} confidence nothing better was missed{_asked(certificate, left_open)}"]
    if certificate.saved_seconds:
        parts.append(f"the rest would have taken about {format_quantity(certificate.saved_seconds, 'time', 2)}")
    return "; ".join(parts)


def _asked(certificate: Certificate, left_open: str) -> str:
    """What was asked for, where less was reached, and why the search ended before."""
    asked, sure = certificate.asked, certificate.confidence
    if asked is None or sure is None or sure >= asked:
        return ""
    return f", {_chance(asked)} was asked for, but {left_open}"


def _chance(share: float) -> str:
    """A confidence in percent, never rounded up to a certainty that it is not."""
    return f"{math.floor(1000 * share + 1e-9) / 10:.1f} %"


def likeliest_missed(decision: Decision) -> str:
    """Who of those that were not measured is likeliest to be better than the choice; "" where nobody can say."""
    certificate = decision.evidence.certificate
    if certificate is None:
        return ""
    named = [f"{plain(one.candidate)} ({_little(one.chance)})" for one in certificate.missed]
    return ", ".join(named)


def _little(chance: float) -> str:
    return "below 0.1 %" if chance < 0.001 else f"{100 * chance:.1f} %"


def stopped(because: str) -> str:
    """Why a search ended, as a clause."""
    known = {
        "exhausted": "nothing was left to measure",
        "time_budget": "the time budget was used up",
        "interrupted": "it was interrupted",
    }
    return known.get(because) or f"it stopped because: {plain(because).replace('_', ' ')}"


def confirm(decision: Decision, context: Context) -> str:
    """The command that measures everything again."""
    return evaluating(decision, context, force=True)
