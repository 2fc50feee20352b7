"""What running a model takes beside time per query: memory, energy, and what deploying it costs once."""

from __future__ import annotations

from selector.metrics.base import MetricResult, MetricValue, NotObserved, Reading, metric, observed


@metric(
    "memory_peak",
    unit="B",
    kind="memory",
    better="lower",
    description="Most memory held by one device's process",
    heading="memory",
)
def memory_peak(reading: Reading) -> MetricResult:
    """Peak resident memory less that of the empty process (CPU), or memory reserved on the device (GPU)."""
    observation = observed(reading)
    if isinstance(observation, NotObserved):
        return observation
    peak = observation.memory.get("peak")
    return NotObserved("this device gives no memory reading") if peak is None else MetricValue(float(peak), samples=1)


@metric("energy_per_image", unit="J", kind="energy", better="lower", description="Energy of one image")
def energy_per_image(reading: Reading) -> MetricResult:
    """Energy counted over the timed queries / images in them."""
    observation = observed(reading)
    if isinstance(observation, NotObserved):
        return observation
    if observation.energy_joules is None:
        return NotObserved("this device has no energy counter")
    samples = observation.summary.samples
    return MetricValue(observation.energy_joules / (samples * reading.candidate.batch_size), samples=samples)


@metric("build_time", unit="s", kind="time", better="lower", description="Time to make what is deployed, cold")
def build_time(reading: Reading) -> MetricResult:
    """Seconds of export, quantization and engine building; 0 where nothing is built."""
    observation = observed(reading)
    return observation if isinstance(observation, NotObserved) else MetricValue(observation.build_seconds, samples=1)


@metric(
    "cold_start",
    unit="s",
    kind="time",
    better="lower",
    description="Time from the stored artifact to the first answer",
)
def cold_start(reading: Reading) -> MetricResult:
    """Seconds to load what was built, and of the first query."""
    observation = observed(reading)
    if isinstance(observation, NotObserved):
        return observation
    return MetricValue(observation.load_seconds + observation.first_call, samples=1)


@metric(
    "artifact_size",
    unit="B",
    kind="memory",
    better="lower",
    description="Size of the files that are deployed",
)
def artifact_size(reading: Reading) -> MetricResult:
    """Bytes of graph and weights."""
    observation = observed(reading)
    if isinstance(observation, NotObserved):
        return observation
    if observation.artifact_bytes is None:
        return NotObserved("this way leaves no file whose size could be read")
    return MetricValue(float(observation.artifact_bytes), samples=1)
