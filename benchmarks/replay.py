"""Replays search strategies on published tables, in which every figure is known and "measuring" reveals one.

    python benchmarks/replay.py --tables FOLDER [--profiles 400] [--device PART ...] [--prior PART ...]
        [--confidence 0.99] [--json FILE] [--page docs/replay.md] [--merge FILE ...]

A pool is a table with a prior: "cold" (nothing is known of the device) or the table of another device. For every
pool the same random profiles are asked, half "best accuracy under a speed limit", half "best speed over an accuracy
limit", the limits at uniform quantiles. Told are measurements until the optimum was in hand and until the stop, in
per cent of all candidates, and wrong stops. The search is the one that the program runs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from published_tables import Table, arrays, read_accuracy, read_tables

from selector.search.predicting.cost_model import Blend, CostModel, Covariances, Kernel, hyperparameters, work_mean
from selector.search.predicting.features import Floats
from selector.search.predicting.guide import Guide

BUDGETS = (0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
REFERENCES = ("random", "accuracy-first", "work-first")
OPENING = {"cold": 3, "transfer": 2}


PAGE = """# The search replayed on published tables

Made by `benchmarks/replay.py` from the tables of pytorch-image-models, folder `results/`, commit aa4b5850. A table's
figure counts as the truth, and measuring a candidate reveals it. Half of the random profiles ask for the best
accuracy under a speed limit, half for the best speed over an accuracy limit. "cold": nothing is known of the device;
otherwise the named table of another device is the prior. The hyper-parameters were fitted by
`benchmarks/fit_search.py` on the tables of the RTX 3090 alone; that tails grow lighter where a prediction is wide was
read off the same tables, and is a constant of the cost model. Stop at {confidence:g} %; measurements in per cent of
all candidates. "wrong": the search stopped without the table's winner.
"""


@dataclass(frozen=True)
class Profile:
    """What is asked of a table.

    Attributes:
        kind: "accuracy" under a speed limit or "speed" over an accuracy limit.
        limit: Log seconds, or accuracy.
    """

    kind: str
    limit: float


@dataclass(frozen=True)
class World:
    """One pool: the truth, and what a search knows of it beforehand."""

    name: str
    prior: str
    device: str
    truth: Floats
    accuracy: Floats
    gmacs: Floats
    parts: tuple[tuple[Floats, Covariances, Floats], ...]

    def model(self) -> Blend:
        """A cost model that has seen nothing."""
        return Blend([CostModel(mean, covariances, own) for mean, covariances, own in self.parts])


def main() -> None:
    """Replays, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=Path)
    parser.add_argument("--merge", type=Path, action="append", default=[], help="pools replayed before")
    parser.add_argument("--profiles", type=int, default=400)
    parser.add_argument("--device", action="append", default=[])
    parser.add_argument("--prior", action="append", default=[], help="cold, or part of a table's name")
    parser.add_argument("--confidence", type=float, default=0.99)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--page", type=Path)
    arguments = parser.parse_args()
    pools = [pool for path in arguments.merge for pool in json.loads(path.read_text(encoding="utf-8"))["pools"]]
    for world in worlds(arguments.tables, arguments.device) if arguments.tables else ():
        if arguments.prior and not any(part in world.prior for part in arguments.prior):
            continue
        began = time.perf_counter()
        pools.append(replay_pool(world, arguments.profiles, arguments.confidence))
        print(line(pools[-1]), f"{time.perf_counter() - began:.1f} s", flush=True)
    for prior in ("cold", "prior"):
        some = [one for one in pools if (one["prior"] == "cold") == (prior == "cold")]
        if some:
            print(line(pooled(f"all, {prior}", some)))
    result = {"command": " ".join(sys.argv), "profiles": arguments.profiles, "pools": pools}
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if arguments.page:
        arguments.page.write_text(page(pools, arguments.confidence), encoding="utf-8")


def worlds(folder: Path, devices: list[str]) -> Iterator[World]:
    """Every pool of the tables whose names contain any of `devices`; all without."""
    accuracy, tables = read_accuracy(folder), read_tables(folder)
    for table in tables:
        if devices and not any(part in table.name for part in devices):
            continue
        rows, features, truth, top1 = arrays(table, accuracy)
        work = work_mean(features)
        priors: list[Table | None] = [None, *(one for one in tables if one.device != table.device)]
        made = {kind: Covariances(Kernel(features, hyperparameters(kind))) for kind in ("cold", "free", "transfer")}
        owns = {kind: np.full(len(rows), hyperparameters(kind).own) for kind in made}
        unknown = [(work, made[kind], owns[kind]) for kind in ("cold", "free")]
        for prior in priors:
            parts = unknown
            if prior is not None:
                found = np.array([np.log(prior.seconds.get(row, np.nan)) for row in rows])
                absent = np.isnan(found)
                mean = np.where(absent, work + np.nanmedian(found - work), found)
                told = {kind: np.where(absent, np.hypot(own, 0.4), own) for kind, own in owns.items()}
                parts = [(mean, made[kind], told[kind]) for kind in ("transfer", "free")] + unknown
            yield World(
                table.name,
                prior.name if prior else "cold",
                table.device,
                truth,
                top1,
                features.work[:, 0],
                tuple(parts),
            )


def profiles(world: World, number: int, seed: int = 1) -> list[Profile]:
    """Random profiles, half of each kind."""
    random = np.random.default_rng(seed)
    share = random.uniform(0.02, 0.98, number)
    return [
        Profile("accuracy", float(np.quantile(world.truth, one)))
        if position % 2
        else Profile("speed", float(np.quantile(world.accuracy, one)))
        for position, one in enumerate(share)
    ]


def feasible(world: World, profile: Profile) -> np.ndarray:
    """Which candidates meet the profile's limit, in truth."""
    return world.truth <= profile.limit if profile.kind == "accuracy" else world.accuracy >= profile.limit


def loss(world: World, profile: Profile) -> Floats:
    """What the profile minimizes, inf where its limit is not met, in truth."""
    values = -world.accuracy if profile.kind == "accuracy" else world.truth
    return np.where(feasible(world, profile), values, np.inf)


def guided(world: World, profile: Profile, confidence: float) -> list[int]:
    """Indices in the order of measuring, till the stop."""
    guide = Guide(world.model(), confidence, OPENING["cold" if world.prior == "cold" else "transfer"])
    open_ = np.ones(len(world.truth), dtype=bool)
    best = np.inf
    order: list[int] = []
    by_accuracy = profile.kind == "accuracy"
    while True:
        if by_accuracy:
            bars = np.where(-world.accuracy < best, profile.limit, -np.inf)
        else:
            bars = np.where(world.accuracy >= profile.limit, best, -np.inf)
        proposal = guide.propose(open_, bars, world.accuracy if by_accuracy else None)
        if proposal.index is None:
            return order
        index = proposal.index
        seconds = float(world.truth[index])
        order.append(index)
        open_[index] = False
        guide.observe(index, seconds)
        if by_accuracy and seconds <= profile.limit:
            best = min(best, -float(world.accuracy[index]))
        if not by_accuracy and world.accuracy[index] >= profile.limit:
            best = min(best, seconds)


def reference(world: World, profile: Profile, name: str, seed: int) -> np.ndarray:
    """The whole order of a strategy that knows no stop; static facts exclude what is not accurate enough."""
    if name == "random":
        order = np.random.default_rng(seed).permutation(len(world.truth))
    else:
        order = np.argsort(-world.accuracy if name == "accuracy-first" else world.gmacs, kind="stable")
    return order[world.accuracy[order] >= profile.limit] if profile.kind == "speed" else order


def replay_pool(world: World, number: int, confidence: float) -> dict[str, Any]:
    """All profiles on one pool."""
    rows = []
    for position, profile in enumerate(profiles(world, number)):
        losses = loss(world, profile)
        optimum = losses.min()
        middle = np.median(losses[np.isfinite(losses)])
        entry: dict[str, Any] = {"kind": profile.kind, "limit": profile.limit}
        orders = {"guided": np.array(guided(world, profile, confidence))}
        orders |= {name: reference(world, profile, name, position) for name in REFERENCES}
        for name, order in orders.items():
            running = np.minimum.accumulate(losses[order])
            hit = np.flatnonzero(running <= optimum)
            regret = np.clip((running - optimum) / max(middle - optimum, 1e-12), 0, 1)
            spots = [min(max(round(share * len(losses)), 1), len(order)) - 1 for share in BUDGETS]
            entry[name] = {
                "in_hand": int(hit[0]) + 1 if len(hit) else None,
                "measured": len(order),
                "regret": [round(float(regret[spot]), 4) for spot in spots],
            }
        rows.append(entry)
    return {"table": world.name, "prior": world.prior, "candidates": len(world.truth), "rows": rows}


def pooled(name: str, pools: list[dict[str, Any]]) -> dict[str, Any]:
    """Several pools as one, each counting alike; measurements in shares, so that tables of any length join."""
    most = max(len(pool["rows"]) for pool in pools)
    rows = [
        dict(pool["rows"][position % len(pool["rows"])], candidates=pool["candidates"])
        for pool in pools
        for position in range(most)
    ]
    return {"table": name, "prior": "", "candidates": 0, "rows": rows}


def figures(pool: dict[str, Any], kind: str | None = None) -> dict[str, float]:
    """What a pool shows of the guided search, in per cent."""
    rows = [row for row in pool["rows"] if kind in (None, row["kind"])]
    total = np.array([row.get("candidates", pool["candidates"]) for row in rows])
    stop = 100 * np.array([row["guided"]["measured"] for row in rows]) / total
    hand = 100 * np.array([row["guided"]["in_hand"] or np.inf for row in rows]) / total
    return {
        "median": float(np.median(stop)),
        "p90": float(np.quantile(stop, 0.9)),
        "mean": float(stop.mean()),
        "wrong": float(100 * np.mean(np.isinf(hand))),
        "hand_median": float(np.median(hand)),
        "hand_at_1": float(100 * np.mean(hand <= 1)),
        "hand_at_5": float(100 * np.mean(hand <= 5)),
    }


def page(pools: list[dict[str, Any]], confidence: float) -> str:
    """The figures as a page of documentation."""
    known = [one for one in pools if one["prior"] != "cold"]
    cold = [one for one in pools if one["prior"] == "cold"]
    shown = [*pools, *(pooled(f"all, {name}", some) for name, some in (("cold", cold), ("prior", known)) if some)]
    parts = [PAGE.format(confidence=100 * confidence)]
    parts += ["| table | prior | profiles | stop: median | p90 | wrong | in hand: median | at 1 % | at 5 % |"]
    parts += ["|---|---|---|---|---|---|---|---|---|"]
    for pool in shown:
        got = figures(pool)
        cells = [pool["table"], pool["prior"], str(len(pool["rows"])) if pool["prior"] else "each pool alike"]
        cells += [f"{got[key]:.2f} %" for key in ("median", "p90", "wrong", "hand_median", "hand_at_1", "hand_at_5")]
        parts.append(f"| {' | '.join(cells)} |")
    parts += ["\n## Regret\n", "Mean over all profiles, nothing known of the device: 0 is the optimum, 1 the median"]
    parts += ["feasible candidate or nothing feasible in hand. Budgets in per cent of all candidates.\n"]
    parts += [f"| strategy | {' | '.join(f'{100 * one:g} %' for one in BUDGETS)} |", "|---|" + "---|" * len(BUDGETS)]
    rows = pooled("cold", cold)["rows"] if cold else []
    for name in ("guided", *REFERENCES) if rows else ():
        mean = np.mean([row[name]["regret"] for row in rows], axis=0)
        parts.append(f"| {name} | {' | '.join(f'{one:.3f}' for one in mean)} |")
    return "\n".join(parts) + "\n"


def line(pool: dict[str, Any]) -> str:
    """One line for the console."""
    shown = figures(pool)
    parts = [
        f"{figures(pool, kind)['median']:.2f}/{figures(pool, kind)['p90']:.2f}" for kind in ("accuracy", "speed")
    ]
    return (
        f"{pool['table']:38} {pool['prior']:38} stop {shown['median']:5.2f} / {shown['p90']:5.2f}  wrong "
        f"{shown['wrong']:.2f}  in hand {shown['hand_median']:.2f}, at 1 %: {shown['hand_at_1']:.1f}, at 5 %: "
        f"{shown['hand_at_5']:.1f}  [{' '.join(parts)}]"
    )


if __name__ == "__main__":
    main()
