"""Whether a prepared model computes what the fp32 eager model computes. Checked before anything is timed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from selector.errors import WrongOutputError
from selector.types import Agreement, Weights

Logits = NDArray[np.float32]

_WORST_CLASS = 4
"""Times the tolerance that one class may be off. Rounding spreads over classes: the worst of 1000 measured 2.2 to 3.4
times the whole's error for every way of three models. A single wrong scale of an int8 layer saturates, which hardly
shows in the norm over all classes."""
_EXACT = 1e-12
"""What arithmetic in fp64 leaves of a cosine of 1."""


def compare(answer: Logits, reference: Logits, tolerance: float, weights: Weights) -> Agreement:
    """How near `answer` is to `reference`.

    Args:
        answer: Logits of the prepared model, shape (images, classes).
        reference: Logits of the fp32 eager model on the same images and weights, same shape.
        tolerance: Relative error that is allowed, over all images. One image may be off by more, but not point
            elsewhere: its cosine is to be at least 1 - 2 t², that of an error of 2 t across (cos ≈ 1 - e²/2). One
            class may be off by four times as much, of its own norm over the images or the mean one.
        weights: What both ran; classes are compared for real weights only.

    Raises:
        WrongOutputError: Another shape, NaN or infinity, a relative error above the tolerance, an image whose
            answer points elsewhere, or a class that is wrong by itself.
    """
    if answer.shape != reference.shape:
        raise WrongOutputError(f"the output has shape {answer.shape}, fp32 eager gives {reference.shape}")
    if not np.isfinite(answer).all():
        raise WrongOutputError(f"{int((~np.isfinite(answer)).sum())} of {answer.size} outputs are NaN or infinite")
    exact, found = reference.astype(np.float64), answer.astype(np.float64)
    scale = float(np.linalg.norm(exact))
    error = float(np.linalg.norm(found - exact)) / scale if scale else float(np.linalg.norm(found) > 0)
    norms = np.linalg.norm(exact, axis=1) * np.linalg.norm(found, axis=1)
    both_nothing = ~exact.any(axis=1) & ~found.any(axis=1)
    cosines = np.sum(exact * found, axis=1) / np.where(norms > 0, norms, 1.0)
    cosine = float(np.min(np.where(both_nothing, 1.0, cosines)))
    same = float(np.mean(found.argmax(axis=1) == exact.argmax(axis=1)))
    if not error <= tolerance:  # a reference that overflowed makes it NaN
        raise WrongOutputError(
            f"the output differs from fp32 eager by {error:.3g} of its norm, {tolerance:.3g} is allowed "
            f"(cosine {cosine:.4f}, {len(exact)} images); timing a wrong model would mean nothing. If the loss is "
            "acceptable, raise `agreement` in the profile"
        )
    least = 1 - 2 * tolerance**2
    if cosine < least - _EXACT:
        raise WrongOutputError(
            f"the output differs from fp32 eager by {error:.3g} of its norm, but one of {len(exact)} images has "
            f"another answer: cosine {cosine:.6f}, at least {least:.6f} is asked for {tolerance:.3g}; timing a wrong "
            "model would mean nothing. If the loss is acceptable, raise `agreement` in the profile"
        )
    of_classes = np.linalg.norm(found - exact, axis=0)
    norms_of_classes = np.maximum(np.linalg.norm(exact, axis=0), scale / np.sqrt(exact.shape[1]))
    off = of_classes / np.where(norms_of_classes > 0, norms_of_classes, 1.0)
    if off.max() > _WORST_CLASS * tolerance:
        raise WrongOutputError(
            f"the output differs from fp32 eager by {error:.3g} of its norm, but that of class {int(off.argmax())} "
            f"alone by {off.max():.3g}, at most {_WORST_CLASS * tolerance:.3g} is asked for {tolerance:.3g}; timing "
            "a wrong model would mean nothing. If the loss is acceptable, raise `agreement` in the profile"
        )
    return Agreement(
        relative_error=error,
        cosine=cosine,
        top1=None if weights.source == "random" else same,
        images=len(exact),
        tolerance=tolerance,
        weights=weights,
    )
