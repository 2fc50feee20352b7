"""PyTorch's ways: half precision, TF32, attention kernels and compile modes, and what stands in their way."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest
from support.evidence import make_candidate, make_environment, make_facts, make_profile

from selector.artifacts import ArtifactCache
from selector.catalog import load_catalog
from selector.errors import FallbackError
from selector.optimizations import OPTIMIZATIONS, Bench, pytorch, unavailable_ways
from selector.optimizations import compile as compile_module
from selector.optimizations.attention import WITHOUT_SDPA, AttentionWay
from selector.optimizations.compile import refuse_skipped_graphs
from selector.optimizations.pytorch import TorchWay
from selector.search import make_plan
from selector.types import speed_identity

CPU = make_environment(capabilities=("amx_bf16", "avx2", "avx512_bf16", "avx512_fp16"))
GPU = make_environment(device_kind="cuda", capabilities=("sm_90",))
TORCH_WAYS = [way for _, way in OPTIMIZATIONS if isinstance(way, TorchWay)]


@pytest.fixture
def bench(tmp_path) -> Bench:
    """A model of one attention layer over the image's rows."""
    return _bench(tmp_path)


def _bench(folder, **changes) -> Bench:
    import torch
    from torch import nn

    class Attending(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.mix = nn.Linear(16, 16)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            rows = self.mix(images)
            mixed = nn.functional.scaled_dot_product_attention(rows, rows, rows)
            return mixed.mean(dim=2).flatten(1)

    arguments = {
        "candidate": make_candidate(optimization="eager", batch_size=2, image_size=(16, 16)),
        "torch_device": "cpu",
        "threads": 1,
        "cache": ArtifactCache(folder),
        "weights_key": "none",
        "weights_bytes": 7,
        "model": lambda: Attending().eval(),
    }
    return Bench(**(arguments | changes))


@pytest.fixture(autouse=True)
def switches() -> Iterator[None]:
    """torch's global switches as they were: a candidate has a process of its own, tests have not."""
    import torch
    from torch._inductor import config

    names = ("flash", "mem_efficient", "math", "cudnn")
    before = {name: getattr(torch.backends.cuda, f"{name}_sdp_enabled")() for name in names}
    freezing = config.freezing
    yield
    for name, enabled in before.items():
        getattr(torch.backends.cuda, f"enable_{name}_sdp")(enabled)
    config.freezing = freezing


# --- half precision


@pytest.mark.parametrize(("name", "dtype"), [("half-bf16", "bfloat16"), ("half-fp16", "float16")])
def test_weights_images_and_answer_are_in_half_precision(bench, name, dtype):
    import numpy as np
    import torch

    runner = OPTIMIZATIONS.get(name).load(bench)
    images = np.random.default_rng(0).standard_normal((2, 3, 16, 16)).astype(np.float32)
    fed = runner.feed(images)
    answer = runner.run(fed)
    assert {fed.dtype, answer.dtype, *(weight.dtype for weight in runner.model.parameters())} == {
        getattr(torch, dtype)
    }
    exact = OPTIMIZATIONS.get("eager").load(bench)
    reference = exact.read(exact.run(exact.feed(images)))
    found = runner.read(answer)
    assert found.dtype == np.float32
    error = np.linalg.norm(found - reference) / np.linalg.norm(reference)
    assert 1e-5 < error < 0.02


# --- attention


@pytest.mark.parametrize(("kernel", "switch"), [("math", "math"), ("flash", "flash")])
def test_the_kernel_that_was_asked_for_is_proven_and_left_alone(bench, kernel, switch):
    import torch

    way = OPTIMIZATIONS.get(f"sdpa-{kernel}")
    built = way.build(bench)
    assert (built.seconds, built.artifact_bytes, built.files) == (0.0, 7, ())
    enabled = {
        name: getattr(torch.backends.cuda, f"{name}_sdp_enabled")()
        for name in ("flash", "mem_efficient", "math", "cudnn")
    }
    assert enabled == {name: name == switch for name in enabled}


def test_a_kernel_that_this_device_does_not_have_is_a_fallback(bench):
    # CPUs have no memory-efficient kernel; a GPU refuses one for its type or mask in the same words.
    with pytest.raises(FallbackError, match="no efficient attention for this model here") as caught:
        OPTIMIZATIONS.get("sdpa-efficient").build(bench)
    assert caught.value.outcome == "fallback"


def test_another_kernel_than_the_one_asked_for_is_a_fallback(bench, monkeypatch):
    import torch

    # A switch that does nothing: torch goes on to take flash.
    monkeypatch.setattr(torch.backends.cuda, "enable_flash_sdp", lambda enabled: None)
    with pytest.raises(FallbackError, match=r"asked for math attention 1 times.*flash_attention_for_cpu"):
        OPTIMIZATIONS.get("sdpa-math").build(bench)


def test_the_plain_kernel_in_place_of_flash_is_a_fallback(bench, monkeypatch):
    import torch

    torch.backends.cuda.enable_flash_sdp(False)
    for name in ("flash", "math"):
        monkeypatch.setattr(torch.backends.cuda, f"enable_{name}_sdp", lambda enabled: None)
    with pytest.raises(FallbackError, match="it ran 0 times; otherwise the plain one"):
        OPTIMIZATIONS.get("sdpa-flash").build(bench)


def test_a_model_without_attention_is_a_fallback(tmp_path):
    from torch import nn

    bench = _bench(tmp_path, model=lambda: nn.Flatten())
    with pytest.raises(FallbackError, match="never calls scaled_dot_product_attention"):
        OPTIMIZATIONS.get("sdpa-math").build(bench)


def test_models_that_are_known_to_have_none_are_not_tried():
    catalog = load_catalog()
    profile = make_profile(candidates={"models": ("resnet18.a1_in1k", "vit_tiny_patch16_224.augreg_in21k_ft_in1k")})
    for environment in (CPU, GPU):
        plan = make_plan(profile, catalog, environment, unavailable_ways(environment))
        for planned in plan.considered:
            way = OPTIMIZATIONS.get(planned.candidate.optimization)
            if not isinstance(way, AttentionWay) or way.unavailable(environment):
                continue
            vit = planned.facts.family == "vit"
            assert (planned.unavailable is None) is vit
            assert vit or "needs torch's scaled_dot_product_attention" in planned.unavailable


@pytest.mark.parametrize(
    ("architecture", "family", "suited"),
    [
        ("mobilenetv4_conv_small", "mobilenetv3", False),
        ("mobilenetv4_hybrid_medium", "mobilenetv3", True),
        ("convnext_atto", "convnext", False),
        ("swin_tiny_patch4_window7_224", "swin", True),
        ("a_new_one", "never_heard_of", True),
    ],
)
def test_only_what_is_certain_is_not_tried(architecture, family, suited):
    facts = make_facts(f"{architecture}.x", family=family)
    assert (OPTIMIZATIONS.get("sdpa-math").unsuited(facts) is None) is suited
    assert OPTIMIZATIONS.get("half-bf16").unsuited(facts) is None


@pytest.mark.slow
def test_the_families_without_the_operator_are_what_they_are_said_to_be():
    """The smallest model of each, made without memory; none of its modules names the operator."""
    import inspect

    import timm
    import torch

    smallest: dict[str, str] = {}
    for facts in sorted(load_catalog().select(("*",), (), ()), key=lambda facts: facts.parameters or 0, reverse=True):
        smallest[facts.family] = facts.architecture
    assert set(smallest) >= WITHOUT_SDPA
    for family in sorted(WITHOUT_SDPA):
        with torch.device("meta"):
            model = timm.create_model(smallest[family])
        for kind in {type(module) for module in model.modules()}:
            assert "scaled_dot_product_attention" not in inspect.getsource(kind), (family, kind)


# --- compile modes


@pytest.mark.parametrize("name", ["compile", "compile-freezing", "compile-max-autotune", "compile-reduce-overhead"])
def test_a_mode_is_set_and_stands_in_the_settings(bench, name, monkeypatch):
    import torch
    from torch._inductor import config

    asked = {}
    monkeypatch.setattr(torch, "compile", lambda model, **options: asked.update(options) or model)
    way = OPTIMIZATIONS.get(name)
    way.load(bench)
    settings = dict(way.settings)
    assert asked == {"dynamic": False, "mode": settings["compile.mode"]}
    assert config.freezing is (settings.get("compile.freezing") == "True") is (name == "compile-freezing")


def test_the_settings_of_the_default_mode_are_those_of_stored_measurements():
    assert OPTIMIZATIONS.get("compile").settings == (("compile.dynamic", "False"), ("compile.mode", "default"))


@pytest.mark.parametrize("name", ["compile", "compile-freezing"])
def test_a_build_that_finds_its_programs_in_the_cache_is_timed_without_it(bench, name, tmp_path, monkeypatch):
    """A record may be gone while Inductor's cache is not; build seconds are those of a machine without either."""
    if OPTIMIZATIONS.get(name).unavailable(CPU) is not None:
        pytest.skip("no C++ compiler")
    import torch

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "inductor"))
    asked = []
    real = compile_module.cold_seconds
    monkeypatch.setattr(compile_module, "cold_seconds", lambda compiling: asked.append(real(compiling)) or asked[-1])
    way = OPTIMIZATIONS.get(name)
    first = way.build(bench)
    assert compile_module.compiled_objects() > 0
    assert asked == []
    torch._dynamo.reset()
    held = compile_module.compiled_objects()
    assert way.build(bench).seconds == asked[0] > 0
    assert first.seconds not in asked
    assert compile_module.compiled_objects() == held, "the cold call left the cache as it was"


def test_skipped_cuda_graphs_are_a_fallback():
    refuse_skipped_graphs({})
    refuse_skipped_graphs({"cudagraph_skips": 0, "pattern_matcher_count": 7})
    with pytest.raises(FallbackError, match="skipped 2 of them"):
        refuse_skipped_graphs({"cudagraph_skips": 2})


def test_compiling_on_a_gpu_needs_triton(monkeypatch):
    monkeypatch.setattr(pytorch, "torch_cuda", lambda: "13.0")
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "triton" else find(name))
    reason = OPTIMIZATIONS.get("compile-reduce-overhead").unavailable(GPU)
    assert reason == "torch.compile on CUDA needs Triton, which is not installed: pip install triton"
    assert OPTIMIZATIONS.get("half-fp16").unavailable(GPU) is None


# --- a GPU


def test_tf32_is_always_said_on_a_gpu_and_part_of_the_identity():
    for way in TORCH_WAYS:
        assert way.settings_on("cpu") == way.settings
        assert ("tf32", "on" if way.name == "tf32" else "off") in way.settings_on("cuda")
    plan = make_plan(make_profile(), load_catalog(), GPU, {})
    eager = next(one.candidate for one in plan.considered if one.candidate.optimization == "eager")
    assert ("tf32", "off") in eager.settings
    on = type(eager)(**{**eager.__dict__, "settings": (("tf32", "on"),)})
    assert speed_identity(eager, GPU) != speed_identity(on, GPU)


@pytest.mark.parametrize("allowed", [True, False])
def test_tf32_is_set_for_products_and_convolutions(allowed, monkeypatch):
    import torch

    precision, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        pytorch.set_tf32(allowed)
        assert torch.backends.cuda.matmul.allow_tf32 is allowed
        assert torch.backends.cudnn.allow_tf32 is allowed
    finally:
        torch.set_float32_matmul_precision(precision)
        torch.backends.cudnn.allow_tf32 = convolutions


def test_a_torch_without_cuda_is_told_on_a_gpu(monkeypatch):
    monkeypatch.setattr(pytorch, "torch_cuda", lambda: None)
    reasons = unavailable_ways(GPU)
    for way in TORCH_WAYS:
        if "cuda" in way.runs_on:
            assert reasons[way.name].startswith("this torch is built without CUDA and needs to be replaced: pip ")
    assert "eager" not in unavailable_ways(CPU)


def test_what_torch_was_built_with_is_read_from_its_file():
    import torch

    assert pytorch.torch_cuda() == torch.version.cuda
