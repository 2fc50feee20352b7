"""How often the stated 95 % intervals of latency statistics hold, on simulated streams whose truth is known.

    python benchmarks/interval_coverage.py [--repeats 400] [--only TEXT] [--write FILE]

Each stream (`streams.py`) is timed as the profiler times, until the stopping rule says stop, with queries of 1 ms and
of 50 ms, once for each statistic. An interval holds when the truth of the time measured lies in it; a missing end
holds for certain. Printed are the share that holds with its standard error, the median half-width relative to the
value ("none" where an end is missing) and the median number of queries.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from streams import STREAMS, Array, Stream

from selector.profiler.harness import Stopwatch, time_queries
from selector.profiler.intervals import half_width, statistic
from selector.profiler.protocol import StoppingRule, Target
from selector.profiler.statistics import summarize
from selector.types import Interval

STATISTICS = ("p50", "p95", "mean")
QUERY_SECONDS = (0.001, 0.05)
TIME_CAP = 10.0


@dataclass(frozen=True)
class Judged:
    """One timing.

    Attributes:
        holds: Whether the truth lies in the interval.
        width: Half-width relative to the value.
        samples: Queries timed.
    """

    holds: bool
    width: float
    samples: int


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--only", default="", help="streams whose name contains this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="streams at a time")
    parser.add_argument("--write", type=Path, help="a file for the table")
    arguments = parser.parse_args()
    lines = ["| stream | query | statistic | holds | half-width | queries |", "|---|---|---|---|---|---|"]
    print("\n".join(lines))
    chosen = [(number, arguments.repeats) for number, one in enumerate(STREAMS) if arguments.only in one.name]
    with multiprocessing.get_context("fork").Pool(arguments.jobs) as pool:
        for found in pool.imap(_rows, chosen):
            print("\n".join(found), flush=True)
            lines += found
    if arguments.write:
        arguments.write.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _rows(asked: tuple[int, int]) -> list[str]:
    """`rows` of the stream of a number: streams hold functions, which do not travel between processes."""
    number, repeats = asked
    return list(rows(STREAMS[number], repeats))


def rows(stream: Stream, repeats: int) -> Iterator[str]:
    """The rows of one stream."""
    for seconds in QUERY_SECONDS:
        for name in STATISTICS:
            judged = judge(stream, name, seconds, repeats)
            share = sum(one.holds for one in judged) / repeats
            error = math.sqrt(share * (1 - share) / repeats)
            width, samples = (
                float(np.median([getattr(one, what) for one in judged])) for what in ("width", "samples")
            )
            half = "none" if math.isinf(width) else f"{width:.1%}"
            yield (
                f"| {stream.name} | {seconds * 1e3:g} ms | {name} | {share:.1%} ± {error:.1%} | {half} | "
                f"{samples:.0f} |"
            )


def judge(stream: Stream, name: str, seconds: float, repeats: int) -> list[Judged]:
    """Times a stream many times, each until statistic `name` is settled."""
    random = np.random.default_rng(zlib.crc32(f"{stream.name} {name} {seconds}".encode()))
    rule = StoppingRule((Target(name, ranked=True),), TIME_CAP)
    return [_judge(stream, name, seconds, rule, random) for _ in range(repeats)]


def _judge(stream: Stream, name: str, seconds: float, rule: StoppingRule, random: np.random.Generator) -> Judged:
    # Streams take 1 × `seconds` a query or more, drift and noise apart: twice as many as fit are surely enough.
    relative, levels = stream.draw(random, int(2 * rule.time_cap / seconds))
    samples, _ = time_queries(simulated(relative * seconds), rule)
    interval = statistic(summarize(samples), name)
    truth = stream.truth(name, levels[: len(samples)]) * seconds
    return Judged(holds(interval, truth), half_width(interval), len(samples))


def simulated(times: Array) -> Stopwatch:
    """A device on which queries take the given times."""
    now, following = [0.0], iter(times.tolist())

    def run(_: object) -> None:
        now[0] += next(following)

    return Stopwatch(run, [None], lambda: None, lambda: now[0])


def holds(interval: Interval, truth: float) -> bool:
    """Whether the truth lies in an interval, but for rounding."""
    above = interval.low is None or interval.low <= truth * (1 + 1e-9)
    return above and (interval.high is None or truth * (1 - 1e-9) <= interval.high)


if __name__ == "__main__":
    main()
