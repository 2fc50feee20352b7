"""Measurements of a made-up device, and the work that child processes of the tests do. Light to import."""

from __future__ import annotations

import datetime as dt
import struct
import sys
import uuid
from dataclasses import replace
from typing import Any

from selector.types import (
    Agreement,
    Candidate,
    Duel,
    Environment,
    Examination,
    Interval,
    LatencySummary,
    Measurement,
    ModelFacts,
    Observation,
    Outcome,
    Plan,
    Planned,
    RunOff,
    TestSet,
    Weights,
    speed_identity,
)

PROFILE = """
name: store-test
workload: {task: image-classification, scenario: single-stream, batch_size: 1, image_size: native}
requirements: {latency_p95: "< 50 ms"}
candidates: {models: ["resnet18.a1_in1k"]}
"""

ENVIRONMENT = Environment(
    device_kind="fake",
    device_name="Fake accelerator",
    device_id="fake-0",
    driver="1.0",
    power_limit=None,
    memory_total=16 * 2**30,
    threads=2,
    capabilities=("bf16",),
    versions=(("timm", "1.0.20"), ("torch", "2.9.0")),
)

CANDIDATE = Candidate(
    model="resnet18.a1_in1k",
    architecture="resnet18",
    optimization="eager",
    precision="fp32",
    libraries=("timm", "torch"),
    settings=(("tf32", "off"),),
    batch_size=1,
    image_size=(288, 288),
    num_classes=1000,
)

WEIGHTS = Weights(tag="a1_in1k", sha256="ab" * 32, source="pretrained")


def make_run_off(first: str, second: str, **changes: Any) -> RunOff:
    """Two rounds of three queries each; the first was 4 % faster."""
    made = RunOff(
        id=uuid.uuid4().hex,
        environment=ENVIRONMENT,
        run_id="20260102-030405-aaaa",
        created=dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
        candidates=("resnet18.a1_in1k@eager", "resnet18.a1_in1k@compile"),
        identities=(first, second),
        statistic="p50",
        rounds=2,
        queries=3,
        latencies={first: samples(*[0.0096] * 6), second: samples(*[0.01] * 6)},
        duels=(Duel(first, second, "p50", Interval(0.96, 0.95, 0.97)),),
        disturbed_by=(),
        wall_seconds=1.5,
    )
    return replace(made, **changes)


def samples(*seconds: float) -> bytes:
    """Seconds as they are stored."""
    return struct.pack(f"<{len(seconds)}d", *seconds)


def observation(*seconds: float, **changes: Any) -> Observation:
    mean = sum(seconds) / len(seconds)
    made = Observation(
        latencies=samples(*seconds),
        summary=LatencySummary(
            samples=len(seconds),
            seconds=sum(seconds),
            mean=Interval(mean, min(seconds), max(seconds)),
            percentiles={"p50": Interval(sorted(seconds)[len(seconds) // 2])},
            confidence=0.95,
        ),
        warmup=(0.5, 0.2),
        first_call=0.6,
        load_seconds=0.1,
        build_seconds=0.0,
        built_from_cache=False,
        memory={"peak": 2**28},
        artifact_bytes=46_000_000,
        agreement=Agreement(1e-6, 0.9999, 1.0, 8, 1e-3, WEIGHTS),
        energy_joules=None,
        stopped_because="interval",
        diagnostics={"steal": 0.0},
    )
    return replace(made, **changes)


def measurement(
    *seconds: float,
    candidate: Candidate = CANDIDATE,
    environment: Environment = ENVIRONMENT,
    outcome: Outcome = Outcome.OK,
    energy: float | None = None,
    **changes: Any,
) -> Measurement:
    """One of CANDIDATE; an observation only with `seconds`."""
    made = Measurement(
        id=uuid.uuid4().hex,
        identity=speed_identity(candidate, environment),
        candidate=candidate,
        environment=environment,
        weights=WEIGHTS,
        outcome=outcome,
        message="" if outcome is Outcome.OK else f"it ended as {outcome}",
        log="",
        phase="done",
        observation=observation(*seconds, energy_joules=energy) if seconds else None,
        run_id="20261123-014501-3fa9",
        created=dt.datetime(2026, 11, 23, 1, 45, 1, 250_000, tzinfo=dt.UTC),
        wall_seconds=3.5,
    )
    return replace(made, **changes)


def plan(*unavailable: tuple[str, str], environment: Environment = ENVIRONMENT) -> Plan:
    """CANDIDATE eagerly, and ways that cannot run."""
    facts = ModelFacts("resnet18.a1_in1k", "resnet18", "a1_in1k", "resnet", (288, 288), 1000)
    missing = (Planned(replace(CANDIDATE, optimization=way), facts, reason) for way, reason in unavailable)
    return Plan(environment, (Planned(CANDIDATE, facts), *missing), notes=("weights are random",))


def add_many(url: str, count: int) -> None:
    """Opens a store and adds `count` measurements of one identity."""
    from selector.store import Store

    with Store(url, timeout=60) as store:
        for number in range(count):
            store.add(measurement(0.001 * (number + 1)))


def add_forever(url: str) -> None:
    """Adds measurements until it is killed, printing each id when `add` has returned."""
    from selector.store import Store

    with Store(url) as store:
        while True:
            one = measurement(0.001, 0.002, identity=uuid.uuid4().hex)
            store.add(one)
            sys.stdout.write(f"{one.id}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    add_forever(sys.argv[1])


def make_examination(ranks: bytes = bytes([0, 3, 0, 9, 0]), **changes: Any) -> Examination:
    """What a candidate answered to some of ten labelled images."""
    given: dict[str, Any] = {
        "id": uuid.uuid4().hex,
        "identity": "answers",
        "candidate": CANDIDATE,
        "environment": ENVIRONMENT,
        "weights": Weights("a1_in1k", "0" * 64, "pretrained"),
        "test_set": TestSet("data/photographs", "d" * 32),
        "total": 10,
        "ranks": ranks,
        "firsts": b"".join(struct.pack("<i", number) for number in range(len(ranks))),
        "outcome": Outcome.OK,
        "message": "",
        "log": "",
        "run_id": "run",
        "created": dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC),
        "wall_seconds": 1.5,
    }
    return Examination(**{**given, **changes})
