"""What docs/make_failures.py does wrong on purpose: one `Case` for each failure, by chapter."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

GOOD = """\
name: small
workload: {task: image-classification}
device: {target: fake}
requirements: {latency_p95: "< 500 ms"}
candidates: {models: [resnet18, mobilenetv3_small_100], optimizations: [eager, openvino]}
evaluation: {candidate_time: 5 s}
"""


@dataclass(frozen=True)
class Case:
    """One thing done wrong.

    Attributes:
        title: What is wrong.
        done: How it came about, in a sentence, where the command does not say.
        command: What stands after ``selector``; the profile `GOOD` is there as ``p.yaml``, its run as ``done.db``.
        profile: Stands in ``p.yaml`` instead, and is shown.
        prepare: Is called with the folder before.
        faults: For SELECTOR_FAKE_FAULTS, and shown.
        limit: For SELECTOR_BUILD_LIMIT, and shown.
        hidden: A package that Python does not find.
        interrupt: Send Ctrl-C after the output has a line that begins so.
        full: Standard output is a full disk.
    """

    title: str
    command: tuple[str, ...]
    done: str = ""
    profile: str | bytes | None = None
    prepare: Callable[[Path], object] | None = None
    faults: str = ""
    limit: str = ""
    hidden: str = ""
    interrupt: str = ""
    full: bool = False


def _edit(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


def _run(folder: Path, statement: str) -> None:
    database = sqlite3.connect(folder / "done.db")
    with database:
        database.execute(statement)
    database.close()


def _other_program(folder: Path) -> None:
    database = sqlite3.connect(folder / "songs.db")
    with database:
        database.execute("CREATE TABLE songs (title TEXT)")
    database.close()


def _damage(folder: Path) -> None:
    data = (folder / "done.db").read_bytes()
    (folder / "done.db").write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))


def _read_only(folder: Path) -> None:
    (folder / "done.db").chmod(0o444)
    folder.chmod(0o555)


def _vanished_metric(folder: Path) -> None:
    _run(folder, "UPDATE runs SET profile = replace(profile, 'latency_p95', 'smoothness')")


VALIDATE = ("validate", "p.yaml")
LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{last}'] * 9)}]\n" for last, name in zip("abcdefg", "bcdefgh", strict=True)
)
FAULTS = {
    "resnet18": "export_failed",
    "resnet34": "build_failed",
    "resnet50": "out_of_memory",
    "mobilenetv3_small_100": "wrong_output",
    "mobilenetv2_100": "fallback",
    "efficientnet_b0": "crashed",
    "efficientnet_lite0": "unstable",
}


@dataclass(frozen=True)
class Chapter:
    """Cases that belong together."""

    title: str
    cases: tuple[Case, ...] = field(default=())


PROFILES = Chapter(
    "The profile",
    (
        Case(
            "Names, units and values that are wrong",
            VALIDATE,
            "All are told at once, each where it stands.",
            profile=GOOD.replace("< 500 ms", "> 500 ms")
            .replace("task:", "tusk:")
            .replace("resnet18", "resnet81")
            .replace("5 s", "5"),
        ),
        Case(
            "Models, ways and families that do not exist",
            VALIDATE,
            profile=_edit(
                "models: [resnet18, mobilenetv3_small_100], optimizations: [eager, openvino]",
                'models: [resnett18, "mobilnetv3*"], families: [convnexd], optimizations: [openvno]',
            ),
        ),
        Case("A key that stands twice", VALIDATE, profile=GOOD + "name: another\n"),
        Case("A limit that nothing can hold", VALIDATE, profile=_edit("< 500 ms", "< -5 ms")),
        Case("NaN", VALIDATE, profile=_edit("< 500 ms", "< nan ms")),
        Case(
            "An accuracy above 100 %", VALIDATE, profile=_edit('latency_p95: "< 500 ms"', 'accuracy_top1: "> 101 %"')
        ),
        Case(
            "Demands that contradict each other",
            VALIDATE,
            profile=_edit("image-classification}", "image-classification, scenario: offline}"),
        ),
        Case(
            "A limit that YAML reads as something else",
            VALIDATE,
            profile=_edit('{latency_p95: "< 500 ms"}', "\n  accuracy_top1: > 85 %"),
        ),
        Case(
            "What the format has and this version does not serve",
            VALIDATE,
            profile=_edit("image-classification}", "image-classification, scenario: server}"),
        ),
        Case("A value of the wrong kind", VALIDATE, profile=_edit("{target: fake}", "[fake]")),
        Case("A YAML tag", VALIDATE, profile=_edit("name: small", 'name: !!python/object/apply:os.system ["id"]')),
        Case("Aliases that grow to billions", VALIDATE, profile=LAUGHS),
        Case(
            "Escape sequences for the terminal",
            VALIDATE,
            profile=_edit("name: small", 'name: "\\e[31mred"').replace("task:", '"\\e[2J": []\n  , task:'),
        ),
        Case(
            "A text of 30 MB",
            VALIDATE,
            "`p.yaml` begins with `name:` and 30 million times the letter x.",
            prepare=lambda folder: (folder / "p.yaml").write_text("name: " + "x" * 30_000_000),
        ),
        Case(
            "A picture",
            VALIDATE,
            "`p.yaml` is a PNG file.",
            prepare=lambda folder: (folder / "p.yaml").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256))),
        ),
        Case(
            "Zeros",
            VALIDATE,
            "`p.yaml` is 100 zero bytes.",
            prepare=lambda folder: (folder / "p.yaml").write_bytes(bytes(100)),
        ),
        Case("An empty file", VALIDATE, prepare=lambda folder: (folder / "p.yaml").write_text("")),
        Case("A folder", ("validate", ".")),
        Case("No such file", ("validate", "quickstrat.yaml")),
    ),
)
CALLS = Chapter(
    "The call",
    (
        Case("A command that does not exist", ("evalaute", "p.yaml")),
        Case("A time that is none", ("evaluate", "p.yaml", "--time-budget", "soon")),
        Case("A device that is not here", ("evaluate", "p.yaml", "--device", "fake:7")),
        Case("A device that does not exist", ("evaluate", "p.yaml", "--device", "fakee")),
        Case("A strategy that does not exist", ("evaluate", "p.yaml", "--strategy", "randon")),
        Case("A report format that does not exist", ("evaluate", "p.yaml", "--report", "decision.mdd")),
        Case("A pattern that no candidate has", ("evaluate", "p.yaml", "--only", "*@openvin")),
        Case("Nothing is left", ("evaluate", "p.yaml", "--only", "*@eager", "--skip", "*@eager")),
        Case(
            "A candidate that was not asked for",
            ("explain", "p.yaml", "resnet19@eager", "--store", "sqlite:///done.db"),
        ),
        Case("A run that does not exist", ("report", "19700101", "--store", "sqlite:///done.db")),
        Case("A limit on a list of models", ("models", "--max-gmacs", "nan")),
        Case("A file name with an escape sequence", ("validate", "\x1b[31m.yaml")),
        Case(
            "Standard output on a full disk",
            ("rank", "p.yaml", "--store", "sqlite:///done.db"),
            "The result is sent to `/dev/full`.",
            full=True,
        ),
    ),
)
STORES = Chapter(
    "The store",
    (
        Case("Nothing was measured yet", ("rank", "p.yaml")),
        Case("Not an address", ("rank", "p.yaml", "--store", "selector.db")),
        Case("A kind of database that nobody knows", ("rank", "p.yaml", "--store", "nonsense://host/name")),
        Case(
            "A file that is no database",
            ("evaluate", "p.yaml", "--store", "sqlite:///notes.txt"),
            prepare=lambda folder: (folder / "notes.txt").write_text("Not a database.\n" * 100),
        ),
        Case(
            "The database of another program",
            ("evaluate", "p.yaml", "--store", "sqlite:///songs.db"),
            prepare=_other_program,
        ),
        Case("A folder instead of a file", ("rank", "p.yaml", "--store", "sqlite:///.")),
        Case("A folder that does not exist", ("evaluate", "p.yaml", "--store", "sqlite:///missing/selector.db")),
        Case(
            "A folder that may not be written",
            ("evaluate", "p.yaml"),
            "The working folder has the mode 555.",
            prepare=lambda folder: folder.chmod(0o555),
        ),
        Case(
            "A store that may not be written",
            ("evaluate", "p.yaml", "--store", "sqlite:///done.db"),
            "The file has the mode 444, its folder 555. `selector rank` still reads it.",
            prepare=_read_only,
        ),
        Case(
            "A store of a newer selector",
            ("rank", "p.yaml", "--store", "sqlite:///done.db"),
            prepare=lambda folder: _run(folder, "UPDATE selector_version SET version_num = '9999'"),
        ),
        Case(
            "A damaged store",
            ("rank", "p.yaml", "--store", "sqlite:///done.db"),
            "All but the first page of the file was overwritten.",
            prepare=_damage,
        ),
        Case(
            "A store that another process writes",
            ("evaluate", "p.yaml", "--store", "sqlite:///locked.db"),
            "Another process holds the lock of the file for more than ten seconds.",
        ),
        Case(
            "A run whose profile is no longer understood",
            ("report", "latest", "--store", "sqlite:///done.db"),
            "The profile of the run asks for a metric of a plug-in that was removed. Other runs are still read.",
            prepare=_vanished_metric,
        ),
    ),
)
RUNS = Chapter(
    "The run",
    (
        Case(
            "Candidates that fail",
            ("evaluate", "p.yaml"),
            "A failure is a row of the result and never ends the run. Faults are planted into the simulated device.",
            profile=_edit("resnet18, mobilenetv3_small_100", ", ".join([*FAULTS, "mobilenetv3_large_100"])).replace(
                ", openvino]", "]"
            ),
            faults=",".join(f"{model}.*={fault}" for model, fault in FAULTS.items()),
        ),
        Case(
            "A build that does not end",
            ("evaluate", "p.yaml"),
            "It is ended after fifteen minutes, or what `SELECTOR_BUILD_LIMIT` says; here one hangs.",
            faults="resnet18.*@openvino=timed_out",
            limit="2 s",
        ),
        Case(
            "A package that is not installed",
            ("evaluate", "p.yaml"),
            "The package `openvino` is hidden from Python.",
            profile=_edit("target: fake", "target: cpu").replace("eager, ", ""),
            hidden="openvino",
        ),
        Case(
            "A candidate that ends its process, looked at",
            ("explain", "p.yaml", "resnet18@eager"),
            "After a run in which `resnet18` crashed.",
            faults="resnet18.*=crashed",
        ),
        Case(
            "Nothing is fast enough",
            ("evaluate", "p.yaml"),
            profile=_edit("< 500 ms", "< 0.1 ms"),
        ),
        Case(
            "Nothing accurate enough is published",
            ("evaluate", "p.yaml"),
            profile=_edit('latency_p95: "< 500 ms"', 'accuracy_top1: "> 99 %"'),
        ),
        Case(
            "Ctrl-C",
            ("evaluate", "p.yaml"),
            "While the second candidate hangs. The same command, given again, goes on from there.",
            faults="*@openvino=timed_out",
            interrupt="[1/4]",
        ),
    ),
)
CHAPTERS = (PROFILES, CALLS, STORES, RUNS)
