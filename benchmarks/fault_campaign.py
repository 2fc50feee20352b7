"""Assaults on `selector evaluate`, at random: is anything lost, measured twice, or left behind?

Each round picks a profile with planted faults for the simulated device, a fresh store or one with a part measured,
an assault and its moment; runs the command under the assault; then gives the same command again, undisturbed, and
checks that

* nothing is lost: every measurement that was reported, or in the store when the assaulted run had ended, is there
  and unchanged;
* nothing is doubled: one measurement for each identity;
* no process is left 2 s after the end of a run, no temporary file after the second;
* exit codes are those of the contract, without a traceback;
* the decision is the one of an undisturbed run;
* the device was never used by two runs at once.

    python benchmarks/fault_campaign.py                       200 rounds
    python benchmarks/fault_campaign.py --seed 7 --round 42   that round again, with what it printed

The disk is filled on a tmpfs, which needs the right to mount; without it those rounds pick another assault.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selector.processes import process_ids, process_of

MARK = "SELECTOR_CAMPAIGN"
MODELS = (
    "mobilenetv3_small_100.lamb_in1k",
    "mobilenetv4_conv_small.e1200_r224_in1k",
    "mobilenetv4_conv_small.e2400_r224_in1k",
    "resnet18.a1_in1k",
    "convnext_atto.d2_in1k",
)
WAYS = ("eager", "channels_last", "openvino", "onnxruntime", "compile")
FAULTS = ("export_failed", "build_failed", "out_of_memory", "wrong_output", "fallback", "crashed", "slow")
DECIDED = {0, 1, 3}
INTERRUPTED = {130, -signal.SIGINT, -signal.SIGTERM}
"""A signal that comes before the command has begun to listen ends the process in Python's own way."""
DISK_BYTES = 3 * 2**20


@dataclass
class Setup:
    """What a round runs."""

    models: list[str]
    ways: list[str]
    faults: str

    def profile(self) -> str:
        """As JSON, which is YAML."""
        return json.dumps(
            {
                "name": "campaign",
                "workload": {"task": "image-classification"},
                "device": {"target": "fake"},
                "requirements": {"latency_p95": "< 50 ms"},
                "objective": {"minimize": "latency_p50"},
                "candidates": {"models": self.models, "optimizations": self.ways},
                "evaluation": {"candidate_time": "2 s"},
            }
        )


@dataclass
class Report:
    """What was found in one round."""

    number: int
    assault: str
    assaulted_codes: list[int] = field(default_factory=list)
    problems: dict[str, list[str]] = field(default_factory=lambda: collections.defaultdict(list))
    kept: int = 0
    seconds: float = 0.0
    text: str = ""

    def blame(self, kind: str, what: str) -> None:
        """Notes a problem."""
        self.problems[kind].append(what)


class Place:
    """A round's folder with store, cache and temporary files, and the command in it."""

    def __init__(self, folder: Path, setup: Setup) -> None:
        self.folder = folder
        self.mark = uuid.uuid4().hex
        self.store = folder / "store.db"
        for name in ("temporary", "cache"):
            (folder / name).mkdir()
        self.profile = folder / "profile.yaml"
        self.profile.write_text(setup.profile())
        self.faults = setup.faults
        self.outputs: list[Path] = []

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Begins `selector evaluate`. Its output goes into unlinked files, so that a full disk is not theirs."""
        environment = {
            **os.environ,
            MARK: self.mark,
            "SELECTOR_CACHE": str(self.folder / "cache"),
            "TMPDIR": str(self.folder / "temporary"),
            "SELECTOR_FAKE_FAULTS": self.faults,
        }
        output = tempfile.NamedTemporaryFile(prefix="campaign-", delete=False)  # noqa: SIM115 - read after its writer
        self.outputs.append(Path(output.name))
        command = [sys.executable, "-c", "from selector.cli import main; main()", "evaluate", str(self.profile)]
        command += ["--store", f"sqlite:///{self.store}", "--json", *arguments]
        with output, Path(f"{output.name}.json").open("wb") as result:
            return subprocess.Popen(
                command, env=environment, stdout=result, stderr=output, start_new_session=True, cwd=self.folder.parent
            )

    def told(self) -> list[str]:
        """What the runs so far have printed."""
        return [path.read_text(errors="replace") for path in self.outputs]

    def results(self) -> list[str]:
        """What the runs so far have answered."""
        return [Path(f"{path}.json").read_text() for path in self.outputs]

    def forget(self) -> None:
        """Removes the printed."""
        for path in self.outputs:
            path.unlink(missing_ok=True)
            Path(f"{path}.json").unlink(missing_ok=True)

    def rows(self) -> dict[str, dict[str, Any]]:
        """By id, the measurements in the store, with a hash of their raw samples."""
        if not self.store.exists():
            return {}
        query = """SELECT m.id, m.identity, m.series, m.run_id, m.candidate, m.outcome, m.message, m.created,
                   m.wall_seconds, o.latencies
                   FROM measurements m LEFT JOIN observations o ON o.measurement_id = m.id"""
        with contextlib.closing(sqlite3.connect(self.store, timeout=20)) as database:
            database.row_factory = sqlite3.Row
            try:
                found = [dict(row) for row in database.execute(query)]
            except sqlite3.OperationalError:  # killed before the tables were made
                return {}
        for row in found:
            row["latencies"] = hashlib.sha256(row["latencies"] or b"").hexdigest()
        return {row["id"]: row for row in found}

    def processes(self) -> set[int]:
        """Everything alive that a run of this round has started."""
        return {pid for pid, variables in _environments() if f"{MARK}={self.mark}".encode() in variables}


@dataclass
class Scene:
    """What an assault has to work with.

    Attributes:
        place: Where the run runs.
        chance: Decides what the assault leaves open.
        usual: Seconds that the run takes undisturbed.
        report: Of the round.
    """

    place: Place
    chance: random.Random
    usual: float
    report: Report

    def moment(self, process: subprocess.Popen[bytes]) -> None:
        """Waits: a part of the run's usual time, or until something that is worth an assault."""
        aim = self.chance.choice(("time", "time", "time", "lines", "server", "child"))
        seconds = self.chance.uniform(0, 1.1 * self.usual) if aim == "time" else 4 * self.usual
        deadline = time.monotonic() + seconds
        lines = self.chance.randrange(1, 5)
        while time.monotonic() < deadline and process.poll() is None:
            if aim == "lines" and self.place.told()[-1].count("\n[") >= lines:
                return
            if aim in ("server", "child") and servers_and_children(self.place)[aim == "child"]:
                return
            time.sleep(0.005)


Assault = Callable[[Scene], list[subprocess.Popen[bytes]]]


def _environments() -> Iterator[tuple[int, bytes]]:
    for pid in process_ids():
        with contextlib.suppress(OSError):
            if variables := Path(f"/proc/{pid}/environ").read_bytes():
                yield pid, variables


def _parent(pid: int) -> int:
    found = process_of(pid)
    return 0 if found is None else found.parent


def servers_and_children(place: Place) -> tuple[set[int], set[int]]:
    """The warmed processes and the candidates' processes that forked from them."""
    warm = set()
    for pid in place.processes():
        with contextlib.suppress(OSError):
            if b"selector.engines.warm" in Path(f"/proc/{pid}/cmdline").read_bytes():
                warm.add(pid)
    children = {pid for pid in warm if _parent(pid) in warm}
    return warm - children, children


def signalled(*numbers: int) -> Assault:
    """Signals to the run's process group, as a terminal sends them."""

    def assault(scene: Scene) -> list[subprocess.Popen[bytes]]:
        process = scene.place.start()
        scene.moment(process)
        for number in numbers:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            time.sleep(scene.chance.uniform(0, 0.3) if len(numbers) > 1 else 0)
        return [process]

    return assault


def killed_below(which: int) -> Assault:
    """The fork server (0) or a candidate's process (1) is killed."""

    def assault(scene: Scene) -> list[subprocess.Popen[bytes]]:
        process = scene.place.start()
        scene.moment(process)
        while process.poll() is None:
            if found := servers_and_children(scene.place)[which]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(found.pop(), signal.SIGKILL)
                break
            time.sleep(0.002)
        return [process]

    return assault


def killed_with_server(scene: Scene) -> list[subprocess.Popen[bytes]]:
    """The run and its fork server are killed at once, so that nobody is left to clean up."""
    process = scene.place.start()
    scene.moment(process)
    for pid in (process.pid, *servers_and_children(scene.place)[0]):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return [process]


def disk_filled(scene: Scene) -> list[subprocess.Popen[bytes]]:
    """The disk of store, cache and temporary files is full from some moment on."""
    process = scene.place.start()
    scene.moment(process)
    fill(scene.place.folder / "filler", leave=scene.chance.choice((0, 0, 4096, 40_000)))
    process.wait(120)
    (scene.place.folder / "filler").unlink(missing_ok=True)
    return [process]


def fill(path: Path, leave: int) -> None:
    """Writes until nothing more fits, and takes `leave` bytes back."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with contextlib.suppress(OSError):
        os.truncate(path, max(0, path.stat().st_size - leave))


def store_locked(scene: Scene) -> list[subprocess.Popen[bytes]]:
    """Another process holds the store's write lock for a while; in some rounds longer than the run will wait."""
    process = scene.place.start()
    scene.moment(process)
    if not scene.place.store.exists():
        return [process]
    with contextlib.closing(sqlite3.connect(scene.place.store, timeout=5, isolation_level=None)) as database:
        with contextlib.suppress(sqlite3.OperationalError):
            database.execute("BEGIN IMMEDIATE")
        time.sleep(scene.chance.choice((0.5, 2.0, 4.0, 4.0, 12.0)))
        with contextlib.suppress(sqlite3.OperationalError):
            database.execute("ROLLBACK")
    return [process]


def together(scene: Scene) -> list[subprocess.Popen[bytes]]:
    """Two or three runs on one store; one of them may be killed."""
    processes = []
    for _ in range(scene.chance.choice((2, 2, 3))):
        processes.append(scene.place.start())
        time.sleep(scene.chance.choice((0.0, scene.chance.uniform(0, scene.usual))))
    if scene.chance.random() < 0.4:
        time.sleep(scene.chance.uniform(0, scene.usual))
        victim = scene.chance.choice(processes)
        victim.send_signal(scene.chance.choice((signal.SIGKILL, signal.SIGINT)))
        scene.report.assault = "together, one killed"
    return processes


def cache_removed(scene: Scene) -> list[subprocess.Popen[bytes]]:
    """The cache vanishes."""
    process = scene.place.start()
    scene.moment(process)
    shutil.rmtree(scene.place.folder / "cache", ignore_errors=True)
    return [process]


def halted(scene: Scene) -> list[subprocess.Popen[bytes]]:
    """The run, its fork server or a child is stopped for a while and goes on."""
    process = scene.place.start()
    scene.moment(process)
    chosen = scene.chance.choice(({process.pid}, *servers_and_children(scene.place))) or {process.pid}
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for pid in chosen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        time.sleep(scene.chance.uniform(0.1, 1.5))
    return [process]


ASSAULTS: dict[str, tuple[Assault, set[int]]] = {
    "Ctrl-C": (signalled(signal.SIGINT), DECIDED | INTERRUPTED),
    "Ctrl-C twice": (signalled(signal.SIGINT, signal.SIGINT), DECIDED | INTERRUPTED),
    "SIGTERM": (signalled(signal.SIGTERM), DECIDED | INTERRUPTED),
    "kill -9": (signalled(signal.SIGKILL), DECIDED | {-signal.SIGKILL}),
    "kill -9, server too": (killed_with_server, DECIDED | {-signal.SIGKILL}),
    "server killed": (killed_below(0), DECIDED),
    "child killed": (killed_below(1), DECIDED),
    "disk full": (disk_filled, DECIDED | {4}),
    "store locked": (store_locked, DECIDED | {4}),
    "together": (together, DECIDED | INTERRUPTED | {-signal.SIGKILL}),
    "cache removed": (cache_removed, DECIDED),
    "halted": (halted, DECIDED),
}


class Watch(threading.Thread):
    """Looks whether children of two servers are ever alive at once."""

    def __init__(self, place: Place) -> None:
        super().__init__(daemon=True)
        self._place = place
        self._over = threading.Event()
        self.seen: list[str] = []

    def run(self) -> None:
        """Until told to end."""
        while not self._over.wait(0.05):
            _, children = servers_and_children(self._place)
            parents = {child: _parent(child) for child in children}
            servers = {parent for parent in parents.values() if parent in servers_and_children(self._place)[0]}
            if len(servers) > 1 and all(Path(f"/proc/{one}").exists() for one in children):
                self.seen.append(f"servers {sorted(servers)} have children at once")

    def end(self) -> list[str]:
        """What was seen."""
        self._over.set()
        self.join()
        return self.seen


class Campaign:
    """Rounds that share the decisions of undisturbed runs.

    Args:
        seed: Decides everything but the scheduling of processes.
        mountable: Whether a tmpfs can be mounted.
    """

    def __init__(self, seed: int, mountable: bool) -> None:
        self._seed = seed
        self._mountable = mountable
        self._lock = threading.Lock()
        self._references: dict[str, tuple[dict[str, Any], int, float]] = {}

    def round(self, number: int, assault: str | None = None) -> Report:
        """One assault and what came of it; which one, unless it is given, the number says."""
        began = time.monotonic()
        random_ = random.Random(f"{self._seed}-{number}")
        setup = _setup(random_)
        names = [name for name in ASSAULTS if name != "disk full" or self._mountable]
        name = assault or names[(number + self._seed) % len(names)]  # each as often as any other
        report = Report(number, name)
        expected, code, usual = self._reference(setup)
        with contextlib.ExitStack() as stack:
            folder = Path(tempfile.mkdtemp(prefix="campaign-round-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            if name == "disk full":
                stack.enter_context(mounted(folder))
            place = Place(folder, setup)
            stack.callback(place.forget)
            if random_.random() < 0.4:
                some = place.start("--only", f"*@{setup.ways[0]}")
                if some.wait(120) not in DECIDED:
                    report.blame("exit code", f"the first, undisturbed part ended with {some.returncode}")
            self._assault(place, name, random_, usual, report)
            before = place.rows()
            final = place.start()
            if final.wait(180) != code and name != "child killed":
                report.blame("exit code", f"the undisturbed command ended with {final.returncode}, not {code}")
            _check(place, report, before, expected)
            report.text = "\n---\n".join(place.told())
        report.seconds = time.monotonic() - began
        return report

    def _assault(self, place: Place, name: str, random_: random.Random, usual: float, report: Report) -> None:
        assault, codes = ASSAULTS[name]
        watch = Watch(place)
        watch.start()
        for process in assault(Scene(place, random_, usual, report)):
            try:
                process.wait(180)
            except subprocess.TimeoutExpired:
                report.blame("hung", "a run did not end within 180 s")
                process.kill()
                process.wait()
            report.assaulted_codes.append(process.returncode)
            if process.returncode not in codes:
                report.blame("exit code", f"ended with {process.returncode}")
        deadline = time.monotonic() + 2
        while (left := place.processes()) and time.monotonic() < deadline:
            time.sleep(0.02)
        if left:
            report.blame("orphans", f"{len(left)} processes 2 s after the end")
        for what in watch.end():
            report.blame("two at once", what)

    def _reference(self, setup: Setup) -> tuple[dict[str, Any], int, float]:
        """Decision, exit code and time of an undisturbed run."""
        with self._lock:
            key = repr(setup)
            if key not in self._references:
                folder = Path(tempfile.mkdtemp(prefix="campaign-reference-"))
                place = Place(folder, setup)
                began = time.monotonic()
                process = place.start()
                code = process.wait(180)
                seconds = time.monotonic() - began
                self._references[key] = decision(place.results()[-1]), code, seconds
                place.forget()
                shutil.rmtree(folder, ignore_errors=True)
            return self._references[key]


def _setup(random_: random.Random) -> Setup:
    """One of a few dozen, so that undisturbed runs can be shared."""
    variant = random.Random(random_.randrange(12))
    models = variant.sample(MODELS, variant.choice((2, 3)))
    ways = variant.sample(WAYS, variant.choice((2, 3)))
    places = variant.sample([f"{model}@{way}" for model in models for way in ways], variant.choice((0, 1, 2)))
    return Setup(models, ways, ",".join(f"{one}={variant.choice(FAULTS)}" for one in places))


def decision(text: str) -> dict[str, Any]:
    """What a decision comes down to."""
    document = json.loads(text)
    lists = ("ranked", "undecided", "rejected", "failed", "unavailable", "not_measured")
    return {name: [(one["id"], one["outcome"]) for one in document[name]] for name in lists}


def _check(place: Place, report: Report, before: dict[str, dict[str, Any]], expected: dict[str, Any]) -> None:
    after = place.rows()
    report.kept = len(before)
    for one, row in before.items():
        if after.get(one) != row:
            report.blame("lost", f"{row['candidate']} of run {row['run_id']}")
    candidates = [json.loads(row["candidate"]) for row in after.values()]
    stored = {(one["architecture"], one["optimization"]) for one in candidates}
    for line in "\n".join(place.told()).splitlines():
        if line.startswith("[") and "]" in line:
            model, _, way = line.partition("] ")[2].split()[0].partition("@")
            if (model.partition(".")[0], way) not in stored:
                report.blame("lost", f"reported, not in the store: {line}")
    doubled = [
        name for name, count in collections.Counter(row["identity"] for row in after.values()).items() if count > 1
    ]
    for identity in doubled:
        report.blame("doubled", ", ".join(row["id"] for row in after.values() if row["identity"] == identity))
    if left := [*(place.folder / "temporary").iterdir(), *(place.folder / "cache").glob("*/.*")]:
        report.blame("files left", ", ".join(path.name for path in left))
    for text in place.told():
        early = text.startswith("Traceback") and text.rstrip().endswith("KeyboardInterrupt")
        if "Traceback" in text and not early:  # Ctrl-C while Python still imports is Python's to tell
            report.blame("traceback", text[text.index("Traceback") :][-600:])
    try:
        found = decision(place.results()[-1])
    except ValueError:
        report.blame("decision", "no decision was printed")
        return
    # What was killed from outside has failed, and is not tried again unasked: the others must be as they were.
    killed = {row["id"] for row in after.values() if "killed by SIGKILL" in row["message"]}
    identities = {after[one]["identity"] for one in killed} if report.assault in ("child killed",) else set()
    spared = {json.loads(row["candidate"])["model"] for row in after.values() if row["identity"] in identities}
    if _without(found, spared) != _without(expected, spared):
        report.blame("decision", f"{found} instead of {expected}")


def _without(found: dict[str, Any], spared: set[str]) -> dict[str, Any]:
    architectures = {model.partition(".")[0] for model in spared}
    return {
        name: [one for one in entries if one[0].partition(".")[0] not in architectures]
        for name, entries in found.items()
    }


@contextlib.contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """A small file system in memory at `folder`."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def mountable() -> bool:
    """Whether a tmpfs can be mounted here."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["mount", "-t", "tmpfs", "-o", "size=65536", "tmpfs", folder]
        try:
            if subprocess.run(command, capture_output=True, check=False).returncode:
                return False
        except OSError:
            return False
        subprocess.run(["umount", "-l", folder], check=False)
    return True


KINDS = (
    "lost", "doubled", "orphans", "files left", "exit code", "traceback", "decision", "two at once", "hung"
)  # fmt: skip


def table(reports: list[Report]) -> str:
    """The counts, as Markdown."""
    lines = [
        f"| assault | rounds | ended with | kept | {' | '.join(KINDS)} |",
        "|---|--:|---|" + "--:|" * (len(KINDS) + 1),
    ]
    groups: dict[str, list[Report]] = {}
    for report in reports:
        groups.setdefault(report.assault, []).append(report)
    for name, group in [*sorted(groups.items()), ("**all**", reports)]:
        counts = [sum(bool(one.problems[kind]) for one in group) for kind in KINDS]
        codes = collections.Counter(code for one in group for code in one.assaulted_codes)
        ends = ", ".join(f"{code}: {count}" for code, count in sorted(codes.items()))
        kept = sum(one.kept for one in group)
        lines.append(f"| {name} | {len(group)} | {ends} | {kept} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines)


def main() -> int:
    """Runs the campaign; 1 when anything was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--round", type=int, help="this one alone, with everything that its runs printed")
    parser.add_argument("--jobs", type=int, default=2, help="rounds at a time")
    arguments = parser.parse_args()
    campaign = Campaign(arguments.seed, mountable())
    numbers = range(arguments.rounds) if arguments.round is None else [arguments.round]
    reports = []
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for report in pool.map(campaign.round, numbers):
            reports.append(report)
            for kind, problems in report.problems.items():
                for problem in problems:
                    print(f"round {report.number} ({report.assault}): {kind}: {problem}", file=sys.stderr, flush=True)
            if arguments.round is not None:
                print(report.text, file=sys.stderr)
    seconds = sum(report.seconds for report in reports) / max(1, len(reports))
    print(f"seed {arguments.seed}, {len(reports)} rounds, {seconds:.1f} s each\n\n{table(reports)}")
    return int(any(any(report.problems.values()) for report in reports))


if __name__ == "__main__":
    sys.exit(main())
