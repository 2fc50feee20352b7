"""The frozen data that travels between the rooms.

What is asked (`selector.requirements`), what is planned (`Candidate`, `Plan`), what was observed (`Observation`,
`Measurement`) and what is concluded (`selector.decision`) are separate types; none changes after it is made.
Units inside are seconds, bytes, joules, fractions and USD.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal

PROTOCOL_VERSION = 3
"""Version of the measuring protocol; part of every identity. Raised whenever figures stop being comparable."""

PROBE_VERSION = 1
"""Version of the protocols that fit something on features; part of the identity of what they answer."""

Precision = Literal["fp32", "bf16", "fp16", "int8"]
Task = Literal["image-classification", "feature-extraction"]
Scenario = Literal["single-stream", "multi-stream", "server", "offline"]
WeightsSource = Literal["pretrained", "checkpoint", "random"]
DeviceKind = Literal["cpu", "cuda", "fake"]
Protocol = Literal["linear-probe", "knn"]
"""What answers labelled images on a model's frozen features, where its own classifier does not."""
ImageSize = tuple[int, int]
"""Height and width in pixels."""


class Outcome(StrEnum):
    """How the measuring of a candidate ended."""

    OK = "ok"
    UNAVAILABLE = "unavailable"
    EXPORT_FAILED = "export_failed"
    BUILD_FAILED = "build_failed"
    OUT_OF_MEMORY = "out_of_memory"
    WRONG_OUTPUT = "wrong_output"
    FALLBACK = "fallback"
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"
    UNSTABLE = "unstable"


@dataclass(frozen=True)
class PublishedFigure:
    """An accuracy that somebody published for exact weights at an exact image size.

    Attributes:
        dataset: Name of the test set, e.g. "imagenet-1k".
        image_size: The size it was taken at.
        top1: Fraction of images classified right, 0 to 1.
        top5: Fraction with the right class among the first five, or None.
        source: Where it was published, with its date.
    """

    dataset: str
    image_size: ImageSize
    top1: float
    top5: float | None
    source: str


@dataclass(frozen=True)
class Checkpoint:
    """A local file of weights.

    Attributes:
        path: As the profile names it.
        sha256: Hash of its content.
        timm_name: The model of timm that the weights are for; its preprocessing holds for them too, but for what
            `preprocessing` says.
        labels: Names of its classes in the order of its outputs, empty where nobody said.
        preprocessing: How its images are prepared otherwise, as sorted (name, value) pairs in timm's names.
    """

    path: str
    sha256: str
    timm_name: str
    labels: tuple[str, ...] = ()
    preprocessing: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a model before anything runs.

    Attributes:
        name: ``architecture.tag`` as timm writes it.
        architecture: The part that decides speed.
        tag: The part that names the weights; "" where timm has one set without a tag.
        family: Short name of timm's model module, e.g. "vit", "swin", "convnext".
        image_size: Native size: that of the published figure, i.e. timm's test size, else its input size.
        num_classes: Width of the classifier; 0 for models without one.
        parameters: Number of weights, or None when not known.
        gmacs: Multiply-accumulates for one image at `image_size`, in 1e9, or None.
        activations: Elements of all layer outputs for one image at `image_size`, or None.
        license: SPDX-like lower-case identifier, e.g. "apache-2.0", or None when not stated.
        pretraining: Data of the pretraining as timm's tag tells it ("in22k", "laion2b", …), or None.
        published: Accuracy published for these weights.
        weight_sets: How many sets of weights timm publishes for the architecture, or None where it is not known.
        checkpoint: Own weights that take the place of published ones, or None.
    """

    name: str
    architecture: str
    tag: str
    family: str
    image_size: ImageSize
    num_classes: int
    parameters: int | None = None
    gmacs: float | None = None
    activations: int | None = None
    license: str | None = None
    pretraining: str | None = None
    published: tuple[PublishedFigure, ...] = ()
    weight_sets: int | None = None
    checkpoint: Checkpoint | None = None

    @property
    def timm_name(self) -> str:
        """What timm knows the architecture and its preprocessing by."""
        return self.name if self.checkpoint is None else self.checkpoint.timm_name


@dataclass(frozen=True)
class Candidate:
    """One model run one way, for one workload: the thing that is measured and chosen.

    Attributes:
        model: ``architecture.tag``.
        architecture: Decides speed together with the rest; the tag does not.
        optimization: Name of the way of running it.
        precision: What the bulk of the arithmetic is done in.
        libraries: Distributions whose versions can change the figure of this way.
        settings: Fixed knobs of the way, as sorted (name, value) pairs.
        batch_size: Images per query.
        image_size: Height and width fed to the model.
        num_classes: Width of the classifier; 0 where features are extracted.
        scenario: MLPerf's name of how queries arrive.
        latency_scope: "forward" or "end_to_end".
        task: What it answers with: scores of classes, or a backbone's maps of features.
    """

    model: str
    architecture: str
    optimization: str
    precision: Precision
    libraries: tuple[str, ...]
    settings: tuple[tuple[str, str], ...]
    batch_size: int
    image_size: ImageSize
    num_classes: int
    scenario: Scenario = "single-stream"
    latency_scope: str = "forward"
    task: Task = "image-classification"

    @property
    def task_key(self) -> dict[str, str]:
        """What keys and identities have of the task: nothing for classification, whose are older than tasks."""
        return {} if self.task == "image-classification" else {"task": self.task}

    @property
    def id(self) -> str:
        """``MODEL@OPTIMIZATION``, unique within one profile."""
        return f"{self.model}@{self.optimization}"


@dataclass(frozen=True)
class Environment:
    """Everything that can change a figure beside the candidate itself.

    Attributes:
        device_kind: "cpu", "cuda" or "fake".
        device_name: What the vendor calls it.
        device_id: Distinguishes devices of the same name (UUID of a GPU; a hash of CPU topology).
        driver: Driver version of a GPU, the kernel's release for a CPU.
        power_limit: Watts, or None where none is set or readable.
        memory_total: Bytes of memory that the device has.
        threads: Threads used on the host.
        capabilities: What decides whether a way can run ("avx512_bf16", "sm_90", …), sorted.
        versions: (distribution, version) pairs of all libraries that any way runs on, sorted.
        protocol: Version of the measuring protocol.
    """

    device_kind: DeviceKind
    device_name: str
    device_id: str
    driver: str
    power_limit: float | None
    memory_total: int
    threads: int
    capabilities: tuple[str, ...]
    versions: tuple[tuple[str, str], ...]
    protocol: int = PROTOCOL_VERSION

    @cached_property
    def id(self) -> str:
        """Content hash; equal exactly when nothing that could change a figure differs."""
        return content_hash(to_json(self))


@dataclass(frozen=True)
class Weights:
    """Which weights ran.

    Attributes:
        tag: timm's tag, or None for random ones.
        sha256: Hash of the weights file, or None for random ones.
        source: "pretrained", "checkpoint" or "random".
    """

    tag: str | None
    sha256: str | None
    source: WeightsSource


RANDOM_WEIGHTS = Weights(tag=None, sha256=None, source="random")


@dataclass(frozen=True)
class Interval:
    """A figure with the range it lies in.

    Attributes:
        value: The estimate.
        low: Lower end, or None when not known.
        high: Upper end, or None.
    """

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class LatencySummary:
    """The sketch of a latency sample that is kept beside it for fast reading.

    Attributes:
        samples: Number of queries timed.
        seconds: Their sum: wall-clock spent in queries.
        mean: Seconds per query, with its interval.
        percentiles: "p50", "p90", "p95", "p99" to seconds per query with interval. A percentile that `samples`
            cannot support is absent.
        confidence: Of the intervals.
    """

    samples: int
    seconds: float
    mean: Interval
    percentiles: Mapping[str, Interval]
    confidence: float


@dataclass(frozen=True)
class Agreement:
    """How near the prepared model's output is to the fp32 eager output, on the same inputs and weights.

    Attributes:
        relative_error: ‖y − y₀‖ / ‖y₀‖ over the whole batch of logits; of a backbone that of its worst stage.
        cosine: Smallest cosine similarity of one image's logits, or of one of its stages.
        top1: Share of images with the same first class; None unless weights are real, and for backbones.
        images: Number of images compared.
        tolerance: The relative error that was allowed.
        weights: What ran: agreement holds for these weights alone.
    """

    relative_error: float
    cosine: float
    top1: float | None
    images: int
    tolerance: float
    weights: Weights


@dataclass(frozen=True)
class Stage:
    """One map of features that a backbone answers an image with.

    Attributes:
        channels: How many features a place has.
        height: In places.
        width: In places.
        stride: Pixels of the image from one place to the next.
    """

    channels: int
    height: int
    width: int
    stride: int


@dataclass(frozen=True)
class Observation:
    """Raw readings of one candidate. `None` means not observed, never zero.

    Attributes:
        latencies: float64 little-endian seconds per query, in order, as bytes (see `selector.profiler.statistics`).
        summary: Sketch of `latencies`.
        warmup: Seconds of each warm-up query, in order (the first 500).
        first_call: Seconds of the first query after loading (cold start is load + first call).
        load_seconds: Seconds to load what was built into something callable.
        build_seconds: Seconds to make what is loaded (export, engine build, compilation), 0 where nothing is built.
        built_from_cache: Whether the build was found in the artifact cache; `build_seconds` is then the recorded
            time of the original build.
        memory: Bytes by kind; "peak" is what `memory_peak` reads.
        artifact_bytes: Size of what is deployed, or None.
        agreement: Comparison with the fp32 eager output.
        energy_joules: Energy of the timed queries, or None without a counter.
        stopped_because: Why timing stopped: "interval", "limit" or "time_cap".
        diagnostics: Further readings that explain a figure (context switches, steal, spin loop before and after …).
        stages: Of a backbone, its maps in the order of its answer; empty for classifiers.
    """

    latencies: bytes
    summary: LatencySummary
    warmup: tuple[float, ...]
    first_call: float
    load_seconds: float
    build_seconds: float
    built_from_cache: bool
    memory: Mapping[str, int]
    artifact_bytes: int | None
    agreement: Agreement | None
    energy_joules: float | None
    stopped_because: str
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True)
class Measurement:
    """One candidate, measured once, in one environment. A failure is a measurement too.

    Attributes:
        id: Unique.
        identity: Content hash of everything that decides speed; equal identities may share measurements.
        candidate: What was measured.
        environment: Where.
        weights: Which weights ran, or None when it failed before that was known.
        outcome: How it ended.
        message: One sentence for people; "" when ok.
        log: What the candidate's process printed or raised, bounded; "" when nothing.
        phase: Where it ended ("export", "build", "load", "agreement", "warm-up", "timing", "done").
        observation: Readings; None unless outcome is ok or unstable.
        run_id: The run that made it.
        created: When (UTC).
        wall_seconds: What it cost.
    """

    id: str
    identity: str
    candidate: Candidate
    environment: Environment
    weights: Weights | None
    outcome: Outcome
    message: str
    log: str
    phase: str
    observation: Observation | None
    run_id: str
    created: dt.datetime
    wall_seconds: float


@dataclass(frozen=True)
class Duel:
    """Two candidates compared by rounds in which both were timed.

    Attributes:
        first: Speed identity.
        second: Speed identity.
        statistic: "mean" or a percentile of the seconds per query.
        ratio: The first's relative to the second's, with its interval; below 1 the first is faster.
    """

    first: str
    second: str
    statistic: str
    ratio: Interval


@dataclass(frozen=True)
class RunOff:
    """Finalists timed in turn, round by round: A B C, then B A C, and so on.

    Attributes:
        id: Unique.
        environment: Where.
        run_id: The run that made it.
        created: When (UTC).
        candidates: Their ids, for people; another tag of one architecture has the same identity.
        identities: Their speed identities, in the same order.
        statistic: By which they were ranked.
        rounds: How many rounds.
        queries: Queries of each candidate in a round.
        latencies: By identity, float64 little-endian seconds per query, round after round; empty where they were
            not asked for.
        duels: Every pair, by every statistic that so many queries support.
        disturbed_by: A clause for each sign that the device was not left alone; such a run-off decides nothing.
        wall_seconds: What it cost.
        summaries: By identity, the sketch of all its rounds: of visits at many times, unlike that of a measurement.
        unevenness: By how much, as a fraction, a candidate's median differs from one round to the next beyond what
            its queries explain (one standard deviation); what a figure taken at one time may be off by.
    """

    id: str
    environment: Environment
    run_id: str
    created: dt.datetime
    candidates: tuple[str, ...]
    identities: tuple[str, ...]
    statistic: str
    rounds: int
    queries: int
    latencies: Mapping[str, bytes]
    duels: tuple[Duel, ...]
    disturbed_by: tuple[str, ...]
    wall_seconds: float
    summaries: Mapping[str, LatencySummary] = field(default_factory=dict)
    unevenness: float = 0.0


@dataclass(frozen=True)
class TestSet:
    """Labelled images that accuracy is measured on.

    Attributes:
        path: As the profile names them.
        digest: Hash of their content and labels.
        protocol: What answers them on a model's features, None for the model's own classifier.
    """

    __test__ = False  # no test case, whatever pytest makes of its name

    path: str
    digest: str
    protocol: Protocol | None = None


@dataclass(frozen=True)
class Examination:
    """What a prepared candidate answered to labelled images, in the set's order. A failure is one too.

    Attributes:
        id: Unique.
        identity: Content hash of everything that decides the answers; see `accuracy_identity`.
        candidate: What was examined.
        environment: Where.
        weights: Which weights ran, or None when it failed before that was known.
        test_set: On what.
        total: How many images the set has.
        ranks: One byte an image: how many classes came before the right one, 255 for that many or more.
        firsts: One little-endian int32 an image: the class that came first.
        outcome: How it ended.
        message: One sentence for people; "" when ok.
        log: What the candidate's process printed or raised, bounded; "" when nothing.
        run_id: The run that made it.
        created: When (UTC).
        wall_seconds: What it cost.
    """

    id: str
    identity: str
    candidate: Candidate
    environment: Environment
    weights: Weights | None
    test_set: TestSet
    total: int
    ranks: bytes
    firsts: bytes
    outcome: Outcome
    message: str
    log: str
    run_id: str
    created: dt.datetime
    wall_seconds: float

    @property
    def images(self) -> int:
        """How many images it answered."""
        return len(self.ranks)


@dataclass(frozen=True)
class Examined:
    """An examination in numbers, beside that of the same weights in fp32 eager.

    Attributes:
        images: How many images were answered.
        total: How many the set has.
        right: Of the answered, those whose class came first.
        among_five: Those whose class was among the first five.
        compared: Images that fp32 eager answered too; 0 where it was not examined.
        both: Of the compared, those that both get right.
        lost: Those that fp32 eager alone gets right.
        won: Those that this way alone gets right.
        same: Those on which both name the same class first.
        failure: Why there are no answers, or "".
    """

    images: int
    total: int
    right: int = 0
    among_five: int = 0
    compared: int = 0
    both: int = 0
    lost: int = 0
    won: int = 0
    same: int = 0
    failure: str = ""


@dataclass(frozen=True)
class Planned:
    """A candidate that is considered, with what is known of its model.

    Attributes:
        candidate: The candidate.
        facts: Its model.
        unavailable: Why its way cannot run on this device, or None.
    """

    candidate: Candidate
    facts: ModelFacts
    unavailable: str | None = None


@dataclass(frozen=True)
class Plan:
    """Everything that is considered for one profile on one device.

    Attributes:
        environment: The device and what surrounds it.
        considered: Every candidate: models × optimizations, whatever becomes of it.
        notes: Sentences that every report repeats (e.g. that weights are random).
        test_set: What accuracy is measured on, None where it is taken from published figures.
        reference: By model, its fp32 eager candidate, which others are compared with on the test set.
    """

    environment: Environment
    considered: tuple[Planned, ...]
    notes: tuple[str, ...] = ()
    test_set: TestSet | None = None
    reference: Mapping[str, Candidate] = field(default_factory=dict)


@dataclass(frozen=True)
class Missed:
    """A candidate that was not measured and may be better than the winner.

    Attributes:
        candidate: Its id; where tags of one architecture share a speed, that of the one with most to win.
        chance: That it meets every requirement and is better.
    """

    candidate: str
    chance: float


@dataclass(frozen=True)
class Certificate:
    """How the search went.

    Attributes:
        strategy: Name of the strategy.
        candidates: How many candidates static facts left to measure.
        measured: How many of them have a measurement (an identity shared by several tags counts for each).
        confidence: That nothing better was missed; 1.0 when all were measured, None when the strategy cannot say.
        stopped_because: "exhausted", "time_budget", "interrupted" or the strategy's own word.
        asked: Confidence that the profile asks for, None where nothing was searched for.
        saved_seconds: That measuring the rest was expected to take, builds included, None where nobody estimated it.
        missed: Unmeasured candidates that are likeliest to be better, likeliest first; none where the strategy
            cannot say.
    """

    strategy: str
    candidates: int
    measured: int
    confidence: float | None
    stopped_because: str
    asked: float | None = None
    saved_seconds: float | None = None
    missed: tuple[Missed, ...] = ()


@dataclass(frozen=True)
class Timing:
    """What a run cost.

    Attributes:
        wall_seconds: Of the whole run; 0 for a decision from stored evidence.
        measured_seconds: Spent in measuring candidates during this run.
    """

    wall_seconds: float = 0.0
    measured_seconds: float = 0.0


@dataclass(frozen=True)
class Evidence:
    """All that a decision stands on, so that another profile can be decided from it without I/O.

    Attributes:
        plan: What is considered.
        measurements: By candidate id, the measurement that speaks for it (failures too).
        stale: By candidate id, how many measurements exist for it on this device that another environment made
            obsolete.
        certificate: How the search went, None when nothing was searched.
        timing: What the run cost.
        run_id: The run, or None.
        run_offs: Run-offs of measurements that still speak, newest first, without latencies.
        examined: By candidate id, how it answered the profile's labelled images.
    """

    plan: Plan
    measurements: Mapping[str, Measurement]
    stale: Mapping[str, int] = field(default_factory=dict)
    certificate: Certificate | None = None
    timing: Timing = Timing()
    run_id: str | None = None
    run_offs: tuple[RunOff, ...] = ()
    examined: Mapping[str, Examined] = field(default_factory=dict)


def speed_identity(candidate: Candidate, environment: Environment) -> str:
    """Content hash of everything that decides how fast a candidate is.

    The weights' tag is not among it: all tags of an architecture share a speed measurement. Of the library
    versions only those count that the candidate's way runs on.
    """
    versions = dict(environment.versions)
    return content_hash(
        {
            **candidate.task_key,
            "architecture": candidate.architecture,
            "num_classes": candidate.num_classes,
            "image_size": list(candidate.image_size),
            "batch_size": candidate.batch_size,
            "scenario": candidate.scenario,
            "latency_scope": candidate.latency_scope,
            "optimization": candidate.optimization,
            "settings": [list(pair) for pair in candidate.settings],
            "device": [
                environment.device_kind,
                environment.device_name,
                environment.device_id,
                environment.driver,
                environment.power_limit,
            ],
            "threads": environment.threads,
            "versions": {name: versions.get(name) for name in sorted(candidate.libraries)},
            "protocol": environment.protocol,
        }
    )


def accuracy_identity(candidate: Candidate, facts: ModelFacts, environment: Environment, test_set: TestSet) -> str:
    """Content hash of everything that decides what a candidate answers to labelled images.

    Neither batch size nor scenario is among it, and of the device only what decides its arithmetic. Preprocessing is
    timm's for the weights, named by model, image size and timm's version, or the checkpoint's own.

    Args:
        candidate: The candidate.
        facts: Its model.
        environment: Where.
        test_set: The labelled images, and what answers them.
    """
    versions = dict(environment.versions)
    own = facts.checkpoint
    return content_hash(
        {
            "weights": facts.name if own is None else [own.timm_name, own.sha256],
            "labels": [] if own is None else list(own.labels),
            "preprocessing": [] if own is None else [[name, to_json(value)] for name, value in own.preprocessing],
            "test_set": test_set.digest,
            **({} if test_set.protocol is None else {"protocol": [test_set.protocol, PROBE_VERSION]}),
            "num_classes": candidate.num_classes,
            "image_size": list(candidate.image_size),
            "optimization": candidate.optimization,
            "settings": [list(pair) for pair in candidate.settings if pair[0] != "agreement"],
            "device": [environment.device_kind, environment.device_name, list(environment.capabilities)],
            "versions": {name: versions.get(name) for name in sorted({*candidate.libraries, "timm", "pillow"})},
        }
    )


def content_hash(value: Any) -> str:
    """SHA-256 over canonical JSON, as 32 hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def to_json(value: Any) -> Any:
    """A frozen value as plain JSON data: dataclasses become objects, tuples lists."""
    if hasattr(value, "__dataclass_fields__"):
        return {item.name: to_json(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(entry) for entry in value]
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return value
