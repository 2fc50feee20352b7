"""The examining part of a run: candidates that are still in question answer the profile's labelled images.

It follows the timing, so that what is too slow is never examined, and goes on only as long as it has to: a candidate
answers 256 images, then twice as many, until what the profile asks of its accuracy is decided and its interval is
narrow, or until there are no more. Before that, the same weights answer in fp32 eager, which all ways of the model
are compared with. Where a probe on frozen features answers, it does so once for all ways of a model, on all images.
"""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Callable
from dataclasses import replace

from selector.artifacts import ArtifactCache
from selector.decision import decide
from selector.engines.local import LocalEngine, Order
from selector.engines.run import Observer
from selector.metrics import METRICS, MetricValue, evaluate_metric
from selector.metrics.proportions import FIRST_LOOK
from selector.profiler.examining import Questions
from selector.profiler.labelled import LabelledSet, check_labelled, class_indices, find_labelled
from selector.profiler.transfer import check_transfer
from selector.requirements import RequirementProfile, Verdict, judge, reading_for
from selector.store import Store
from selector.store.evidence import find_examined, gather, stored
from selector.types import Examination, Outcome, Plan, Planned, Protocol, TestSet, accuracy_identity

NARROW = 0.01
"""Half an interval's width, as a fraction, from which on a measured accuracy that ranks is narrow enough."""
_ACCURACIES = ("accuracy_top1", "accuracy_top5", "accuracy_drop", "agreement_top1")


class Examiner:
    """Lets candidates answer; every part that was answered is committed.

    Args:
        profile: What is asked; its labelled images with digest.
        store: Where answers are kept and found.
        plan: What is considered.
        run_id: The run in the store.
        order: What the engine needs to know of a candidate.
        observer: Is told how it goes.
        force: Examine again what is stored.
    """

    def __init__(
        self,
        profile: RequirementProfile,
        store: Store,
        plan: Plan,
        run_id: str,
        *,
        order: Callable[[Planned], Order],
        observer: Observer,
        force: bool = False,
    ) -> None:
        self._profile = profile
        self._store = store
        self._plan = plan
        self._run_id = run_id
        self._order = order
        self._observer = observer
        self._force = force
        self._images: LabelledSet | None = None
        self._classes: dict[tuple[object, ...], tuple[int, ...]] = {}
        self._done: set[str] = set()
        self._fresh: set[str] = set()
        self.seconds = 0.0

    def prepare(self, cache: ArtifactCache, threads: int) -> None:
        """Looks at the images before anything is measured.

        Raises:
            UsageError: One cannot be decoded, or a model does not have their classes.
        """
        if self._profile.test_set is None:
            return
        self._images = find_labelled(self._profile.test_set)
        if self._protocol is not None:
            check_transfer(self._images, self._protocol)
        for planned in self._plan.considered:
            if planned.unavailable is None:
                self._right(planned)
        if self._plan.environment.device_kind != "fake":
            check_labelled(self._images, cache, threads)

    @property
    def _protocol(self) -> Protocol | None:
        return None if self._plan.test_set is None else self._plan.test_set.protocol

    def wanted(self) -> bool:
        """Whether somebody would be examined now."""
        return self._next() is not None

    def run(self, engine: LocalEngine, over: Callable[[], bool]) -> None:
        """Examines one candidate after the other.

        Args:
            engine: Measures and examines.
            over: Says when the time budget is used up.

        Raises:
            LabelledImageError: An image cannot be decoded.
            Stopped: The run was asked to stop; what was answered is kept.
        """
        while not over():
            planned = self._next()
            if planned is None:
                return
            self._examine(engine, planned)

    def _next(self) -> Planned | None:
        """Who is still in question, best first, and has not answered enough."""
        if self._plan.test_set is None:
            return None
        decision = decide(self._profile, gather(self._store, self._plan))
        in_question = (one.planned for one in (*decision.ranked, *decision.undecided) if one.measurement is not None)
        return next((one for one in in_question if self._has_weights(one) and not self._answered(one)), None)

    def _has_weights(self, planned: Planned) -> bool:
        """Whether it can be examined on weights that were trained; a simulated device needs none."""
        return self._plan.environment.device_kind == "fake" or self._order(planned).pretrained

    def _answered(self, planned: Planned) -> bool:
        """Whether what is stored, or was done in this run, is enough."""
        if planned.candidate.id in self._done:
            return True
        found = self._stored(planned)
        return found is not None and (found.outcome is not Outcome.OK or self._enough(planned, found.images))

    def _examine(self, engine: LocalEngine, planned: Planned) -> None:
        """Lets a candidate, and fp32 eager with the same weights, answer until that is enough."""
        reference = replace(planned, candidate=self._plan.reference[planned.facts.name])
        alone = self._protocol is not None or reference.candidate.id == planned.candidate.id
        pair = (reference,) if alone else (reference, planned)
        total = len(self._labelled().files)
        while not self._answered(planned):
            found = self._stored(planned)
            done = 0 if found is None else found.images
            stop = total if self._protocol is not None else min(total, max(FIRST_LOOK, 2 * done))
            for one in pair:
                self._bring(engine, one, stop)
            now = self._stored(planned)
            if now is None or now.images == done:
                break  # no weights, or a failure: asking again would say the same
        self._done.add(planned.candidate.id)

    def _bring(self, engine: LocalEngine, planned: Planned, stop: int) -> None:
        """Lets a candidate answer up to image `stop`, as far as it has not."""
        found = self._stored(planned)
        done = 0 if found is None else found.images
        if done < stop and (found is None or found.outcome is Outcome.OK):
            self._part(engine, planned, found, done, stop)

    def _part(self, engine: LocalEngine, planned: Planned, before: Examination | None, start: int, stop: int) -> None:
        """Images `start` to `stop`, joined with those before and kept."""
        images = self._labelled()
        began = time.monotonic()
        questions = Questions(
            images.digest,
            len(images.files),
            start,
            images.files[start:stop],
            self._right(planned)[start:stop],
            self._protocol,
        )
        self._observer.examines(planned, stop, len(images.files))
        result = engine.examine(self._order(planned), questions, lambda name: self._observer.phase(planned, name))
        wall = time.monotonic() - began
        self.seconds += wall
        answers = result.answers
        if answers is None and result.outcome is Outcome.OK:
            return  # its weights could not be had: no answers, and no failure of its own
        earlier = before if before is not None and start else None
        made = Examination(
            id=uuid.uuid4().hex,
            identity=self._identity(planned),
            candidate=planned.candidate,
            environment=self._plan.environment,
            weights=None if answers is None else answers.weights,
            test_set=TestSet(images.path, images.digest, self._protocol),
            total=len(images.files),
            ranks=(earlier.ranks if earlier else b"") + (answers.ranks if answers else b""),
            firsts=(earlier.firsts if earlier else b"") + (answers.firsts if answers else b""),
            outcome=result.outcome,
            message=result.message,
            log=result.log,
            run_id=self._run_id,
            created=dt.datetime.now(dt.UTC),
            wall_seconds=wall,
        )
        self._fresh.add(made.identity)
        self._store.add_examination(made)

    def _enough(self, planned: Planned, done: int) -> bool:
        """Whether so many answers decide what the profile asks, narrowly where accuracy ranks."""
        if done >= len(self._labelled().files):
            return True
        if not done:
            return False
        alone = replace(self._plan, considered=(planned,))
        one = find_examined(self._store, alone).get(planned.candidate.id)
        measurement = stored(self._store, (planned,), self._plan.environment).get(planned.candidate.id)
        reading = reading_for(self._profile, planned, measurement, one)
        asked = [each for each in self._profile.requirements if self._is_measured(each.key)]
        verdicts = {judge(each, evaluate_metric(each.key, reading)).verdict for each in asked}
        if Verdict.FAILS in verdicts:
            return True
        ranked = [key for key in self._profile.objective.metrics if self._is_measured(key)]
        # Without a limit or an objective on it, accuracy is asked for its own sake.
        narrow = all(
            _is_narrow(evaluate_metric(key, reading)) for key in ranked or (() if asked else _ACCURACIES[:1])
        )
        return Verdict.UNDECIDED not in verdicts and narrow

    def _is_measured(self, key: str) -> bool:
        """Whether a metric is of the labelled images."""
        name, _, dataset = key.partition("@")
        return name in _ACCURACIES and name in METRICS.names() and not dataset

    def _stored(self, planned: Planned) -> Examination | None:
        identity = self._identity(planned)
        if self._force and identity not in self._fresh:
            return None
        return self._store.examinations([identity]).get(identity)

    def _identity(self, planned: Planned) -> str:
        assert self._plan.test_set is not None
        asked = planned.candidate if self._protocol is None else self._plan.reference[planned.facts.name]
        return accuracy_identity(asked, planned.facts, self._plan.environment, self._plan.test_set)

    def _right(self, planned: Planned) -> tuple[int, ...]:
        """The number of each image's class in the model's output."""
        if self._protocol is not None:
            return self._sorted_classes()
        own = planned.facts.checkpoint
        names = own.labels if own is not None and own.labels else None
        key = (planned.candidate.num_classes, names)
        if key not in self._classes:
            self._classes[key] = class_indices(self._labelled(), planned.candidate.num_classes, names)
        return self._classes[key]

    def _sorted_classes(self) -> tuple[int, ...]:
        """The number of each image's class among the sorted names: what is fitted anew has no order of its own."""
        if () not in self._classes:
            images = self._labelled()
            numbers = {name: number for number, name in enumerate(images.classes)}
            self._classes[()] = tuple(numbers[label] for label in images.labels)
        return self._classes[()]

    def _labelled(self) -> LabelledSet:
        if self._images is None:
            raise RuntimeError("Examiner must be prepared before it examines")
        return self._images


def _is_narrow(result: object) -> bool:
    if not isinstance(result, MetricValue):
        return False
    if result.low is None or result.high is None:
        return True
    return (result.high - result.low) / 2 <= NARROW
