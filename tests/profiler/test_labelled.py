"""Labelled images: how folders and tables are read, laid onto classes, hashed, and refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from selector.artifacts import ArtifactCache
from selector.errors import UsageError
from selector.profiler import labelled
from selector.profiler.labelled import check_labelled, class_indices, find_labelled, read_names


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArtifactCache:
    monkeypatch.setenv("SELECTOR_CACHE", str(tmp_path / "cache"))
    return ArtifactCache()


def draw(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (8, 9, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three classes of four images."""
    for number in range(12):
        draw(tmp_path / "set" / f"class {'abc'[number % 3]}" / "deeper" / f"{number}.png", number)
    (tmp_path / "set" / "README.md").write_text("not an image")
    return tmp_path / "set"


def pairs(path: Path) -> dict[str, str]:
    found = find_labelled(str(path))
    return {file.name: label for file, label in zip(found.files, found.labels, strict=True)}


def test_a_folder_has_a_class_for_each_folder(folder):
    assert pairs(folder) == {f"{number}.png": f"class {'abc'[number % 3]}" for number in range(12)}
    found = find_labelled(str(folder))
    assert found.classes == ("class a", "class b", "class c")
    assert len(set(found.labels[:4])) > 1, "classes are mixed, so that a part of the set is one of the whole"


def test_the_order_is_that_of_no_disk(folder, tmp_path):
    """Another place and another time of change are the same set."""
    first = find_labelled(str(folder))
    moved = folder.rename(tmp_path / "elsewhere")
    for file in moved.rglob("*.png"):
        file.touch()
    again = find_labelled(str(moved))
    assert again.digest == first.digest
    assert [file.name for file in again.files] == [file.name for file in first.files]


def test_another_content_or_label_is_another_set(folder):
    digests = [find_labelled(str(folder)).digest]
    draw(folder / "class a" / "deeper" / "0.png", 99)
    digests.append(find_labelled(str(folder)).digest)
    (folder / "class a" / "deeper" / "3.png").rename(folder / "class b" / "deeper" / "3.png")
    digests.append(find_labelled(str(folder)).digest)
    assert len(set(digests)) == 3


def test_what_did_not_change_is_not_read_again(folder, monkeypatch):
    first = find_labelled(str(folder))
    monkeypatch.setattr(labelled, "_sha256", lambda path: pytest.fail(f"{path} was read again"))
    assert find_labelled(str(folder)) == first


@pytest.mark.parametrize("head", ["file,label\n", "label,file\n", ""])
def test_a_table_names_files_as_seen_from_its_folder(tmp_path, head):
    draw(tmp_path / "images" / "a b.png")
    draw(tmp_path / "images" / "c.png", 1)
    rows = [("images/a b.png", "cat"), ("images/c.png", "dog, wild")]
    ordered = [(label, file) for file, label in rows] if head.startswith("label") else rows
    table = tmp_path / "set.csv"
    table.write_text(head + "".join(f'"{one}","{other}"\n' for one, other in ordered))
    assert pairs(table) == {"a b.png": "cat", "c.png": "dog, wild"}


def test_a_table_and_a_folder_of_the_same_images_are_one_set(folder):
    rows = [f"{file.relative_to(folder)},{file.parent.parent.name}" for file in folder.rglob("*.png")]
    table = folder / "set.csv"
    table.write_text("\n".join(["path,class", *rows]))
    assert find_labelled(str(table)).digest == find_labelled(str(folder)).digest


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,label\nmissing.png,cat\n", "line 2: there is no file .missing.png. beside it"),
        ("a.png\n", "line 1: a file and a label are wanted"),
        ("a.png,\n", "line 1: a file and a label are wanted"),
        ("a.png,cat\na.png,dog\n", "line 2: 'a.png' stands there twice"),
        ("file,label\n", "names no images"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(tmp_path, text, said):
    draw(tmp_path / "a.png")
    (tmp_path / "set.csv").write_text(text)
    with pytest.raises(UsageError, match=said):
        find_labelled(str(tmp_path / "set.csv"))


def test_what_is_no_set_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"there is no folder or \.csv file"):
        find_labelled(str(tmp_path / "absent"))
    draw(tmp_path / "flat" / "a.png")
    with pytest.raises(UsageError, match="no images in class folders; lay them out as"):
        find_labelled(str(tmp_path / "flat"))
    (tmp_path / "flat" / "empty").mkdir()
    with pytest.raises(UsageError, match=r"the class folder .*empty has no images"):
        find_labelled(str(tmp_path / "flat"))
    with pytest.raises(UsageError, match=r"neither a folder nor a \.csv"):
        find_labelled(str(tmp_path / "flat" / "a.png"))


# --- classes


def numbers(folder: Path, num_classes: int, names: tuple[str, ...] | None = None) -> dict[str, int]:
    found = find_labelled(str(folder))
    return dict(zip(found.labels, class_indices(found, num_classes, names), strict=True))


def test_classes_are_counted_in_the_order_of_their_names(folder):
    assert numbers(folder, 3) == {"class a": 0, "class b": 1, "class c": 2}


def test_a_models_own_names_come_first(folder):
    names = ("class c", "something else", "class a", "class b")
    assert numbers(folder, 4, names) == {"class c": 0, "class a": 2, "class b": 3}


def test_synsets_are_classes_of_imagenet(tmp_path):
    draw(tmp_path / "set" / "n01440764" / "tench.png")
    draw(tmp_path / "set" / "n15075141" / "paper.png", 1)
    assert numbers(tmp_path / "set", 1_000) == {"n01440764": 0, "n15075141": 999}
    assert len(set(numbers(tmp_path / "set", 21_841).values())) == 2
    assert numbers(tmp_path / "set", 2) == {"n01440764": 0, "n15075141": 1}, "fine-tuned on these two"


def test_numbers_are_what_they_say(tmp_path):
    draw(tmp_path / "set" / "7" / "a.png")
    draw(tmp_path / "set" / "10" / "b.png", 1)
    assert numbers(tmp_path / "set", 11) == {"7": 7, "10": 10}
    with pytest.raises(UsageError, match=r"the model has no class '10'; the first such image is .*b\.png"):
        numbers(tmp_path / "set", 10)


def test_another_number_of_classes_is_refused(folder):
    with pytest.raises(UsageError, match="has 3 classes, the model has 1,000; give the checkpoint a labels file"):
        numbers(folder, 1_000)


def test_a_label_that_the_model_does_not_know_names_the_image(folder):
    with pytest.raises(UsageError, match=r"no class 'class b'; the first such image is .*/class b/.*png"):
        numbers(folder, 3, ("class a", "class c", "class d"))


def test_a_labels_file_must_fit_the_model(folder, tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("class a\r\nclass b\n\nclass c\n", encoding="utf-8")
    assert read_names(str(path)) == ("class a", "class b", "class c")
    with pytest.raises(UsageError, match="names 3 different classes, the model has 5"):
        numbers(folder, 5, read_names(str(path)))
    with pytest.raises(UsageError, match=r"labels file .* cannot be read"):
        read_names(str(tmp_path / "absent.txt"))


# --- damaged images


def test_a_damaged_image_is_named_before_anything_is_measured(folder, cache):
    check_labelled(find_labelled(str(folder)), cache, 2)
    broken = folder / "class b" / "deeper" / "1.png"
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(UsageError, match=r"class b/deeper/1\.png is no image that can be decoded"):
        check_labelled(find_labelled(str(folder)), cache, 2)


def test_images_that_were_found_whole_are_not_looked_at_again(folder, cache, monkeypatch):
    found = find_labelled(str(folder))
    check_labelled(found, cache, 2)
    monkeypatch.setattr(labelled, "_wrong_with", lambda path: pytest.fail(f"{path} was decoded again"))
    check_labelled(found, cache, 2)
