"""Running a TensorRT engine on buffers in GPU memory, on a CUDA stream of its own.

Not executed on hardware by the project's own tests: engines, their streams and their buffers on a device.
`pytest -m gpu` runs them; see `selector.optimizations.tensorrt`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selector.errors import BuildFailedError, CandidateError
from selector.optimizations.outputs import on_host, one_array
from selector.optimizations.tensorrt_building import make_log
from selector.optimizations.tensorrt_inspection import prove_precision
from selector.types import Precision

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from selector.devices.base import Batch


@dataclass(frozen=True)
class Fed:
    """A query: a torch tensor of images, and one for each output, all on the device."""

    images: Any
    outputs: tuple[Any, ...]


@dataclass
class TensorRtRunner:
    """Runs one execution context; nothing crosses to the host while it runs.

    Attributes:
        context: TensorRT's execution context, its input shape set.
        stream: A torch.cuda.Stream.
        device: In torch's naming.
        names: Of the input and of the outputs.
        keep: What must live as long as the context: runtime, engine, logger.
    """

    context: Any
    stream: Any
    device: str
    names: tuple[str, ...]
    keep: tuple[Any, ...]

    def feed(self, batch: Batch) -> Fed:
        """The batch on the device, with room for its answer."""
        import numpy as np
        import torch

        images = torch.from_numpy(np.ascontiguousarray(batch)).to(self.device)
        outputs = tuple(
            torch.empty(tuple(self.context.get_tensor_shape(name)), device=self.device) for name in self.names[1:]
        )
        if images.is_cuda:
            torch.cuda.synchronize(images.device)  # it was copied on another stream than the engine's
        return Fed(images, outputs)

    def run(self, fed: Fed) -> Fed:
        """Puts one query on the stream; it may still be under way when this returns."""
        context = self.context
        for name, tensor in zip(self.names, (fed.images, *fed.outputs), strict=True):
            context.set_tensor_address(name, tensor.data_ptr())
        if not context.execute_async_v3(self.stream.cuda_stream):
            raise CandidateError("TensorRT could not put the query on its stream; its reason stands in the log")
        return fed

    def read(self, answer: Fed) -> NDArray[np.float32]:
        """A copy of the logits on the host; of a backbone what `one_array` makes of its maps."""
        self.stream.synchronize()
        return one_array(on_host(answer.outputs))


def load_engine(path: Path, device: str, precision: Precision, shape: tuple[int, ...]) -> TensorRtRunner:
    """An engine ready to answer queries.

    Args:
        path: What `build_engine` wrote.
        device: In torch's naming.
        precision: What it is to compute in.
        shape: Of its input.

    Raises:
        BuildFailedError: It cannot be loaded, or does not take one fp32 input and give fp32 outputs.
        FallbackError: It computes in another precision.
    """
    import tensorrt
    import torch

    if torch.cuda.is_available():
        torch.cuda.set_device(device)  # TensorRT takes the current one
    log = make_log(tensorrt)
    runtime = tensorrt.Runtime(log)
    engine = runtime.deserialize_cuda_engine(path.read_bytes())
    if engine is None:
        raise BuildFailedError(f"TensorRT cannot load the engine: {'; '.join(log.errors[-1:]) or 'without a reason'}")
    inspector = engine.create_engine_inspector()
    prove_precision(inspector.get_engine_information(tensorrt.LayerInformationFormat.JSON), precision)
    names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
    inputs = [name for name in names if engine.get_tensor_mode(name) == tensorrt.TensorIOMode.INPUT]
    outputs = [name for name in names if engine.get_tensor_mode(name) == tensorrt.TensorIOMode.OUTPUT]
    types = {engine.get_tensor_dtype(name) for name in names}
    if len(inputs) != 1 or not outputs or types != {tensorrt.float32}:
        raise BuildFailedError(
            f"the engine has inputs {inputs} and outputs {outputs}, of {types}; one fp32 input and fp32 outputs are "
            "served"
        )
    context = engine.create_execution_context()
    if not context.set_input_shape(inputs[0], shape):
        raise BuildFailedError(f"the engine does not take images of shape {shape}")
    names = [inputs[0], *sorted(outputs)]  # stage_1, stage_2, …: an engine need not keep the graph's order
    return TensorRtRunner(context, new_stream(device), device, tuple(names), (runtime, engine, log))


def new_stream(device: str) -> Any:
    """A stream of torch's beside the default one, on which TensorRT would synchronize needlessly."""
    import torch

    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
