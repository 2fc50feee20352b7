"""Run-offs as rows, and the question which of them still speak."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from selector.store.codec import dumps, from_document, loads, to_document
from selector.store.schema import measurements, rounds, run_offs
from selector.types import Environment, RunOff

_BYTES = 8


def insert(connection: sa.Connection, run_off: RunOff, revision: int) -> None:
    """Adds a run-off and its rounds."""
    document = to_document(replace(run_off, latencies={}))
    del document["environment"]
    connection.execute(
        run_offs.insert().values(
            id=run_off.id,
            environment_id=run_off.environment.id,
            run_id=run_off.run_id,
            revision=revision,
            created=run_off.created,
            document=dumps(document),
        )
    )
    size = _BYTES * run_off.queries
    connection.execute(
        rounds.insert(),
        [
            {
                "run_off_id": run_off.id,
                "identity": identity,
                "round": number,
                "latencies": taken[start : start + size],
            }
            for identity, taken in run_off.latencies.items()
            for number, start in enumerate(range(0, len(taken), size))
        ],
    )


def select(
    connection: sa.Connection, environment: Environment, identities: Set[str], as_of: int | None
) -> list[RunOff]:
    """The run-offs of an environment with what still speaks of them, newest first.

    A summary speaks when its candidate is asked for and no newer series of its measurements has begun since; a duel
    when both do.

    Args:
        connection: Within a transaction.
        environment: Where.
        identities: Who is asked for.
        as_of: Only what was there at this revision.
    """
    query = sa.select(run_offs.c.revision, run_offs.c.document).where(run_offs.c.environment_id == environment.id)
    if as_of is not None:
        query = query.where(run_offs.c.revision <= as_of)
    found = []
    for revision, text in connection.execute(query.order_by(run_offs.c.revision.desc())):
        document: dict[str, Any] = {**loads(text), "environment": to_document(environment)}
        one = replace(from_document(RunOff, document), environment=environment)
        began = _newest_series_began(connection, identities & set(one.identities), as_of)
        still = {name for name, when in began.items() if when < revision}
        duels = tuple(duel for duel in one.duels if duel.first in still and duel.second in still)
        summaries = {name: summary for name, summary in one.summaries.items() if name in still}
        if duels or summaries:
            found.append(replace(one, duels=duels, summaries=summaries))
    return found


def latencies(connection: sa.Connection, run_off_id: str) -> dict[str, bytes]:
    """By identity, the samples of all rounds, one after the other."""
    query = (
        sa.select(rounds.c.identity, rounds.c.latencies)
        .where(rounds.c.run_off_id == run_off_id)
        .order_by(rounds.c.identity, rounds.c.round)
    )
    taken: dict[str, bytes] = {}
    for identity, data in connection.execute(query):
        taken[identity] = taken.get(identity, b"") + data
    return taken


def _newest_series_began(connection: sa.Connection, identities: Set[str], as_of: int | None) -> Mapping[str, int]:
    """By identity, the revision at which its newest series began; those never measured are missing."""
    first = sa.func.min(measurements.c.revision)
    query = sa.select(measurements.c.identity, measurements.c.series, first)
    if as_of is not None:
        query = query.where(measurements.c.revision <= as_of)
    query = query.where(measurements.c.identity.in_(identities))
    query = query.group_by(measurements.c.identity, measurements.c.series).order_by(measurements.c.series)
    return {identity: began for identity, _, began in connection.execute(query)}
