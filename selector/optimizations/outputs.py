"""What a prepared model answers, as one array: logits as they are, the maps of a backbone side by side.

Ways are compared with fp32 eager in this form. A backbone's maps at 1024 × 1024 pixels hold tens of millions of
values an image, so of a large one places are kept that lie evenly over it, the same for all channels and all ways,
and with them the mean of each channel: in it shows whatever is not finite anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from selector.types import Stage

KEPT = 2**18
"""Values that are kept of one map of one image; a map that has no more is kept as it is."""
_GOLDEN = (math.sqrt(5) - 1) / 2
_MAP_DIMENSIONS = 4


def on_host(answer: Any) -> list[NDArray[np.float32]]:
    """The outputs of a torch module, one tensor or several, on the host in fp32."""
    tensors = answer if isinstance(answer, tuple | list) else (answer,)
    return [one.detach().float().cpu().numpy() for one in tensors]


def one_array(outputs: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """A copy of a model's outputs as one array whose first axis counts images.

    Args:
        outputs: Logits, shape (images, classes), or maps, each of shape (images, channels, height, width).
    """
    import numpy as np

    if len(outputs) == 1 and outputs[0].ndim != _MAP_DIMENSIONS:
        return np.array(outputs[0], np.float32)
    return np.concatenate([_kept(np.asarray(one, np.float32)) for one in outputs], axis=1)


def columns(stage: Stage) -> int:
    """How many values of each channel `one_array` keeps of a map."""
    chosen = _places(stage.channels, stage.height * stage.width)
    return stage.height * stage.width if chosen is None else len(chosen) + 1


def _kept(output: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    images = len(output)
    if output.ndim != _MAP_DIMENSIONS:  # no map, and so told from one by its size
        return output.reshape(images, -1)
    flat = output.reshape(images, output.shape[1], -1)
    chosen = _places(*flat.shape[1:])
    if chosen is None:
        return flat.reshape(images, -1)
    means = flat.mean(axis=2, keepdims=True, dtype=np.float64).astype(np.float32)
    return np.concatenate([flat[:, :, list(chosen)], means], axis=2).reshape(images, -1)


@lru_cache
def _places(channels: int, places: int) -> tuple[int, ...] | None:
    """Which places of a map are kept, None for all.

    Steps of the golden ratio leave no large gap, and a step without a common divisor meets no place twice.
    """
    if channels * places <= KEPT:
        return None
    step = max(1, round(_GOLDEN * places))
    while math.gcd(step, places) > 1:
        step += 1
    number = max(1, KEPT // channels)
    return tuple(sorted(index * step % places for index in range(number)))
