"""Images where no photographs are at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selector.devices.base import Batch


def realistic_images(count: int, size: tuple[int, int], seed: int) -> Batch:
    """Smoothed noise with the statistics of normalized photographs.

    Args:
        count: Number of images.
        size: Height and width.
        seed: The same seed gives the same images.

    Returns:
        float32 of shape (count, 3, height, width), about zero mean and unit variance per image, most of the power
        in the low frequencies.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    image = 0.15 * random.standard_normal((count, 3, *size))
    for cells, share in ((4, 0.8), (16, 0.5)):
        rows = (np.arange(size[0]) * cells) // size[0]
        columns = (np.arange(size[1]) * cells) // size[1]
        image += share * random.standard_normal((count, 3, cells, cells))[:, :, rows][:, :, :, columns]
    return image.astype(np.float32)
