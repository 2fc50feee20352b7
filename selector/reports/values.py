"""Figures as columns show them: one unit for all rows, the interval as a margin.

Single figures in sentences are printed by `selector.quantities.format_quantity`; a column wants the unit in its
title and numbers that stand below each other.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from selector.decision.figures import metric_of, show
from selector.metrics import MetricValue, label
from selector.quantities import format_quantity, parse_quantity

if TYPE_CHECKING:
    from selector.metrics import Kind, MetricResult

__all__ = ["MISSING", "Scale", "known_end", "label", "metric_of", "observed", "scale_for", "show"]

MISSING = "–"
"""Stands where there is no figure."""
_LOPSIDED = 1.5
"""How many times the shorter side of an interval the longer one is before ± would mislead,"""
_NOTABLE = 0.05
"""and by what share of the figure it is longer."""


def observed(result: MetricResult | None) -> MetricValue | None:
    """The figure, or None where there is none or it is no finite number."""
    return result if isinstance(result, MetricValue) and math.isfinite(result.value) else None


def known_end(figure: MetricValue) -> tuple[Literal["≥", "≤"], float] | None:
    """The sign and place (base unit) of the only known end of an interval; None where none is known, or both are."""
    low, high = (end if end is not None and math.isfinite(end) else None for end in (figure.low, figure.high))
    if low is not None and high is None:
        return "≥", low
    return None if high is None or low is not None else ("≤", high)


@dataclass(frozen=True)
class Scale:
    """The unit in which a column or an axis shows its figures.

    Attributes:
        unit: As people write it; "" for plain counts.
        factor: Base units in one of it.
        kind: What the figures count.
    """

    unit: str
    factor: float
    kind: Kind

    def number(self, value: float, digits: int = 3) -> str:
        """`value` (base unit) in this unit, without the unit: "38.1", "1,040", "85.8"."""
        return self._fixed(value / self.factor, self.decimals(value, digits))

    def with_margin(self, figure: MetricValue, digits: int = 3, unit: str = "") -> str:
        """The figure and its interval: "38.1 ±0.4", and both ends where its sides differ: "4.57 (4.10 to 9.40)".

        Args:
            figure: In the base unit; one without interval is shown alone, one of which only one end is known with
                that end: "66.5 (≥ 13.4)".
            digits: Significant digits.
            unit: Stands behind the figure, or behind the margin.
        """
        behind = f" {unit}" if unit else ""
        end = known_end(figure)
        if figure.low is None or figure.high is None or end is not None:
            return self.number(figure.value, digits) + behind + self._one_end(end, figure, digits)
        above, below = figure.high - figure.value, figure.value - figure.low
        margin = max(above, below) / self.factor
        if not (math.isfinite(margin) and margin > 0):
            return self.number(figure.value, digits) + behind
        decimals = self.decimals(figure.value, digits)
        if _lopsided(above, below, figure.value):
            value, low, high = (
                self._fixed(each / self.factor, decimals) for each in (figure.value, figure.low, figure.high)
            )
            return f"{value}{behind} ({low} to {high})"
        if round(margin, decimals) == 0:
            decimals = -math.floor(math.log10(margin))
            return f"{self.number(figure.value, digits)} ±{self._fixed(margin, decimals)}{behind}"
        return f"{self._fixed(figure.value / self.factor, decimals)} ±{self._fixed(margin, decimals)}{behind}"

    def _one_end(self, end: tuple[str, float] | None, figure: MetricValue, digits: int) -> str:
        """The end that is known where the other is not: " (≥ 13.4)"; a figure shown alone would pass for exact."""
        if end is None:
            return ""
        sign, bound = end
        return f" ({sign} {self._fixed(bound / self.factor, self.decimals(figure.value, digits))})"

    def decimals(self, value: float, digits: int = 3) -> int:
        """Decimals that show `value` with so many significant digits; shares keep one."""
        if self.kind == "fraction":
            return 1
        shown = abs(value / self.factor)
        return max(0, digits - 1 - math.floor(math.log10(shown))) if shown > 0 else 0

    @staticmethod
    def _fixed(shown: float, decimals: int) -> str:
        return f"{shown:,.{decimals}f}".replace("-", "−")


def _lopsided(above: float, below: float, value: float) -> bool:
    """Whether an interval's sides differ so much that one margin would claim what was not measured."""
    longer, shorter = max(above, below), min(above, below)
    return longer > _LOPSIDED * shorter and longer - shorter > _NOTABLE * abs(value)


def scale_for(key: str, values: Iterable[float]) -> Scale:
    """The unit in which `values` of the metric `key` read best: that of their median."""
    kind = metric_of(key).kind
    sizes = [abs(value) for value in values if value and math.isfinite(value)]
    typical = statistics.median_low(sizes) if sizes else 1.0
    if kind == "time" and typical >= 1:
        return Scale("s", 1.0, kind)
    unit = format_quantity(typical, kind).rpartition(" ")[2]
    if not unit or unit[0].isdigit():
        return Scale("", 1.0, kind)
    return Scale(unit, parse_quantity(f"1 {unit}", kind), kind)
