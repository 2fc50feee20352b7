"""Do figures hold when they are measured again? Five evaluations in a row beside a bare loop, in turn.

    python benchmarks/repeatability.py [--rounds 5] [--load SECONDS]

Each round evaluates the same profile into a store of its own, run-off included, and times the same models eager by
the plainest loop of the kind that timm's `benchmark.py` has (a few warm-up queries, then a fixed number). Printed
are, per candidate, the p50 of each round, marked * where selector calls it unstable: the outcome was that, or the
interval that the decision gives it is wider than 5 % on either side. Then how far the unmarked ones spread; and the
winners. With ``--load`` a busy process comes and goes every so many seconds, as on a shared machine.

What should be: the unmarked rounds are within 5 % of each other; the winner is the same, or the winners are tied.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from harness import BARE_LOOP, spread

from selector import Decision, Store, evaluate
from selector.artifacts import ArtifactCache
from selector.catalog import load_catalog
from selector.decision.records import Assessment
from selector.decision.visits import is_steady
from selector.devices import resolve
from selector.engines.run import Options
from selector.metrics import MetricValue
from selector.requirements import parse_profile
from selector.types import Interval

MODELS = (
    "mobilenetv3_large_100.ra_in1k",
    "convnext_atto.d2_in1k",
    "vit_tiny_patch16_224.augreg_in21k_ft_in1k",
)
PROFILE = f"""
name: repeatability
workload: {{task: image-classification, batch_size: 1, image_size: native}}
device: {{target: cpu}}
objective: {{minimize: latency_p50}}
candidates: {{models: [{", ".join(MODELS)}], optimizations: [eager, openvino]}}
evaluation: {{candidate_time: 2 s}}
"""
WITHIN = 0.05


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--load", type=float, metavar="SECONDS")
    arguments = parser.parse_args()
    medians: dict[str, list[Figure]] = defaultdict(list)
    bare: dict[str, list[float]] = defaultdict(list)
    decisions = []
    with tempfile.TemporaryDirectory() as folder, foreign_load(arguments.load):
        for number in range(arguments.rounds):
            decision = evaluated(Path(folder), number)
            decisions.append(decision)
            for one in decision.assessments:
                medians[one.id].append(figure(one))
            for name in MODELS:
                bare[name].append(bare_median(name))
    print_table(medians, bare, arguments.rounds)
    print_winners(decisions)


class Figure(NamedTuple):
    """A median in seconds, None without one, and whether it would be met again."""

    seconds: float | None
    steady: bool


def figure(one: Assessment) -> Figure:
    """What the decision says of a candidate's median."""
    result = one.metrics["latency_p50"]
    if not isinstance(result, MetricValue):
        return Figure(None, steady=False)
    return Figure(result.value, is_steady(Interval(result.value, result.low, result.high)))


def evaluated(folder: Path, number: int) -> Decision:
    """One evaluation from nothing; builds are taken from the cache of the first."""
    options = Options(offline=True, cache=ArtifactCache(folder / "cache"))
    with Store(f"sqlite:///{folder / f'{number}.db'}") as store:
        return evaluate(parse_profile(PROFILE), store, options)


def bare_median(name: str) -> float:
    """Seconds per query, eager, by the plainest loop, in a process of its own."""
    size = load_catalog().facts(name).image_size[0]
    threads = resolve("cpu").default_threads
    command = [sys.executable, "-c", BARE_LOOP, name, str(size), str(threads), "1.0"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@contextmanager
def foreign_load(seconds: float | None) -> Iterator[None]:
    """A busy process that comes and goes at random, each time for about so many seconds."""
    over = threading.Event()

    def come_and_go() -> None:
        draw = random.Random(0)
        while not over.wait(draw.expovariate(1 / seconds) if seconds else None):
            process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            over.wait(draw.expovariate(1 / seconds) if seconds else None)
            process.kill()
            process.wait()

    thread = threading.Thread(target=come_and_go)
    if seconds:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if seconds:
            thread.join()


def print_table(medians: dict[str, list[Figure]], bare: dict[str, list[float]], rounds: int) -> None:
    """One row for each candidate and each bare loop."""
    print(f"{resolve('cpu').name}, {rounds} rounds\n")
    print(f"| candidate | p50 of each round, ms | spread | unstable | spread of others | within {WITHIN:.0%} |")
    print("|---|---|---|---|---|---|")
    loops = {f"{name} in a bare loop": [Figure(value, steady=True) for value in bare[name]] for name in bare}
    for name, values in (medians | loops).items():
        everything = [one.seconds for one in values if one.seconds is not None]
        counted = [one.seconds for one in values if one.seconds is not None and one.steady]
        shown = ", ".join(map(told, values))
        wide = spread(counted) if counted else 0.0
        unstable = str(len(values) - len(counted)) if name in medians else "not told"
        print(
            f"| {name} | {shown} | {spread(everything):.1%} | {unstable} | {wide:.1%} "
            f"| {'yes' if wide <= WITHIN else 'no'} |"
        )


def told(one: Figure) -> str:
    """Milliseconds, with a mark where they need not be met again."""
    return "–" if one.seconds is None else f"{one.seconds * 1e3:.2f}{'' if one.steady else '*'}"


def print_winners(decisions: list[Decision]) -> None:
    """Who won each round, and whether that is one answer."""
    groups = [{one.winner.id, *one.winner.tied_with} for one in decisions if one.winner is not None]
    names = [one.winner.id if one.winner is not None else "nobody" for one in decisions]
    print(f"\nwinners: {', '.join(names)}")
    same = len(groups) == len(decisions) and bool(set.intersection(*groups))
    print(f"the same winner, or one that ties with it, in every round: {'yes' if same else 'no'}")


if __name__ == "__main__":
    main()
