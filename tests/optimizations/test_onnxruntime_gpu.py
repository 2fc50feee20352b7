"""ONNX Runtime on buffers of a device, and the proof of where every node ran: with the CPU provider, on the host.

What has no GPU cannot run the providers themselves; `tests/gpu` does.
"""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path

import numpy as np
import pytest
from support.evidence import make_candidate, make_environment

from selector.artifacts import ArtifactCache
from selector.errors import FallbackError
from selector.optimizations import OPTIMIZATIONS, Bench, onnxruntime_gpu
from selector.optimizations.graph import export_onnx, onnx_path
from selector.optimizations.onnxruntime_gpu import (
    BoundRunner,
    OnnxRuntimeGpu,
)
from selector.optimizations.placement import placement, profiled, refuse_other_providers

pytest.importorskip("onnx", reason="the extra 'onnx' is not installed")
pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")

CPU_PROVIDER = "CPUExecutionProvider"
IMAGES = np.random.default_rng(0).standard_normal((2, 3, 16, 16)).astype(np.float32)


class OnHost(OnnxRuntimeGpu):
    """The same way, on the provider and the memory that every machine has."""

    def __init__(self, provider: str = CPU_PROVIDER) -> None:
        super().__init__("onnxruntime-host", provider, {})


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Bench:
    """A small real model, really exported."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    layers = nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)
    model = nn.Sequential(*layers).eval()
    bench = Bench(
        candidate=make_candidate(optimization="onnxruntime-cuda", batch_size=2, image_size=(16, 16)),
        torch_device="cpu",
        threads=1,
        cache=ArtifactCache(tmp_path_factory.mktemp("cache")),
        weights_key="none",
        weights_bytes=0,
        model=lambda: model,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's, about its own exporter
        export_onnx(bench)
    return bench


def test_a_query_runs_on_buffers_that_stay_where_they_are(bench):
    import torch

    way = OnHost()
    built = way.build(bench)
    assert built.files == (onnx_path(bench),)
    assert built.seconds > 0
    runner = way.load(bench)
    assert isinstance(runner, BoundRunner)
    fed, other = runner.feed(IMAGES), runner.feed(np.roll(IMAGES, 3, axis=3))
    answers = [runner.run(query) for query in (fed, other, fed)]
    assert answers[0] is answers[2] is fed
    with torch.no_grad():
        reference = bench.model()(torch.from_numpy(IMAGES)).numpy()
    np.testing.assert_allclose(runner.read(fed), reference, rtol=1e-4, atol=1e-5)
    assert not np.allclose(runner.read(other), reference, atol=1e-5)
    # The answer was written into the buffer that was bound, and what is read is a copy.
    (logits,) = fed.outputs
    address, copy = logits.data_ptr(), runner.read(fed)
    logits.zero_()
    assert [room.data_ptr() for room in runner.run(fed).outputs] == [address]
    np.testing.assert_array_equal(runner.read(fed), copy)


def test_the_profile_tells_where_every_node_ran(bench):
    way = OnHost()
    way.build(bench)
    options = way._options(bench)
    with profiled(options):
        session = way._session(bench, options)
        runner = BoundRunner(session, "cpu")
        runner.run(runner.feed(IMAGES))
        ran = placement(session)
        file = Path(options.profile_file_prefix)
    assert not file.parent.exists(), "nothing is left behind"
    assert list(ran) == [CPU_PROVIDER]
    assert len(ran[CPU_PROVIDER]) >= 3
    assert any("Relu" in name for name in ran[CPU_PROVIDER])
    assert "Gemm" in " ".join(ran[CPU_PROVIDER].values())
    refuse_other_providers(ran, CPU_PROVIDER)


def test_nodes_that_ran_elsewhere_are_a_fallback(bench, monkeypatch):
    """The session says one thing and its profile another, as where a provider hands nodes on."""
    cuda = "CUDAExecutionProvider"
    convolution = {"conv_0": "Conv", "gemm_1": "Gemm"}
    with pytest.raises(FallbackError, match=rf"asked for {cuda}, which ran 0 nodes; 2 nodes ran on CPU"):
        refuse_other_providers({CPU_PROVIDER: convolution}, cuda)
    many = {"a": "Conv", "b": "Gemm", "c": "Relu", "d": "Add", "e": "Add"}
    with pytest.raises(FallbackError, match=r"which ran 2 nodes; 5 nodes ran on CPU.* \(Add, Conv, Gemm, …\)"):
        refuse_other_providers({cuda: convolution, CPU_PROVIDER: many}, cuda)
    with pytest.raises(FallbackError, match="ran 0 nodes; no other ran either"):
        refuse_other_providers({}, cuda)
    # Nodes that work out shapes stay on the CPU on purpose, but are no work that the provider did.
    shapes = {CPU_PROVIDER: {"shape": "Shape", "gather": "Gather"}}
    refuse_other_providers({cuda: convolution, **shapes}, cuda)
    with pytest.raises(FallbackError, match="ran 0 nodes"):
        refuse_other_providers(shapes, cuda)
    way = OnHost()
    real = placement
    monkeypatch.setattr(onnxruntime_gpu, "placement", lambda session: {cuda: {"conv": "Conv"}, **real(session)})
    with pytest.raises(FallbackError, match="1 nodes ran on CUDAExecutionProvider") as caught:
        way.build(bench)
    assert caught.value.outcome == "fallback"


def test_what_the_provider_keeps_belongs_to_the_build(bench, tmp_path, monkeypatch):
    """Without its engine the measuring child would build it again, and count that as loading."""
    monkeypatch.setattr(bench.cache, "folder", tmp_path)
    way = OPTIMIZATIONS.get("onnxruntime-tensorrt")
    assert way._kept(bench) == ()
    folder = Path(way._provider_options(bench)["trt_engine_cache_path"])
    assert folder.is_relative_to(tmp_path)
    for name in ("engine.engine", "timing.timing"):
        (folder / name).write_bytes(b"1")
    assert way._kept(bench) == (folder / "engine.engine", folder / "timing.timing")
    assert OPTIMIZATIONS.get("onnxruntime-cuda")._kept(bench) == ()


@pytest.mark.parametrize("name", ["onnxruntime-cuda", "onnxruntime-tensorrt"])
def test_a_session_without_the_provider_is_a_fallback(bench, name):
    """The real way, on this machine: ONNX Runtime warns and would take the CPU."""
    import onnxruntime

    way = OPTIMIZATIONS.get(name)
    if way.provider in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has the provider")
    OnHost().build(bench)
    with (
        pytest.warns(UserWarning, match=way.provider),
        pytest.raises(FallbackError, match=f"asked for {way.provider}, ONNX Runtime would run {CPU_PROVIDER}"),
    ):
        way.load(dataclasses.replace(bench, torch_device="cuda:0"))


def test_python_never_falls_back_by_itself(bench):
    way = OnHost()
    way.build(bench)
    assert way._session(bench, way._options(bench))._enable_fallback is False


def test_tensorrts_engines_lie_in_the_artifact_cache(bench):
    way = OPTIMIZATIONS.get("onnxruntime-tensorrt")
    options = way._provider_options(dataclasses.replace(bench, torch_device="cuda:1"))
    assert options["device_id"] == "1"
    assert options["trt_engine_cache_path"].startswith(str(bench.cache.folder))
    assert options["trt_timing_cache_path"] == options["trt_engine_cache_path"]
    larger = dataclasses.replace(bench, candidate=dataclasses.replace(bench.candidate, batch_size=8))
    assert way._provider_options(larger)["trt_engine_cache_path"] != options["trt_engine_cache_path"]
    assert OPTIMIZATIONS.get("onnxruntime-cuda")._provider_options(bench).keys().isdisjoint({"trt_engine_cache_path"})


@pytest.mark.parametrize(
    ("versions", "name", "reason"),
    [
        ((("torch", "2.9"),), "onnxruntime-cuda", "onnxruntime-gpu is not installed: pip install onnxruntime-gpu"),
        (
            (("onnxruntime", "1.27"), ("torch", "2.9")),
            "onnxruntime-cuda",
            "onnxruntime-gpu is not installed: pip uninstall onnxruntime && pip install onnxruntime-gpu",
        ),
        ((("onnxruntime-gpu", "1.27"),), "onnxruntime-tensorrt", "tensorrt is not installed: pip install tensorrt"),
        ((("onnxruntime-gpu", "1.27"), ("tensorrt", "11.4")), "onnxruntime-tensorrt", None),
    ],
)
def test_the_gpu_build_is_asked_for(monkeypatch, versions, name, reason):
    monkeypatch.setattr(onnxruntime_gpu, "cuda_gap", lambda: None)
    environment = make_environment(device_kind="cuda", capabilities=("sm_90",), versions=versions)
    assert OPTIMIZATIONS.get(name).unavailable(environment) == reason
