"""A runtime that would run something else than what was asked for is caught before it is timed."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from support.evidence import make_candidate

from selector.artifacts import ArtifactCache
from selector.errors import FallbackError
from selector.optimizations import OPTIMIZATIONS, Bench
from selector.optimizations.graph import BATCH, INPUT, OUTPUT, onnx_path
from selector.optimizations.onnxruntime import OnnxRuntime

IMAGES = np.arange(2 * 3 * 4 * 4, dtype=np.float32).reshape(2, 3, 4, 4)


@pytest.fixture
def bench(tmp_path):
    """A bench whose graph sums each image, for batches of two."""
    onnx = pytest.importorskip("onnx", reason="the extra 'onnx' is not installed")
    from onnx import TensorProto, helper

    bench = Bench(
        candidate=make_candidate(optimization="onnxruntime", batch_size=2, image_size=(4, 4)),
        torch_device="cpu",
        threads=1,
        cache=ArtifactCache(tmp_path),
        weights_key="none",
        weights_bytes=0,
        model=lambda: pytest.fail("the graph is there"),
    )
    node = helper.make_node("ReduceSum", [INPUT, "axes"], [OUTPUT], keepdims=0)
    axes = helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3])
    images = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [BATCH, 3, 4, 4])
    sums = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [BATCH, 3])
    model = helper.make_model(
        helper.make_graph([node], "sums", [images], [sums], [axes]), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 8
    path = onnx_path(bench)
    path.parent.mkdir()
    onnx.save(model, str(path))
    return bench


def test_onnxruntime_runs_the_graph_with_the_batch_fixed(bench):
    pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")
    runner = OPTIMIZATIONS.get("onnxruntime").load(bench)
    assert runner.session.get_providers()[0] == "CPUExecutionProvider"
    assert runner.session.get_inputs()[0].shape == [2, 3, 4, 4]
    assert runner.session.get_session_options().intra_op_num_threads == 1
    np.testing.assert_allclose(runner.read(runner.run(runner.feed(IMAGES))), IMAGES.sum(axis=(2, 3)))


def test_another_provider_is_a_fallback(bench):
    pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")

    class OnAnotherProvider(OnnxRuntime):
        """ONNX Runtime asked for a provider that this build does not have: it warns and takes the CPU's."""

        settings = (("provider", "CoreMLExecutionProvider"),)

    with (
        pytest.warns(UserWarning, match="CoreMLExecutionProvider"),
        pytest.raises(FallbackError, match=r"asked for CoreML.* would run CPUExecutionProvider") as caught,
    ):
        OnAnotherProvider().load(bench)
    assert caught.value.outcome == "fallback"


class Compiled:
    """A compiled model that reports the precision that it was made with."""

    def __init__(self, precision: str) -> None:
        self._precision = precision

    def get_property(self, name: str) -> SimpleNamespace:
        assert name == "INFERENCE_PRECISION_HINT"
        return SimpleNamespace(to_string=lambda: self._precision)

    def create_infer_request(self) -> str:
        return "request"


@pytest.fixture
def openvino(monkeypatch):
    """A stand-in for OpenVINO that keeps what it is asked and answers with a precision of its own."""
    asked = SimpleNamespace(runs_in="f32", shape=None, options=None)

    class Core:
        def read_model(self, path: str) -> SimpleNamespace:
            return SimpleNamespace(reshape=lambda shape: setattr(asked, "shape", shape))

        def compile_model(self, model: object, device: str, options: dict[str, object]) -> Compiled:
            assert device == "CPU"
            asked.options = options
            return Compiled(asked.runs_in)

    monkeypatch.setitem(sys.modules, "openvino", SimpleNamespace(Core=Core))
    return asked


@pytest.mark.parametrize(("name", "hint", "other"), [("openvino", "f32", "bf16"), ("openvino-bf16", "bf16", "f32")])
def test_another_precision_is_a_fallback(bench, openvino, name, hint, other):
    way = OPTIMIZATIONS.get(name)
    openvino.runs_in = hint
    assert way.load(bench).request == "request"
    # Left to itself OpenVINO takes bf16 where the CPU has it: the hint is always given.
    assert openvino.options["INFERENCE_PRECISION_HINT"] == hint
    assert openvino.options["INFERENCE_NUM_THREADS"] == 1
    assert openvino.shape == [2, 3, 4, 4]
    openvino.runs_in = other
    with pytest.raises(FallbackError, match=f"asked OpenVINO for {hint}, the compiled model runs in {other}"):
        way.load(bench)
