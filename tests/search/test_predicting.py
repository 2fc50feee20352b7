"""The cost model: exact, honest about what it does not know, and the same however it is asked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selector.search.predicting.cost_model import (
    Blend,
    CostModel,
    Covariances,
    Kernel,
    hyperparameters,
    shipped,
    work_mean,
)
from selector.search.predicting.features import Features, Floats, Work, features_of, first_word, stem
from selector.search.predicting.guide import Guide
from selector.search.predicting.stopping import chance_of_best, missed

SEED = st.integers(0, 2**32 - 1)


def models(number: int, seed: int = 0) -> Features:
    """Makes of a few sizes each."""
    random = np.random.default_rng(seed)
    return features_of(
        [
            Work(
                f"make{one % 7}_{('tiny', 'small', 'base')[one % 3]}{one}",
                f"family{one % 4}",
                float(np.exp(random.normal(1, 1))),
                float(np.exp(random.normal(2.5, 1))),
                float(np.exp(random.normal(3, 1))),
                224.0**2,
            )
            for one in range(number)
        ]
    )


def drawn(features: Features, kind: str, seed: int) -> Floats:
    """Times of a device as the cost model believes devices to be, own parts with Student's tails."""
    random = np.random.default_rng(seed)
    figures = hyperparameters(kind)
    matrix = Kernel(features, figures).block(np.arange(len(features.scaled)))
    values, vectors = np.linalg.eigh(matrix)
    smooth = vectors @ (np.sqrt(np.maximum(values, 0)) * random.normal(size=len(values)))
    own = figures.own * random.standard_t(5, len(values))
    return np.asarray(work_mean(features) + smooth + own)


@given(seed=SEED, number=st.integers(1, 12))
@settings(deadline=None, max_examples=30)
def test_rank_one_updates_are_the_exact_posterior(seed: int, number: int) -> None:
    random = np.random.default_rng(seed)
    features = models(25, seed)
    figures = hyperparameters("cold")
    kernel = Kernel(features, figures, [one % 2 for one in range(25)])
    model = CostModel(work_mean(features), kernel, figures.own)
    seen = random.permutation(25)[:number]
    told = work_mean(features) + random.normal(size=25)
    for index in seen:
        model.observe(int(index), float(told[index]))
    prior = kernel.block(np.arange(25))
    inner = prior[np.ix_(seen, seen)] + figures.own**2 * np.eye(number)
    gain = prior[:, seen] @ np.linalg.inv(inner)
    expected = work_mean(features) + gain @ (told - work_mean(features))[seen]
    variance = np.diagonal(prior) - np.einsum("ij,ij->i", gain, prior[:, seen]) + figures.own**2
    assert model.mean == pytest.approx(expected[seen.argsort().argsort()] if False else expected, abs=1e-6)
    assert (model.deviation() / model.scale) ** 2 == pytest.approx(variance, abs=1e-6)


@given(seed=SEED)
@settings(deadline=None, max_examples=20)
def test_a_kernel_is_a_covariance_and_its_columns_agree(seed: int) -> None:
    features = models(30, seed)
    for kind in ("cold", "free", "transfer"):
        kernel = Kernel(features, hyperparameters(kind), [one % 3 for one in range(30)])
        whole = kernel.block(np.arange(30))
        assert np.linalg.eigvalsh(whole).min() > -1e-9
        assert whole == pytest.approx(whole.T)
        assert np.diagonal(whole) == pytest.approx(kernel.diagonal())
        assert Covariances(kernel).column(7) == pytest.approx(kernel.column(7))


def test_more_surprise_widens_and_less_narrows() -> None:
    features = models(40)
    figures = hyperparameters("cold")
    calm, wild = (CostModel(work_mean(features), Kernel(features, figures), figures.own) for _ in range(2))
    random = np.random.default_rng(3)
    for index in range(20):
        calm.observe(index, float(calm.mean[index]))
        wild.observe(index, float(wild.mean[index] + random.choice([-2.0, 2.0])))
    assert calm.scale < 1 < wild.scale


def test_a_blend_believes_the_model_that_foretells() -> None:
    features = models(40)
    truth = drawn(features, "transfer", 5)
    figures = hyperparameters("transfer")
    right = CostModel(truth + 0.01, Kernel(features, figures), figures.own)
    wrong = CostModel(truth[::-1].copy(), Kernel(features, figures), figures.own)
    blend = Blend([wrong, right])
    assert blend.weights == pytest.approx([0.5, 0.5])
    for index in range(15):
        blend.observe(index, float(truth[index]))
    assert blend.leading is right
    assert blend.weights[1] > 0.99


@given(seed=SEED)
def test_chances_grow_with_the_bar(seed: int) -> None:
    features = models(20, seed)
    figures = hyperparameters("cold")
    model = CostModel(work_mean(features), Kernel(features, figures), figures.own)
    bars = np.sort(np.random.default_rng(seed).normal(-8, 3, 6))
    chances = np.array([model.below(np.full(20, bar)) for bar in bars])
    assert (np.diff(chances, axis=0) >= 0).all()
    assert (model.below(np.full(20, -np.inf)) == 0).all()
    assert (model.below(np.full(20, np.inf)) == 1).all()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_what_may_be_missed_is_bounded_by_the_union(chances: list[float]) -> None:
    bound = missed(np.array(chances))
    assert 1 - np.prod(1 - np.array(chances)) <= bound + 1e-12
    assert bound <= 1
    best = chance_of_best(np.array(chances), np.arange(float(len(chances))))
    assert best.sum() == pytest.approx(1 - np.prod(1 - np.array(chances)))


@pytest.mark.parametrize("confidence", [0.9, 0.99])
def test_the_certificate_is_true_in_simulated_worlds(confidence: float) -> None:
    """Worlds are drawn, searched for the fastest above an accuracy, and the missed counted."""
    worlds, wrong, measured = 60, 0, 0
    for seed in range(worlds):
        features = models(120, seed)
        truth = drawn(features, "cold", seed)
        figures = hyperparameters("cold")
        model = CostModel(work_mean(features), Kernel(features, figures), figures.own)
        guide = Guide(model, confidence, 3)
        open_ = np.ones(120, dtype=bool)
        best = np.inf
        while (index := guide.propose(open_, np.full(120, best), None).index) is not None:
            open_[index] = False
            best = min(best, float(truth[index]))
            guide.observe(index, float(truth[index]))
        wrong += best > truth.min()
        measured += int((~open_).sum())
    # Three standard deviations of a binomial above what the certificate allows.
    risk = 1 - confidence
    assert wrong <= worlds * risk + 3 * np.sqrt(worlds * risk * (1 - risk))
    assert measured < 0.6 * worlds * 120


def test_names_tell_makes() -> None:
    assert (first_word("convnextv2_base"), stem("levit_conv_128s")) == ("convnextv2", "levit_conv")
    assert stem("vit_base_patch16_224") == stem("vit_small_patch16_384")


def test_what_ships_was_fitted_on_one_device() -> None:
    assert shipped()["device"] == "3090"
    assert len(shipped()["work"]) == 4
