"""Several measurements of one series as one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from selector.types import LatencySummary, Observation

Summarize = Callable[[bytes], LatencySummary]


@dataclass(frozen=True)
class Joined:
    """What the ok measurements of a series say together.

    Attributes:
        summary: Sketch of all their latencies.
        energy_joules: Of all their timed queries, or None when some were not counted.
    """

    summary: LatencySummary
    energy_joules: float | None


def join(observations: Sequence[Observation], summarize: Summarize) -> Joined:
    """Joins observations: latencies one after the other and summarized anew, energy added up.

    Args:
        observations: In the order in which they were made, at least one, with latencies.
        summarize: Sketches latencies.
    """
    counted = [one.energy_joules for one in observations if one.energy_joules is not None]
    return Joined(
        summary=summarize(b"".join(one.latencies for one in observations)),
        energy_joules=sum(counted) if len(counted) == len(observations) else None,
    )


def with_joined(newest: Observation, joined: Joined) -> Observation:
    """The newest observation of a series, speaking for all: what is not joined is the newest's."""
    return replace(newest, summary=joined.summary, energy_joules=joined.energy_joules)
