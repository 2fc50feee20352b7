"""Counts against independent arithmetic, and the shipped tables against the installed timm."""

from __future__ import annotations

import warnings

import pytest

from selector.catalog import load_catalog
from selector.catalog.work import count_work

pytestmark = pytest.mark.slow

SAMPLE = [
    "resnet18.a1_in1k",
    "resnet50.a1_in1k",
    "vit_base_patch16_224.augreg2_in21k_ft_in1k",
    "swin_tiny_patch4_window7_224.ms_in1k",
    "convnext_base.fb_in22k_ft_in1k",
    "tf_efficientnetv2_s.in21k_ft_in1k",
    "efficientnet_lite0.ra_in1k",
    "mobilenetv4_conv_small.e2400_r224_in1k",
    "fastvit_t8.apple_in1k",
    "vit_base_patch16_sapiens2.fb",
]


def test_a_convolutional_network_counts_as_its_layers_say():
    """Every convolution and linear layer of resnet18, reckoned from its own output shape."""
    import timm
    import torch
    from torch import nn

    with torch.device("meta"):
        model = timm.create_model("resnet18").eval()
    macs, activations = 0, 0

    def reckon(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal macs, activations
        weight = layer.get_parameter("weight")
        macs += output.numel() * weight[0].numel()
        activations += output.numel()

    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(reckon)
    model(torch.empty(1, 3, 288, 288, device="meta"))

    work = count_work("resnet18.a1_in1k", (288, 288))
    assert (work.macs, work.activations) == (macs, activations)
    assert work.parameters == 11_689_512


@pytest.mark.parametrize("side", [224, 384])
def test_a_transformer_counts_as_its_formula_says(side):
    """ViT-Ti/16: patches, 12 blocks of attention and MLP, classifier; also at a size it is not made for."""
    width, heads, depth, patches = 192, 3, 12, (side // 16) ** 2
    tokens = patches + 1
    block = tokens * width * (3 * width + width + 4 * width + 4 * width) + 2 * tokens * tokens * width
    outputs = tokens * (3 * width + width + 4 * width + width) + heads * tokens * tokens + tokens * width
    work = count_work("vit_tiny_patch16_224.augreg_in21k_ft_in1k", (side, side))
    assert work.macs == patches * width * 3 * 16 * 16 + depth * block + width * 1000
    assert work.activations == patches * width + depth * outputs + 1000
    assert work.parameters == 5_717_416 + (tokens - 197) * width


@pytest.mark.parametrize("name", SAMPLE)
def test_the_shipped_facts_are_those_of_timms_registry(name):
    import timm
    from timm.models import is_model_in_modules

    facts = load_catalog().facts(name)
    config = timm.get_pretrained_cfg(name)
    modules = {"vit": "vision_transformer", "swin": "swin_transformer"}
    assert is_model_in_modules(facts.architecture, [modules.get(facts.family, facts.family)])
    assert facts.image_size == tuple((config.test_input_size or config.input_size)[1:])
    assert facts.num_classes == config.num_classes
    assert (facts.license or "") == (config.license or "").lower()


def test_the_default_weights_are_timms():
    import timm

    for name in ("resnet18", "vit_base_patch16_224", "mobilenetv4_conv_small", "convnext_tiny"):
        assert load_catalog().facts(name).tag == timm.get_pretrained_cfg(name).tag


@pytest.mark.parametrize(
    "name", ["resnet18.a1_in1k", "efficientnet_lite0.ra_in1k", "mobilenetv3_small_050.lamb_in1k"]
)
def test_the_shipped_counts_are_those_of_the_installed_timm(name):
    facts = load_catalog().facts(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        work = count_work(name, facts.image_size)
    assert work.macs is not None
    assert (work.parameters, work.macs / 1e9, work.activations) == (facts.parameters, facts.gmacs, facts.activations)


def test_what_timm_does_not_know_is_raised():
    with pytest.raises(RuntimeError):
        count_work("no_such_network", (224, 224))


def test_a_size_that_no_build_takes_leaves_the_parameters():
    work = count_work("swin_tiny_patch4_window7_224.ms_in1k", (0, 0))
    assert (work.parameters, work.macs, work.activations) == (28_288_354, None, None)
