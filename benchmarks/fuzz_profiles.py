"""A million wrong profiles: none may be answered with anything but the project's own error.

    python benchmarks/fuzz_profiles.py [--count 1000000] [--seed 0] [--processes 2] [--keep FOLDER]

Profiles are made from good ones (the ready-made ones, the whole format as documented, the served part of it) by
edits that know the grammar: keys renamed, doubled, moved and dropped, values replaced by hostile ones, lines and
indentation shuffled, YAML's own signs put in, single bytes flipped. One in fifty is drawn by hypothesis instead.
Of each is asked

- that it is read, or refused with `selector.errors.ProfileError`;
- that a refusal has problems whose places lie in the text, in words that a terminal can show;
- that a profile which was read has a stored form that gives the same profile again.

Every twentieth that was read has the names in it looked up, too, as the command line does. The same seed gives the
same profiles, however many processes there are, as long as the ready-made ones stay. The summary is Markdown.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from profile_edits import drawn_documents, mutated

from selector.errors import ProfileError
from selector.requirements import RequirementProfile, load_profile, parse_profile
from selector.search.names import unknown_names

CHUNK = 2_000
"""Profiles that one task of the pool makes; each chunk has a random stream of its own."""
DRAWN = CHUNK // 50
LOOKED_UP = 20
STRANGE = ("pydantic", "Input should be", "Traceback")
"""What belongs to a library, not to a message for a user."""


@dataclass
class Tally:
    """What became of a number of profiles.

    Attributes:
        outcomes: Outcome to count.
        edits: Kind of edit to count.
        slowest: (processor seconds, how it was made) of the profile that took longest.
        finds: (how it was made, text, traceback) of those answered with anything but the project's own error.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    edits: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "")
    finds: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Takes another one's counts in."""
        self.outcomes += other.outcomes
        self.edits += other.edits
        self.slowest = max(self.slowest, other.slowest)
        self.finds += other.finds


def main() -> None:
    """Makes the profiles in parallel and prints the summary; ends with 1 when something was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--keep", type=Path, help="folder for what was found")
    arguments = parser.parse_args()
    began = time.perf_counter()
    tasks = [
        (arguments.seed, first, min(CHUNK, arguments.count - first)) for first in range(0, arguments.count, CHUNK)
    ]
    total = Tally()
    with multiprocessing.get_context("spawn").Pool(arguments.processes, maxtasksperchild=50) as pool:
        for done, tally in enumerate(pool.imap(run_chunk, tasks), start=1):
            total.add(tally)
            for made, text, trace in tally.finds:
                print(f"FOUND {made}\n{text}\n{trace}", file=sys.stderr, flush=True)
            if done % 10 == 0:
                print(f"{sum(total.outcomes.values()):,} done, {len(total.finds)} finds", file=sys.stderr, flush=True)
    print(summary(total, arguments.seed, time.perf_counter() - began))
    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        for number, (made, text, trace) in enumerate(total.finds[:100]):
            (arguments.keep / f"{number}.txt").write_text(f"{made}\n{text!r}\n{trace}", encoding="utf-8")
    sys.exit(1 if total.finds else 0)


def summary(tally: Tally, seed: int, seconds: float) -> str:
    """The figures as Markdown."""
    count = sum(tally.outcomes.values())
    rows = [f"| {name} | {number:,} | {number / count:.1%} |" for name, number in tally.outcomes.most_common()]
    edits = ", ".join(f"{name} {number:,}" for name, number in tally.edits.most_common())
    slowest, made = tally.slowest
    return "\n".join(
        [
            f"{count:,} profiles, seed {seed}, {seconds:,.0f} s ({count / seconds:,.0f} a second).",
            f"{len(tally.finds)} were answered with anything but a profile or a `ProfileError`.",
            f"The slowest took {slowest * 1e3:.0f} ms ({made}).\n",
            "| outcome | profiles | share |",
            "|---|---:|---:|",
            *rows,
            f"\nMade by: {edits}.",
            *(f"\nFOUND {made}: {trace.strip().splitlines()[-1]}" for made, _, trace in tally.finds[:20]),
        ]
    )


def run_chunk(task: tuple[int, int, int]) -> Tally:
    """One chunk: mutated profiles, then drawn ones.

    Args:
        task: The seed, the number of the first profile, and how many.
    """
    seed, first, count = task
    source = random.Random(f"{seed}:{first}")
    tally = Tally()
    drawn = min(DRAWN, count // 50)
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "p.yaml"
        for number in range(first, first + count - drawn):
            kind, content = mutated(source)
            examine(tally, f"profile {number} of seed {seed}, {kind}", kind, content, file, number % LOOKED_UP == 0)
        for number, text in enumerate(drawn_documents(source.getrandbits(48), drawn)):
            made = f"drawn profile {number} of chunk {first}, seed {seed}"
            examine(tally, made, "drawn by hypothesis", text, file, number % LOOKED_UP == 0)
    return tally


def examine(tally: Tally, made: str, kind: str, content: str | bytes, file: Path, look_up: bool) -> None:
    """Reads one profile and counts what became of it."""
    if isinstance(content, bytes):
        file.write_bytes(content)
    began = time.process_time()  # of this process alone: the machine may be busy
    try:
        outcome = answer(content, file, look_up)
    except Exception:  # noqa: BLE001 - whatever comes out is what is looked for
        outcome = "FOUND"
        tally.finds.append((made, repr(content), traceback.format_exc()))
    tally.slowest = max(tally.slowest, (time.process_time() - began, made))
    tally.outcomes[outcome] += 1
    tally.edits[kind] += 1


def answer(content: str | bytes, file: Path, look_up: bool) -> str:
    """What the reader makes of a text, or of bytes that stand in `file`; the name of the outcome.

    Raises:
        Exception: What nobody may ever see.
    """
    check = unknown_names if look_up else None
    try:
        in_a_file = isinstance(content, bytes)
        profile = load_profile(file, check) if in_a_file else parse_profile(str(content), "p.yaml", check)
    except ProfileError as error:
        return refusal(error, content)
    stored = json.loads(json.dumps(profile.as_dict(), allow_nan=False))
    if RequirementProfile.from_dict(stored) != profile:
        raise AssertionError("the stored form gives another profile")
    return "accepted, names looked up" if look_up else "accepted"


def refusal(error: ProfileError, content: str | bytes) -> str:
    """Why it was refused, in one word or two.

    Raises:
        AssertionError: The message is none that a user should see.
    """
    lines = content.count("\n" if isinstance(content, str) else b"\n") + 1  # type: ignore[arg-type]
    lines += sum(content.count(sign) for sign in "\r\x85\u2028\u2029") if isinstance(content, str) else len(content)
    message = str(error)
    if not error.problems or any(words in message and words not in str(content) for words in STRANGE):
        raise AssertionError(f"not in plain words: {message}")
    if not all(line.isprintable() for line in message.split("\n")):
        raise AssertionError(f"not for a terminal: {message!r}")
    for problem in error.problems:
        if problem.line is not None and not 1 <= problem.line <= lines:
            raise AssertionError(f"no such line: {problem}")
    alone = error.problems[0].message if len(error.problems) == 1 else ""
    if "is not UTF-8" in alone or "is not allowed in a profile; is this" in alone or "larger than" in alone:
        return "refused: not a text, or too large"
    if any("not supported yet" in problem.message for problem in error.problems):
        return "refused: not supported yet, among others" if len(error.problems) > 1 else "refused: not supported yet"
    return "refused: several problems" if len(error.problems) > 1 else "refused: one problem"


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
