"""Whether a prepared model computes what the fp32 eager model computes. Checked before anything is timed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selector.errors import WrongOutputError
from selector.optimizations.outputs import columns
from selector.types import Agreement, Stage, Weights

Answer = NDArray[np.float32]
"""Logits, shape (images, classes), or what `one_array` makes of a backbone's maps."""

_WORST_CLASS = 4
"""Times the tolerance that one class may be off. Rounding spreads over classes: the worst of 1000 measured 2.2 to 3.4
times the whole's error for every way of three models. A single wrong scale of an int8 layer saturates, which hardly
shows in the norm over all classes."""
_EXACT = 1e-12
"""What arithmetic in fp64 leaves of a cosine of 1."""


@dataclass(frozen=True)
class _Part:
    """What is judged by itself: all logits, or one map of a backbone.

    Attributes:
        name: For messages.
        unit: What its second axis counts, for messages.
        found: In fp64, shape (images, classes, 1) or (images, channels, places).
        exact: Of fp32 eager, likewise.
    """

    name: str
    unit: str
    found: NDArray[np.float64]
    exact: NDArray[np.float64]

    @property
    def error(self) -> float:
        """The difference's norm as a share of the exact one's."""
        scale = float(np.linalg.norm(self.exact))
        difference = float(np.linalg.norm(self.found - self.exact))
        return difference / scale if scale else float(difference > 0)

    @property
    def cosine(self) -> float:
        """The smallest of an image."""
        exact, found = (one.reshape(len(one), -1) for one in (self.exact, self.found))
        norms = np.linalg.norm(exact, axis=1) * np.linalg.norm(found, axis=1)
        both_nothing = ~exact.any(axis=1) & ~found.any(axis=1)
        cosines = np.sum(exact * found, axis=1) / np.where(norms > 0, norms, 1.0)
        return float(np.min(np.where(both_nothing, 1.0, cosines)))

    @property
    def worst(self) -> tuple[int, float]:
        """The class or channel that is off most, and by how much of its own norm or of the mean one."""
        off = np.linalg.norm(self.found - self.exact, axis=(0, 2))
        usual = np.linalg.norm(self.exact) / np.sqrt(self.exact.shape[1])
        norms = np.maximum(np.linalg.norm(self.exact, axis=(0, 2)), usual)
        off /= np.where(norms > 0, norms, 1.0)
        return int(off.argmax()), float(off.max())


def _parts(answer: Answer, reference: Answer, stages: Sequence[Stage]) -> list[_Part]:
    found, exact = answer.astype(np.float64), reference.astype(np.float64)
    if not stages:
        return [_Part("the output", "class", found[:, :, None], exact[:, :, None])]
    widths = [one.channels * columns(one) for one in stages]
    ends = [int(end) for end in np.cumsum(widths)]
    return [
        _Part(
            f"stage {number} of the output",
            "channel",
            *(each[:, end - width : end].reshape(len(each), stage.channels, -1) for each in (found, exact)),
        )
        for number, (stage, width, end) in enumerate(zip(stages, widths, ends, strict=True), 1)
    ]


def relative_error(answer: Answer, reference: Answer, stages: Sequence[Stage] = ()) -> float:
    """The difference's norm as a share of the reference's; of a backbone that of the stage where it is largest."""
    errors = [part.error for part in _parts(answer, reference, stages)]
    return max(errors) if np.isfinite(errors).all() else float("inf")


def compare(
    answer: Answer, reference: Answer, tolerance: float, weights: Weights, stages: Sequence[Stage] = ()
) -> Agreement:
    """How near `answer` is to `reference`. Each map of a backbone is judged by itself: their scales differ.

    Args:
        answer: Logits of the prepared model, shape (images, classes), or what `one_array` makes of its maps.
        reference: That of the fp32 eager model on the same images and weights, same shape.
        tolerance: Relative error that is allowed, over all images. One image may be off by more, but not point
            elsewhere: its cosine is to be at least 1 - 2 t², that of an error of 2 t across (cos ≈ 1 - e²/2). One
            class, or one channel of a map, may be off by four times as much, of its own norm over the images or the
            mean one.
        weights: What both ran; classes are compared for real weights only.
        stages: The maps of a backbone; empty for logits.

    Raises:
        WrongOutputError: Another shape, NaN or infinity, a relative error above the tolerance, an image whose
            answer points elsewhere, or a class or channel that is wrong by itself.
    """
    if answer.shape != reference.shape:
        raise WrongOutputError(f"the output has shape {answer.shape}, fp32 eager gives {reference.shape}")
    if not np.isfinite(answer).all():
        raise WrongOutputError(f"{int((~np.isfinite(answer)).sum())} of {answer.size} outputs are NaN or infinite")
    parts = _parts(answer, reference, stages)
    for part in parts:
        _judge(part, tolerance)
    named = weights.source != "random" and not stages
    return Agreement(
        relative_error=max(part.error for part in parts),
        cosine=min(part.cosine for part in parts),
        top1=float(np.mean(answer.argmax(axis=1) == reference.argmax(axis=1))) if named else None,
        images=len(reference),
        tolerance=tolerance,
        weights=weights,
    )


def _judge(part: _Part, tolerance: float) -> None:
    error, cosine, images = part.error, part.cosine, len(part.exact)
    if not error <= tolerance:  # a reference that overflowed makes it NaN
        raise WrongOutputError(
            f"{part.name} differs from fp32 eager by {error:.3g} of its norm, {tolerance:.3g} is allowed "
            f"(cosine {cosine:.4f}, {images} images); timing a wrong model would mean nothing. If the loss is "
            "acceptable, raise `agreement` in the profile"
        )
    least = 1 - 2 * tolerance**2
    if cosine < least - _EXACT:
        raise WrongOutputError(
            f"{part.name} differs from fp32 eager by {error:.3g} of its norm, but one of {images} images has "
            f"another answer: cosine {cosine:.6f}, at least {least:.6f} is asked for {tolerance:.3g}; timing a wrong "
            "model would mean nothing. If the loss is acceptable, raise `agreement` in the profile"
        )
    which, off = part.worst
    if off > _WORST_CLASS * tolerance:
        raise WrongOutputError(
            f"{part.name} differs from fp32 eager by {error:.3g} of its norm, but that of {part.unit} {which} "
            f"alone by {off:.3g}, at most {_WORST_CLASS * tolerance:.3g} is asked for {tolerance:.3g}; timing "
            "a wrong model would mean nothing. If the loss is acceptable, raise `agreement` in the profile"
        )
