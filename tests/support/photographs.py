"""A folder of small JPEG files that look a little like photographs: gradients, blobs and grain."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def make_photographs(folder: Path, count: int = 6, size: tuple[int, int] = (180, 240)) -> Path:
    """`count` files in two subfolders, each with content of its own."""
    from PIL import Image

    height, width = size
    rows, columns = np.mgrid[0:height, 0:width]
    for index in range(count):
        random = np.random.default_rng(index)
        pixels = np.zeros((height, width, 3))
        for channel in range(3):
            slope = random.uniform(-0.5, 0.5, 2)
            pixels[:, :, channel] = 120 + slope[0] * (rows - height / 2) + slope[1] * (columns - width / 2)
        for _ in range(6):
            place, radius = random.uniform(0, 1, 2) * (height, width), random.uniform(10, 60)
            blob = np.exp(-((rows - place[0]) ** 2 + (columns - place[1]) ** 2) / (2 * radius**2))
            pixels += blob[:, :, None] * random.uniform(-120, 120, 3)
        pixels += random.normal(0, 6, pixels.shape)
        path = folder / ("first" if index % 2 else "second") / f"{index}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path, quality=90)
    return folder
