"""Start-up of the commands that only read, against `python -c "import typer, rich"`, in turn.

python benchmarks/startup.py [--rounds 11]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REFERENCE = [sys.executable, "-c", "import typer, rich"]


def main() -> None:
    """Prints medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_args().rounds
    selector = [sys.executable, "-c", "from selector.cli import main; main()"]
    commands = {
        "import typer, rich": REFERENCE,
        "selector --help": [*selector, "--help"],
        "selector rank": [*selector, "rank", "quickstart", "--device", "fake"],
        "selector models": [*selector, "models", "--family", "vit", "--max-gmacs", "20", "--sort", "activations"],
        "completing models": ["env", *completing("models", "vit_"), *selector],
        "completing candidates": ["env", *completing("explain", "quickstart", "mob"), *selector],
        "selector validate": [*selector, "validate", "quickstart"],
    }
    with tempfile.TemporaryDirectory() as folder:
        evaluate = [*selector, "evaluate", "quickstart", "--device", "fake", "--quiet"]
        subprocess.run(evaluate, cwd=folder, check=True, capture_output=True)
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                times[name].append(seconds(command, Path(folder)))
    reference = statistics.median(times["import typer, rich"])
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"{name:21} {median * 1e3:7.0f} ms   {median / reference:5.2f} × import typer, rich")


def completing(*words: str) -> list[str]:
    """What bash sets for completing the last word."""
    line = "\n".join(["selector", *words])
    return ["_SELECTOR_COMPLETE=complete_bash", f"COMP_WORDS={line}", f"COMP_CWORD={len(words)}"]


def seconds(command: list[str], folder: Path) -> float:
    """Wall-clock of one call."""
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
