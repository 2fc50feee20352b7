"""Fits the hyper-parameters of the search's cost model on the tables of one device, by marginal likelihood.

    python benchmarks/fit_search.py --tables FOLDER [--device 3090] [--output FILE.json]

"cold" explains the log time around the work of a model; "transfer" explains the difference of two tables of the
device (memory formats), one being the prior of the other; "free" is "cold" with looser trends over the work. Nothing
of any other device is read.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from published_tables import arrays, read_accuracy, read_tables
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize, nnls

from selector.search import cost_model
from selector.search.predicting.cost_model import Hyperparameters, Kernel
from selector.search.predicting.features import Features, Floats

SUBSET, SETS = 300, 3
LOWEST, HIGHEST = np.log(0.004), np.log(4.0)


def main() -> None:
    """Fits and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=Path, required=True)
    parser.add_argument("--device", default="3090")
    parser.add_argument("--output", type=Path, default=Path(cost_model.__file__).with_name("hyperparameters.json"))
    arguments = parser.parse_args()
    accuracy = read_accuracy(arguments.tables)
    tables = [one for one in read_tables(arguments.tables) if one.device == arguments.device]
    worlds = [arrays(table, accuracy) for table in tables]
    weights = work_weights(worlds[0][1].work, worlds[0][2])
    cold = [(world[1], world[2] - np.log(world[1].work @ weights[:3] + weights[3])) for world in worlds]
    transfer = []
    for first in tables:
        for second in tables:
            if first is not second:
                rows, features, seconds, _ = arrays(second, {row: 1.0 for row in accuracy if row in first.seconds})
                transfer.append((features, seconds - np.log([first.seconds[row] for row in rows])))
    found: dict[str, Any] = {
        "device": arguments.device,
        "work": [float(f"{one:.4g}") for one in weights],
        "cold": fitted(cold, device=2.0),
        "transfer": fitted(transfer[:1], device=1.0),
    }
    # How much one device's weights of work differ from another's cannot be fitted on one device: stated, not fitted.
    found["free"] = {**found["cold"], "trend": 0.2, "smooth": 0.25, "length": 1.5}
    arguments.output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=2))


def work_weights(work: Floats, seconds: Floats) -> Floats:
    """Non-negative weights of work and a step that tell times best in relation to themselves."""
    design = np.column_stack([work, np.ones(len(work))])
    times = np.exp(seconds)
    weights = np.asarray(nnls(design / times[:, None], np.ones(len(work)))[0])
    weights[3] = max(weights[3], 1e-3 * np.median(times))
    return weights


def fitted(samples: list[tuple[Features, Floats]], device: float) -> dict[str, object]:
    """Hyper-parameters that make the samples likeliest, each centred on its own level."""
    random = np.random.default_rng(0)
    sets = []
    for features, values in samples:
        for _ in range(SETS):
            # Whole families, so that what they share is seen.
            order = random.permutation(int(features.groups[:, 0].max()) + 1)
            rank = np.argsort(order)[features.groups[:, 0]]
            chosen = np.sort(np.argsort(rank, kind="stable")[:SUBSET])
            part = Features(features.work[chosen], features.scaled[chosen], features.groups[chosen])
            sets.append((part, values[chosen] - np.median(values)))

    def loss(point: Floats) -> float:
        return sum(_unlikeliness(part, values, point) for part, values in sets) / len(sets)

    start = np.log(np.array([0.1, 0.1, 1.0, *[0.1] * 8, 0.05]))
    bounds = [(LOWEST, HIGHEST)] * len(start)
    found = minimize(loss, start, method="L-BFGS-B", bounds=bounds, options={"maxiter": 25, "maxfun": 400})
    print(f"{found.nit} steps, loss {found.fun:.3f}")
    figures = _figures(found.x, device)
    return {
        key: [float(f"{one:.3g}") for one in value] if isinstance(value, tuple) else float(f"{value:.3g}")
        for key, value in vars(figures).items()
    }


def _figures(point: Floats, device: float) -> Hyperparameters:
    values = [float(one) for one in np.exp(point)]
    return Hyperparameters(
        device,
        values[0],
        values[1],
        values[2],
        (values[3], values[4], values[5], values[6]),
        (values[7], values[8], values[9], values[10]),
        values[11],
    )


def _unlikeliness(features: Features, values: Floats, point: Floats) -> float:
    """Negative log likelihood, of a normal distribution."""
    figures = _figures(point, 0.5)
    matrix = Kernel(features, figures).block(np.arange(len(values)))
    matrix[np.diag_indices_from(matrix)] += figures.own**2
    factor = cho_factor(matrix, lower=True)
    half = float(np.log(np.diagonal(factor[0])).sum())
    return 0.5 * float(values @ cho_solve(factor, values)) + half


if __name__ == "__main__":
    main()
