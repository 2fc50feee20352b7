"""The run-off: finalists timed in turn, round by round, by processes that are kept ready side by side.

It brings two things: who of them is faster, as paired rounds, and what each takes when it is visited at many times. A
measurement is one visit; where a neighbour on the same host comes and goes by the second, two of them are as far
apart as the host's moods, however narrow the interval of each.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import random
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from selector.devices import Device
from selector.engines.child import Child, ServerDied
from selector.engines.server import ForkServer
from selector.engines.tail import Tail
from selector.metrics import PERCENTILE_SAMPLES
from selector.profiler import protocol
from selector.profiler.duels import Rounds, decided, duels, unevenness
from selector.profiler.intervals import half_width
from selector.profiler.intervals import statistic as interval
from selector.profiler.lookout import wait_until_quiet
from selector.profiler.stages import BuildRecord, Job
from selector.profiler.statistics import decode, encode, summarize
from selector.types import Environment, RunOff

_LOAD_SECONDS = 300.0


class RunOffFailed(Exception):  # noqa: N818 - the finalists stay as their own intervals leave them
    """A finalist did not come through; the message says which and how."""


class Conductor:
    """Lets finalists meet.

    Args:
        server: Where their processes fork from.
        device: The device.
        environment: Of the device.
        stopping: Asked often; when true `Stopped` is raised.
    """

    def __init__(
        self, server: ForkServer, device: Device, environment: Environment, stopping: Callable[[], bool]
    ) -> None:
        self._server = server
        self._device = device
        self._environment = environment
        self._stopping = stopping

    def meet(self, finalists: Sequence[tuple[Job, BuildRecord]], statistic: str, run_id: str) -> RunOff:
        """Rounds until `statistic` of each is narrow and the first is decided against every other, or time is up.

        Args:
            finalists: At least one, each built.
            statistic: What they are ranked by: "mean" or a percentile.
            run_id: The run.

        Raises:
            RunOffFailed: A finalist failed.
            Stopped: The run was asked to stop.
        """
        began = time.monotonic()
        disturbed: tuple[str, ...] = ()
        taken: dict[str, Rounds] = {}
        for attempt in range(2):
            if attempt:
                quiet = finalists[0][0].quiet
                wait_until_quiet(self._device, self._environment.threads, quiet.calibration, quiet.patience)
            taken, disturbed = self._attempt(finalists, statistic)
            if not disturbed:
                break
        return RunOff(
            id=uuid.uuid4().hex,
            environment=self._environment,
            run_id=run_id,
            created=dt.datetime.now(dt.UTC),
            candidates=tuple(job.candidate.id for job, _ in finalists),
            identities=tuple(taken),
            statistic=statistic,
            rounds=min(len(rounds) for rounds in taken.values()),
            queries=min(rounds.shape[1] for rounds in taken.values()),
            latencies={identity: encode(rounds.ravel()) for identity, rounds in taken.items()},
            duels=duels(taken),
            disturbed_by=disturbed,
            wall_seconds=time.monotonic() - began,
            summaries={identity: summarize(rounds.ravel()) for identity, rounds in taken.items()},
            unevenness=unevenness(taken),
        )

    def _attempt(
        self, finalists: Sequence[tuple[Job, BuildRecord]], statistic: str
    ) -> tuple[dict[str, Rounds], tuple[str, ...]]:
        """What each was timed at, shape (rounds, queries), and what disturbed it."""
        with contextlib.ExitStack() as stack:
            turns = []
            for job, record in finalists:
                try:
                    child = stack.enter_context(self._server.child(job, record, log=Tail(), held=True))
                except (ServerDied, OSError) as error:
                    raise RunOffFailed(f"no process could be started for {job.candidate.id}") from error
                turns.append(_Turn(job, child, self._stopping))
            queries = _queries(max(turn.ready() for turn in turns), statistic)
            order = list(turns)
            shuffle = random.Random(0).shuffle  # in turn, but nobody always after the same one
            began, cap = self._device.clock(), protocol.VISITS_CAP * finalists[0][0].rule.time_cap
            for number in range(1, protocol.ROUND_LOOKS[-1] + 1):
                round_began = self._device.clock()
                shuffle(order)
                for turn in order:
                    self._device.pause(protocol.SETTLING_SECONDS)
                    turn.take(queries)
                now = self._device.clock()
                over = now - began >= cap and number >= protocol.ROUND_LOOKS[0]
                if over or (number in protocol.ROUND_LOOKS and _settled(turns, statistic)):
                    break
                self._device.pause(max(0.0, round_began + protocol.ROUND_SPACING - now))
            disturbed = [clause for turn in turns for clause in turn.end()]
            return {turn.job.identity: np.array(turn.rounds) for turn in turns}, tuple(dict.fromkeys(disturbed))


class _Turn:
    """One finalist, ready for its next burst."""

    def __init__(self, job: Job, child: Child, stopping: Callable[[], bool]) -> None:
        self.job = job
        self.rounds: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []
        self._child = child
        self._stopping = stopping

    def ready(self) -> float:
        """Waits until it is warm; seconds of a query."""
        seconds: float = self._answer()
        return seconds

    def take(self, queries: int) -> None:
        """One burst."""
        self._ask(queries)
        self.rounds.append(decode(self._answer()))

    def end(self) -> tuple[str, ...]:
        """Ends it; what disturbed it."""
        self._ask(0)
        clauses: tuple[str, ...] = self._answer().disturbed_by
        return clauses

    def _ask(self, queries: int) -> None:
        try:
            self._child.channel.send(queries)
        except OSError as error:
            raise RunOffFailed(f"{self.job.candidate.id} ended") from error

    def _answer(self) -> Any:
        try:
            ended = self._child.follow(_LOAD_SECONDS, self._stopping)
        except (ServerDied, OSError) as error:
            raise RunOffFailed(f"{self.job.candidate.id} ended") from error
        if ended.failure is not None:
            raise RunOffFailed(f"{self.job.candidate.id}: {ended.failure.message}")
        return ended.result


def _queries(seconds: float, statistic: str) -> int:
    """Queries of a round: enough time, and in the first look's rounds enough for the percentile."""
    needed = PERCENTILE_SAMPLES.get(statistic, 1) / protocol.ROUND_LOOKS[0]
    fitting = min(protocol.ROUND_QUERIES, math.ceil(protocol.ROUND_SPACING / max(seconds, 1e-6)))
    return max(fitting, math.ceil(protocol.ROUND_SECONDS / max(seconds, 1e-6)), math.ceil(needed))


def _settled(turns: Sequence[_Turn], statistic: str) -> bool:
    """Whether everyone's figure is narrow, and whoever is ahead is decided against every other."""
    taken = {turn.job.identity: np.array(turn.rounds) for turn in turns}
    if any(half_width(interval(summarize(one.ravel()), statistic)) > protocol.STEADY for one in taken.values()):
        return False
    made = duels(taken, (statistic,))
    ahead = {turn.job.identity for turn in turns}
    for duel in made:
        ahead.discard(duel.second if duel.ratio.value < 1 else duel.first)
    return all(decided(duel) for duel in made if {duel.first, duel.second} & ahead)
