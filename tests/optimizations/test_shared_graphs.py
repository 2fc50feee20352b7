"""Graphs really exported: verified against eager at once, in the precision that they are to have."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.real_benches import real_bench
from support.real_models import CONVNEXT, EFFICIENTNET, SMALL_MODELS, VIT

from selector.errors import ExportFailedError
from selector.optimizations import graph

pytest.importorskip("onnx", reason="the extra 'onnx' is not installed")
ort = pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")
pytestmark = [
    pytest.mark.slow,
    # The exporters' own, and those of models that look at their input's shape while they are traced.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]


def _answer(path, images):
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {graph.INPUT: images})[0]


@pytest.mark.parametrize("model", SMALL_MODELS)
def test_one_graph_for_every_batch_with_its_error(tmp_path, model):
    bench = real_bench(tmp_path, model)
    built = graph.export_onnx(bench)
    assert built.diagnostics["exported_by_torchscript"] == 1.0
    assert 0 < built.diagnostics["export_error"] < 1e-4
    height, width = bench.candidate.image_size
    for batch in (1, 5):
        assert _answer(graph.onnx_path(bench), np.zeros((batch, 3, height, width), np.float32)).shape == (batch, 1000)


def test_a_graph_that_nobody_verified_is_made_again(tmp_path):
    """As versions that did not verify have left it in the cache."""
    bench = real_bench(tmp_path, EFFICIENTNET)
    path = graph.onnx_path(bench)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"never looked at")
    bench.cache.write_json(path.with_suffix(".json"), {"seconds": 1.0, "exporter": "torchscript"})
    assert 0 < graph.export_onnx(bench).diagnostics["export_error"] < 1e-4
    assert path.stat().st_size > 10_000


def _weakened(model):
    """The model with one weight changed."""
    import torch

    weights = max((one for one in model.parameters() if one.ndim > 1), key=lambda one: one.numel())
    with torch.no_grad():
        weights.flatten()[0] += 50
    return model


@pytest.mark.parametrize("model", [VIT, EFFICIENTNET])
def test_an_exporter_that_writes_a_wrong_graph_is_replaced(tmp_path, monkeypatch, model):
    bench = real_bench(tmp_path, model)
    export = graph._export_with

    def wrong_first(bench, path, *, dynamo, **options):
        changed = bench if dynamo else replace(bench, model=lambda: _weakened(bench.model()))
        export(changed, path, dynamo=dynamo, **options)

    monkeypatch.setattr(graph, "_export_with", wrong_first)
    built = graph.export_onnx(bench)
    assert built.diagnostics["exported_by_dynamo"] == 1.0
    assert built.diagnostics["export_error"] < 1e-4


def test_a_graph_that_no_exporter_writes_right_is_no_graph(tmp_path, monkeypatch):
    bench = real_bench(tmp_path, VIT)
    export = graph._export_with
    monkeypatch.setattr(
        graph,
        "_export_with",
        lambda bench, path, **options: export(
            replace(bench, model=lambda: _weakened(bench.model())), path, **options
        ),
    )
    with pytest.raises(ExportFailedError, match=r"torchscript: the graph's output differs .* dynamo: the graph's"):
        graph.export_onnx(bench)
    assert not graph.onnx_path(bench).exists()


@pytest.mark.parametrize("model", SMALL_MODELS)
@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_half_precision_stands_in_the_graph(tmp_path, model, precision):
    import onnx

    bench = real_bench(tmp_path, model)
    built = graph.half_onnx(bench, precision)
    path = graph.half_path(bench, precision)
    assert built.files == (path,)
    assert path != graph.onnx_path(bench)
    assert 1e-5 < built.diagnostics["export_error"] < {"fp16": 0.05, "bf16": 0.4}[precision]
    found = onnx.load(str(path)).graph
    single = onnx.TensorProto.FLOAT
    assert [one.type.tensor_type.elem_type for one in (*found.input, *found.output)] == [single, single]
    assert graph.half_onnx(bench, precision) == built


def test_a_graph_that_silently_is_fp32_is_refused(tmp_path, monkeypatch):
    bench = real_bench(tmp_path, CONVNEXT)
    monkeypatch.setattr(graph, "_in_half", lambda model, precision: model)
    with pytest.raises(ExportFailedError, match=r"the fp16 graph has weights of other types: FLOAT \d"):
        graph.half_onnx(bench, "fp16")


def test_another_weight_is_seen_in_half_precision(tmp_path, monkeypatch):
    bench = real_bench(tmp_path, VIT)
    convert = graph._in_half
    monkeypatch.setattr(graph, "_in_half", lambda model, precision: convert(_weakened(model), precision))
    with pytest.raises(ExportFailedError, match=r"differs from the model's by \S+ of its norm"):
        graph.half_onnx(bench, "bf16")


def test_two_processes_that_build_one_graph_leave_one_that_is_whole(tmp_path):
    program = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from support.real_benches import real_bench
from selector.optimizations import graph
bench = real_bench(Path(sys.argv[1]), "test_convnext.r160_in1k")
sys.stdin.readline()
built = graph.export_onnx(bench)
print(built.artifact_bytes)
"""
    command = [sys.executable, "-c", program, str(tmp_path), str(Path(__file__).parents[1])]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, **pipes) for _ in range(2)]
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    sizes = {process.communicate(timeout=300)[0].strip() for process in both}
    assert [process.returncode for process in both] == [0, 0]
    (path,) = tmp_path.glob("onnx/*.onnx")
    assert sizes == {str(path.stat().st_size)}
    assert not list(tmp_path.rglob(".being-written-*"))
    assert _answer(path, np.zeros((1, 3, 160, 160), np.float32)).shape == (1, 1000)
