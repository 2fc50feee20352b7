"""Small timm models, really exported, compiled, run and compared with fp32 eager, under every way of this machine."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.real_models import CONVNEXT, EFFICIENTNET, SMALL_MODELS, TIMING_SECONDS, VIT, Workbench, workbench

from selector.devices import resolve
from selector.engines.server import ForkServer
from selector.profiler.statistics import decode, summarize
from selector.types import Measurement, Outcome, Planned

pytestmark = pytest.mark.slow
FROM_ONE_GRAPH = ("onnxruntime", "openvino")
"""These compute in fp32, so that also a change of little consequence is seen."""


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Iterator[Workbench]:
    """One engine, so that torch and the runtimes are imported once by each test worker."""
    with workbench(resolve("cpu"), tmp_path_factory.mktemp("artifacts")) as opened:
        yield opened


@contextmanager
def _stages() -> Iterator[list[str]]:
    """The child processes that are started, by what they do."""
    started: list[str] = []
    run = ForkServer.run

    def counted(self, job, record, **options):
        started.append("build" if record is None else "measure")
        return run(self, job, record, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ForkServer, "run", counted)
        yield started


def _check(planned: Planned, measurement: Measurement) -> None:
    """Everything that an observation of a real way has."""
    # Tests run side by side, so that a sample may well be disturbed.
    assert measurement.outcome in (Outcome.OK, Outcome.UNSTABLE), (
        f"{planned.candidate.id}: {measurement.message}\n{measurement.log}"
    )
    assert measurement.phase == "done"
    assert measurement.weights is not None
    assert measurement.weights.source == "random"
    observation = measurement.observation
    assert observation is not None
    agreement = observation.agreement
    assert agreement is not None
    assert agreement.relative_error <= agreement.tolerance
    assert (agreement.images, agreement.top1) == (4, None)
    if planned.candidate.precision == "fp32":
        assert agreement.relative_error < 1e-4
    else:
        assert agreement.relative_error > 1e-5, "lower precision leaves traces; none means that fp32 ran"
    samples = decode(observation.latencies)
    assert len(samples) == observation.summary.samples > 0
    assert (samples > 0).all()
    assert observation.summary == summarize(samples)
    assert observation.stopped_because in ("interval", "limit", "time_cap")
    assert observation.summary.seconds < 2 * TIMING_SECONDS + 2 * samples.max()
    assert len(observation.warmup) >= 3
    assert observation.first_call > 0
    assert observation.load_seconds > 0
    # The weights are held in memory, at least, and not the imported runtimes on top.
    size = {"fp32": 4, "int8": 1}.get(planned.candidate.precision, 2)
    weights = size * (planned.facts.parameters or 0)
    assert weights < observation.memory["peak"] < 1.5 * 2**30
    assert observation.artifact_bytes is not None
    assert observation.artifact_bytes > min(size, 2) * (planned.facts.parameters or 0)
    assert observation.energy_joules is None, "a CPU in a container has no counter"


@pytest.mark.parametrize("model", SMALL_MODELS)
def test_every_way_of_running_a_model(bench, model):
    graphs = bench.graphs()
    ways = bench.ways(model, compiling=False)
    assert {"eager", "channels_last"} <= {planned.candidate.optimization for planned in ways}
    first = {}
    for planned in ways:
        result = bench.measure(planned)
        assert not result.weights_missing
        _check(planned, result.measurement)
        assert result.measurement.observation.built_from_cache is False
        first[planned.candidate.optimization] = result.measurement
    assert first["eager"].observation.agreement.relative_error < 1e-6
    exporting = {"onnxruntime", "openvino", "openvino-bf16"} & first.keys()
    assert len(bench.graphs() - graphs) == (1 if exporting else 0), "the runtimes share one exported file"
    for name in {"onnxruntime-int8", "openvino-int8", "openvino_nncf-int8"} & first.keys():
        observation = first[name].observation
        quantizing = observation.diagnostics["quantization_seconds"]
        assert observation.build_seconds > quantizing > 0
        assert observation.artifact_bytes < 0.8 * first["onnxruntime"].observation.artifact_bytes
        assert observation.diagnostics["exported_by_torchscript"] == 1.0
    builds = {first[name].observation.build_seconds for name in exporting}
    assert len(builds) == 1, "and all report what making it took"
    assert min(builds) > 0
    assert first["eager"].observation.build_seconds == 0
    assert len({measurement.identity for measurement in first.values()}) == len(first)
    # Asked again, nothing is built: one process each, with the same output.
    for planned in ways:
        with _stages() as started:
            again = bench.measure(planned).measurement
        _check(planned, again)
        assert started == ["measure"]
        before = first[planned.candidate.optimization]
        assert again.observation.built_from_cache is True
        assert again.observation.build_seconds == before.observation.build_seconds
        assert again.observation.artifact_bytes == before.observation.artifact_bytes
        assert again.observation.agreement == before.observation.agreement
        assert again.identity == before.identity
        assert again.id != before.id


@pytest.mark.parametrize("model", [VIT, CONVNEXT])
def test_compiling_a_model(bench, model):
    ways = bench.ways(model, compiling=True)
    if not ways:
        pytest.skip("this machine has no C++ compiler")
    planned = next(one for one in ways if one.candidate.optimization == "compile")
    first = bench.measure(planned).measurement
    _check(planned, first)
    assert first.observation.build_seconds > 1
    assert first.observation.built_from_cache is False
    kernels = list((bench.cache.folder / "inductor").rglob("*.so"))
    assert kernels, "what the compiler made lies in the artifact cache"
    with _stages() as started:
        again = bench.measure(planned).measurement
    _check(planned, again)
    assert started == ["measure"]
    assert again.observation.built_from_cache is True
    assert again.observation.build_seconds == first.observation.build_seconds
    assert list((bench.cache.folder / "inductor").rglob("*.so")) == kernels, "nothing is compiled twice"


def test_compiling_with_half_precision(bench):
    planned = next((one for one in bench.ways(VIT, compiling=True) if one.candidate.precision == "bf16"), None)
    if planned is None:
        pytest.skip("this machine has no bf16 arithmetic or no C++ compiler")
    _check(planned, bench.measure(planned).measurement)


@pytest.mark.parametrize("way", ["compile-freezing", "compile-max-autotune", "torchao-int8"])
def test_compiling_in_another_mode(bench, way):
    planned = bench.planned(VIT, way)
    if planned.unavailable:
        pytest.skip(planned.unavailable)
    measurement = bench.measure(planned).measurement
    _check(planned, measurement)
    assert measurement.observation.build_seconds > 1
    kernels = set((bench.cache.folder / "inductor").rglob("*.so"))
    with _stages() as started:
        again = bench.measure(planned).measurement
    _check(planned, again)
    assert started == ["measure"]
    assert set((bench.cache.folder / "inductor").rglob("*.so")) == kernels, "frozen programs too are compiled once"


@pytest.mark.parametrize("way", ["eager", "onnxruntime", "openvino"])
def test_a_batch_of_several_images(bench, way):
    planned = bench.planned(VIT, way, batch_size=3)
    observation = bench.measure(planned).measurement.observation
    assert observation is not None
    # Whole batches, at least four images.
    assert observation.agreement.images == 6
    assert observation.agreement.relative_error < 1e-4
    assert observation.summary.samples > 0


# --- what lies in the cache is wrong, or gone


@pytest.fixture
def graph(bench, request) -> Iterator[tuple[list[Planned], Path]]:
    """A model at a size of its own under both runtimes, and its graph, which no other test uses."""
    ways = [bench.planned(request.param, way) for way in FROM_ONE_GRAPH]
    reason = next((planned.unavailable for planned in ways if planned.unavailable), None)
    if reason:
        pytest.skip(reason)
    size = {VIT: (128, 128), CONVNEXT: (96, 96)}[request.param]
    planned = [replace(one, candidate=replace(one.candidate, image_size=size)) for one in ways]
    before = bench.graphs()
    for one in planned:
        measurement = bench.measure(one).measurement
        # Built and right; whether it was left alone while it was timed does not matter here.
        assert measurement.outcome in (Outcome.OK, Outcome.UNSTABLE), measurement.message
    (path,) = bench.graphs() - before
    yield planned, path
    path.unlink(missing_ok=True)


def _change(path: Path, name: str, change: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> None:
    """Changes the initializer of a graph that has `name` in its name, or the middle one of the unnamed matrices."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(path))
    found = [tensor for tensor in model.graph.initializer if name in tensor.name and len(tensor.dims) > 1]
    tensor = found[len(found) // 2]
    values = change(numpy_helper.to_array(tensor).copy()).astype(np.float32)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    onnx.save(model, str(path))


def _one_weight(values: NDArray[np.float32]) -> NDArray[np.float32]:
    values.flat[0] += 5
    return values


@pytest.mark.parametrize(
    ("graph", "name", "change", "told"),
    [
        (VIT, "head", _one_weight, r"differs from fp32 eager by \S+ of its norm, 0.001 is allowed"),
        (CONVNEXT, "MatMul", np.zeros_like, r"differs from fp32 eager by 0\.0\d+ of its norm, 0.001 is allowed"),
        (CONVNEXT, "MatMul", lambda values: values * np.nan, "of 4000 outputs are NaN or infinite"),
    ],
    ids=["one weight", "one layer behind a LayerScale", "NaN"],
    indirect=["graph"],
)
def test_a_wrong_engine_is_never_timed(bench, graph, name, change, told):
    planned, path = graph
    _change(path, name, change)
    for one in planned:
        measurement = bench.measure(one).measurement
        assert measurement.outcome is Outcome.WRONG_OUTPUT, one.candidate.id
        assert re.search(told, measurement.message)
        assert measurement.phase == "agreement"
        assert measurement.observation is None


def _scales_in_onnx(path: Path) -> None:
    """Three times the scales of the last layer's weights."""
    _scale_onnx(path, slice(None), 3)


def _one_scale_in_onnx(path: Path) -> None:
    """A hundred times the scale of one class: its output saturates, the others stay right."""
    _scale_onnx(path, slice(7, 8), 100)


def _scale_onnx(path: Path, classes: slice, factor: float) -> None:
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(path))
    scales = [one for one in model.graph.initializer if _is_scale_of_weights(one)]
    assert scales
    values = numpy_helper.to_array(scales[0]).copy()
    values[classes] *= factor
    scales[0].CopyFrom(numpy_helper.from_array(values, scales[0].name))
    onnx.save(model, str(path))


def _is_scale_of_weights(tensor: Any) -> bool:
    return "scale" in tensor.name and "bias" not in tensor.name and list(tensor.dims) == [1000]


def _one_scale_in_openvino(path: Path) -> None:
    """The same in the file of weights that lies beside an .xml file."""
    constants = re.findall(
        r'<data element_type="f32" shape="1000, 1" offset="(\d+)" size="4000"', path.read_text(encoding="utf-8")
    )
    weights = bytearray(path.with_suffix(".bin").read_bytes())
    values = np.frombuffer(weights, np.float32, 1000, int(constants[0]))
    values[7] *= 100
    path.with_suffix(".bin").write_bytes(weights)


@pytest.mark.parametrize(
    ("way", "pattern", "change"),
    [
        ("onnxruntime-int8", "quantized/*.onnx", _scales_in_onnx),
        ("onnxruntime-int8", "quantized/*.onnx", _one_scale_in_onnx),
        ("openvino-int8", "quantized/*.onnx", _scales_in_onnx),
        ("openvino-int8", "quantized/*.onnx", _one_scale_in_onnx),
        ("openvino_nncf-int8", "nncf/*.xml", _one_scale_in_openvino),
    ],
)
def test_changed_scales_in_an_int8_graph_are_seen(bench, way, pattern, change):
    planned = bench.planned(EFFICIENTNET, way)
    if planned.unavailable:
        pytest.skip(planned.unavailable)
    planned = replace(planned, candidate=replace(planned.candidate, image_size=(128, 128)))
    before = set(bench.cache.folder.glob(pattern))
    bench.measure(planned)
    made = set(bench.cache.folder.glob(pattern)) - before
    for path in made:
        change(path)
    measurement = bench.measure(planned).measurement
    for path in made:
        path.unlink()
    assert measurement.outcome is Outcome.WRONG_OUTPUT
    told = r"differs from fp32 eager by \S+ of its norm, (0\.\d+ is allowed|but that of class 7 alone by)"
    assert re.search(told, measurement.message)
    assert measurement.observation is None


@pytest.mark.parametrize("graph", [VIT], indirect=True)
def test_what_is_gone_is_built_again(bench, graph):
    planned, path = graph
    content = path.read_bytes()
    for gone in (path, *bench.cache.folder.glob("reference/*"), *bench.cache.folder.glob("weights/*")):
        gone.unlink()
    # The first brings everything back, for the second too.
    for one, stages in zip(planned, (["build", "measure"], ["measure"]), strict=True):
        with _stages() as started:
            measurement = bench.measure(one).measurement
        _check(one, measurement)
        assert started == stages
        assert measurement.observation.built_from_cache is (stages == ["measure"])
    assert len(path.read_bytes()) == len(content)


@pytest.mark.parametrize("graph", [VIT], indirect=True)
def test_what_was_cut_short_is_built_again(bench, graph):
    planned, path = graph
    whole = path.stat().st_size
    records = list(bench.cache.folder.glob("builds/*.json"))
    for damaged in (path, *bench.cache.folder.glob("reference/*.npy")):
        damaged.write_bytes(damaged.read_bytes()[:1000])
    for one in planned:
        _check(one, bench.measure(one).measurement)
    assert path.stat().st_size == whole
    for record in records:
        record.write_text('{"x": 1}')
    _check(planned[0], bench.measure(planned[0]).measurement)


@pytest.mark.parametrize("graph", [VIT], indirect=True)
def test_a_graph_that_cannot_be_read_is_a_failed_build(bench, graph):
    planned, path = graph
    content = path.read_bytes()
    path.write_bytes(content[:1000] + bytes(len(content) - 1000))  # of the right size
    for one in planned:
        measurement = bench.measure(one).measurement
        assert measurement.outcome is Outcome.BUILD_FAILED, one.candidate.id
        assert "during load" in measurement.message
        assert measurement.log
