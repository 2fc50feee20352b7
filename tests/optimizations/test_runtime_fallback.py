"""A runtime that would run something else than what was asked for is caught before it is timed."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from support.evidence import make_candidate

from selector.artifacts import ArtifactCache
from selector.errors import FallbackError
from selector.optimizations import OPTIMIZATIONS, Bench, Built
from selector.optimizations.graph import BATCH, INPUT, OUTPUT, onnx_path
from selector.optimizations.onnxruntime import OnnxRuntime
from selector.optimizations.placement import refuse_other_arithmetic

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


def _layer(kind: str, precision: str) -> SimpleNamespace:
    """A node of a runtime model as OpenVINO gives it."""
    texts = {"layerType": kind, "runtimePrecision": precision}
    told = {key: SimpleNamespace(astype=lambda _, text=text: text) for key, text in texts.items()}
    return SimpleNamespace(get_rt_info=lambda: told)


class Compiled:
    """A compiled model that reports the precision that it was made with, and of each layer what it runs in."""

    def __init__(self, precision: str, layers: list[tuple[str, str]]) -> None:
        self._precision = precision
        self._layers = layers

    def get_property(self, name: str) -> SimpleNamespace:
        assert name == "INFERENCE_PRECISION_HINT"
        return SimpleNamespace(to_string=lambda: self._precision)

    def get_runtime_model(self) -> SimpleNamespace:
        return SimpleNamespace(get_ordered_ops=lambda: [_layer(kind, precision) for kind, precision in self._layers])

    def create_infer_request(self) -> str:
        return "request"


@pytest.fixture
def openvino(monkeypatch):
    """A stand-in for OpenVINO that keeps what it is asked and answers with a precision of its own."""
    asked = SimpleNamespace(runs_in="f32", layers=[], shape=None, options=None)

    class Core:
        def read_model(self, path: str) -> SimpleNamespace:
            return SimpleNamespace(reshape=lambda shape: setattr(asked, "shape", shape))

        def compile_model(self, model: object, device: str, options: dict[str, object]) -> Compiled:
            assert device == "CPU"
            asked.options = options
            return Compiled(asked.runs_in, asked.layers)

    monkeypatch.setitem(sys.modules, "openvino", SimpleNamespace(Core=Core))
    return asked


@pytest.mark.parametrize(("name", "hint", "other"), [("openvino", "f32", "bf16"), ("openvino-bf16", "bf16", "f32")])
def test_another_precision_is_a_fallback(bench, openvino, name, hint, other):
    way = OPTIMIZATIONS.get(name)
    openvino.runs_in = hint
    openvino.layers = [("Convolution", hint)]
    assert way.load(bench).request == "request"
    # Left to itself OpenVINO takes bf16 where the CPU has it: the hint is always given.
    assert openvino.options["INFERENCE_PRECISION_HINT"] == hint
    assert openvino.options["INFERENCE_NUM_THREADS"] == 1
    assert openvino.shape == [2, 3, 4, 4]
    openvino.runs_in = other
    with pytest.raises(FallbackError, match=f"asked OpenVINO for {hint}, the compiled model runs in {other}"):
        way.load(bench)


@pytest.mark.parametrize(
    ("name", "hint", "layers", "told"),
    [
        ("openvino", "f32", ["f32", "f32", "bf16"], "1 in bf16, 2 in f32"),
        ("openvino-bf16", "bf16", ["bf16", "f32", "f32"], "1 in bf16, 2 in f32"),
        ("openvino-fp16", "f16", ["f32", "f32"], "2 in f32"),
    ],
)
def test_layers_in_another_precision_are_a_fallback(bench, openvino, name, hint, layers, told):
    openvino.runs_in = hint
    right = "f32" if hint == "f32" else hint
    openvino.layers = [("Convolution", right), ("FullyConnected", right), ("Softmax", "f32")]
    assert OPTIMIZATIONS.get(name).load(bench).request == "request"
    openvino.layers = [("FullyConnected", precision) for precision in layers]
    with pytest.raises(FallbackError, match=f"run otherwise: {told}"):
        OPTIMIZATIONS.get(name).load(bench)


def test_layers_that_nobody_names_prove_nothing(bench, openvino):
    openvino.layers = [("Softmax", "f32")]
    with pytest.raises(FallbackError, match="nothing proves that it runs in fp32"):
        OPTIMIZATIONS.get("openvino").load(bench)


def test_a_graph_that_onnxruntime_runs_in_fp32_is_no_int8(bench, monkeypatch):
    pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")
    from selector.optimizations import onnxruntime_int8

    path = _convolution(bench)
    monkeypatch.setattr(onnxruntime_int8, "quantized_path", lambda _: path)
    monkeypatch.setattr(onnxruntime_int8, "quantized_onnx", lambda _: Built(0.0, 1, (path,)))
    with pytest.raises(FallbackError, match=r"asked ONNX Runtime for int8, 0 of 1 nodes that multiply ran in it"):
        OPTIMIZATIONS.get("onnxruntime-int8").build(bench)


@pytest.mark.parametrize(
    ("operators", "proven"),
    [
        (["QLinearConv", "QLinearConv", "Conv", "Add"], True),
        (["QLinearMatMul", "MatMul"], True),
        (["QLinearConv", "Conv", "Gemm"], False),
        (["Add"], False),
    ],
)
def test_half_of_what_multiplies_runs_in_int8(operators, proven):
    ran = {"CPUExecutionProvider": {f"node{place}": one for place, one in enumerate(operators)}}
    if proven:
        refuse_other_arithmetic(ran)
    else:
        with pytest.raises(FallbackError):
            refuse_other_arithmetic(ran)


def test_a_graph_without_int8_nodes_is_no_int8(bench, monkeypatch):
    """The fp32 graph in place of the quantized one: OpenVINO compiles it without a word."""
    pytest.importorskip("openvino", reason="the extra 'openvino' is not installed")
    from selector.optimizations import openvino_int8

    monkeypatch.setattr(openvino_int8, "quantized_path", lambda _: _convolution(bench))
    with pytest.raises(FallbackError, match=r"asked OpenVINO for int8, .* run otherwise: 1 in f32"):
        OPTIMIZATIONS.get("openvino-int8").load(bench)


def _convolution(bench):
    """A graph of one convolution, from 3 channels to 16."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = np.random.default_rng(0).standard_normal((16, 3, 3, 3)).astype(np.float32)
    images = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [BATCH, 3, 4, 4])
    answer = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [BATCH, 16, 2, 2])
    node = helper.make_node("Conv", [INPUT, "weights"], [OUTPUT])
    graph = helper.make_graph([node], "one", [images], [answer], [numpy_helper.from_array(weights, "weights")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    path = bench.cache.folder / "convolution.onnx"
    onnx.save(model, str(path))
    return path


def test_nodes_that_ran_elsewhere_are_a_fallback_although_the_provider_is_listed_first(bench, monkeypatch):
    """A silent one: this provider is in every build, is taken without a word, and runs no node of such a graph."""
    ort = pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")
    provider = "AzureExecutionProvider"
    if provider not in ort.get_available_providers():
        pytest.skip(f"this build of ONNX Runtime has no {provider}")

    class Silent(OnnxRuntime):
        """Listed first, so that looking at the session's providers finds nothing wrong."""

        settings = (("graph_optimization", "all"), ("provider", provider))

        def graph(self, bench):
            return Built(0.0, None)

    way = Silent()
    assert way.session(bench, way.options(bench)).get_providers()[0] == provider
    with pytest.raises(
        FallbackError, match=r"asked for Azure.*, which ran 0 nodes; 1 nodes ran on CPUExecutionProvider \(Reduce"
    ):
        way.build(bench)
    monkeypatch.setattr(Silent, "settings", OnnxRuntime.settings)
    assert way.build(bench) == Built(0.0, None)
