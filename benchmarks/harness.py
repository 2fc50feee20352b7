"""The profiler against a bare timing loop, in turn, and the cost of the loop itself.

    python benchmarks/harness.py [--rounds 5] [MODEL ...]

For each model the fp32 eager median of `selector`'s profiler and that of the plainest loop that times the same timm
model (inference mode, same threads, same process isolation) are taken alternately; printed are both medians, their
ratio, and the spread of each over the rounds, which is the noise of this machine. Below stands what one query of the
loop costs with a model that does nothing, as a share of a 5 ms query.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from selector.artifacts import ArtifactCache
from selector.catalog import load_catalog
from selector.devices import Device, resolve
from selector.engines.local import LocalEngine, Order
from selector.optimizations import OPTIMIZATIONS, all_libraries
from selector.profiler.harness import Stopwatch
from selector.profiler.protocol import StoppingRule, Target
from selector.types import Candidate, Environment, ModelFacts

DEFAULT_MODELS = ("resnet18", "mobilenetv3_large_100", "vit_tiny_patch16_224.augreg_in21k_ft_in1k")
SECONDS = 2.0

BARE_LOOP = """
import statistics, sys, time
import timm, torch
name, size, threads, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
torch.set_num_threads(threads)
model = timm.create_model(name).eval()
images = torch.randn(1, 3, size, size)
with torch.inference_mode():
    for _ in range(15):
        model(images)
    times, ends = [], time.perf_counter() + seconds
    while time.perf_counter() < ends:
        began = time.perf_counter()
        model(images)
        times.append(time.perf_counter() - began)
print(statistics.median(times))
"""


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=DEFAULT_MODELS)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    device = resolve("cpu")
    environment = device.environment(None, all_libraries())
    print(f"{device.name}, {environment.threads} threads, {arguments.rounds} rounds in turn, medians in ms\n")
    print(f"{'model':45} {'selector':>9} {'spread':>7} {'bare':>9} {'spread':>7} {'ratio':>6}")
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.models:
            print(
                compare(load_catalog().facts(name), device, environment, Path(folder), arguments.rounds), flush=True
            )
    overhead = loop_overhead()
    print(f"\nthe loop itself: {overhead * 1e6:.2f} µs a query = {overhead / 5e-3:.3%} of a 5 ms query (limit 1 %)")


def compare(facts: ModelFacts, device: Device, environment: Environment, cache: Path, rounds: int) -> str:
    """One row: both ways of timing a model, taken in turn."""
    ours, bare = [], []
    with LocalEngine(device, environment, ArtifactCache(cache), "benchmark", offline=True) as engine:
        for _ in range(rounds):
            ours.append(profiler_median(engine, facts))
            bare.append(bare_median(facts, environment.threads))
    ratio = statistics.median(ours) / statistics.median(bare)
    cells = [statistics.median(ours) * 1e3, spread(ours), statistics.median(bare) * 1e3, spread(bare), ratio]
    return f"{facts.name:45} {cells[0]:9.2f} {cells[1]:7.1%} {cells[2]:9.2f} {cells[3]:7.1%} {cells[4]:6.3f}"


def profiler_median(engine: LocalEngine, facts: ModelFacts) -> float:
    """Seconds per query, the median that selector reports."""
    eager = OPTIMIZATIONS.get("eager")
    candidate = Candidate(
        facts.name, facts.architecture, "eager", "fp32", eager.libraries, (), 1, facts.image_size, facts.num_classes
    )
    rule = StoppingRule((Target("p50", ranked=True),), SECONDS)
    measurement = engine.measure(Order(candidate, facts, rule, 1e-3, pretrained=False)).measurement
    if measurement.observation is None:
        raise SystemExit(f"{candidate.id}: {measurement.outcome}: {measurement.message}")
    return measurement.observation.summary.percentiles["p50"].value


def bare_median(facts: ModelFacts, threads: int) -> float:
    """Seconds per query in the plainest loop, in a process of its own."""
    command = [sys.executable, "-c", BARE_LOOP, facts.name, str(facts.image_size[0]), str(threads), str(SECONDS)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def spread(values: list[float]) -> float:
    """Largest less smallest, relative to the median."""
    return (max(values) - min(values)) / statistics.median(values)


def loop_overhead(queries: int = 20_000) -> float:
    """Seconds that the loop counts for a model that does nothing, less two bare clock reads."""
    watch = Stopwatch(lambda _: None, [None] * 4, lambda: None, time.perf_counter)
    watch.times(queries)
    counted = statistics.median(watch.times(queries))
    reads = []
    for _ in range(queries):
        began = time.perf_counter()
        reads.append(time.perf_counter() - began)
    return max(0.0, counted - statistics.median(reads))


if __name__ == "__main__":
    main()
