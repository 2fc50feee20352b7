"""The maps of backbones in explanations, decision records and JSON."""

from __future__ import annotations

import json

import jsonschema
import pytest
from support.evidence import make_evidence, make_measurement, make_planned, make_profile

from selector.decision import Decision, decide
from selector.reports import Context, render
from selector.reports.explanation import candidate_document, explain_text
from selector.reports.json_report import schema
from selector.types import Outcome, Stage

STAGES = (Stage(96, 256, 192, 4), Stage(1024, 8, 6, 32))
HOSTILE = "<script>|`x`_*名.a1_in1k"
BACKBONE = {"task": "feature-extraction", "num_classes": 0, "image_size": (1024, 768)}


def decision(name: str = "swin.a1_in1k", stages: tuple[Stage, ...] = STAGES) -> Decision:
    profile = make_profile(workload={"task": "feature-extraction", "image_size": (1024, 768)})
    rows = []
    for model, way, p50 in ((name, "eager", 0.02), (name, "openvino", 0.01), ("other.a1_in1k", "eager", 0.03)):
        planned = make_planned(model, way, candidate=BACKBONE)
        rows.append((planned, make_measurement(planned.candidate, p50, stages=stages)))
    gone = make_planned("gone.a1_in1k", candidate=BACKBONE)
    why = "timm gives no maps of features of gone.a1_in1k at 1024 × 768 pixels (…)"
    rows.append((gone, make_measurement(gone.candidate, outcome=Outcome.UNAVAILABLE, message=why)))
    return decide(profile, make_evidence(rows))


def test_the_fastest_backbone_is_the_choice_and_classes_are_not_observed() -> None:
    found = decision()
    assert found.winner is not None
    assert found.winner.id == "swin.a1_in1k@openvino"
    for name in ("accuracy_top1", "agreement_top1"):
        assert "names no class" in str(found.winner.metrics[name])
    (gone,) = found.unavailable
    assert gone.reasons[0].startswith("timm gives no maps")


def test_a_published_figure_is_not_that_of_the_features() -> None:
    """Also at the size that it was published for."""
    planned = make_planned(candidate={"task": "feature-extraction", "num_classes": 0})
    profile = make_profile(workload={"task": "feature-extraction"})
    (one,) = decide(profile, make_evidence([(planned, make_measurement(planned.candidate))])).ranked
    assert "names no class" in str(one.metrics["accuracy_top1"])


def test_an_explanation_lists_them() -> None:
    found = decision()
    lines = explain_text(found, found.find("swin.a1_in1k@eager")).splitlines()
    at = lines.index("  features")
    assert lines[at + 1 : at + 3] == [
        "    stage 1: 96 channels, 256 × 192 places, stride 4",
        "    stage 2: 1,024 channels, 8 × 6 places, stride 32",
    ]
    assert "  features" not in explain_text(found, found.unavailable[0]).splitlines()


def test_json_has_them_in_numbers_and_by_the_schema() -> None:
    found = decision()
    data = json.loads(render(found, "json", Context()))
    jsonschema.validate(data, schema())
    assert data["winner"]["stages"] == [
        {"channels": 96, "height": 256, "width": 192, "stride": 4},
        {"channels": 1024, "height": 8, "width": 6, "stride": 32},
    ]
    assert "stages" not in data["unavailable"][0]
    assert candidate_document(found, found.ranked[0])["stages"] == data["winner"]["stages"]
    plain = json.loads(render(decision(stages=()), "json", Context()))
    jsonschema.validate(plain, schema())
    assert "stages" not in plain["winner"], "classifiers have none"


@pytest.mark.parametrize("name", ["swin.a1_in1k", HOSTILE])
def test_the_record_has_each_model_once(name: str) -> None:
    text = render(decision(name), "md", Context())
    assert isinstance(text, str)
    section = text.split("### Maps of features\n\n")[1].split("\n\n")[0].splitlines()
    assert section[0] == "| model | image | stage | channels | height × width | stride |"
    assert len(section) == 2 + 2 * len(STAGES)
    assert section[2].endswith("| 1,024 × 768 | 1 | 96 | 256 × 192 | 4 |")
    assert "<script>" not in "".join(section).replace("\\<script>", ""), "escaped wherever it stands"
    assert "Maps of features" not in render(decision(stages=()), "md", Context())


def test_the_page_has_them_as_text() -> None:
    page = render(decision(HOSTILE), "html", Context())
    assert "Maps of features" in page
    assert "<script>|" not in page
