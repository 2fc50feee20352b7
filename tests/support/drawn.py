"""Hypothesis strategies for evidence and profiles, drawn so that ties, misses and failures are frequent."""

from __future__ import annotations

from hypothesis import strategies as st
from support.evidence import make_evidence, make_measurement, make_planned, make_profile

from selector.requirements import RequirementProfile
from selector.types import RANDOM_WEIGHTS, Evidence, Measurement, Outcome, Planned

WAYS = ("eager", "amp-bf16", "compile", "openvino", "openvino-int8")
LIMITS = {
    "latency_p95": ("< 2 ms", "<= 5.5 ms", "< 11 ms"),
    "latency_p50": ("< 1.99 ms", "<= 5 ms"),
    "accuracy_top1": ("> 70 %", ">= 75 %", "> 79.9 %"),
    "memory_peak": ("<= 200 MiB", "< 301 MiB"),
    "throughput": (">= 100 img/s", "> 499 img/s"),
    "agreement_top1": (">= 99 %",),
}
OBJECTIVES = (
    None,
    {"direction": "minimize", "metric": "latency_p50", "tie_breakers": ("accuracy_top1", "parameters")},
    {"direction": "maximize", "metric": "throughput", "tie_breakers": ("parameters", "latency_p95")},
    {"direction": "maximize", "metric": "accuracy_top1", "tie_breakers": ()},
    {"direction": "maximize", "metric": "agreement_top1", "tie_breakers": ("memory_peak",)},
    {
        "direction": "maximize",
        "metric": "accuracy_top1",
        "tie_breakers": ("parameters",),
        "weights": {"accuracy_top1": 0.6, "latency_p95": 0.4},
    },
    {
        "direction": "maximize",
        "metric": "accuracy_top1",
        "tie_breakers": ("parameters",),
        "lexicographic": (
            {"direction": "maximize", "metric": "accuracy_top1", "within": 0.005},
            {"direction": "minimize", "metric": "latency_p50", "within": 0.05, "relative": True},
        ),
    },
)


@st.composite
def profiles(draw: st.DrawFn) -> RequirementProfile:
    """A profile with none to all of the requirements above and one of the objectives."""
    keys = draw(st.lists(st.sampled_from(sorted(LIMITS)), unique=True, max_size=4))
    return make_profile(
        {key: draw(st.sampled_from(LIMITS[key])) for key in keys},
        objective=draw(st.sampled_from(OBJECTIVES)),
        licenses=draw(st.sampled_from(((), ("apache-2.0",)))),
        pretraining=draw(st.sampled_from(((), (), ("none",), ("in12k",)))),
        candidates={"max_parameters": draw(st.sampled_from((None, 25_000_000)))},
    )


@st.composite
def rows(draw: st.DrawFn, model: int) -> tuple[Planned, Measurement | None]:
    """One candidate of model number `model`, mostly with a measurement, which mostly is ok."""
    planned = make_planned(
        f"net{model}.tag",
        draw(st.sampled_from(WAYS)),
        top1=draw(st.sampled_from((0.70, 0.75, 0.7504, 0.80, 0.80, None))),
        parameters=draw(st.sampled_from((5_000_000, 20_000_000, 30_000_000, None))),
        license=draw(st.sampled_from(("apache-2.0", "apache-2.0", "mit", None))),
        pretraining=draw(st.sampled_from((None, None, "in12k", "laion2b+in12k"))),
        unavailable=draw(st.sampled_from((None, None, None, None, "needs CUDA"))),
    )
    if draw(st.integers(0, 5)) == 0:
        return planned, None
    outcome = draw(st.sampled_from((*[Outcome.OK] * 8, Outcome.UNSTABLE, Outcome.CRASHED, Outcome.UNAVAILABLE)))
    measurement = make_measurement(
        planned.candidate,
        draw(st.sampled_from((0.001, 0.00199, 0.002, 0.00201, 0.005, 0.01)) | st.floats(0.0005, 0.02)),
        outcome=outcome,
        message="" if outcome is Outcome.OK else "said so",
        weights=draw(st.sampled_from((None, None, RANDOM_WEIGHTS))),
        noise=draw(st.sampled_from((0.0, 0.01, 0.1, 0.6))),
        samples=draw(st.sampled_from((5, 50, 500))),
        memory=draw(st.sampled_from(({"peak": 100 * 2**20}, {"peak": 300 * 2**20}, {}))),
    )
    return planned, measurement


@st.composite
def evidences(draw: st.DrawFn, largest: int = 12) -> Evidence:
    """Evidence of up to `largest` candidates, each of a model of its own."""
    number = draw(st.integers(0, largest))
    return make_evidence([draw(rows(model)) for model in range(number)])
