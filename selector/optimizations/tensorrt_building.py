"""Building a TensorRT engine of an ONNX graph.

Not executed on hardware by the project's own tests: builder, its options, the timing cache and what an engine says of
its layers. `pytest -m gpu` runs them; see `selector.optimizations.tensorrt`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from selector.errors import BuildFailedError, OutOfMemoryError

OPTIMIZATION_LEVEL = 3
"""TensorRT's own default, of 0 to 5."""
WORKSPACE_BYTES = 4 * 2**30
"""Scratch memory that a layer may use at most."""
_TOLD = 3
"""Complaints of the parser that a message repeats."""


def build_engine(graph: Path, shape: tuple[int, ...], timings: bytes) -> tuple[bytes, bytes]:
    """Builds an engine for one exact input shape.

    Args:
        graph: ONNX, whose types are the engine's.
        shape: Of the one input: batch, channels, height, width.
        timings: What an earlier build measured of layers, or b"".

    Returns:
        The engine, and the timings with those of this build.

    Raises:
        BuildFailedError: TensorRT cannot read the graph or build an engine; with what it said.
        OutOfMemoryError: It said that memory did not suffice.
    """
    import tensorrt

    log = make_log(tensorrt)
    builder = tensorrt.Builder(log)
    network = builder.create_network(network_flags(tensorrt))
    parser = tensorrt.OnnxParser(network, log)
    if not parser.parse_from_file(str(graph)):
        reasons = [parser.get_error(index).desc() for index in range(min(parser.num_errors, _TOLD))]
        raise BuildFailedError(f"TensorRT cannot read the graph: {'; '.join(reasons) or 'without a reason'}")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(tensorrt.MemoryPoolType.WORKSPACE, WORKSPACE_BYTES)
    config.builder_optimization_level = OPTIMIZATION_LEVEL
    config.profiling_verbosity = tensorrt.ProfilingVerbosity.DETAILED  # else the inspector tells names alone
    config.clear_flag(tensorrt.BuilderFlag.TF32)
    known = config.create_timing_cache(timings)
    if not config.set_timing_cache(known, False):  # of another GPU or version
        config.set_timing_cache(config.create_timing_cache(b""), False)
    profile = builder.create_optimization_profile()
    profile.set_shape(network.get_input(0).name, shape, shape, shape)
    config.add_optimization_profile(profile)
    serialized = builder.build_serialized_network(network, config)
    if serialized is None:
        said = str(log.errors[-1]) if log.errors else "without a reason"
        if "memory" in said.lower():
            raise OutOfMemoryError(f"TensorRT could not build an engine: {said}")
        raise BuildFailedError(f"TensorRT could not build an engine: {said}")
    return bytes(serialized), bytes(config.get_timing_cache().serialize())


def network_flags(tensorrt: Any) -> int:
    """How a strongly typed network is asked for: by a flag in 10.x; from 11 on there is no other kind."""
    if int(str(tensorrt.__version__).partition(".")[0]) >= 11:
        return 0
    return 1 << int(tensorrt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)


def make_log(tensorrt: Any) -> Any:
    """A logger that keeps errors in its list `errors` and prints them and warnings."""

    class Log(tensorrt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            tensorrt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            kinds = tensorrt.ILogger.Severity
            if severity in (kinds.INTERNAL_ERROR, kinds.ERROR):
                self.errors.append(message)
            if severity in (kinds.INTERNAL_ERROR, kinds.ERROR, kinds.WARNING):
                print(f"TensorRT: {message}")

    return Log()
