"""The requirement profile as understood: frozen, checked, in base units, defaults filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from selector.errors import ProfileError, UnknownNameError
from selector.quantities import format_quantity
from selector.requirements import fields, served
from selector.requirements.contradictions import contradictions, needs_met
from selector.requirements.fields import RefusedError, choice, pydantic_error
from selector.requirements.objective import Objective, default_objective
from selector.requirements.requirement import Requirement
from selector.requirements.translation import findings
from selector.types import Precision, Scenario, Task

DEFAULT_BATCH_SIZES: Mapping[Scenario, int] = {"multi-stream": 8}
"""Images per query where the profile does not say; 1 for scenarios that are not listed (MLPerf's numbers)."""

DEFAULT_AGREEMENT: Mapping[Precision, float] = {"fp32": 1e-3, "fp16": 2e-2, "int8": 0.15}
"""Relative error that a way may show against fp32 eager, by precision."""

BF16_OVER_FP16 = 8.0
"""bf16's default tolerance over fp16's, also over a given one: its rounding is 8 times as coarse (8 bits of mantissa
against 11). MobileNets on random weights measured up to 0.12 where they are computed correctly."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Workload(_Section):
    """What the model is asked to do.

    Attributes:
        task: What kind of answer it gives: scores of classes, or a backbone's maps of features.
        scenario: How queries arrive, in MLPerf's words.
        batch_size: Images per query.
        image_size: "native", or height and width in pixels.
        latency_scope: What a latency covers: "forward" is the model alone.
    """

    task: Annotated[Task, choice("task", served.TASKS, served.LATER_TASKS)] = "image-classification"
    scenario: Annotated[Scenario, choice("scenario", served.SCENARIOS, served.LATER_SCENARIOS)] = "single-stream"
    batch_size: fields.Count = Field(default=None, validate_default=True)
    image_size: fields.ImageSize = "native"
    latency_scope: Annotated[str, choice("latency scope", served.LATENCY_SCOPES, served.LATER_LATENCY_SCOPES)] = (
        "forward"
    )

    @field_validator("batch_size", mode="before")
    @classmethod
    def _batch_of_the_scenario(cls, value: Any, info: ValidationInfo) -> Any:
        return DEFAULT_BATCH_SIZES.get(info.data.get("scenario", "single-stream"), 1) if value is None else value


class DeviceBudget(_Section):
    """Where it may run, and what may be spent there.

    Attributes:
        target: "auto", "cpu", "cuda", "cuda:N" or "fake".
        count: Number of such devices; multiplies throughput and price, not latency.
        memory: Bytes that one device may hold; also a requirement on memory_peak.
        threads: Threads on a CPU, None for one a physical core.
        price: USD per second of one device.
    """

    target: fields.Target = "auto"
    count: fields.Count = 1
    memory: fields.Bytes | None = None
    threads: fields.Threads | None = None
    price: fields.Price | None = None


class Preprocessing(_Section):
    """How own weights want their images, where that differs from the model's; names as in timm's configuration.

    Attributes:
        mean: Of each channel, subtracted from pixels between 0 and 1.
        std: Of each channel, which they are then divided by.
        interpolation: How images are resized.
        crop_pct: Share of the resized image's side that the central crop keeps.
        crop_mode: How it is cropped.
    """

    mean: fields.Channels | None = None
    std: fields.Channels | None = None
    interpolation: Literal["bilinear", "bicubic", "nearest", "lanczos"] | None = None
    crop_pct: fields.Share | None = None
    crop_mode: Literal["center", "squash", "border"] | None = None

    def pairs(self) -> tuple[tuple[str, Any], ...]:
        """What is given, sorted."""
        return tuple(sorted((name, value) for name, value in self if value is not None))


class OwnWeights(_Section):
    """A model of timm with weights of one's own.

    Attributes:
        model: ``architecture`` or ``architecture.tag``; without a tag timm's default preprocessing holds.
        weights: A local file.
        num_classes: Width of its classifier, None for the model's own.
        labels: A file with a class name a line, in the order of its outputs; None where names need none.
        class_names: What that file says; empty until it was read.
        preprocessing: How it wants its images, where that differs from the model's.
        sha256: Hash of the file; "" until it was taken. A profile with a hash holds for that content only.
    """

    model: fields.Pattern
    weights: fields.WeightsFile
    num_classes: fields.Count | None = None
    labels: fields.Place | None = None
    class_names: tuple[fields.Text, ...] = ()
    preprocessing: Preprocessing = Preprocessing()
    sha256: fields.Sha256 = ""

    @model_serializer(mode="wrap")
    def _without_what_nobody_said(self, full: SerializerFunctionWrapHandler) -> dict[str, Any]:
        document: dict[str, Any] = full(self)
        if self.labels is None:
            del document["labels"]
        if not self.class_names:
            del document["class_names"]
        document["preprocessing"] = {key: value for key, value in document["preprocessing"].items() if value}
        if not document["preprocessing"]:
            del document["preprocessing"]
        return document


class CandidateSelection(_Section):
    """Which models and which ways of running them are considered.

    Attributes:
        models: Names and globs of ``architecture.tag``.
        families: Short names of timm's model modules; united with `models`.
        exclude: Globs that are taken away again.
        checkpoints: Own weights, considered beside the models.
        max_parameters: Most weights a model may have.
        optimizations: Names and globs of optimizations; empty means all that the device supports.
    """

    models: fields.Patterns = ()
    families: fields.Patterns = ()
    exclude: fields.Patterns = ()
    checkpoints: tuple[OwnWeights, ...] = ()
    max_parameters: fields.Weights | None = None
    optimizations: fields.Patterns = ()

    @model_validator(mode="after")
    def _something_to_choose_from(self) -> CandidateSelection:
        if not self.models and not self.families and not self.checkpoints:
            raise pydantic_error(RefusedError("there is no model to choose from: write models, families or both"))
        files = [one.weights for one in self.checkpoints]
        twice = sorted({one for one in files if files.count(one) > 1})
        if twice:
            raise pydantic_error(RefusedError(f"checkpoints names {fields.quoted(twice[0])} twice"))
        gone = sorted({*self.exclude} & {*self.models, *self.families, "*"})
        if gone:
            raise pydantic_error(RefusedError(f"exclude takes away what is asked for: {fields.quoted(gone[0])}"))
        return self


class Evaluation(_Section):
    """How much effort goes into finding out.

    Attributes:
        strategy: Name of the search strategy; "auto" leaves it to the program.
        time_budget: Seconds for the whole run, None for no limit.
        confidence: That nothing better was missed.
        candidate_time: Seconds that timing one candidate may take.
    """

    strategy: fields.Pattern = "auto"
    time_budget: fields.Seconds | None = None
    confidence: fields.Confidence = 0.99
    candidate_time: fields.Seconds = 10.0


class Calibration(_Section):
    """What int8 ways are calibrated on. Without it they do not run.

    Attributes:
        images: A folder of photographs, as seen from the working folder, or "random" for made-up data.
        count: How many of them, None for all up to 256. They are taken evenly from the sorted files.
        digest: Hash of their content; "" until it was taken. A profile with a digest holds for that content only.
    """

    images: fields.Place
    count: fields.Count | None = None
    digest: fields.Digest = ""


class AccuracyBasis(_Section):
    """What an accuracy is an accuracy on, where a requirement names no test set.

    Attributes:
        dataset: A published test set, or a folder or CSV of labelled images that it is measured on.
        max_drop: Top-1 that a way of running may lose against fp32, as a fraction; also a requirement on
            accuracy_drop. None for any.
        protocol: What answers the labelled images on each model's frozen features, for those who will fine-tune:
            "linear-probe" or "knn". None for the model's own classifier.
        digest: Hash of the labelled images; "" until it was taken. A profile with a digest holds for that content
            only.
    """

    dataset: fields.Dataset = served.DATASETS[0]
    max_drop: fields.Points | None = None
    protocol: fields.TransferProtocol | None = None
    digest: fields.Digest = ""

    @model_validator(mode="after")
    def _on_labelled_images(self) -> AccuracyBasis:
        if self.max_drop is not None and self.dataset in served.DATASETS:
            raise pydantic_error(
                RefusedError(
                    "max_drop is what a way loses on labelled images: name a folder of them in accuracy.dataset "
                    f"({self.dataset} is a table of published figures)"
                )
            )
        if self.protocol is not None and self.dataset in served.DATASETS:
            raise pydantic_error(
                RefusedError(
                    f"protocol: {self.protocol} fits something on the features of labelled images: name a folder of "
                    f"them in accuracy.dataset ({self.dataset} is a table of published figures)"
                )
            )
        if self.protocol is not None and self.max_drop is not None:
            raise pydantic_error(
                RefusedError(
                    f"max_drop is what a way loses with the model's own classifier; protocol: {self.protocol} asks "
                    "fp32 features only. Take one of the two out"
                )
            )
        return self


def usual_tolerances() -> dict[Precision, float]:
    """Every precision's tolerance where the profile names none."""
    return _tolerances({})


def _tolerances(given: dict[Precision, float]) -> dict[Precision, float]:
    """Every precision's tolerance."""
    known = {**DEFAULT_AGREEMENT, **given}
    known.setdefault("bf16", min(1.0, BF16_OVER_FP16 * known["fp16"]))
    return {precision: known[precision] for precision in served.PRECISIONS}


Agreement = Annotated[dict[Precision, fields.Tolerance], AfterValidator(_tolerances)]


class RequirementProfile(_Section):
    """What is asked: a workload, a device, what must hold, what is preferred, and what to choose from.

    A file is read by `selector.requirements.load_profile`. Made in Python, numbers are in base units and texts
    are read as a file's would be.

    Attributes:
        name: Of the profile.
        description: In a sentence or two.
        workload: What is run.
        device: Where, and the budget.
        requirements: All must hold. `device.memory` is among them, as a limit of memory_peak.
        licenses: Licences that a model may have, empty for any.
        pretraining: Data that weights may have been pretrained on, empty for any; "none" stands for weights whose
            tag names none.
        objective: How feasible candidates are ranked.
        candidates: What is considered.
        traffic: Images per second that have to be answered, None where none is stated.
        agreement: Relative error allowed against fp32 eager, by precision.
        calibration: What int8 ways are calibrated on, None for nothing.
        accuracy: On what accuracies are taken, None for ImageNet-1k validation.
        evaluation: How it is found out.
    """

    name: fields.Name
    description: fields.Text = ""
    workload: Workload
    device: DeviceBudget = DeviceBudget()
    requirements: tuple[Requirement, ...] = Field(default=(), validate_default=True)
    licenses: fields.Licenses = ()
    pretraining: fields.Pretraining = ()
    objective: Objective = Field(default=None, validate_default=True)
    candidates: CandidateSelection
    traffic: fields.Traffic | None = None
    agreement: Agreement = Field(default_factory=dict, validate_default=True)
    calibration: Calibration | None = None
    accuracy: AccuracyBasis | None = None
    evaluation: Evaluation = Evaluation()

    @field_validator("requirements", mode="after")
    @classmethod
    def _with_memory_of_the_device(
        cls, requirements: tuple[Requirement, ...], info: ValidationInfo
    ) -> tuple[Requirement, ...]:
        device = info.data.get("device")
        return requirements if device is None else with_device_memory(requirements, device.memory)

    @model_validator(mode="before")
    @classmethod
    def _with_the_allowed_drop(cls, data: Any) -> Any:
        """A requirement on accuracy_drop where the profile says what a way may lose."""
        basis = data.get("accuracy") if isinstance(data, Mapping) else None
        if basis is None:
            return data
        given = basis if isinstance(basis, AccuracyBasis) else AccuracyBasis.model_validate(basis)
        return {**data, "requirements": with_max_drop(tuple(data.get("requirements", ())), given.max_drop)}

    @field_validator("objective", mode="before")
    @classmethod
    def _default_objective(cls, value: Any, info: ValidationInfo) -> Any:
        workload = info.data.get("workload")
        if value is not None:
            return value
        return default_objective(workload.scenario, workload.task) if workload else default_objective("single-stream")

    @model_validator(mode="after")
    def _no_contradictions(self) -> RequirementProfile:
        said = needs_met(self.device.price is not None, self.traffic is not None, bool(self.objective.weights))
        asked = self.workload
        found = contradictions(
            asked.scenario,
            said,
            self.requirements,
            self.objective,
            self.dataset,
            asked.task,
            self.accuracy is not None,
        )
        if found:
            raise pydantic_error(RefusedError("; ".join(message for _, message in found)))
        return self

    @property
    def dataset(self) -> str:
        """The test set that an accuracy is meant on where none is named."""
        return self.accuracy.dataset if self.accuracy is not None else served.DATASETS[0]

    @property
    def test_set(self) -> str | None:
        """The labelled images that accuracy is measured on, as the profile names them; None for published figures."""
        return None if self.dataset in served.DATASETS else self.dataset

    def requirement(self, key: str) -> Requirement:
        """The requirement called `key`.

        Raises:
            UnknownNameError: The profile has no such requirement.
        """
        for requirement in self.requirements:
            if requirement.key == key:
                return requirement
        raise UnknownNameError("requirement", key, [entry.key for entry in self.requirements])

    def with_limit(self, key: str, limit: float) -> RequirementProfile:
        """The profile with another limit for the requirement `key`.

        Args:
            key: As in the profile, e.g. "latency_p95" or "accuracy_top1@imagenet-1k".
            limit: In the metric's base unit.

        Raises:
            UsageError: The profile has no such requirement, or nothing could hold the limit.
        """
        edited = self.requirement(key).at(limit)
        kept = tuple(edited if entry.key == key else entry for entry in self.requirements)
        return self._edited(key, kept, limit)

    def without(self, key: str) -> RequirementProfile:
        """The profile without the requirement `key`; "license" and "pretraining" drop their lists.

        Raises:
            UnknownNameError: The profile has no such requirement.
        """
        if key == "license" and self.licenses:
            return self.model_copy(update={"licenses": ()})
        if key == "pretraining" and self.pretraining:
            return self.model_copy(update={"pretraining": ()})
        self.requirement(key)
        return self._edited(key, tuple(entry for entry in self.requirements if entry.key != key), None)

    def _edited(self, key: str, kept: tuple[Requirement, ...], limit: float | None) -> RequirementProfile:
        """A copy; the device's memory and the allowed drop go where the edit changed the limit made of them."""
        memory = self.device.memory
        lifted = key == "memory_peak" and memory is not None and (limit is None or limit > memory)
        device = self.device.model_copy(update={"memory": None}) if lifted else self.device
        basis = self.accuracy
        if basis is not None and key == "accuracy_drop":
            basis = basis.model_copy(update={"max_drop": None})
        return self.model_copy(update={"requirements": kept, "device": device, "accuracy": basis})

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON data: the profile as understood, in base units, defaults filled in."""
        document = self.model_dump(mode="json")
        for key in ("accuracy", "calibration", "traffic"):
            if document[key] is None:
                del document[key]
        if self.accuracy is not None and self.test_set is None:
            document["accuracy"] = {"dataset": self.dataset}
        if self.accuracy is not None and self.accuracy.protocol is None:
            document["accuracy"].pop("protocol", None)
        if not document["candidates"]["checkpoints"]:
            del document["candidates"]["checkpoints"]
        if not document["pretraining"]:
            del document["pretraining"]
        for key in ("weights", "lexicographic"):
            if not document["objective"][key]:
                del document["objective"][key]
        return document

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RequirementProfile:
        """The profile of which `as_dict` gave `data`.

        Raises:
            ProfileError: The data is not that of a profile, or names what is no longer known.
        """
        try:
            return cls.model_validate(dict(data))
        except ValidationError as error:
            raise ProfileError("stored profile", [found.problem() for found in findings(error)]) from None


def with_device_memory(requirements: tuple[Requirement, ...], memory: int | None) -> tuple[Requirement, ...]:
    """The requirements with memory_peak at most `memory`, unless they say as much already."""
    if memory is None:
        return requirements
    present = next((entry for entry in requirements if entry.metric == "memory_peak"), None)
    if present is not None and present.limit <= memory:
        return requirements
    text = f"<= {format_quantity(memory, 'memory', digits=6)}"
    budget = Requirement(metric="memory_peak", comparison="<=", limit=float(memory), text=text)
    return (*(entry for entry in requirements if entry is not present), budget)


def with_max_drop(requirements: tuple[Any, ...], most: float | None) -> tuple[Any, ...]:
    """The requirements with accuracy_drop at most `most`, unless they speak of it already.

    Args:
        requirements: As they are, or as JSON data.
        most: As a fraction; None for none.
    """
    keys = [one.metric if isinstance(one, Requirement) else dict(one).get("metric") for one in requirements]
    if most is None or "accuracy_drop" in keys:
        return requirements
    text = f"<= {format_quantity(most, 'fraction', digits=6)}"
    return (*requirements, Requirement(metric="accuracy_drop", comparison="<=", limit=most, text=text))
