"""The stages of one candidate: `build` makes everything it needs, `measure` loads only that and times it.

Each runs in a child process of its own. The first may hold the fp32 model, an exporter and a compiler; the second
holds what would be deployed, so that its memory can be read there. `hold` loads the same for a run-off.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from selector.artifacts import ArtifactCache
from selector.devices import DEVICES, Device, Runner
from selector.devices.base import library_versions
from selector.optimizations import OPTIMIZATIONS, Bench
from selector.optimizations.calibration import CalibrationSet
from selector.optimizations.inputs import realistic_images
from selector.optimizations.outputs import on_host, one_array
from selector.profiler import backbones, models, protocol
from selector.profiler.agreement import Answer, compare
from selector.profiler.calm import Quiet, time_calmly
from selector.profiler.harness import Stopwatch, no_garbage_collection, warm_up
from selector.profiler.lookout import Conditions, Lookout
from selector.profiler.photographs import calibration_for, photographs, preprocessing
from selector.profiler.protocol import StoppingRule
from selector.profiler.rounding import allowed_error, rounding_error
from selector.profiler.statistics import encode, summarize
from selector.requirements.profile import usual_tolerances
from selector.types import (
    RANDOM_WEIGHTS,
    Agreement,
    Candidate,
    DeviceKind,
    ModelFacts,
    Observation,
    Stage,
    Weights,
    content_hash,
)

if TYPE_CHECKING:
    from selector.devices.base import Batch

Phase = Callable[[str], None]
_MEMORY_CALLS = 3


@dataclass(frozen=True)
class Job:
    """One candidate to measure.

    Attributes:
        candidate: The candidate.
        facts: Its model.
        identity: Its speed identity; names its build.
        device_kind: The device.
        device_index: Which of them.
        threads: Host threads.
        rule: When timing stops.
        tolerance: Relative error allowed against fp32 eager.
        pretrained: Whether published weights are wanted.
        cache: Folder of the artifact cache.
        quiet: What is known of the device's peace.
        calibration: What int8 is calibrated on, or None. Photographs in it are also what outputs are compared on.
    """

    candidate: Candidate
    facts: ModelFacts
    identity: str
    device_kind: DeviceKind
    device_index: int
    threads: int
    rule: StoppingRule
    tolerance: float
    pretrained: bool
    cache: Path
    quiet: Quiet
    calibration: CalibrationSet | None = None

    def device(self) -> Device:
        """The device, in the process that calls this."""
        return DEVICES.get(self.device_kind)(self.device_index)


@dataclass(frozen=True)
class BuildRecord:
    """What a build left behind.

    Attributes:
        seconds: What it took when it was made.
        artifact_bytes: Size of what is deployed, or None.
        from_cache: Whether it was made by an earlier run.
        diagnostics: Readings that explain it, such as which exporter wrote its graph.
    """

    seconds: float
    artifact_bytes: int | None
    from_cache: bool = False
    diagnostics: Mapping[str, float] = field(default_factory=dict)


_RECORDED = {"seconds", "artifact_bytes", "diagnostics", "sizes"}
"""What a record of a build holds; one without is not of this version, or damaged."""


def find_build(job: Job) -> BuildRecord | None:
    """The record of an earlier build that still stands, or None. Without torch."""
    cache = ArtifactCache(job.cache)
    record = cache.read_json(_build_path(cache, job))
    if record is None or not record.keys() >= _RECORDED or not isinstance(record["sizes"], dict):
        return None
    files = {cache.folder / file: size for file, size in record["sizes"].items()}
    damaged = [path for path, size in files.items() if path.is_file() and path.stat().st_size != size]
    for path in damaged:  # cut short by a full disk or by a copy; what made it takes a file that is there for whole
        path.unlink(missing_ok=True)
    if damaged or not all(path.is_file() for path in files):
        return None
    cache.touch([_build_path(cache, job), *files])
    return BuildRecord(
        record["seconds"], record["artifact_bytes"], from_cache=True, diagnostics=record["diagnostics"]
    )


def build(job: Job, phase: Phase) -> BuildRecord:
    """Weights, reference output and whatever the way builds; all of it kept in the cache."""
    cache = ArtifactCache(job.cache)
    device = job.device()
    phase("build")
    simulated = device.built(job.candidate)
    if simulated is not None:
        return BuildRecord(simulated, None)
    if job.candidate.task == "feature-extraction":
        phase("features")
        backbones.observe(cache, job.facts, job.candidate)
    phase("weights")
    stored = models.fetch_weights(cache, job.facts, job.candidate, pretrained=job.pretrained)
    bench = _bench(job, cache, stored, device)
    phase("reference")
    reference = _reference_path(cache, job, stored)
    if not reference.is_file():
        _write_reference(bench, _images(job), reference)
    rounding = _rounding_path(cache, job, stored)
    if rounding is not None and not rounding.is_file():
        maps = backbones.stages(cache, job.candidate)
        error = rounding_error(bench.model(), _images(job), np.load(reference), job.candidate.precision, maps)
        cache.write_json(rounding, {"relative_error": min(error, 1e9)})
    phase("build")
    built = OPTIMIZATIONS.get(job.candidate.optimization).build(bench)
    needed = [stored.path, stored.path.with_suffix(".json"), reference, *built.files]
    needed += [backbones.path(cache, job.candidate)] if job.candidate.task == "feature-extraction" else []
    needed += [rounding] if rounding is not None else []
    cache.touch(needed)
    sizes = {str(path.relative_to(cache.folder)): path.stat().st_size for path in needed}
    record = BuildRecord(built.seconds, built.artifact_bytes, diagnostics=built.diagnostics)
    cache.write_json(
        _build_path(cache, job),
        {
            "seconds": record.seconds,
            "artifact_bytes": record.artifact_bytes,
            "diagnostics": dict(record.diagnostics),
            "sizes": sizes,
        },
    )
    return record


@dataclass(frozen=True)
class Measured:
    """What the measuring stage brings.

    Attributes:
        observation: Its readings.
        weights: What ran.
        disturbed_by: A clause for each sign that the device was not left alone, in the last attempt too.
    """

    observation: Observation
    weights: Weights
    disturbed_by: tuple[str, ...]


def measure(job: Job, record: BuildRecord, phase: Phase) -> Measured:
    """Loads what was built, compares it with fp32 eager, and times it."""
    cache = ArtifactCache(job.cache)
    device = job.device()
    images = _images(job)
    first = images[: job.candidate.batch_size]
    phase("load")
    device.start_memory()
    began = device.clock()
    runner, reference, stored = load(job, cache, device)
    device.synchronize()
    load_seconds = device.clock() - began
    watch = Stopwatch(runner.run, [runner.feed(first)], device.synchronize, device.clock)
    first_call, *_ = watch.times(_MEMORY_CALLS)
    memory = device.read_memory()
    phase("agreement")
    weights = stored.weights if stored is not None else RANDOM_WEIGHTS
    usual = usual_tolerances()[job.candidate.precision]
    tolerance = allowed_error(job.tolerance, _read_rounding(cache, job, stored), weights.source, usual)
    maps = backbones.stages(cache, job.candidate) if stored is not None else ()
    agreement = _agree(job, runner, images, reference, weights, tolerance, device, maps)
    timed = time_calmly(
        _stopwatch(runner, first, device), job.rule, device, threads=job.threads, quiet=job.quiet, phase=phase
    )
    observation = Observation(
        latencies=encode(timed.samples),
        summary=summarize(timed.samples),
        warmup=timed.warmup,
        first_call=first_call,
        load_seconds=load_seconds,
        build_seconds=record.seconds,
        built_from_cache=record.from_cache,
        memory=memory,
        artifact_bytes=record.artifact_bytes,
        agreement=agreement,
        energy_joules=timed.joules,
        stopped_because=timed.stopped_because,
        diagnostics={
            **record.diagnostics,
            **timed.conditions.readings,
            "attempts": timed.attempts,
            "waited_seconds": timed.waited,
        },
        stages=maps,
    )
    return Measured(observation, weights, timed.conditions.disturbed_by)


def hold(job: Job, phase: Phase, answer: Callable[[object], None], asked: Callable[[], int]) -> Conditions:
    """Loads what was built, warms it up, and then times as many queries as it is asked for, as often as it is asked.

    Between two bursts it is idle, so that another candidate can be timed meanwhile.

    Args:
        job: The job.
        phase: Is told what begins.
        answer: Takes the seconds of a warm query first, then the seconds of each query of a burst, as bytes (see
            `statistics.encode`).
        asked: Waits for the number of queries of the next burst; 0 ends.

    Returns:
        What else used the device during the bursts.
    """
    cache = ArtifactCache(job.cache)
    device = job.device()
    phase("load")
    runner, *_ = load(job, cache, device)
    watch = _stopwatch(runner, _images(job)[: job.candidate.batch_size], device)
    phase("warm-up")
    answer(min(warm_up(watch, protocol.WARMUP_SHARE * job.rule.time_cap)))
    phase("run-off")
    lookout = Lookout(device, job.threads, job.quiet.calibration)
    while queries := asked():
        watch.times(protocol.SETTLING_QUERIES)
        lookout.begin()
        with no_garbage_collection():
            seconds = watch.times(queries)
        lookout.end()
        answer(encode(seconds))
    return lookout.conditions()


def _stopwatch(runner: Runner, first: Batch, device: Device) -> Stopwatch:
    """Queries that rotate among several inputs, made of the first images."""
    inputs = [runner.feed(np.roll(first, shift, axis=3).copy()) for shift in range(protocol.INPUT_SETS)]
    return Stopwatch(runner.run, inputs, device.synchronize, device.clock)


def load(job: Job, cache: ArtifactCache, device: Device) -> tuple[Runner, Answer | None, models.StoredWeights | None]:
    """What was built, ready to run; with fp32 eager's output and the weights, neither for a simulated device."""
    simulated = device.simulate(job.candidate, job.facts)
    if simulated is not None:
        return simulated, None, None
    stored = models.find_weights(cache, job.facts, job.candidate, pretrained=job.pretrained)
    if stored is None:
        raise FileNotFoundError(f"the weights that the build left in {cache.folder} are gone")
    runner = OPTIMIZATIONS.get(job.candidate.optimization).load(_bench(job, cache, stored, device))
    return runner, np.load(_reference_path(cache, job, stored)), stored


def _agree(
    job: Job,
    runner: Runner,
    images: Batch,
    reference: Answer | None,
    weights: Weights,
    tolerance: float,
    device: Device,
    maps: tuple[Stage, ...],
) -> Agreement:
    size = job.candidate.batch_size
    answers = []
    for start in range(0, len(images), size):
        answer = runner.run(runner.feed(images[start : start + size]))
        device.synchronize()
        answers.append(runner.read(answer))
    if reference is None:
        # A simulated model has no eager counterpart; its answer is a function of the images.
        means = images.mean(axis=(1, 2, 3), dtype=np.float64)[:, None]
        reference = np.sin(np.arange(1, 11) * (means + 1)).astype(np.float32)
    return compare(np.concatenate(answers), reference, tolerance, weights, maps)


def _images(job: Job) -> Batch:
    """Images to compare on: whole batches, the same for every way of one model, batch and size.

    Photographs where the profile names some, else smoothed noise.
    """
    size = job.candidate.batch_size
    count = size * math.ceil(protocol.AGREEMENT_IMAGES / size)
    if job.calibration is not None and job.calibration.files:
        files = islice(cycle(job.calibration.files), count)
        return np.concatenate(list(photographs(files, job.facts, job.candidate)))
    return realistic_images(count, job.candidate.image_size, seed=count)


def _images_key(job: Job) -> str:
    """Names what outputs are compared on: the images as the model sees them."""
    if job.calibration is None or not job.calibration.files:
        return "noise"
    return content_hash([job.calibration.digest, preprocessing(job.facts, job.candidate.image_size)])


def _write_reference(bench: Bench, images: Batch, path: Path) -> None:
    """The fp32 eager output on `_images`, one batch at a time."""
    import torch

    size = bench.candidate.batch_size
    model = bench.model()
    with torch.inference_mode():
        batches = (torch.from_numpy(images[start : start + size]) for start in range(0, len(images), size))
        answers = [one_array(on_host(model(batch))) for batch in batches]
    with bench.cache.writing(path) as temporary, temporary.open("wb") as file:
        np.save(file, np.concatenate(answers))


def _bench(job: Job, cache: ArtifactCache, stored: models.StoredWeights, device: Device) -> Bench:
    return Bench(
        candidate=job.candidate,
        torch_device=device.torch_device,
        threads=job.threads,
        cache=cache,
        weights_key=stored.key,
        weights_bytes=stored.path.stat().st_size,
        model=lambda: models.load_model(job.facts, job.candidate, stored),
        calibration=calibration_for(job.calibration, job.facts, job.candidate) if job.calibration else None,
    )


def _reference_path(cache: ArtifactCache, job: Job, stored: models.StoredWeights) -> Path:
    candidate = job.candidate
    key: dict[str, Any] = {
        **candidate.task_key,
        "weights": stored.key,
        "architecture": candidate.architecture,
        "num_classes": candidate.num_classes,
        "image_size": list(candidate.image_size),
        "batch_size": candidate.batch_size,
        "images": _images_key(job),
        "versions": library_versions(("timm", "torch")),
    }
    return cache.path("reference", key, ".npy")


def _rounding_path(cache: ArtifactCache, job: Job, stored: models.StoredWeights) -> Path | None:
    """Where it stands what rounding alone does to random weights; None where nobody asks."""
    precision = job.candidate.precision
    if stored.weights.source != "random" or precision == "fp32":
        return None
    return cache.path("rounding", [_reference_path(cache, job, stored).stem, precision], ".json")


def _read_rounding(cache: ArtifactCache, job: Job, stored: models.StoredWeights | None) -> float | None:
    path = _rounding_path(cache, job, stored) if stored is not None else None
    record = cache.read_json(path) if path is not None else None
    return None if record is None else float(record["relative_error"])


def _build_path(cache: ArtifactCache, job: Job) -> Path:
    # Photographs are preprocessed as the tag says, also for weights that are not the tag's.
    photographed = job.calibration is not None and bool(job.calibration.files)
    images = job.calibration.digest if job.calibration is not None and photographed else "noise"
    weights = models.weights_name(job.facts) if job.pretrained else models.RANDOM_INITIALIZATION
    return cache.path("builds", [job.identity, weights, images, job.facts.name if photographed else ""], ".json")
