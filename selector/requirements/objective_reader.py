"""Reads the objective of a document: one metric, weights, or steps in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from selector.errors import UsageError
from selector.requirements.document import Document, Listing, Node, Section, is_null
from selector.requirements.fields import RefusedError
from selector.requirements.objective import (
    MOST_STEPS,
    Objective,
    Optimum,
    Step,
    check_direction,
    check_objective,
    default_tie_breakers,
    lexicographic,
    metric_name,
    read_within,
    weighted,
)
from selector.requirements.translation import Finding, Path, unknown_key
from selector.types import Scenario, Task

_DIRECTIONS: tuple[Optimum, ...] = ("maximize", "minimize")
_KINDS = (*_DIRECTIONS, "weights", "lexicographic")
_KEYS = (*_KINDS, "tie_breakers")
_STEP = "{maximize: accuracy_top1, within: 0.3 points}"


class ObjectiveReader:
    """Reads one objective.

    Args:
        document: That it stands in.
        refuse: Takes path, message and suggestion of what is wrong; `at_key` where the key itself is.
        collect: Takes findings.
    """

    def __init__(
        self, document: Document, refuse: Callable[..., None], collect: Callable[[Iterable[Finding]], None]
    ) -> None:
        self._document = document
        self._refuse_outside = refuse
        self._collect = collect
        self._wrong = False

    def read(self, scenario: Scenario, task: Task = "image-classification") -> Objective | None:
        """The objective as written, None when there is none or it is wrong."""
        node = self._document.node(("objective",))
        if node is None or is_null(node):
            return None
        if not isinstance(node, Section):
            self._refuse(("objective",), "objective must hold keys and values, e.g. maximize: accuracy_top1")
            return None
        if not node.entries:
            self._refuse(("objective",), "objective is empty: write something in it or leave it out")
            return None
        unknown = [key for key in node.entries if key not in _KEYS]
        self._wrong |= bool(unknown)
        self._collect(unknown_key(("objective", key), _KEYS) for key in unknown)
        kinds = [kind for kind in _KINDS if kind in node.entries]
        if len(kinds) != 1 and not self._wrong:
            said = f"both {kinds[0]} and {kinds[1]}" if kinds else "neither maximize nor minimize"
            rest = "write one of the two" if kinds else "write one of the two, or weights, or lexicographic"
            self._refuse(("objective",), f"objective says {said}: {rest}", at_key=True)
        tie_breakers = self._tie_breakers()
        objective = self._of_kind(kinds[0], tie_breakers, scenario, task) if kinds else None
        return None if self._wrong else objective

    def _refuse(self, path: Path, message: str, suggestion: str = "", at_key: bool = False) -> None:
        self._wrong = True
        self._refuse_outside(path, message, suggestion, at_key)

    def _of_kind(
        self, kind: str, tie_breakers: tuple[str, ...] | None, scenario: Scenario, task: Task
    ) -> Objective | None:
        path = ("objective", kind)
        try:
            if kind == "weights":
                weights = self._weights()
                return weighted(weights, tie_breakers, scenario, task) if weights and not self._wrong else None
            if kind == "lexicographic":
                steps = self._steps()
                return lexicographic(steps, tie_breakers, scenario, task) if steps and not self._wrong else None
            direction: Optimum = "maximize" if kind == "maximize" else "minimize"
            metric = self._metric(path)
            if metric is None or self._wrong:
                return None
            rest = default_tie_breakers(metric, scenario, task=task) if tie_breakers is None else tie_breakers
            check_objective(direction, metric, rest)
            return Objective(direction=direction, metric=metric, tie_breakers=rest)
        except RefusedError as error:
            self._refuse(path, error.message, error.suggestion, at_key=True)
            return None

    def _weights(self) -> dict[str, float]:
        path = ("objective", "weights")
        node = self._document.node(path)
        if not isinstance(node, Section) or not node.entries:
            self._refuse(path, "weights must hold metrics and numbers, e.g. {accuracy_top1: 0.6, latency_p95: 0.4}")
            return {}
        found: dict[str, float] = {}
        for key in node.entries:
            weight = _number(self._document.data(node.entries[key][1]))
            try:
                name = metric_name(key)
            except RefusedError as error:
                self._refuse((*path, key), error.message, error.suggestion, at_key=True)
                continue
            if weight is None:
                self._refuse((*path, key), f"the weight of {name} must be a number, e.g. 0.5")
            elif name in found:
                self._refuse((*path, key), f"weights name {name} twice", at_key=True)
            else:
                found[name] = weight
        return found

    def _steps(self) -> tuple[Step, ...]:
        path = ("objective", "lexicographic")
        node = self._document.node(path)
        if not isinstance(node, Listing) or not node.items:
            self._refuse(path, f"lexicographic must be a list of steps, e.g. [{_STEP}, {{minimize: latency_p50}}]")
            return ()
        if len(node.items) > MOST_STEPS:
            self._refuse(path, f"lexicographic has more than {MOST_STEPS} steps")
            return ()
        steps = [self._step((*path, index), item) for index, item in enumerate(node.items)]
        return tuple(step for step in steps if step is not None)

    def _step(self, path: Path, node: Node) -> Step | None:
        if not isinstance(node, Section):
            self._refuse(path, f"a step must hold keys and values, e.g. {_STEP}")
            return None
        unknown = [key for key in node.entries if key not in (*_DIRECTIONS, "within")]
        self._wrong |= bool(unknown)
        self._collect(unknown_key((*path, key), (*_DIRECTIONS, "within")) for key in unknown)
        given = [direction for direction in _DIRECTIONS if direction in node.entries]
        if len(given) != 1:
            self._refuse(path, f"a step says what to maximize or minimize, one of the two, e.g. {_STEP}")
            return None
        metric = self._metric((*path, given[0]))
        if metric is None:
            self._wrong = True
            return None
        place = path
        try:
            check_direction(given[0], metric)
            within, relative = 0.0, False
            if "within" in node.entries:
                place = (*path, "within")
                said = self._document.data(node.entries["within"][1])
                if isinstance(said, bool) or not isinstance(said, str | int | float):
                    raise RefusedError("within must be one quantity, e.g. 0.3 points")
                within, relative = read_within(metric, said)
            return Step(direction=given[0], metric=metric, within=within, relative=relative)
        except UsageError as error:
            refusal = error if isinstance(error, RefusedError) else RefusedError(str(error))
            self._refuse(place, refusal.message, refusal.suggestion)
            return None

    def _tie_breakers(self) -> tuple[str, ...] | None:
        """The metrics named; None when the key is absent."""
        path = ("objective", "tie_breakers")
        node = self._document.node(path)
        if node is None or is_null(node):
            return None
        if not isinstance(node, Listing):
            self._refuse(path, "tie_breakers must be a list of metrics, e.g. [latency_p95, parameters]")
            return None
        named = [self._metric((*path, index)) for index in range(len(node.items))]
        return tuple(name for name in named if name is not None)

    def _metric(self, path: Path) -> str | None:
        node = self._document.node(path)
        if node is None or is_null(node):
            return None
        data = self._document.data(node)
        if not isinstance(data, str):
            self._refuse(path, "a metric's name must stand here, e.g. accuracy_top1")
            return None
        try:
            return metric_name(data)
        except RefusedError as error:
            self._refuse(path, error.message, error.suggestion)
            return None


def _number(data: object) -> float | None:
    try:
        return float(data) if isinstance(data, str | int | float) and not isinstance(data, bool) else None
    except ValueError:
        return None
