"""What the cost model knows of a model before it runs: its work as numbers, its name as nested groups."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_SIZES = re.compile(
    r"^(x?\d.*|[a-z]?\d+[a-z]*|pico|nano|atto|femto|micro|mini|tiny|small|medium|base|large|huge"
    r"|giant|gigantic|xxs|xs|x?xxlarge|xlarge|xsmall|xxtiny|xtiny|zepto|[smlbtx]|[x]+[sl]|so\d+m)$"
)
"""Parts of a name that tell the size of a network, not its make."""


@dataclass(frozen=True)
class Work:
    """What one image costs a model, and which make of model it is.

    Attributes:
        architecture: Name without the weights' tag.
        family: timm's module, or any word that stands for a make.
        gmacs: Multiply-accumulates, in 1e9.
        activations: Elements of layer outputs, in 1e6.
        parameters: Weights, in 1e6.
        pixels: Height times width of the image.
    """

    architecture: str
    family: str
    gmacs: float
    activations: float
    parameters: float
    pixels: float


@dataclass(frozen=True)
class Features:
    """Models as arrays, one row each.

    Attributes:
        work: Columns gmacs, activations, parameters in units of `Work`, all above 0.
        scaled: Logarithms of the work and of the image's side, about centred and of unit spread.
        groups: Number of the family, of the first word, of the stem without sizes and of the architecture;
            rows that share a number in a column are of one make.
    """

    work: Floats
    scaled: Floats
    groups: Integers


_CENTRE = np.array([1.5, 2.8, 3.3, 5.5])
_SPREAD = np.array([1.6, 1.1, 1.2, 0.35])


def features_of(models: Sequence[Work]) -> Features:
    """The arrays that the cost model works on, in the order of `models`."""
    work = np.array([(one.gmacs, one.activations, one.parameters) for one in models], dtype=float).reshape(-1, 3)
    work = np.maximum(work, 1e-3)
    side = np.sqrt(np.array([max(one.pixels, 1.0) for one in models], dtype=float))
    scaled = (np.log(np.column_stack([work, side])) - _CENTRE) / _SPREAD
    names = [(one.family, first_word(one.architecture), stem(one.architecture), one.architecture) for one in models]
    columns = []
    for level in range(4):
        numbers: dict[str, int] = {}
        columns.append([numbers.setdefault(name[level], len(numbers)) for name in names])
    return Features(work, scaled, np.array(columns, dtype=np.int64).reshape(4, -1).T)


def first_word(architecture: str) -> str:
    """Letters and version before the first underscore: "convnextv2" of "convnextv2_base"."""
    return re.sub(r"\d{2,}.*$", "", architecture.split("_")[0])


def stem(architecture: str) -> str:
    """The name without the parts that tell its size: "levit_conv" of "levit_conv_128s"."""
    head, *rest = architecture.split("_")
    return "_".join([re.sub(r"\d{2,}.*$", "", head), *(part for part in rest if not _SIZES.match(part))])
