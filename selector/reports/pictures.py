"""Figures as picture files."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from selector.reports.drawing import draw_scatter
from selector.reports.figures import scatter
from selector.reports.plates import vegalite_version

if TYPE_CHECKING:
    from selector.decision import Decision

_WIDTH, _TIMES = 900, 2.0
"""Of a picture in the figure's pixels, and how many of its own each has."""


def can_draw() -> bool:
    """Whether what draws pictures is installed (the extra "report")."""
    return importlib.util.find_spec("vl_convert") is not None


def scatter_picture(decision: Decision, x: str | None = None, y: str | None = None) -> bytes:
    """The scatter of a decision as a PNG; asks no network.

    Args:
        decision: What was decided.
        x: Metric of the horizontal axis, None for the one that is usual.
        y: Of the vertical axis.
    """
    import vl_convert

    spec = draw_scatter(scatter(decision, x, y)).properties(width=_WIDTH, background="white").to_dict()
    made: bytes = vl_convert.vegalite_to_png(spec, vl_version=vegalite_version(), scale=_TIMES, allowed_base_urls=[])
    return made
