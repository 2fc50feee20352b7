"""Checks an installed wheel from a folder outside the checkout, with the interpreter of the environment it is in.

    ENVIRONMENT/bin/python CHECKOUT/.ci/check_wheel.py

The environment holds the core dependencies only: that the commands work proves that every extra is optional.
"""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

_CHECKOUT = Path(__file__).resolve().parent.parent
_COMMAND = Path(sys.executable).parent / "selector"
_DISTRIBUTION = "vision-selector"


def main() -> int:
    """Runs every check; the first that fails ends the script with its reason."""
    _check_files()
    _run("--help")
    _run("validate", "quickstart")
    _run("optimizations")
    _run("devices")
    models = json.loads(_run("models", "--json"))
    _require(bool(models), "`selector models --json` lists models")
    _check_closed_pipe("models", "--all")
    fake = json.loads(_run("evaluate", "quickstart", "--device", "fake", "--json"))
    _require(fake["winner"] is not None, "the fake device has a winner")
    again = json.loads(_run("rank", "quickstart", "--device", "fake", "--json"))
    _require(again["winner"]["id"] == fake["winner"]["id"], "`rank` names the winner that `evaluate` did")
    _refuses("pip install 'vision-selector[report]'", "report", "latest", "--format", "pdf", "--output", "reports")
    # One real model, really measured; whether it meets the limit depends on the machine.
    only = "mobilenetv2_100*@eager"
    cpu = json.loads(
        _run("evaluate", "quickstart", "--device", "cpu", "--only", only, "--json", "--offline", codes=(0, 1))
    )
    rows = _rows(cpu)
    # On a machine that others use it may be `unstable`: timed, but not to be believed.
    timed = [row["outcome"] for row in rows] in (["ok"], ["unstable"])
    _require(timed, "a real model was timed on the CPU", str([(row["outcome"], row["reasons"]) for row in rows]))
    return 0


def _check_files() -> None:
    """All of the checkout is installed, inside the package, and nothing else is at the top of site-packages."""
    distribution = importlib.metadata.distribution(_DISTRIBUTION)
    installed = {Path(str(file)) for file in distribution.files or ()}
    tops = {path.parts[0] for path in installed if path.parts[0] != ".."}
    expected = {"selector", f"vision_selector-{distribution.version}.dist-info"}
    _require(tops == expected, f"only {sorted(expected)} are installed", f"found {sorted(tops)}")
    missing = sorted(str(path) for path in _sources() if path not in installed)
    _require(not missing, "the wheel has every file of the checkout", f"missing: {missing}")

    import selector

    home = Path(selector.__file__ or "").resolve()
    _require(not home.is_relative_to(_CHECKOUT), "selector is imported from the environment", f"and not from {home}")


def _sources() -> list[Path]:
    """Where the files of the checkout belong, relative to site-packages."""
    targets = {name: Path("selector", name) for name in ("profiles", "data", "app")} | {"selector": Path("selector")}
    return [
        target / file.relative_to(_CHECKOUT / folder)
        for folder, target in targets.items()
        for file in (_CHECKOUT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    ]


def _run(*arguments: str, codes: tuple[int, ...] = (0,)) -> str:
    """Runs one command of the installed wheel and returns its standard output."""
    done = subprocess.run([_COMMAND, *arguments], capture_output=True, text=True, timeout=300, check=False)
    _require(
        done.returncode in codes and bool(done.stdout.strip()),
        f"`selector {' '.join(arguments)}` prints and exits with {codes}",
        f"exit code {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}",
    )
    return done.stdout


def _refuses(advice: str, *arguments: str) -> None:
    """Runs one command that needs an extra: it says which, and exits with 2."""
    done = subprocess.run([_COMMAND, *arguments], capture_output=True, text=True, timeout=300, check=False)
    _require(
        done.returncode == 2 and advice in done.stderr,
        f"`selector {' '.join(arguments)}` says {advice!r}",
        f"exit code {done.returncode}\n{done.stderr[-2000:]}",
    )


def _check_closed_pipe(*arguments: str) -> None:
    """A reader that leaves early, such as `head`, gets no traceback."""
    with subprocess.Popen(
        [_COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        process.stdout.close()
        complaint = process.stderr.read()
    _require(
        bool(first.strip()) and "Traceback" not in complaint and "Error" not in complaint,
        f"`selector {' '.join(arguments)} | head -n 1` ends quietly",
        complaint,
    )


def _rows(decision: dict[str, Any]) -> list[dict[str, Any]]:
    """Every candidate of a decision that was measured, wherever it ended."""
    groups = [decision[name] for name in ("ranked", "undecided", "rejected", "failed")]
    return [row for group in groups for row in group if row["outcome"] is not None]


def _require(holds: bool, claim: str, detail: str = "") -> None:
    """Prints a claim, and ends the script when it does not hold."""
    print(f"{'ok' if holds else 'FAILED'}: {claim}", flush=True)
    if not holds:
        print(detail, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    sys.exit(main())
