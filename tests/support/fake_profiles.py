"""Small profiles for the fake device, on which the whole journey takes a second."""

from __future__ import annotations

from typing import Any

import yaml

from selector.requirements import RequirementProfile, parse_profile

SMALL, SHORT, LONG = (
    "mobilenetv3_small_100.lamb_in1k",
    "mobilenetv4_conv_small.e1200_r224_in1k",
    "mobilenetv4_conv_small.e2400_r224_in1k",
)
"""Top-1 67.6 %, 73.5 % and 73.8 %; the last two are one architecture with two sets of weights."""


def profile_text(**sections: Any) -> str:
    """A profile as a file has it: the three models, eager and OpenVINO, p95 below 50 ms, top-1 above 70 %.

    Args:
        **sections: Replace whole sections; None leaves one out.
    """
    document = {
        "name": "fake-profile",
        "workload": {"task": "image-classification"},
        "device": {"target": "fake"},
        "requirements": {"latency_p95": "< 50 ms", "accuracy_top1": "> 70 %"},
        "candidates": {"models": [SMALL, SHORT, LONG], "optimizations": ["eager", "openvino"]},
        "evaluation": {"candidate_time": "2 s"},
        **sections,
    }
    return str(yaml.safe_dump({key: value for key, value in document.items() if value is not None}, sort_keys=False))


def fake_profile(**sections: Any) -> RequirementProfile:
    """The same, parsed."""
    return parse_profile(profile_text(**sections))
