"""Which models a profile's candidates name."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.catalog import Catalog, load_catalog
from selector.errors import UnknownNameError
from selector.types import ModelFacts


def model(name: str, family: str) -> ModelFacts:
    architecture, _, tag = name.partition(".")
    return ModelFacts(name, architecture, tag, family, (224, 224), 1000)


SMALL = Catalog(
    [
        model("swin_tiny.ms_in1k", "swin"),
        model("swin_base.ms_in22k", "swin"),
        model("resnet18.tv_in1k", "resnet"),
        model("resnet18.a1_in1k", "resnet"),
        model("convnext_xxlarge.clip", "convnext"),
        model("vit_tiny.augreg", "vit"),
    ],
    {"resnet18": "resnet18.tv_in1k", "swin_tiny": "swin_tiny.ms_in1k"},
)


def names(models: list[ModelFacts]) -> list[str]:
    return [facts.name for facts in models]


def test_models_and_families_are_united_then_exclude_is_taken_away():
    chosen = SMALL.select(["swin_*", "convnext_*"], ["vit"], ["*_xxlarge*"])
    assert names(chosen) == ["swin_base.ms_in22k", "swin_tiny.ms_in1k", "vit_tiny.augreg"]


def test_a_model_named_twice_stands_once():
    assert names(SMALL.select(["swin_*", "swin_tiny.ms_in1k", "swin_tiny"], ["swin"])) == [
        "swin_base.ms_in22k",
        "swin_tiny.ms_in1k",
    ]


def test_an_architecture_alone_means_the_default_weights_not_the_first():
    assert names(SMALL.select(["resnet18"])) == ["resnet18.tv_in1k"]
    assert SMALL.facts("resnet18").name == "resnet18.tv_in1k"


def test_an_architecture_alone_excludes_all_its_weights_a_full_name_only_one():
    assert names(SMALL.select([], ["resnet"], ["resnet18.tv_in1k"])) == ["resnet18.a1_in1k"]
    assert SMALL.select([], ["resnet"], ["resnet18"]) == []


def test_nothing_named_means_every_model():
    assert names(SMALL.select(exclude=["resnet18", "swin_*"])) == ["convnext_xxlarge.clip", "vit_tiny.augreg"]


def test_globs_tell_upper_from_lower_case():
    with pytest.raises(UnknownNameError):
        SMALL.select(["SWIN_*"])


def test_families_take_globs_and_timms_module_names():
    assert names(SMALL.select([], ["vision_transformer"])) == ["vit_tiny.augreg"]
    assert len(SMALL.select([], ["*n*t*"])) == len(SMALL.select([], ["resnet", "convnext"]))


@pytest.mark.parametrize(
    ("call", "kind", "offer"),
    [
        (lambda: SMALL.select(["swin_tony"]), "model", "swin_tiny"),
        (lambda: SMALL.select(["resnet18.a2_in1k"]), "model", "resnet18.a1_in1k"),
        (lambda: SMALL.select(["swim_*"]), "model", "swin_*"),
        (lambda: SMALL.select([], ["convnet"]), "family", "convnext"),
        (lambda: SMALL.select(["swin_*"], exclude=["restnet18"]), "model", "resnet18"),
        (lambda: SMALL.facts("vit_tinny.augreg"), "model", "vit_tiny.augreg"),
    ],
)
def test_what_matches_nothing_is_refused_with_a_suggestion(call, kind, offer):
    with pytest.raises(
        UnknownNameError, match=f"unknown {kind} .*did you mean '{offer.replace('*', '[*]')}'"
    ) as caught:
        call()
    assert caught.value.exit_code == 2


def test_a_glob_whose_corrected_form_matches_nothing_offers_its_first_word():
    with pytest.raises(UnknownNameError, match=r"Known: swin\*$"):
        SMALL.select(["swim_small*"])


def test_a_glob_near_nothing_lists_what_there_is():
    with pytest.raises(UnknownNameError, match=r"Known: convnext\*, resnet18\*, swin\*, vit\*"):
        SMALL.select(["zzz*"])


def test_an_offer_for_a_glob_matches_something_itself():
    with pytest.raises(UnknownNameError) as caught:
        load_catalog().select(["efficientnett_*"])
    (offer,) = caught.value.known
    assert load_catalog().select([offer])


PATTERNS = st.sampled_from(["*", "s*", "*1k", "?esnet*", "resnet18", "swin_tiny", "vit*", "swin", "*[!k]"]) | st.text(
    "swinre18_.*?[]!", max_size=8
)


def means(pattern: str, facts: ModelFacts) -> bool:
    """Whether an entry under `models` names the model, by the contract's words."""
    default = {"resnet18": "resnet18.tv_in1k", "swin_tiny": "swin_tiny.ms_in1k"}.get(pattern)
    return facts.name == default or fnmatchcase(facts.name, pattern)


@given(st.lists(PATTERNS, max_size=3), st.lists(PATTERNS, max_size=3), st.lists(PATTERNS, max_size=2))
def test_selection_is_a_union_less_the_excluded_or_refused(models, families, exclude):
    in_vain = [
        *(pattern for pattern in models if not any(means(pattern, facts) for facts in SMALL.models)),
        *(pattern for pattern in families if not any(fnmatchcase(name, pattern) for name in SMALL.families())),
        *(pattern for pattern in exclude if not any(excludes(pattern, facts) for facts in SMALL.models)),
    ]
    if in_vain:
        with pytest.raises(UnknownNameError):
            SMALL.select(models, families, exclude)
        return
    chosen = SMALL.select(models, families, exclude)
    for facts in SMALL.models:
        named = any(means(pattern, facts) for pattern in models)
        of_family = any(fnmatchcase(facts.family, pattern) for pattern in families)
        out = any(excludes(pattern, facts) for pattern in exclude)
        assert (facts in chosen) == ((named or of_family or not (models or families)) and not out)


def excludes(pattern: str, facts: ModelFacts) -> bool:
    return pattern == facts.architecture or fnmatchcase(facts.name, pattern)


@given(st.permutations(SMALL.models))
def test_row_order_does_not_matter(models):
    shuffled = Catalog(models, {"resnet18": "resnet18.tv_in1k", "swin_tiny": "swin_tiny.ms_in1k"})
    assert shuffled.names() == SMALL.names()
    assert shuffled.families() == {"convnext": 1, "resnet": 2, "swin": 2, "vit": 1}
    assert shuffled.select(["*in1k"]) == SMALL.select(["*in1k"])


def test_the_contracts_example_selects():
    chosen = load_catalog().select(
        ["swin_*", "convnext_*.fb_in22k_ft_in1k", "vit_base_patch16_224.augreg2_in21k_ft_in1k"],
        ["vit", "swin", "convnext", "efficientnet"],
        ["*_xxlarge*"],
    )
    assert {facts.family for facts in chosen} == {"vit", "swin", "convnext", "efficientnet"}
    assert not [facts.name for facts in chosen if "_xxlarge" in facts.name]


def test_families_have_the_short_names_of_the_contract():
    families = load_catalog().families()
    wanted = {"vit", "deit", "swin", "swinv2", "convnext", "efficientnet", "mobilenetv3", "mobilevit", "fastvit"}
    assert wanted <= set(families)
    assert not [family for family in families if "transformer" in family]
    assert sum(families.values()) == len(load_catalog()) == len(load_catalog().names())
    architectures = {"tf_efficientnetv2_s": "efficientnet", "tf_efficientnet_lite0": "efficientnet"}
    architectures |= {"mobilenetv4_conv_small": "mobilenetv3", "repvit_m1": "repvit", "deit_tiny_patch16_224": "deit"}
    assert {name: load_catalog().facts(name).family for name in architectures} == architectures
