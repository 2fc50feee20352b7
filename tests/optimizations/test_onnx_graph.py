"""The shared ONNX graph: made once, by the exporter that can, and found again by its content."""

from __future__ import annotations

import dataclasses

import pytest
from support.evidence import make_candidate

from selector.artifacts import ArtifactCache
from selector.errors import ExportFailedError
from selector.optimizations import OPTIMIZATIONS, Bench, graph


@pytest.fixture
def bench(tmp_path):
    return Bench(
        candidate=make_candidate(optimization="onnxruntime"),
        torch_device="cpu",
        threads=1,
        cache=ArtifactCache(tmp_path),
        weights_key="weights",
        weights_bytes=10,
        model=lambda: pytest.fail("the stand-in exporter needs no model"),
    )


@pytest.fixture
def exporter(monkeypatch):
    """A stand-in for torch's exporters: what each writes, or raises."""

    class Exporter:
        def __init__(self):
            self.answers = {"torchscript": b"graph", "dynamo": b"another graph"}
            self.calls = []
            self.wrong = b""

        def verdict(self, path):
            if path.read_bytes() == self.wrong:
                raise ExportFailedError("the graph's output differs from the model's by 0.7 of its norm")
            return 1e-6

        def __call__(self, bench, path, *, dynamo):
            name = "dynamo" if dynamo else "torchscript"
            self.calls.append(name)
            answer = self.answers[name]
            if isinstance(answer, Exception):
                path.write_bytes(b"half")
                raise answer
            path.write_bytes(answer)

    stand_in = Exporter()
    monkeypatch.setattr(graph, "_export_with", stand_in)
    monkeypatch.setattr(graph, "verify", lambda bench, path, precision: stand_in.verdict(path))
    return stand_in


def _files(bench):
    return sorted(path.suffix for path in bench.cache.folder.rglob("*") if path.is_file())


def test_a_graph_is_made_once(bench, exporter):
    first = graph.export_onnx(bench)
    assert exporter.calls == ["torchscript"]
    assert first.artifact_bytes == len(b"graph")
    assert first.seconds > 0
    assert first.files == (graph.onnx_path(bench),)
    assert graph.onnx_path(bench).read_bytes() == b"graph"
    # The time is that of the export, also for the runtime that finds it made.
    assert graph.export_onnx(bench) == first
    assert exporter.calls == ["torchscript"]


def test_the_other_exporter_is_tried(bench, exporter):
    exporter.answers["torchscript"] = RuntimeError("unsupported operator")
    built = graph.export_onnx(bench)
    assert exporter.calls == ["torchscript", "dynamo"]
    assert graph.onnx_path(bench).read_bytes() == b"another graph"
    assert built.artifact_bytes == len(b"another graph")
    record = bench.cache.read_json(graph.onnx_path(bench).with_suffix(".json"))
    assert record["exporter"] == "dynamo"


def test_the_other_exporter_is_tried_where_one_writes_a_wrong_graph(bench, exporter):
    exporter.wrong = b"graph"
    built = graph.export_onnx(bench)
    assert exporter.calls == ["torchscript", "dynamo"]
    assert graph.onnx_path(bench).read_bytes() == b"another graph"
    assert built.diagnostics == {"exported_by_dynamo": 1.0, "export_error": 1e-6}
    exporter.answers["dynamo"] = b"graph"
    graph.onnx_path(bench).unlink()
    with pytest.raises(ExportFailedError, match=r"torchscript: the graph's .* dynamo: the graph's output differs"):
        graph.export_onnx(bench)
    assert not graph.onnx_path(bench).exists()


def test_both_reasons_are_told_and_nothing_is_left(bench, exporter):
    exporter.answers = {
        "torchscript": RuntimeError("operator a is unknown\nand a long trace"),
        "dynamo": TypeError("operator b is unknown"),
    }
    with pytest.raises(ExportFailedError) as caught:
        graph.export_onnx(bench)
    message = str(caught.value)
    assert "operator a is unknown" in message
    assert "operator b is unknown" in message
    assert "long trace" not in message
    assert caught.value.outcome == "export_failed"
    assert _files(bench) == []


@pytest.mark.parametrize("gone", [".onnx", ".json"])
def test_what_is_gone_is_made_again(bench, exporter, gone):
    graph.export_onnx(bench)
    graph.onnx_path(bench).with_suffix(gone).unlink()
    graph.export_onnx(bench)
    assert len(exporter.calls) == 2
    assert _files(bench) == [".json", ".onnx"]


def test_one_graph_serves_all_runtimes_and_batches(bench):
    path = graph.onnx_path(bench)
    for changes in (
        {"batch_size": 32},
        {"optimization": "openvino-bf16", "precision": "bf16"},
        {"scenario": "offline"},
    ):
        other = dataclasses.replace(bench, candidate=dataclasses.replace(bench.candidate, **changes))
        assert graph.onnx_path(other) == path
    assert graph.onnx_path(dataclasses.replace(bench, threads=4)) == path


@pytest.mark.parametrize(
    "changes",
    [{"architecture": "resnet34"}, {"num_classes": 10}, {"image_size": (256, 224)}, {"image_size": (224, 256)}],
)
def test_another_model_is_another_graph(bench, changes):
    other = dataclasses.replace(bench, candidate=dataclasses.replace(bench.candidate, **changes))
    assert graph.onnx_path(other) != graph.onnx_path(bench)


def test_other_weights_or_versions_are_another_graph(bench, monkeypatch):
    path = graph.onnx_path(bench)
    assert graph.onnx_path(dataclasses.replace(bench, weights_key="others")) != path
    monkeypatch.setattr(graph, "library_versions", lambda names: (("torch", "99"),))
    assert graph.onnx_path(bench) != path


def test_ways_that_build_nothing_deploy_the_weights(bench):
    built = OPTIMIZATIONS.get("eager").build(bench)
    assert (built.seconds, built.artifact_bytes, built.files) == (0.0, 10, ())
