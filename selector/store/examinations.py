"""Examinations as rows, and as the numbers that a decision reads."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from selector.store.codec import dumps, from_document, loads, to_document
from selector.store.schema import environments, examinations
from selector.types import Examination, Examined, Outcome

_AT_ONCE = 500
_AMONG = 5


def insert(connection: sa.Connection, one: Examination, revision: int) -> None:
    """Adds an examination."""
    document = to_document(replace(one, ranks=b"", firsts=b""))
    del document["environment"]
    connection.execute(
        examinations.insert().values(
            id=one.id,
            identity=one.identity,
            revision=revision,
            run_id=one.run_id,
            environment_id=one.environment.id,
            created=one.created,
            document=dumps(document),
            ranks=one.ranks,
            firsts=zlib.compress(one.firsts),
        )
    )


def newest(connection: sa.Connection, identities: Iterable[str], as_of: int | None) -> dict[str, Examination]:
    """By identity, the examination that was added last; a later part of a set comes with all parts before it."""
    wanted = list(dict.fromkeys(identities))
    found: dict[str, Examination] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        query = (
            sa.select(examinations, environments.c.document.label("environment"))
            .join(environments, environments.c.id == examinations.c.environment_id)
            .where(examinations.c.identity.in_(wanted[start : start + _AT_ONCE]))
            .order_by(examinations.c.revision)
        )
        if as_of is not None:
            query = query.where(examinations.c.revision <= as_of)
        for row in connection.execute(query).mappings():
            found[row["identity"]] = _read(row)
    return found


def _read(row: sa.RowMapping) -> Examination:
    document: dict[str, Any] = {**loads(row["document"]), "environment": loads(row["environment"])}
    return replace(
        from_document(Examination, document), ranks=bytes(row["ranks"]), firsts=zlib.decompress(row["firsts"])
    )


def examined(one: Examination, reference: Examination | None) -> Examined:
    """An examination in numbers, beside fp32 eager's over the images that both answered.

    Args:
        one: Of a candidate.
        reference: Of its weights in fp32 eager, on the same set; None where there is none.
    """
    if one.outcome is not Outcome.OK or not one.ranks:
        told = one.message or "no image was answered"
        return Examined(0, one.total, failure=told if one.outcome is Outcome.OK else f"{one.outcome.value}: {told}")
    right, among = one.ranks.count(0), sum(one.ranks.count(rank) for rank in range(_AMONG))
    numbers = Examined(one.images, one.total, right, among)
    if reference is None or not reference.ranks:
        return numbers
    compared = min(one.images, reference.images)
    mine, theirs = _right(one.ranks[:compared]), _right(reference.ranks[:compared])
    firsts = zip(
        memoryview(one.firsts).cast("i")[:compared], memoryview(reference.firsts).cast("i")[:compared], strict=True
    )
    return replace(
        numbers,
        compared=compared,
        both=(mine & theirs).bit_count(),
        lost=(theirs & ~mine).bit_count(),
        won=(mine & ~theirs).bit_count(),
        same=sum(first == other for first, other in firsts),
    )


def _right(ranks: bytes) -> int:
    """The right answers as the bits of a number, which Python counts and compares at once."""
    return int.from_bytes(ranks.translate(_ONES))


_ONES = bytes([1, *[0] * 255])
