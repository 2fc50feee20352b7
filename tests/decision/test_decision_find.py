from __future__ import annotations

import pytest
from support.evidence import make_evidence, make_planned, make_profile

from selector.decision import decide
from selector.errors import UnknownNameError, UsageError

NAMES = (
    ("resnet18.a1_in1k", "eager"),
    ("resnet18.a1_in1k", "openvino"),
    ("resnet18.a1_in1k", "openvino-bf16"),
    ("resnet18d.ra2_in1k", "openvino"),
    ("swin_tiny.ms_in1k", "eager"),
    ("vit_tiny.a_in1k", "eager"),
    ("vit_tiny.b_in1k", "eager"),
)


@pytest.fixture(scope="module")
def decision():
    return decide(make_profile(), make_evidence([make_planned(*pair) for pair in NAMES]))


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        pytest.param("resnet18.a1_in1k@openvino", "resnet18.a1_in1k@openvino", id="exact, also a beginning"),
        pytest.param("resnet18@openvino", "resnet18.a1_in1k@openvino", id="architecture and way"),
        pytest.param("resnet18d@openvino", "resnet18d.ra2_in1k@openvino", id="another architecture"),
        pytest.param("swin@eager", "swin_tiny.ms_in1k@eager", id="beginning of a model, and way"),
        pytest.param("swin", "swin_tiny.ms_in1k@eager", id="beginning"),
        pytest.param("resnet18.a1_in1k@openvino-", "resnet18.a1_in1k@openvino-bf16", id="beginning with a way"),
        pytest.param("*18d*", "resnet18d.ra2_in1k@openvino", id="glob"),
        pytest.param("vit_tiny.?_in1k@[e]ager", None, id="ambiguous glob"),
        pytest.param("vit_tiny@eager", None, id="two tags of an architecture"),
        pytest.param("resnet", None, id="ambiguous beginning"),
    ],
)
def test_a_reference_finds_its_candidate_or_says_what_it_could_mean(decision, reference, found):
    if found is not None:
        assert decision.find(reference).id == found
        return
    with pytest.raises(UsageError, match=r"means [0-9] candidates: .*; write more of its name"):
        decision.find(reference)


def test_an_ambiguous_reference_lists_some(decision):
    with pytest.raises(UsageError, match=r"means 7 candidates: resnet18.a1_in1k@eager, .* and 2 more"):
        decision.find("*")


@pytest.mark.parametrize("reference", ["resnet18.a1_in1k@openvin0", "", "@", "[", "nothing*"])
def test_an_unknown_reference_is_refused(decision, reference):
    with pytest.raises(UnknownNameError, match="unknown candidate"):
        decision.find(reference)


def test_an_unknown_reference_offers_a_near_one(decision):
    with pytest.raises(UnknownNameError, match=r"did you mean 'resnet18\.a1_in1k@openvino'"):
        decision.find("resnet18.a1_in1k@openvin0")
