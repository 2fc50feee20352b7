"""A user's labelled images: found, hashed and laid onto the classes of a model. Decoded where they are used.

Light: deciding from stored evidence needs the hash, which is part of the identity of a measured accuracy.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache as remembered
from pathlib import Path

from selector.artifacts import ArtifactCache
from selector.errors import UsageError, excerpt
from selector.optimizations.calibration import SUFFIXES
from selector.types import content_hash

KEY = "accuracy.dataset"
_SYNSET = re.compile(r"n\d{8}")
_SYNSETS_OF = {
    1_000: "imagenet_synsets.txt",
    11_821: "imagenet12k_synsets.txt",
    21_841: "imagenet22k_synsets.txt",
    21_843: "imagenet21k_goog_synsets.txt",
}
"""timm's list of WordNet synsets in the order of the classes, by the number of classes. Models of 11,221 and 10,450
classes have several orders; a labels file says which."""
_FILE_COLUMNS = ("file", "path", "filename", "image")
_LABEL_COLUMNS = ("label", "class", "target")
_NAMED = 5
CHECKED_AT_ONCE = 5_000
"""Images up to which all are decoded before anything is measured; of more, a damaged one is found when it is met."""


@dataclass(frozen=True)
class LabelledSet:
    """Labelled images, in an order that is the same everywhere and mixes the classes.

    Attributes:
        path: As the profile names it.
        digest: Hash of every image's content with its label.
        files: Where they are.
        labels: The class of each, as folders or the CSV name it.
    """

    path: str
    digest: str
    files: tuple[Path, ...]
    labels: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """The names that occur, sorted."""
        return tuple(sorted(set(self.labels)))


def find_labelled(path: str) -> LabelledSet:
    """The labelled images that a profile names: a folder with a folder for each class, or a CSV of file and label.

    Reads every file once; what did not change since is not read again.

    Raises:
        UsageError: There is no such folder or file, or it is not laid out like that; the message names what is wrong.
    """
    place = Path(path).expanduser()
    if place.is_dir():
        pairs = _of_folder(place, path)
    elif place.is_file() and place.suffix.lower() in (".csv", ".tsv"):
        pairs = _of_table(place, path)
    elif place.is_file():
        raise UsageError(f"{KEY}: {excerpt(path)} is neither a folder nor a .csv file of file and label")
    else:
        raise UsageError(
            f"{KEY}: there is no folder or .csv file {excerpt(path)} (as seen from {Path.cwd()}), and no published "
            "test set of that name"
        )
    # The order must not depend on names alone, or the first images would all be of one class.
    pairs.sort(key=lambda pair: hashlib.sha256(f"{pair[2]}\0{pair[1]}".encode("utf-8", "surrogateescape")).digest())
    files, labels = tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)
    return LabelledSet(path, _digest(files, labels), files, labels)


def _of_folder(root: Path, path: str) -> list[tuple[Path, str, str]]:
    """(file, class, name for the order) of an ImageFolder."""
    pairs = []
    for folder in sorted(entry for entry in root.iterdir() if entry.is_dir()):
        found = sorted(one for one in folder.rglob("*") if one.suffix.lower() in SUFFIXES and one.is_file())
        if not found and not folder.name.startswith("."):
            raise UsageError(f"{KEY}: the class folder {folder} has no images; fill it or take it away")
        pairs += [(one, folder.name, one.relative_to(root).as_posix()) for one in found]
    if not pairs:
        raise UsageError(
            f"{KEY}: {excerpt(path)} has no images in class folders; lay them out as {path}/CLASS/IMAGE.jpg, or "
            "write a .csv of file and label"
        )
    return pairs


def _of_table(table: Path, path: str) -> list[tuple[Path, str, str]]:
    """(file, class, name for the order) of a CSV; files as seen from its folder."""
    try:
        text = table.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{KEY}: {excerpt(path)} cannot be read as UTF-8 text: {error}") from None
    rows = list(csv.reader(text.splitlines(), delimiter="\t" if table.suffix.lower() == ".tsv" else ","))
    first = [cell.strip().lower() for cell in rows[0]] if rows else []
    file_at = next((first.index(name) for name in _FILE_COLUMNS if name in first), None)
    label_at = next((first.index(name) for name in _LABEL_COLUMNS if name in first), None)
    headed = file_at is not None and label_at is not None
    file_at, label_at = (file_at, label_at) if headed else (0, 1)
    assert file_at is not None
    assert label_at is not None
    pairs, seen = [], set()
    for number, row in enumerate(rows, start=1):
        if not row or (headed and number == 1):
            continue
        if len(row) <= max(file_at, label_at) or not row[file_at].strip() or not row[label_at].strip():
            found = excerpt(",".join(row))
            raise UsageError(f"{KEY}: {table}, line {number}: a file and a label are wanted, not {found}")
        name, label = row[file_at].strip(), row[label_at].strip()
        file = table.parent / name
        if not file.is_file():
            raise UsageError(f"{KEY}: {table}, line {number}: there is no file {excerpt(name)} beside it")
        if name in seen:
            raise UsageError(f"{KEY}: {table}, line {number}: {excerpt(name)} stands there twice")
        seen.add(name)
        pairs.append((file, label, name))
    if not pairs:
        raise UsageError(f"{KEY}: {excerpt(path)} names no images")
    return pairs


def class_indices(images: LabelledSet, num_classes: int, names: Sequence[str] | None = None) -> tuple[int, ...]:
    """The number of each image's class in a model's output.

    By the model's own list of names where there is one; numbers as they are; WordNet synsets by timm's lists for
    models of ImageNet; else the classes sorted by name, as torchvision's ImageFolder counts them, where there are as
    many of them as the model has.

    Args:
        images: The images.
        num_classes: Width of the model's classifier.
        names: Of its classes in order, or None.

    Raises:
        UsageError: A label that the model does not know, or another number of classes.
    """
    known = _known(images, num_classes, names)
    unknown = [name for name in images.classes if name not in known]
    if unknown:
        index = images.labels.index(unknown[0])
        more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
        raise UsageError(
            f"{KEY}: the model has no class {', '.join(map(excerpt, unknown[:_NAMED]))}{more}; the first such image "
            f"is {images.files[index]}"
        )
    return tuple(known[label] for label in images.labels)


def _known(images: LabelledSet, num_classes: int, names: Sequence[str] | None) -> dict[str, int]:
    """Class name to number, for all that the model knows."""
    classes = images.classes
    if names is not None:
        if len(names) != num_classes or len(set(names)) != len(names):
            raise UsageError(
                f"the labels file names {len(set(names)):,} different classes, the model has {num_classes:,}: write "
                "one name a line, in the order of the model's outputs"
            )
        return {name: number for number, name in enumerate(names)}
    if all(re.fullmatch(r"\d{1,6}", name) for name in classes):
        return {name: int(name) for name in classes if int(name) < num_classes}
    if all(_SYNSET.fullmatch(name) for name in classes) and num_classes in _SYNSETS_OF:
        return {name: number for number, name in enumerate(_synsets(num_classes))}
    if len(classes) != num_classes:
        raise UsageError(
            f"{KEY}: {excerpt(images.path)} has {len(classes):,} classes, the model has {num_classes:,}; give the "
            "checkpoint a labels file (one class name a line, in the order of its outputs), or name the classes by "
            "number"
        )
    return {name: number for number, name in enumerate(classes)}


@remembered
def _synsets(num_classes: int) -> tuple[str, ...]:
    """The list that timm has, read without importing timm."""
    spec = importlib.util.find_spec("timm")
    assert spec is not None
    assert spec.submodule_search_locations
    file = Path(spec.submodule_search_locations[0]) / "data" / "_info" / _SYNSETS_OF[num_classes]
    return tuple(file.read_text(encoding="utf-8").split())


def read_names(path: str) -> tuple[str, ...]:
    """A labels file: one class name a line, in the order of the model's outputs.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the labels file {excerpt(path)} cannot be read: {error}") from None
    return tuple(line.strip() for line in lines if line.strip())


def check_labelled(images: LabelledSet, cache: ArtifactCache, threads: int) -> None:
    """Decodes every image once, before anything is measured; what was found whole is not looked at again.

    Raises:
        UsageError: An image cannot be decoded; the message names the file. Or the cache cannot be written to.
        DiskFullError: The cache has no space left.
    """
    seen = cache.path("labelled", [images.digest, "decoded"], ".json")
    if len(images.files) > CHECKED_AT_ONCE or cache.read_json(seen) is not None:
        return
    with ThreadPoolExecutor(max_workers=threads) as pool:
        for path, wrong in zip(images.files, pool.map(_wrong_with, images.files), strict=True):
            if wrong is not None:
                raise UsageError(cannot_decode(path, wrong))
    with cache.telling():
        cache.write_json(seen, {"images": len(images.files)})


def cannot_decode(path: Path, why: str) -> str:
    """The message for a damaged image: it is never counted as wrong, nor passed over."""
    return f"{KEY}: {path} is no image that can be decoded ({why}); mend it or take it away"


def _wrong_with(path: Path) -> str | None:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError) as error:
        return str(error)
    return None


def _digest(files: Sequence[Path], labels: Sequence[str]) -> str:
    """Hash of contents and labels, without reading what has the size and the time that it had before."""
    about = [[str(file.absolute()), *_changed(file), label] for file, label in zip(files, labels, strict=True)]
    cache = ArtifactCache()
    record = cache.path("labelled", about, ".json")
    known = cache.read_json(record)
    if isinstance(known, dict) and re.fullmatch("[0-9a-f]{32}", str(known.get("digest"))):
        return str(known["digest"])
    digest = content_hash(sorted([_sha256(file), label] for file, label in zip(files, labels, strict=True)))
    with suppress(OSError):  # a cache that cannot be written costs reading the files again
        cache.write_json(record, {"digest": digest})
    return digest


def _changed(file: Path) -> tuple[int, int]:
    about = file.stat()
    return about.st_size, about.st_mtime_ns


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{KEY}: {path} cannot be read: {error.strerror}") from error
