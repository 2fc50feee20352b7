"""Makes docs/failures.md: every failure, caused for real, with what a user sees.

    python docs/make_failures.py

Each case of docs/failure_cases.py runs as a command of its own in a temporary folder. Folders, times that were taken
on a real clock and the ids of runs are replaced, so that the page is the same wherever it is made.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from failure_cases import CHAPTERS, GOOD, Case

from selector.devices import DEVICES

PAGE = Path(__file__).resolve().parent / "failures.md"
COMMAND = (sys.executable, "-c", "from selector.cli import main; main()")
SECONDS = 60
_CODES = {
    0: "a choice was made",
    1: "no candidate is feasible, or none proven so",
    2: "the profile, the call or the device asked for is wrong",
    3: "decided, but candidates failed",
    4: "internal error, or the store or the result could not be written or read",
    130: "interrupted",
}
_TIME = r"(?:\d+ (?:h|min) ?)*\d[\d.,]* (?:µs|ms|s)"
_REPLACED = (
    (re.compile(r"\b\d{8}-\d{6}-[0-9a-f]{4}\b"), "20260101-120000-1a2b"),
    (re.compile(rf"\({_TIME}\)$", re.MULTILINE), "(…)"),
    (re.compile(r"^  log \(last .*?(?=\n\n  \w|\Z)", re.MULTILINE | re.DOTALL), "  log …"),
    (re.compile(rf"measured in {_TIME}"), "measured in …"),
)
_LONGEST_LINE = 400
_INTRODUCTION = """\
# Failures

What a user sees when something is wrong. Made by `docs/make_failures.py`, which causes each of these for real; where
a time was taken it says `…`. What is not said otherwise happens with this profile as `p.yaml` and, where `done.db` is
named, with a store that holds a run of it:

```yaml
{good}```

Exit codes: {codes}.
"""


def main() -> None:
    """Writes the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The page, from commands that run now."""
    cases = [case for chapter in CHAPTERS for case in chapter.cases]
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(max_workers=2) as pool:
        done = Path(scratch) / "done.db"
        evaluate = Case("", ("evaluate", "p.yaml", "--quiet", "--store", "sqlite:///done.db"))
        code, output = _call(evaluate, _folder(done.parent, GOOD))
        if code != 0:
            raise SystemExit(f"the run that the cases need failed with {code}:\n{output}")
        longest_first = sorted(cases, key=lambda case: "locked.db" not in " ".join(case.command))
        shown = dict(zip(longest_first, pool.map(lambda case: transcript(case, done), longest_first), strict=True))
    codes = ", ".join(f"{code} {words}" for code, words in _CODES.items())
    parts = [_INTRODUCTION.format(good=GOOD, codes=codes)]
    for chapter in CHAPTERS:
        parts += [f"## {chapter.title}\n", *(shown[case] for case in chapter.cases)]
    return "\n".join(parts)


def transcript(case: Case, done: Path) -> str:
    """What was done, what was seen, and the exit code, of one case."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "work"
        folder.mkdir()
        _folder(folder, GOOD if case.profile is None else case.profile)
        shutil.copy(done, folder / "done.db")
        if case.prepare is not None:
            case.prepare(folder)
        if case.command[0] == "explain" and case.faults:
            _call(Case("", ("evaluate", "p.yaml", "--quiet"), faults=case.faults), folder)
        with _locked(folder) if "locked.db" in case.command[-1] else contextlib.nullcontext():
            code, output = _call(case, folder)
        folder.chmod(0o755)
        output = output.replace(str(folder), "/work").replace(os.path.realpath(folder), "/work")
    return _written(case, code, normalized(output))


def normalized(output: str) -> str:
    """The output without what differs from one time to the next."""
    output = output.replace(DEVICES.get("cpu")(0).name, "this processor")
    for pattern, replacement in _REPLACED:
        output = pattern.sub(replacement, output)
    lines = (line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…" for line in output.splitlines())
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def _written(case: Case, code: int, output: str) -> str:
    parts = [f"### {case.title}\n"]
    if case.done:
        parts.append(f"{case.done}\n")
    if isinstance(case.profile, str):
        parts.append(f"```yaml\n{case.profile}```\n")
    variables = {"SELECTOR_FAKE_FAULTS": case.faults, "SELECTOR_BUILD_LIMIT": case.limit}
    prefix = "".join(f"{name}={shlex.quote(value)} " for name, value in variables.items() if value)
    words = " ".join(shlex.quote(word).replace("\x1b", "␛") for word in case.command)
    redirected = " > /dev/full" if case.full else ""
    parts.append(f"```console\n$ {prefix}selector {words}{redirected}\n{output}\n```\n")
    parts.append(f"Exit code {code}: {_CODES[code]}.\n")
    return "\n".join(parts)


def _folder(folder: Path, profile: str | bytes) -> Path:
    (folder / "p.yaml").write_bytes(profile if isinstance(profile, bytes) else profile.encode())
    return folder


def _call(case: Case, folder: Path) -> tuple[int, str]:
    """Exit code and output, both streams as a terminal has them."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SELECTOR_")}
    environment |= {"HF_HUB_OFFLINE": "1", "NO_COLOR": "1", "COLUMNS": "100", "SELECTOR_FAKE_FAULTS": case.faults}
    environment |= {"SELECTOR_CACHE": str(folder.parent / "cache"), "PYTHONIOENCODING": "utf-8"}
    if case.limit:
        environment["SELECTOR_BUILD_LIMIT"] = case.limit
    if case.hidden:
        hiding = folder.parent / "hiding"
        hiding.mkdir(exist_ok=True)
        (hiding / "sitecustomize.py").write_text(f"import sys\n\nsys.modules[{case.hidden!r}] = None\n")
        environment["PYTHONPATH"] = str(hiding)
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(Path("/dev/full").open("w")) if case.full else subprocess.PIPE
        process = stack.enter_context(
            subprocess.Popen(
                [*COMMAND, *case.command],
                cwd=folder,
                env=environment,
                stdout=out,
                stderr=subprocess.PIPE if case.full else subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                text=True,
                preexec_fn=_be_ordinary,
            )
        )
        output = ""
        if case.interrupt:
            assert process.stdout is not None
            watchdog = threading.Timer(SECONDS, process.kill)
            stack.callback(watchdog.cancel)
            watchdog.start()
            for line in process.stdout:
                output += line
                if line.startswith(case.interrupt):
                    process.send_signal(signal.SIGINT)
                    break
        rest, errors = process.communicate(timeout=SECONDS)
    return process.returncode, output + (errors if case.full else rest)


def _be_ordinary() -> None:
    """Takes root's right to write what is read-only away, so that the page is the same for every user."""
    library = ctypes.CDLL(None)
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH; see capabilities(7)
        library.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the write lock of a store beside the finished one."""
    shutil.copy(folder / "done.db", folder / "locked.db")
    database = sqlite3.connect(folder / "locked.db", isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        database.execute("ROLLBACK")
        database.close()


if __name__ == "__main__":
    main()
