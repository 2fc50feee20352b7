"""TensorRT's ways without a GPU: real names only, the real code paths over a stand-in, and the proof of precision.

The stand-in computes with ONNX Runtime what the engine would, so that what is built, loaded, fed and read is the real
thing around it. Engines themselves are tested by `tests/gpu`.
"""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from support import fake_tensorrt
from support.evidence import make_environment
from support.real_benches import real_bench
from support.real_models import CONVNEXT

from selector.errors import BuildFailedError, FallbackError, OutOfMemoryError
from selector.optimizations import OPTIMIZATIONS, Bench, Built, tensorrt, tensorrt_building, tensorrt_running
from selector.optimizations.inputs import realistic_images
from selector.optimizations.outputs import on_host, one_array
from selector.optimizations.tensorrt_inspection import prove_precision

NAMES = {path.stem: set(path.read_text().split()) for path in Path(__file__).parent.glob("tensorrt_names/*.txt")}
SOURCES = sorted(Path(tensorrt.__file__).parent.glob("tensorrt*.py"))
OBJECTS = {"tensorrt", "context", "engine", "log"}
"""Variables whose attributes are TensorRT's, beside those that are assigned from one of these."""
OURS = {"errors", "stream", "names", "keep", "device", "context", "append"}
"""What our own objects around them have."""


# --- names


def used_names(source: str) -> set[str]:
    """Attributes that a program asks of TensorRT's module, and of whatever it gets from there."""
    tree = ast.parse(source)
    ours = set(OBJECTS)

    def of_tensorrt(node: ast.AST) -> bool:
        while not isinstance(node, ast.Name):
            if isinstance(node, ast.Attribute) and node.attr in OBJECTS:
                return True
            if not isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
                return False
            node = node.func if isinstance(node, ast.Call) else node.value
        return node.id in ours

    grown = 0
    while grown != len(ours):
        grown = len(ours)
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and of_tensorrt(node.value):
                ours |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    return {one.attr for one in attributes if of_tensorrt(one.value) and not one.attr.startswith("__")} - OURS


def test_the_lists_are_those_of_the_oldest_and_the_newest_version_that_are_served():
    assert sorted(NAMES) == ["10.12.0.36", "11.4.0.106"]
    assert all(len(names) > 1000 for names in NAMES.values())
    # What field reports say was removed: the lists can tell.
    removed = {"EXPLICIT_BATCH", "FP16", "platform_has_fast_fp16", "int8_calibrator"}
    assert removed <= NAMES["10.12.0.36"]
    assert not removed & NAMES["11.4.0.106"]


@pytest.mark.parametrize("version", sorted(NAMES))
def test_every_name_that_is_used_exists(version):
    used = set().union(*(used_names(path.read_text()) for path in SOURCES))
    assert used >= {
        *("Builder", "create_network", "OnnxParser", "parse_from_file", "set_memory_pool_limit", "WORKSPACE"),
        *("builder_optimization_level", "create_timing_cache", "add_optimization_profile", "set_shape"),
        *("build_serialized_network", "create_engine_inspector", "get_engine_information", "set_tensor_address"),
        *("execute_async_v3", "deserialize_cuda_engine", "STRONGLY_TYPED", "DETAILED", "get_tensor_dtype", "desc"),
    }
    assert used - NAMES[version] == set()


@pytest.mark.parametrize(
    "wrong", ["builder.platform_has_fast_fp16", "tensorrt.BuilderFlag.FP16", "context.execute_async_v2"]
)
def test_a_wrong_name_is_noticed(wrong):
    source = f"import tensorrt\nbuilder = tensorrt.Builder()\ncontext = 1\n{wrong}()\n"
    assert wrong.rpartition(".")[2] in used_names(source) - NAMES["11.4.0.106"]


@pytest.mark.parametrize("version", sorted(NAMES))
def test_the_stand_in_has_no_name_of_its_own(version):
    assert len(fake_tensorrt.public_names()) > 40
    assert fake_tensorrt.public_names() - NAMES[version] == set()


# --- building and running


@pytest.fixture(params=["10.12.0.36", "11.4.0.106"])
def module(request, monkeypatch):
    """The stand-in in place of TensorRT, and no CUDA."""
    stand_in = fake_tensorrt.fake_tensorrt(request.param)
    monkeypatch.setitem(sys.modules, "tensorrt", stand_in)
    monkeypatch.setattr(fake_tensorrt._Inspector, "version", int(request.param.partition(".")[0]))
    monkeypatch.setattr(tensorrt, "_machine", lambda bench: {"gpu": "none", "versions": request.param})
    stream = SimpleNamespace(cuda_stream=0, synchronize=lambda: None)
    monkeypatch.setattr(tensorrt_running, "new_stream", lambda device: stream)
    return stand_in


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Bench:
    pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")
    bench = real_bench(tmp_path_factory.mktemp("cache"), CONVNEXT, "tensorrt", batch_size=2, image_size=(64, 64))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's exporters
        for name in ("tensorrt", "tensorrt-fp16"):
            OPTIMIZATIONS.get(name).graph(bench)
    return bench


@pytest.mark.parametrize(("name", "most"), [("tensorrt", 1e-4), ("tensorrt-fp16", 2e-2)])
def test_an_engine_is_built_once_and_computes_the_model(module, bench, name, most):
    import torch

    way = OPTIMIZATIONS.get(name)
    built = way.build(bench)
    graph, engine = built.files
    assert (graph.suffix, engine.suffix) == (".onnx", ".engine")
    assert built.artifact_bytes == engine.stat().st_size
    assert built.seconds > way.graph(bench).seconds
    network, config = module.Builder.asked
    strong = 1 << int(module.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    assert network._flags == (strong if module.__version__.startswith("10.") else 0)
    assert config._flags == set(), "TF32 is on in a new configuration"
    assert config._pools == {module.MemoryPoolType.WORKSPACE: tensorrt_building.WORKSPACE_BYTES}
    assert config._profiles[0]._shapes == {"images": ((2, 3, 64, 64),) * 3}
    module.Builder.asked = None
    assert way.build(bench) == built
    assert module.Builder.asked is None, "the engine was there already"

    runner = way.load(bench)
    images = realistic_images(2, (64, 64), seed=1)
    fed, other = runner.feed(images), runner.feed(np.roll(images, 3, axis=3))
    runner.run(other)
    answer = runner.read(runner.run(fed))
    with torch.no_grad():
        reference = bench.model()(torch.from_numpy(images)).numpy()
    error = np.linalg.norm(answer - reference) / np.linalg.norm(reference)
    assert error < most
    assert name == "tensorrt" or error > 1e-5
    assert not np.allclose(runner.read(other), answer, atol=1e-4)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory) -> Bench:
    pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")
    task = {"task": "feature-extraction", "num_classes": 0, "image_size": (64, 96)}
    bench = real_bench(tmp_path_factory.mktemp("backbone"), CONVNEXT, "tensorrt-fp16", batch_size=2, **task)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's exporters
        OPTIMIZATIONS.get("tensorrt-fp16").graph(bench)
    return bench


def test_an_engine_of_a_backbone_answers_with_every_stage(module, backbone):
    import torch

    bench, way = backbone, OPTIMIZATIONS.get("tensorrt-fp16")
    way.build(bench)
    runner = way.load(bench)
    assert runner.names == ("images", "stage_1", "stage_2", "stage_3", "stage_4")
    images = realistic_images(2, (64, 96), seed=1)
    fed = runner.run(runner.feed(images))
    with torch.no_grad():
        maps = bench.model()(torch.from_numpy(images))
    for found, exact in zip(fed.outputs, maps, strict=True):
        assert found.shape == exact.shape
        assert 1e-5 < float((found - exact).norm() / exact.norm()) < 2e-2
    np.testing.assert_array_equal(runner.read(fed), one_array(on_host(fed.outputs)))


def test_int8_is_built_of_the_shared_graph_with_quantized_weights(module, bench, monkeypatch, tmp_path):
    """Q/DQ nodes around one convolution; whatever makes the shared graph, this is what is built of it."""
    import onnx
    from onnx import TensorProto, helper

    scale, zero = (
        helper.make_tensor("s", TensorProto.FLOAT, [], [0.1]),
        helper.make_tensor("z", TensorProto.INT8, [], [0]),
    )
    weight = helper.make_tensor("w", TensorProto.INT8, [4, 3, 64, 64], np.ones(4 * 3 * 64 * 64, np.int8).tolist())
    nodes = [
        helper.make_node("QuantizeLinear", ["images", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["dw"]),
        helper.make_node("Conv", ["d", "dw"], ["c"]),
        helper.make_node("Flatten", ["c"], ["logits"]),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 64, 64])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 4])
    graph = helper.make_graph(nodes, "g", [images], [logits], [scale, zero, weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    path = tmp_path / "int8.onnx"
    onnx.save(model, str(path))
    made = Built(1.0, path.stat().st_size, (path,), {"quantized": 1.0})
    asked = []
    monkeypatch.setattr(tensorrt, "quantized_onnx", lambda bench, symmetric: asked.append(symmetric) or made)
    monkeypatch.setattr(tensorrt, "quantized_path", lambda bench, symmetric: path)
    way = OPTIMIZATIONS.get("tensorrt-int8")
    assert way.calibrated
    built = way.build(bench)
    assert built.files[0] == path
    assert built.diagnostics == {"quantized": 1.0}
    assert asked == [True], "TensorRT takes no zero points"
    runner = way.load(bench)
    fed = np.ones((2, 3, 64, 64), np.float32)
    expected = np.full((2, 4), 3 * 64 * 64 * 0.1)
    np.testing.assert_allclose(runner.read(runner.run(runner.feed(fed))), expected, rtol=1e-3)


def test_layer_timings_are_kept_in_the_cache_and_used_again(module, bench, tmp_path):
    def kept(bench):
        (path,) = bench.cache.folder.glob("tensorrt-timings/*.timings")
        return path

    fresh = dataclasses.replace(bench, cache=type(bench.cache)(tmp_path))
    source = tensorrt.onnx_path(bench)
    for path in (source, source.with_suffix(".json")):
        target = tmp_path / path.relative_to(bench.cache.folder)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    way = OPTIMIZATIONS.get("tensorrt")
    way.build(fresh)
    assert kept(fresh).read_bytes() == b"timed "
    larger = dataclasses.replace(fresh, candidate=dataclasses.replace(fresh.candidate, batch_size=4))
    way.build(larger)
    assert kept(fresh).read_bytes() == b"timed timed "
    assert len(list(tmp_path.glob("tensorrt/*.engine"))) == 2, "one engine for each batch"
    # What another GPU or version left is not used.
    kept(fresh).write_bytes(b"of another GPU")
    for engine in tmp_path.glob("tensorrt/*.engine"):
        engine.unlink()
    way.build(fresh)
    assert kept(fresh).read_bytes() == b"timed "


def test_an_engine_of_another_precision_is_a_fallback(module, bench, monkeypatch):
    """As where a builder took the wrong graph: everything agrees with eager, and it is fp32."""
    way = OPTIMIZATIONS.get("tensorrt-fp16")
    fp32 = OPTIMIZATIONS.get("tensorrt")
    fp32.build(bench)
    monkeypatch.setattr(way, "_engine_path", fp32._engine_path, raising=False)
    with pytest.raises(FallbackError, match=r"asked TensorRT for fp16, of its \d+ layers .* \d+ in fp32") as caught:
        way.load(bench)
    assert caught.value.outcome == "fallback"


def test_what_cannot_be_built_or_loaded_says_why(module, bench, tmp_path):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no graph")
    with pytest.raises(BuildFailedError, match="TensorRT cannot read the graph: "):
        tensorrt_building.build_engine(broken, (1, 3, 64, 64), b"")
    graph = tensorrt.onnx_path(bench)
    module.Builder.fails_with = "Could not find any implementation for node"
    with pytest.raises(BuildFailedError, match="could not build an engine: Could not find any implementation"):
        tensorrt_building.build_engine(graph, (1, 3, 64, 64), b"")
    module.Builder.fails_with = "Requested amount of GPU memory could not be allocated"
    with pytest.raises(OutOfMemoryError, match="GPU memory"):
        tensorrt_building.build_engine(graph, (1, 3, 64, 64), b"")
    stale = tmp_path / "stale.engine"
    stale.write_bytes(b"of another version")
    with pytest.raises(BuildFailedError, match="cannot load the engine: magicTag does not match"):
        tensorrt_running.load_engine(stale, "cpu", "fp32", (1, 3, 64, 64))
    way = OPTIMIZATIONS.get("tensorrt")
    way.build(bench)
    with pytest.raises(BuildFailedError, match="does not take images of shape"):
        tensorrt_running.load_engine(way._engine_path(bench), "cpu", "fp32", (7, 3, 64, 64))


# --- the proof of precision


def told(*layers: tuple[str, str], key: str = "DataType") -> str:
    return json.dumps(
        {
            "Layers": [
                {"Name": f"n{i}", "LayerType": kind, "Inputs": [{key: of}]} for i, (kind, of) in enumerate(layers)
            ]
        }
    )


@pytest.mark.parametrize("key", ["DataType", "Format/Datatype", "Format"])
@pytest.mark.parametrize(
    ("precision", "good", "bad"),
    [
        ("fp32", "Row major linear FP32 format", "Row major linear FP16 format"),
        ("fp16", "Row major linear FP16 format", "Row major linear BF16 format"),
        ("bf16", "Row major linear BF16 format", "Row major linear FP16 format"),
        ("int8", "Thirty-two wide channel vectorized row major Int8 format", "Row major linear FP16 format"),
        ("fp32", "Float", "Half"),
        ("fp16", "Half", "Float"),
        ("bf16", "BFloat16", "Half"),
        ("int8", "Int8", "Float"),
    ],
)
def test_layers_that_multiply_decide(precision, good, bad, key):
    others = [("PointWise", bad), ("Reformat", bad), ("PointWise", bad)]
    prove_precision(told(("CaskConvolution", good), ("gemm", good), *others, key=key), precision)
    with pytest.raises(FallbackError, match=f"asked TensorRT for {precision}"):
        prove_precision(told(("CaskConvolution", bad), ("gemm", bad), ("PointWise", good), key=key), precision)


def test_most_are_enough_in_less_than_fp32_which_wants_all():
    mixed = told(("conv", "Half"), ("conv", "Half"), ("conv", "Float"))
    prove_precision(mixed, "fp16")
    with pytest.raises(FallbackError, match="2 in fp16, 1 in fp32: n0, n1"):
        prove_precision(told(("conv", "Half"), ("conv", "Half"), ("conv", "Float")), "fp32")
    with pytest.raises(FallbackError):
        prove_precision(mixed, "int8")


@pytest.mark.parametrize(
    "silent", ["", "no JSON", "{}", '{"Layers": ["a", "b"]}', '{"Layers": [{"Name": "a"}]}', "[]"]
)
def test_an_engine_that_tells_nothing_proves_nothing(silent):
    with pytest.raises(FallbackError, match="does not tell what it computes in"):
        prove_precision(silent, "fp32")


def test_a_network_fused_into_one_is_asked_as_a_whole():
    prove_precision(told(("ForeignNode", "Half")), "fp16")
    with pytest.raises(FallbackError):
        prove_precision(told(("ForeignNode", "Float")), "fp16")


# --- where it can run


@pytest.mark.parametrize(
    ("version", "capability", "reason"),
    [
        ("11.4.0.106", "sm_90", None),
        ("10.12.0.36", "sm_75", None),
        ("11.4.0.106", "sm_70", "TensorRT 11.4.0.106 needs compute capability 7.5 .* has 7.0: Volta .* since 10.5"),
        ("10.12.0.36", "sm_61", "needs compute capability 7.5 .* has 6.1"),
        ("10.11.0.33", "sm_90", "TensorRT 10.11.0.33 is too old, this needs 10.12 or newer: pip install 'tensorrt>="),
    ],
)
def test_versions_and_gpus_that_it_serves(monkeypatch, version, capability, reason):
    monkeypatch.setattr(tensorrt, "cuda_gap", lambda: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    environment = make_environment(
        device_kind="cuda", capabilities=(capability,), versions=(("tensorrt", version), ("torch", "2.9"))
    )
    found = OPTIMIZATIONS.get("tensorrt").unavailable(environment)
    assert found is None if reason is None else re.search(reason, found)


def test_not_installed_is_a_sentence_that_helps(monkeypatch):
    find = __import__("importlib.util").util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "tensorrt" else find(name))
    reason = OPTIMIZATIONS.get("tensorrt-fp16").unavailable(make_environment(device_kind="cuda"))
    assert reason == "the package tensorrt is not installed: pip install 'vision-selector[tensorrt]'"
