"""Decisions of every kind that a report or a page may meet, by name; made once a process."""

from __future__ import annotations

import functools
from collections.abc import Callable

from support.evidence import make_environment, make_evidence, make_measurement, make_planned, make_profile
from support.sample_store import CPU, GPU, sample_evidence

from selector.decision import Decision, decide
from selector.requirements import load_profile
from selector.types import RANDOM_WEIGHTS, Certificate, Missed

HOSTILE = (
    "e`vil`|*x*_y_ [a](javascript:alert(1)) <script>alert(1)</script> ![i](//e) ~~s~~ $x$ :smile: :red[r] &amp; "
    "@someone a@b.example #12 https://e.example www.e.example\n# heading\n- item\r\n\t1. one"
    "\x1b[31m\u202eabc\u2028z\x00"
)
"""Text that means something to a terminal, a browser, Markdown or a forge."""


def _quickstart() -> Decision:
    return decide(load_profile("quickstart"), sample_evidence(load_profile("quickstart"), CPU))


def _cloud() -> Decision:
    return decide(load_profile("cloud_api"), sample_evidence(load_profile("cloud_api"), GPU))


def _no_choice() -> Decision:
    profile = load_profile("quickstart").with_limit("latency_p95", 0.002).with_limit("accuracy_top1", 0.768)
    return decide(profile, sample_evidence(load_profile("quickstart"), CPU))


def _nothing_measured() -> Decision:
    planned = [make_planned(), make_planned(optimization="compile", unavailable="no compiler is here")]
    return decide(make_profile({"latency_p95": "< 50 ms"}), make_evidence(planned, run_id=None))


def _no_candidates() -> Decision:
    return decide(make_profile({"latency_p95": "< 50 ms"}), make_evidence())


def _no_requirements() -> Decision:
    planned = make_planned()
    return decide(make_profile(), make_evidence([(planned, make_measurement(planned.candidate))]))


def _offline() -> Decision:
    profile = make_profile({"throughput": ">= 100 img/s"}, workload={"scenario": "offline", "batch_size": 8})
    rows = []
    for number in range(3):
        planned = make_planned(
            f"resnet{number}.a1_in1k", candidate={"scenario": "offline", "batch_size": 8, "image_size": (160, 224)}
        )
        rows.append((planned, make_measurement(planned.candidate, p50=0.02 * (number + 1), weights=RANDOM_WEIGHTS)))
    return decide(profile, make_evidence(rows, notes=("weights are random",), stale={rows[0][0].candidate.id: 2}))


def _hostile() -> Decision:
    environment = make_environment(device_name=HOSTILE, driver=HOSTILE, versions=((HOSTILE, HOSTILE),))
    good = make_planned(f"{HOSTILE}.a1_in1k", family=HOSTILE, license=HOSTILE)
    failed = make_planned(f"{HOSTILE}.b_in1k", family=HOSTILE)
    missing = make_planned(f"{HOSTILE}.c_in1k", unavailable=HOSTILE)
    slow = make_planned(f"{HOSTILE}.d_in1k")
    rows = [
        (good, make_measurement(good.candidate, environment=environment)),
        (failed, make_measurement(failed.candidate, outcome="crashed", message=HOSTILE, environment=environment)),
        (missing, None),
        (slow, make_measurement(slow.candidate, p50=0.5, environment=environment)),
    ]
    evidence = make_evidence(
        rows,
        environment=environment,
        notes=[HOSTILE],
        run_id=HOSTILE,
        certificate=Certificate(HOSTILE, 3, 2, 0.5, HOSTILE, 0.99, 75.0, (Missed(HOSTILE, 0.0123),)),
    )
    profile = make_profile({"latency_p95": "< 50 ms"}, description=HOSTILE.replace("\x00", "").replace("\x1b", ""))
    return decide(profile, evidence)


_MADE: dict[str, Callable[[], Decision]] = {
    "quickstart": _quickstart,
    "cloud": _cloud,
    "no_choice": _no_choice,
    "nothing_measured": _nothing_measured,
    "no_candidates": _no_candidates,
    "no_requirements": _no_requirements,
    "offline": _offline,
    "hostile": _hostile,
}
NAMES = tuple(_MADE)


@functools.cache
def sample_decision(name: str) -> Decision:
    """The decision called so; the same object every time."""
    return _MADE[name]()
