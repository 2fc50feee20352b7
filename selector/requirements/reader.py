"""A document's sections, read one by one, so that a fault in one does not hide another's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from selector.errors import Problem
from selector.quantities import format_quantity
from selector.requirements import fields, served
from selector.requirements.contradictions import contradictions, needs_met
from selector.requirements.document import Document, Listing, Node, Section, is_null
from selector.requirements.fields import RefusedError, quoted
from selector.requirements.objective_reader import ObjectiveReader
from selector.requirements.profile import (
    AccuracyBasis,
    Agreement,
    Calibration,
    CandidateSelection,
    DeviceBudget,
    Evaluation,
    RequirementProfile,
    Workload,
)
from selector.requirements.requirement import Requirement, read_key, read_limit
from selector.requirements.translation import Finding, Path, dotted, findings, missing_key, unknown_key
from selector.types import Task

MAX_PROBLEMS = 50
"""Problems that are told at once; also bounds the search for near names in a hostile profile."""

_MODELS: dict[str, type[BaseModel]] = {
    "workload": Workload,
    "device": DeviceBudget,
    "candidates": CandidateSelection,
    "accuracy": AccuracyBasis,
    "calibration": Calibration,
    "evaluation": Evaluation,
}
_OTHERS: dict[str, TypeAdapter[Any]] = {
    "name": TypeAdapter(fields.Name),
    "description": TypeAdapter(fields.Text),
    "traffic": TypeAdapter(fields.Traffic),
    "agreement": TypeAdapter(Agreement),
}
_LISTS: Mapping[str, TypeAdapter[tuple[str, ...]]] = {
    "license": TypeAdapter(fields.Licenses),
    "pretraining": TypeAdapter(fields.Pretraining),
}
"""Requirements that list what is allowed instead of limiting a metric."""


class Reader:
    """Reads one document into a profile.

    Attributes:
        profile: The profile, or None when something is wrong.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._root = document.root
        self._found: list[Finding] = []
        self.profile = self._read()

    def problems(self) -> list[Problem]:
        """What was found, with its place in the text."""
        document = self._document
        return [
            document.problem(found.message, document.mark(found.path, found.at_key), found.suggestion)
            for found in self._found
        ]

    def _read(self) -> RequirementProfile | None:
        self._top_level()
        parts = {key: self._part(key) for key in (*_OTHERS, *_MODELS)}
        requirements = self._requirements()
        licenses, pretraining = (self._allowed(key) for key in _LISTS)
        scenario = parts["workload"].scenario if parts["workload"] else None
        task: Task = parts["workload"].task if parts["workload"] else "image-classification"
        objective = ObjectiveReader(self._document, self._refuse, self._collect).read(
            scenario or "single-stream", task
        )
        entries = self._root.entries
        priced = parts["device"].price is not None if parts["device"] else "device" in entries
        weighed = bool(objective.weights) if objective else "objective" in entries
        said = needs_met(priced, "traffic" in entries, weighed)
        dataset = parts["accuracy"].dataset if parts["accuracy"] else served.DATASETS[0]
        labelled = parts["accuracy"] is not None
        for path, message in contradictions(scenario, said, requirements, objective, dataset, task, labelled):
            self._refuse(path, message, at_key=True)
        self._times(parts["evaluation"])
        if self._found or self._document.problems:
            return None
        given = {key: value for key, value in parts.items() if value is not None}
        return RequirementProfile(
            requirements=requirements, licenses=licenses, pretraining=pretraining, objective=objective, **given
        )

    def _refuse(self, path: Path, message: str, suggestion: str = "", at_key: bool = False) -> None:
        self._found.append(Finding(path, message, suggestion, at_key))

    def _collect(self, found: Iterable[Finding]) -> None:
        """Takes findings until there are enough."""
        for entry in found:
            if len(self._found) > MAX_PROBLEMS:
                return
            self._found.append(entry)

    def _top_level(self) -> None:
        known = (*served.PLAIN_KEYS, *served.SECTIONS)
        self._collect(unknown_key((key,), known) for key in self._root.entries if key not in known)
        self._collect(missing_key((key,)) for key in served.REQUIRED if key not in self._root.entries)
        if not {"requirements", "objective"} & self._root.entries.keys():
            self._refuse((), "requirements and objective are both missing: write at least one of them")

    def _part(self, key: str) -> Any:
        """The value of a top-level key, checked; None when it is absent or wrong."""
        node = self._present((key,))
        if node is None:
            return None
        if isinstance(node, Section):
            self._collect(self._empty_lists((key,), node))
        model = _MODELS.get(key)
        try:
            data = self._document.data(node)
            return model.model_validate(data) if model else _OTHERS[key].validate_python(data)
        except ValidationError as error:
            self._collect(findings(error, (key,), model.model_fields if model else None))
            return None

    def _present(self, path: Path) -> Node | None:
        """The node at `path`, None when there is nothing; an empty section is refused."""
        node = self._document.node(path)
        if node is None or is_null(node):
            return None
        if isinstance(node, Section) and not node.entries:
            self._refuse(path, f"{path[-1]} is empty: write something in it or leave it out")
            return None
        return node

    def _section(self, key: str, example: str) -> Section | None:
        """The section at a top-level key, None when there is none; anything else there is refused."""
        node = self._present((key,))
        if node is None or isinstance(node, Section):
            return node
        self._refuse((key,), f"{key} must hold keys and values, e.g. {example}")
        return None

    def _empty_lists(self, path: Path, section: Section) -> Iterator[Finding]:
        for name, (_, value) in section.entries.items():
            if isinstance(value, Listing) and not value.items and (*path, name) not in served.LATER_KEYS:
                place = (*path, name)
                yield Finding(place, f"{dotted(place)} is an empty list: write an entry or leave it out")

    def _requirements(self) -> tuple[Requirement, ...]:
        """Every requirement that could be read."""
        section = self._section("requirements", 'latency_p95: "< 50 ms"')
        read = []
        for key in section.entries if section else ():
            if key in _LISTS or len(self._found) > MAX_PROBLEMS:
                continue
            requirement = self._requirement(key)
            if requirement is not None:
                read.append(requirement)
        return tuple(read)

    def _requirement(self, key: str) -> Requirement | None:
        path = ("requirements", key)
        try:
            metric, dataset = read_key(key)
        except RefusedError as error:
            self._refuse(path, *_key_problem(key, error), at_key=True)
            return None
        node = self._document.node(path)
        if node is None or is_null(node):
            return None
        data = self._document.data(node)
        if not isinstance(data, str):
            self._refuse(path, f'{key} must be one limit in quotes, e.g. "< 50 ms"')
            return None
        try:
            comparison, limit, text = read_limit(metric, data)
        except RefusedError as error:
            self._refuse(path, error.message, error.suggestion)
            return None
        return Requirement(metric=metric.name, dataset=dataset, comparison=comparison, limit=limit, text=text)

    def _allowed(self, key: str) -> tuple[str, ...]:
        """What a requirement that is a list allows; empty for anything."""
        path = ("requirements", key)
        node = self._document.node(path)
        if node is None or is_null(node):
            return ()
        if isinstance(node, Listing) and not node.items:
            self._refuse(path, f"{key} is an empty list: nothing could be chosen; write an entry or leave it out")
            return ()
        try:
            return _LISTS[key].validate_python(self._document.data(node))
        except ValidationError as error:
            self._collect(findings(error, path))
            return ()

    def _times(self, evaluation: Evaluation | None) -> None:
        """Both times written, and the one for a candidate is the longer."""
        path = ("evaluation", "candidate_time")
        if evaluation is None or evaluation.time_budget is None or self._document.node(path) is None:
            return
        if evaluation.candidate_time > evaluation.time_budget:
            budget = format_quantity(evaluation.time_budget, "time")
            self._refuse(path, f"candidate_time is longer than the time_budget of the whole run, {budget}")


def _key_problem(key: str, error: RefusedError) -> tuple[str, str]:
    """Message and suggestion for a key of the requirements; some stand beside the metrics."""
    hint = fields.near(key, list(_LISTS))
    return (f"unknown requirement {quoted(key)}", hint) if hint else (error.message, error.suggestion)
