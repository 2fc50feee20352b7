"""Which images int8 is calibrated on: chosen, counted and hashed here; decoded where they are used.

Light: deciding from stored evidence needs the hash, which is part of an int8 candidate's identity.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from selector.artifacts import ArtifactCache
from selector.errors import UsageError
from selector.types import content_hash

if TYPE_CHECKING:
    from selector.devices.base import Batch

RANDOM = "random"
"""In place of a folder: made-up images, by explicit choice only."""
DEFAULT_COUNT = 256
"""Images, at most, where the profile names no count; runtimes recommend 100 to 500."""
SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})
NO_CALIBRATION = (
    "int8 needs images to calibrate on: add calibration: {images: FOLDER, count: 256} to the profile "
    "(images: random calibrates on made-up data)"
)
RANDOM_NOTE = (
    "int8 was calibrated on random data, as the profile says: its speed holds, its outputs are worth less than with "
    "real images; name a folder of photographs in calibration.images."
)


@dataclass(frozen=True)
class CalibrationSet:
    """The images of one calibration.

    Attributes:
        digest: Hash of their content in order: another set is another measurement.
        count: How many.
        files: Where they are; empty for made-up images.
    """

    digest: str
    count: int
    files: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Calibration:
    """A calibration set, preprocessed as the model at hand expects.

    Attributes:
        key: Names the content; part of the key of what is built from it.
        images: Yields them, each of shape (1, 3, height, width), normalized.
    """

    key: str
    images: Callable[[], Iterator[Batch]]


def find_calibration(images: str, count: int | None) -> CalibrationSet:
    """The set that a profile asks for. Reads every file that it chooses.

    Args:
        images: A folder, which is searched with all below it, or "random".
        count: How many images; None for what there is, up to `DEFAULT_COUNT`.

    Raises:
        UsageError: There is no such folder, or it has too few images; a file cannot be read.
    """
    if images == RANDOM:
        wanted = count or DEFAULT_COUNT
        return CalibrationSet(content_hash([RANDOM, wanted]), wanted)
    folder = Path(images).expanduser()
    if not folder.is_dir():
        raise UsageError(f"calibration.images: there is no folder {images!r} (as seen from {Path.cwd()})")
    found = sorted(
        (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()),
        key=lambda path: path.relative_to(folder).as_posix(),
    )
    if not found:
        raise UsageError(f"calibration.images: {images!r} has no images ({', '.join(sorted(SUFFIXES))})")
    if count is not None and len(found) < count:
        raise UsageError(
            f"calibration.count is {count:,}, but {images!r} has {len(found):,} images; lower it or leave it out"
        )
    chosen = spread(found, min(count or DEFAULT_COUNT, len(found)))
    return CalibrationSet(content_hash([_sha256(path) for path in chosen]), len(chosen), tuple(chosen))


def spread(found: Sequence[Path], count: int) -> list[Path]:
    """`count` of the files, evenly spread: folders that name classes all get their share."""
    return [found[index * len(found) // count] for index in range(count)]


def check_images(images: CalibrationSet, cache: ArtifactCache) -> None:
    """Decodes every image once, before anything is measured; what was found whole is not looked at again.

    Raises:
        UsageError: An image cannot be decoded; the message names the file. Or the cache cannot be written to.
        DiskFullError: The cache has no space left.
    """
    seen = cache.path("calibration", images.digest, ".json")
    if not images.files or cache.read_json(seen) is not None:
        return
    from PIL import Image, UnidentifiedImageError

    for path in images.files:
        try:
            with Image.open(path) as image:
                image.load()
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError) as error:
            raise UsageError(
                f"calibration.images: {path} is no image that can be decoded ({error}); mend it or take it away"
            ) from error
    with cache.telling():
        cache.write_json(seen, {"images": len(images.files)})


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"calibration.images: {path} cannot be read: {error.strerror}") from error
