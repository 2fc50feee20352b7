"""Measurements as rows, and rows as measurements."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from selector.store.codec import dumps, from_document, loads, to_document
from selector.store.merging import Joined, with_joined
from selector.types import Candidate, Environment, Measurement, Observation, Outcome, Weights


def plain(text: str) -> str:
    r"""Text that every database takes: NUL and lone surrogates, which some refuse, written as ``\x00``, ``\ud800``.

    Logs and names come from outside and may hold anything. Documents need no such care, their JSON is ASCII.
    """
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


def environment_row(environment: Environment) -> dict[str, Any]:
    """Columns of `environments`, all but the revision."""
    return {
        "id": environment.id,
        "device_kind": environment.device_kind,
        "device_name": plain(environment.device_name),
        "device_id": plain(environment.device_id),
        "document": dumps(to_document(environment)),
    }


def read_environment(document: str) -> Environment:
    """The environment of a document.

    Raises:
        ValueError: The document is damaged.
    """
    return from_document(Environment, loads(document))


def measurement_row(measurement: Measurement) -> dict[str, Any]:
    """Columns of `measurements`, all but series and revision."""
    candidate = measurement.candidate
    return {
        "id": measurement.id,
        "identity": measurement.identity,
        "run_id": measurement.run_id,
        "environment_id": measurement.environment.id,
        "created": measurement.created,
        "wall_seconds": float(measurement.wall_seconds),
        "outcome": measurement.outcome.value,
        "phase": plain(measurement.phase),
        "model": plain(candidate.model),
        "architecture": plain(candidate.architecture),
        "optimization": plain(candidate.optimization),
        "precision": candidate.precision,
        "batch_size": candidate.batch_size,
        "image_height": candidate.image_size[0],
        "image_width": candidate.image_size[1],
        "num_classes": candidate.num_classes,
        "scenario": candidate.scenario,
        "latency_scope": candidate.latency_scope,
        "weights": None if measurement.weights is None else dumps(to_document(measurement.weights)),
        "message": plain(measurement.message),
        "candidate": dumps(to_document(candidate)),
        "log": plain(measurement.log),
    }


def observation_row(measurement_id: str, observation: Observation, joined: Joined | None) -> dict[str, Any]:
    """Columns of `observations`."""
    document = to_document(replace(observation, latencies=b""))
    del document["latencies"]
    summary = document.pop("summary")
    encoding, latencies = pack(observation.latencies)
    return {
        "measurement_id": measurement_id,
        "summary": dumps(summary),
        "document": dumps(document),
        "joined": None if joined is None else dumps(to_document(joined)),
        "encoding": encoding,
        "latencies": latencies,
    }


def read_measurement(row: sa.RowMapping, environment: Environment, for_series: bool = False) -> Measurement:
    """The measurement of a row of `measurements` together with its row of `observations`, without raw samples.

    Args:
        row: The columns by name; those of `observations` are None when there is none.
        environment: The one that the row names.
        for_series: Let it speak for the ok ones before it in its series too.

    Raises:
        ValueError: A document in it is damaged.
    """
    return Measurement(
        id=row["id"],
        identity=row["identity"],
        candidate=from_document(Candidate, loads(row["candidate"])),
        environment=environment,
        weights=None if row["weights"] is None else from_document(Weights, loads(row["weights"])),
        outcome=Outcome(row["outcome"]),
        message=row["message"],
        log=row["log"],
        phase=row["phase"],
        observation=_read_observation(row, for_series),
        run_id=row["run_id"],
        created=row["created"],
        wall_seconds=row["wall_seconds"],
    )


def _read_observation(row: sa.RowMapping, for_series: bool) -> Observation | None:
    if row["document"] is None:
        return None
    document = {"latencies": "", "summary": loads(row["summary"]), **loads(row["document"])}
    observation = from_document(Observation, document)
    if for_series and row["joined"] is not None:
        return with_joined(observation, from_document(Joined, loads(row["joined"])))
    return observation


def pack(samples: bytes) -> tuple[str, bytes]:
    """Little-endian float64 samples as they are stored: ``f8``, or ``f8+zlib`` where that is smaller.

    Clock differences in seconds have random low bits but alike exponents: deflate takes about 40 % off a few
    hundred of them, in a fraction of a millisecond.
    """
    packed = zlib.compress(samples, 6)
    return ("f8+zlib", packed) if len(packed) < len(samples) else ("f8", samples)


def unpack(encoding: str, data: bytes) -> bytes:
    """The inverse of `pack`.

    Raises:
        ValueError: An encoding that this version does not know, or damage.
    """
    if encoding == "f8":
        return data
    if encoding != "f8+zlib":
        raise ValueError(f"samples are encoded as {encoding!r}")
    try:
        return zlib.decompress(data)
    except zlib.error as error:
        raise ValueError(f"samples are damaged ({error})") from error
