"""What a prepared candidate answers to labelled images: the same pixels for every runtime, decoded once.

Images are resized and cropped as timm does it for the weights and kept as bytes in the artifact cache, one file for
so many images and one preprocessing; normalizing follows when they are fed. Accuracy is then a matter of counting,
which is left to whoever reads (`selector.metrics.accuracy`): what is kept is each image's answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from selector.artifacts import ArtifactCache, cache_limit
from selector.errors import LabelledImageError
from selector.profiler.labelled import cannot_decode
from selector.profiler.photographs import preprocessing, transform_for
from selector.profiler.stages import Job, load
from selector.types import RANDOM_WEIGHTS, Candidate, ModelFacts, Protocol, Weights

if TYPE_CHECKING:
    from selector.devices.base import Batch

PART = 256
"""Images that are decoded, and kept, together."""
_SHARE_OF_CACHE = 0.25
"""Of the artifact cache's limit, for one preprocessing of one set; what lies beyond is decoded each time."""
_FARTHEST = 255

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Questions:
    """A part of a labelled set, laid onto the classes of one model.

    Attributes:
        digest: Of the whole set.
        total: Images of the whole set.
        start: Where the part begins.
        files: Its images.
        classes: Their right classes, as numbers in the model's output; with a protocol, in the sorted names.
        protocol: What answers on the model's features in place of its own classifier, or None.
    """

    digest: str
    total: int
    start: int
    files: tuple[Path, ...]
    classes: tuple[int, ...]
    protocol: Protocol | None = None


@dataclass(frozen=True)
class Answers:
    """See `selector.types.Examination`; in the order of the questions."""

    ranks: bytes
    firsts: bytes
    weights: Weights


def examine(job: Job, questions: Questions, phase: Callable[[str], None]) -> Answers:
    """Loads what was built and lets it answer.

    Raises:
        LabelledImageError: An image cannot be decoded.
    """
    cache = ArtifactCache(job.cache)
    device = job.device()
    phase("load")
    simulated = device.answers(job.candidate, job.facts, questions.classes, questions.start)
    if simulated is not None:
        return Answers(*simulated, RANDOM_WEIGHTS)
    if questions.protocol is not None:
        from selector.profiler.transfer import probe

        return probe(job, questions, phase)
    runner, _, stored = load(job, cache, device)
    assert stored is not None
    phase("examination")
    size = job.candidate.batch_size
    ranks, firsts = [], []
    right = np.asarray(questions.classes)
    done = 0
    for pixels in decoded(cache, job.facts, job.candidate, questions, job.threads):
        for start in range(0, len(pixels), size):
            batch = normalized(pixels[start : start + size], job.facts, job.candidate.image_size)
            count = len(batch)
            if count < size:  # what was built takes this many
                batch = np.concatenate([batch, np.repeat(batch[-1:], size - count, axis=0)])
            answer = runner.run(runner.feed(batch))
            device.synchronize()
            logits = runner.read(answer)[:count]
            ranks.append(ranks_of(logits, right[done : done + count]))
            firsts.append(logits.argmax(axis=1).astype("<i4"))
            done += count
    return Answers(np.concatenate(ranks).tobytes(), np.concatenate(firsts).tobytes(), stored.weights)


def ranks_of(logits: NDArray[np.float32], right: NDArray[np.int64]) -> NDArray[np.uint8]:
    """How many classes come before the right one; of equal ones that with the lower number, as argmax has it.

    Args:
        logits: Shape (images, classes). An image with one that is no number is answered wrongly.
        right: Class numbers, shape (images,).
    """
    own = np.take_along_axis(logits, right[:, None], axis=1)
    before = (logits > own) | ((logits == own) & (np.arange(logits.shape[1]) < right[:, None]))
    ranks = before.sum(axis=1).clip(max=_FARTHEST)
    return np.where(np.isfinite(logits).all(axis=1), ranks, _FARTHEST).astype(np.uint8)


def decoded(
    cache: ArtifactCache, facts: ModelFacts, candidate: Candidate, questions: Questions, threads: int
) -> Iterator[Pixels]:
    """The questions' images part by part, resized and cropped, shape (images, height, width, 3).

    Raises:
        LabelledImageError: One cannot be decoded; it is named, never counted as wrong.
    """
    size = candidate.image_size
    looks = {name: value for name, value in preprocessing(facts, size).items() if name not in ("mean", "std")}
    height, width = size
    kept = int(_SHARE_OF_CACHE * cache_limit()) // (height * width * 3)
    crop = cropping(facts, size)
    for start in range(0, len(questions.files), PART):
        files = questions.files[start : start + PART]
        first = questions.start + start
        path = cache.path("decoded", [questions.digest, plain(looks), first, len(files)], ".npy")
        known = _read(path, (len(files), height, width, 3))
        if known is not None:
            cache.touch([path])
            yield known
            continue
        with ThreadPoolExecutor(max_workers=max(1, threads)) as pool:
            pixels = np.stack(list(pool.map(lambda file: _crop(crop, file), files)))
        if first + len(files) <= kept:
            with cache.writing(path) as temporary, temporary.open("wb") as file:
                np.save(file, pixels)
        yield pixels


def cropping(facts: ModelFacts, size: tuple[int, int]) -> Callable[[Any], Any]:
    """The steps of timm's evaluation transform that come before pixels become numbers."""
    steps: list[Any] = transform_for(facts, size).transforms  # type: ignore[attr-defined]
    names = [type(step).__name__ for step in steps]
    before = steps[: names.index("MaybeToTensor")]

    def crop(image: Any) -> Any:
        for step in before:
            image = step(image)
        return image

    return crop


def normalized(pixels: Pixels, facts: ModelFacts, size: tuple[int, int]) -> Batch:
    """Pixels as the model wants them, to the bit what timm's transform gives: float32, (images, 3, height, width)."""
    import torch

    config = preprocessing(facts, size)
    mean, std = (torch.tensor(config[name], dtype=torch.float32)[:, None, None] for name in ("mean", "std"))
    images = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).contiguous().float().div(255)
    batch: Batch = images.sub_(mean).div_(std).numpy()
    return batch


def _crop(crop: Callable[[Any], Any], path: Path) -> Pixels:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return np.asarray(crop(image.convert("RGB")), np.uint8)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError) as error:
        raise LabelledImageError(cannot_decode(path, str(error))) from error


def _read(path: Path, shape: Sequence[int]) -> Pixels | None:
    """What is kept, None where nothing is, or something damaged."""
    try:
        found: Pixels = np.load(path)
    except (OSError, ValueError, EOFError):
        return None
    return found if found.shape == tuple(shape) and found.dtype == np.uint8 else None


def plain(value: Any) -> Any:
    """A configuration as JSON takes it."""
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value
