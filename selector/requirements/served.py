"""What the profile's format knows and which part of it this version serves.

The format is larger than what is served: whatever is known but not served is refused by name with "not supported
yet", so that nothing in a profile is ever ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from selector.types import Precision, Protocol

TASKS = ("image-classification", "feature-extraction")
LATER_TASKS = ("zero-shot-classification",)

SCENARIOS = ("single-stream", "multi-stream", "offline")
LATER_SCENARIOS = ("server",)

LATENCY_SCOPES = ("forward",)
LATER_LATENCY_SCOPES = ("end_to_end",)

TARGETS = ("auto", "cpu", "cuda", "fake")

DATASETS = ("imagenet-1k", "imagenet-real", "imagenet-v2", "imagenet-a", "imagenet-r", "imagenet-sketch")
"""Test sets with published figures; the first is meant where a requirement names none."""

COMPARISONS = ("<", "<=", ">", ">=")

PRECISIONS: tuple[Precision, ...] = get_args(Precision)

PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)

LATER_METRICS: Mapping[str, str] = {}
"""Metrics of the format that are not served, with what to know or do instead."""

LATER_KEYS: Mapping[tuple[str, ...], str] = {
    ("workload", "arrival_rate"): "there is no server scenario",
}
"""Keys of the format that are not served, with what this version does instead."""

PLAIN_KEYS = ("name", "description", "traffic")
SECTIONS = (
    "workload",
    "device",
    "requirements",
    "objective",
    "candidates",
    "accuracy",
    "agreement",
    "calibration",
    "evaluation",
)
REQUIRED = ("name", "workload", "candidates")

KEY_EXAMPLES: Mapping[str, str] = {
    "name": "name: my-service",
    "workload": "workload: {task: image-classification}",
    "candidates": 'candidates: {models: ["resnet18*"]}',
}
