"""What `selector models` lists, and in which order."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selector.catalog import COLUMNS, ModelFilter, list_models, load_catalog, published_top1, published_top5
from selector.errors import UnknownNameError
from selector.types import ModelFacts, PublishedFigure

SIZES = [(224, 224), (288, 288), (1024, 768)]


@st.composite
def facts(draw: st.DrawFn) -> ModelFacts:
    architecture = draw(st.sampled_from(["vit_tiny", "vit_base", "swin_tiny"]))
    tag = draw(st.text("abc1", min_size=1, max_size=5))
    figures = tuple(
        PublishedFigure("imagenet-1k", size, draw(st.floats(0, 1)), draw(st.none() | st.floats(0, 1)), "made up")
        for size in draw(st.lists(st.sampled_from(SIZES), unique=True))
    )
    return ModelFacts(
        name=f"{architecture}.{tag}",
        architecture=architecture,
        tag=tag,
        family=architecture.split("_")[0],
        image_size=draw(st.sampled_from(SIZES)),
        num_classes=draw(st.sampled_from([0, 1000])),
        parameters=draw(st.none() | st.integers(1, 10**9)),
        gmacs=draw(st.none() | st.floats(0.01, 100)),
        activations=draw(st.none() | st.integers(1, 10**9)),
        license=draw(st.sampled_from([None, "mit", "apache-2.0"])),
        pretraining=draw(st.sampled_from([None, "in22k"])),
        published=figures,
    )


MODELS = st.lists(facts(), max_size=8, unique_by=lambda model: model.name)


@settings(max_examples=60)
@given(MODELS, st.sampled_from(sorted(COLUMNS)), st.sampled_from([None, True, False]), st.randoms())
def test_sorted_by_any_column_with_the_unknown_last(models, column, descending, random):
    listed = list_models(models, sort=column, descending=descending)
    assert sorted(listed, key=lambda model: model.name) == sorted(models, key=lambda model: model.name)
    values = [COLUMNS[column].value(model) for model in listed]
    known = [value for value in values if value is not None]
    assert values[: len(known)] == known
    down = COLUMNS[column].descending if descending is None else descending
    assert known == sorted(known, reverse=down)
    shuffled = random.sample(models, len(models))
    assert list_models(shuffled, sort=column, descending=descending) == listed


@settings(max_examples=40)
@given(MODELS)
def test_limits_keep_what_is_known_to_be_within(models):
    wanted = ModelFilter(max_parameters=10**6, max_gmacs=5.0, max_activations=10**7, min_top1=0.5)
    for model in models:
        within = (
            (model.parameters or 10**12) <= 10**6
            and (model.gmacs or 1e12) <= 5
            and (model.activations or 10**12) <= 10**7
            and any(figure.top1 >= 0.5 for figure in model.published if figure.image_size == model.image_size)
        )
        assert (model in list_models(models, wanted)) == within


def test_accuracy_of_zero_is_an_accuracy():
    model = ModelFacts(
        "a.b", "a", "b", "a", (1, 1), 2, published=(PublishedFigure("imagenet-1k", (1, 1), 0.0, None, ""),)
    )
    assert list_models([model], ModelFilter(min_top1=0.0)) == [model]
    assert published_top1(model) == 0.0
    assert published_top5(model) is None


def names(wanted: ModelFilter, **order: object) -> list[str]:
    return [model.name for model in list_models(load_catalog().models, wanted, **order)]  # type: ignore[arg-type]


def test_filters_are_joined_by_and():
    wanted = ModelFilter(families=["vision_transformer"], licenses=["Apache-2.0"], max_parameters=6_000_000)
    wanted_more = ModelFilter(families=["vit"], licenses=["apache-2.0"], max_parameters=6_000_000, min_top1=0.75)
    listed = names(wanted)
    assert "vit_tiny_patch16_224.augreg_in21k_ft_in1k" in listed
    assert set(names(wanted_more)) < set(listed)
    for name in listed:
        facts = load_catalog().facts(name)
        assert (facts.family, facts.license) == ("vit", "apache-2.0")


def test_best_accuracy_stands_first_by_itself():
    assert names(ModelFilter(), sort="top1")[0] == "eva02_large_patch14_448.mim_m38m_ft_in22k_in1k"


def test_text_finds_words_in_any_case_and_globs():
    assert names(ModelFilter(text="LITE0 efficientnet ra_")) == ["efficientnet_lite0.ra_in1k"]
    assert names(ModelFilter(text="resnet18.*")) == [
        name for name in load_catalog().names() if name.startswith("resnet18.")
    ]
    assert names(ModelFilter(text="no such words")) == []


def test_by_tag_pretraining_size_and_classes():
    wanted = ModelFilter(tags=["*_ft_in1k"], pretraining=["in22k"], image_size=(288, 288), num_classes=1000)
    listed = names(wanted)
    assert "convnext_base.fb_in22k_ft_in1k" in listed
    assert all(name.endswith("_ft_in1k") for name in listed)
    assert names(ModelFilter(image_size=(1024, 768), num_classes=1000)) == []


def test_models_without_a_stated_licence_can_be_asked_for():
    listed = list_models(load_catalog().models, ModelFilter(licenses=["unknown"]))
    assert listed
    assert all(model.license is None for model in listed)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sort": "parameter"}, "unknown column 'parameter', did you mean 'parameters'"),
        ({"wanted": ModelFilter(families=["convnets"])}, "unknown family 'convnets', did you mean 'convnext'"),
        ({"wanted": ModelFilter(licenses=["apache-2"])}, "unknown licence 'apache-2', did you mean 'apache-2.0'"),
    ],
)
def test_wrong_names_are_refused_with_a_suggestion(arguments, message):
    with pytest.raises(UnknownNameError, match=message):
        list_models(load_catalog().models, **arguments)
