"""A stand-in for the module `tensorrt`: only names that the real bindings have, and ONNX Runtime in place of a GPU.

An engine holds the graph it was built of; an execution reads its input from the address that it was given, computes
with ONNX Runtime's CPU provider, and writes its output to the other address. What it tells of its layers is derived
from the graph's own types, in the JSON of 10.x or of 11. Every public name of its classes is checked against the
lists in `tests/optimizations/tensorrt_names` by the tests.
"""

from __future__ import annotations

import ctypes
import enum
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

float32 = "float32"
_MAGIC = b"fake engine "


class ILogger:
    """Base of loggers."""

    class Severity(enum.IntEnum):
        INTERNAL_ERROR = 0
        ERROR = 1
        WARNING = 2
        INFO = 3
        VERBOSE = 4


class MemoryPoolType(enum.IntEnum):
    WORKSPACE = 0


class ProfilingVerbosity(enum.IntEnum):
    LAYER_NAMES_ONLY = 0
    DETAILED = 2


class LayerInformationFormat(enum.IntEnum):
    ONELINE = 0
    JSON = 1


class TensorIOMode(enum.IntEnum):
    NONE = 0
    INPUT = 1
    OUTPUT = 2


class BuilderFlag(enum.IntEnum):
    TF32 = 7


class NetworkDefinitionCreationFlag(enum.IntEnum):
    STRONGLY_TYPED = 1


class _Cache:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def serialize(self) -> bytes:
        return self._content


class _Config:
    def __init__(self) -> None:
        self.builder_optimization_level = 3
        self.profiling_verbosity = ProfilingVerbosity.LAYER_NAMES_ONLY
        self._pools: dict[MemoryPoolType, int] = {}
        self._flags = {BuilderFlag.TF32}
        self._cache: _Cache | None = None
        self._profiles: list[_Profile] = []

    def set_memory_pool_limit(self, pool: MemoryPoolType, size: int) -> None:
        self._pools[pool] = size

    def clear_flag(self, flag: BuilderFlag) -> None:
        self._flags.discard(flag)

    def create_timing_cache(self, content: bytes) -> _Cache:
        return _Cache(content)

    def set_timing_cache(self, cache: _Cache, ignore_mismatch: bool) -> bool:
        if cache._content.startswith(b"of another GPU"):
            return ignore_mismatch
        self._cache = cache
        return True

    def get_timing_cache(self) -> _Cache | None:
        return self._cache

    def add_optimization_profile(self, profile: _Profile) -> int:
        self._profiles.append(profile)
        return 0


class _Profile:
    def __init__(self) -> None:
        self._shapes: dict[str, tuple[Any, ...]] = {}

    def set_shape(self, name: str, least: Any, usual: Any, most: Any) -> None:
        self._shapes[name] = (least, usual, most)


class _Network:
    def __init__(self, flags: int) -> None:
        self._flags = flags
        self._graph: Path | None = None

    def get_input(self, index: int) -> Any:
        import onnx

        return SimpleNamespace(name=onnx.load(str(self._graph)).graph.input[index].name)


class _ParserError:
    def __init__(self, text: str) -> None:
        self._text = text

    def desc(self) -> str:
        return self._text


class OnnxParser:
    def __init__(self, network: _Network, logger: ILogger) -> None:
        self._network = network
        self._errors: list[_ParserError] = []

    @property
    def num_errors(self) -> int:
        return len(self._errors)

    def get_error(self, index: int) -> _ParserError:
        return self._errors[index]

    def parse_from_file(self, path: str) -> bool:
        import onnx

        try:
            onnx.checker.check_model(path)
        except (onnx.checker.ValidationError, OSError) as error:
            self._errors.append(_ParserError(str(error).splitlines()[0]))
            return False
        self._network._graph = Path(path)
        return True


class Builder:
    """Keeps what it was asked in `asked`."""

    asked: Any = None
    fails_with = ""

    def __init__(self, logger: Any) -> None:
        self._logger = logger

    def create_network(self, flags: int) -> _Network:
        return _Network(flags)

    def create_builder_config(self) -> _Config:
        return _Config()

    def create_optimization_profile(self) -> _Profile:
        return _Profile()

    def build_serialized_network(self, network: _Network, config: _Config) -> bytes | None:
        type(self).asked = (network, config)
        if self.fails_with:
            self._logger.log(ILogger.Severity.ERROR, self.fails_with)
            return None
        assert network._graph is not None
        assert config._cache is not None
        config._cache._content += b"timed "
        (shapes,) = config._profiles[0]._shapes.items()
        head = {"shape": list(shapes[1][1]), "detailed": config.profiling_verbosity is ProfilingVerbosity.DETAILED}
        return _MAGIC + json.dumps(head).encode() + b"\n" + network._graph.read_bytes()


class Runtime:
    def __init__(self, logger: Any) -> None:
        self._logger = logger

    def deserialize_cuda_engine(self, content: bytes) -> _Engine | None:
        if not content.startswith(_MAGIC):
            self._logger.log(ILogger.Severity.ERROR, "magicTag does not match")
            return None
        head, _, graph = content.removeprefix(_MAGIC).partition(b"\n")
        return _Engine(json.loads(head), graph)


class _Engine:
    def __init__(self, head: dict[str, Any], graph: bytes) -> None:
        import onnxruntime

        self._head, self._graph = head, graph
        self._session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])

    @property
    def num_io_tensors(self) -> int:
        return len(self._session.get_inputs()) + len(self._session.get_outputs())

    def get_tensor_name(self, index: int) -> str:
        return str([*self._session.get_inputs(), *self._session.get_outputs()][index].name)

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        inputs = {one.name for one in self._session.get_inputs()}
        return TensorIOMode.INPUT if name in inputs else TensorIOMode.OUTPUT

    def get_tensor_dtype(self, name: str) -> str:
        (kind,) = {
            one.type for one in (*self._session.get_inputs(), *self._session.get_outputs()) if one.name == name
        }
        return {"tensor(float)": float32}.get(kind, kind)

    def create_engine_inspector(self) -> _Inspector:
        return _Inspector(self)

    def create_execution_context(self) -> _Context:
        return _Context(self)


class _Inspector:
    """Tells of every convolution and product the types of the initializers that it reads."""

    version = 11

    def __init__(self, engine: _Engine) -> None:
        self._engine = engine

    def get_engine_information(self, form: LayerInformationFormat) -> str:
        import onnx

        assert form is LayerInformationFormat.JSON
        graph = onnx.load_from_string(self._engine._graph).graph
        if not self._engine._head["detailed"]:
            return json.dumps({"Layers": [node.name for node in graph.node]})
        types = {one.name: one.data_type for one in graph.initializer}
        # An engine reads what goes through a DequantizeLinear as it was before.
        types |= {node.output[0]: 3 for node in graph.node if node.op_type == "DequantizeLinear"}
        words = {1: ("Float", "FP32"), 3: ("Int8", "Int8"), 10: ("Half", "FP16"), 16: ("BFloat16", "BF16")}
        layers = []
        for node in graph.node:
            if node.op_type in ("Conv", "Gemm", "MatMul"):
                read = [words[types[name]] for name in node.input if types.get(name) in words]
                layers.append({"Name": node.name, "LayerType": node.op_type, "Inputs": list(map(self._tensor, read))})
        return json.dumps({"Layers": layers})

    def _tensor(self, words: tuple[str, str]) -> dict[str, str]:
        if self.version >= 11:
            return {"Name": "t", "DataType": words[0], "Format": f"Row major linear {words[1]} format (kLINEAR)"}
        return {"Name": "t", "Location": "Device", "Format/Datatype": f"Row major linear {words[1]} format"}


class _Context:
    def __init__(self, engine: _Engine) -> None:
        self._engine = engine
        self._addresses: dict[str, int] = {}

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        return list(shape) == self._engine._head["shape"]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        (output,) = (one for one in self._engine._session.get_outputs() if one.name == name)
        return (self._engine._head["shape"][0], *output.shape[1:])

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        assert isinstance(stream, int)
        session = self._engine._session
        (given,) = session.get_inputs()
        shape = self._engine._head["shape"]
        size = 4 * math.prod(shape)
        images = np.frombuffer(ctypes.string_at(self._addresses[given.name], size), np.float32).reshape(shape)
        for wanted, answer in zip(session.get_outputs(), session.run(None, {given.name: images}), strict=True):
            written = answer.astype(np.float32)
            ctypes.memmove(self._addresses[wanted.name], written.tobytes(), written.nbytes)
        return True


def fake_tensorrt(version: str) -> SimpleNamespace:
    """The module in one version; counters of what was asked begin anew."""

    class FreshBuilder(Builder):
        pass

    public = (
        *(ILogger, MemoryPoolType, ProfilingVerbosity, LayerInformationFormat, TensorIOMode, BuilderFlag),
        *(NetworkDefinitionCreationFlag, OnnxParser, Runtime),
    )
    names = {one.__name__: one for one in public}
    return SimpleNamespace(__version__=version, float32=float32, Builder=FreshBuilder, **names)


def public_names() -> set[str]:
    """Every public name of the stand-in."""
    classes = [value for value in globals().values() if isinstance(value, type) and value.__module__ == __name__]
    inner = {name for one in classes for name in vars(one) if not name.startswith("_")} - _OWN
    return inner | {one.__name__ for one in classes if not one.__name__.startswith("_")} | {"float32"}


_OWN = {"asked", "fails_with", "version"}
"""What tests set and read; never used by the code under test."""
