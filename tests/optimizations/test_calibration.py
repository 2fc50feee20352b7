"""Which images int8 is calibrated on, what makes another set, and what is said where they are wrong."""

from __future__ import annotations

import shutil
from itertools import pairwise

import numpy as np
import pytest
from support.evidence import make_candidate, make_environment, make_facts, make_profile
from support.photographs import make_photographs

from selector.artifacts import ArtifactCache
from selector.catalog import load_catalog
from selector.errors import BuildFailedError, UsageError
from selector.optimizations import OPTIMIZATIONS
from selector.optimizations.calibration import (
    NO_CALIBRATION,
    RANDOM_NOTE,
    CalibrationSet,
    check_images,
    find_calibration,
    spread,
)
from selector.profiler.photographs import calibration_for, photographs
from selector.search import make_plan
from selector.search.plan import with_digest
from selector.types import speed_identity

CALIBRATED = [name for name, way in OPTIMIZATIONS if way.calibrated]
CPU = make_environment(capabilities=("avx512_bf16", "avx512_vnni"))


@pytest.fixture
def folder(tmp_path):
    return make_photographs(tmp_path / "photographs")


class _OneModel:
    def select(self, models, families, exclude):
        return [make_facts()]


def _plan(profile, unavailable=None, notes=()):
    plan = make_plan(profile, _OneModel(), CPU, unavailable or {}, notes)
    return {one.candidate.optimization: one for one in plan.considered}, plan.notes


def test_int8_ways_are_those_that_are_calibrated():
    assert {"onnxruntime-int8", "openvino-int8", "openvino_nncf-int8"} <= set(CALIBRATED)


# --- the choice


def test_files_are_sorted_and_evenly_spread(folder):
    (folder / "notes.txt").write_text("no image")
    found = find_calibration(str(folder), None)
    names = [path.relative_to(folder).as_posix() for path in found.files]
    assert names == ["first/1.jpg", "first/3.jpg", "first/5.jpg", "second/0.jpg", "second/2.jpg", "second/4.jpg"]
    assert found.count == 6
    some = find_calibration(str(folder), 3)
    assert [path.name for path in some.files] == ["1.jpg", "5.jpg", "2.jpg"]
    assert some.digest != found.digest


@pytest.mark.parametrize(("total", "count"), [(10, 3), (256, 256), (1000, 256), (7, 7)])
def test_the_spread_takes_each_once_and_leaves_no_gap(total, count):
    chosen = spread(list(range(total)), count)
    assert len(set(chosen)) == count
    assert {later - earlier for earlier, later in pairwise(chosen)} <= {total // count, total // count + 1}


def test_the_hash_is_that_of_the_content(folder, tmp_path):
    found = find_calibration(str(folder), 4)
    elsewhere = shutil.copytree(folder, tmp_path / "elsewhere")
    assert find_calibration(str(elsewhere), 4).digest == found.digest
    changed = elsewhere / "second" / "0.jpg"
    changed.write_bytes(changed.read_bytes() + b"\0")
    assert find_calibration(str(elsewhere), 4).digest != found.digest


def test_random_data_reads_no_file():
    found = find_calibration("random", 8)
    assert (found.count, found.files) == (8, ())
    assert found.digest == find_calibration("random", 8).digest != find_calibration("random", 9).digest


@pytest.mark.parametrize(
    ("make", "count", "told"),
    [
        (lambda folder: shutil.rmtree(folder), None, "there is no folder"),
        (lambda folder: [path.unlink() for path in folder.rglob("*.jpg")], None, "has no images"),
        (lambda folder: None, 7, "calibration.count is 7, but .* has 6 images; lower it"),
    ],
)
def test_what_is_missing_is_told(folder, make, count, told):
    make(folder)
    with pytest.raises(UsageError, match=told):
        find_calibration(str(folder), count)


def test_a_corrupt_image_is_named_before_anything_is_measured(folder, tmp_path):
    cache = ArtifactCache(tmp_path / "cache")
    check_images(find_calibration(str(folder), None), cache)
    broken = folder / "second" / "2.jpg"
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(UsageError, match=r"second/2\.jpg is no image that can be decoded"):
        check_images(find_calibration(str(folder), None), cache)
    facts = make_facts()
    with pytest.raises(BuildFailedError, match=r"second/2\.jpg cannot be decoded"):
        list(photographs([broken], facts, make_candidate(facts)))


def test_a_cache_that_cannot_be_written_to_is_told(folder, tmp_path):
    (tmp_path / "cache").touch()
    with pytest.raises(UsageError, match="SELECTOR_CACHE"):
        check_images(find_calibration(str(folder), None), ArtifactCache(tmp_path / "cache"))


# --- preprocessing


def test_images_are_prepared_as_the_model_wants(folder):
    from PIL import Image
    from timm.data import create_transform, resolve_data_config

    (facts,) = load_catalog().select(("mobilenetv3_small_050.lamb_in1k",), (), ())
    found = find_calibration(str(folder), 2)
    images = list(calibration_for(found, facts, make_candidate(facts)).images())
    assert [(image.shape, image.dtype) for image in images] == [((1, 3, 224, 224), np.float32)] * 2
    import timm

    config = resolve_data_config({}, pretrained_cfg=timm.models.get_pretrained_cfg(facts.name).to_dict())
    with Image.open(found.files[0]) as image:
        wanted = create_transform(**config)(image.convert("RGB"))
    np.testing.assert_array_equal(images[0][0], wanted.numpy())
    odd = make_candidate(facts, image_size=(96, 128))
    assert next(calibration_for(found, facts, odd).images()).shape == (1, 3, 96, 128)


def test_made_up_images_are_as_many_as_asked():
    facts = make_facts()
    images = list(calibration_for(find_calibration("random", 5), facts, make_candidate(facts)).images())
    assert len(images) == 5
    assert not np.array_equal(images[0], images[1])


# --- what it means for candidates


@pytest.mark.parametrize("way", CALIBRATED)
def test_without_calibration_it_says_what_to_add(way):
    ways, _ = _plan(make_profile())
    assert ways[way].unavailable == NO_CALIBRATION
    assert "calibration: {images:" in NO_CALIBRATION
    # What a run without calibration said of it does not hold under a profile with it; other reasons do.
    given = with_digest(make_profile(calibration={"images": "random", "count": 4}))
    ways, _ = _plan(given, dict.fromkeys(CALIBRATED, NO_CALIBRATION))
    assert ways[way].unavailable is None
    ways, _ = _plan(given, dict.fromkeys(CALIBRATED, "the package is not installed"))
    assert ways[way].unavailable == "the package is not installed"


@pytest.mark.parametrize("way", CALIBRATED)
def test_another_set_is_another_measurement(way, folder):
    identities = set()
    for count in (None, 3, 4):
        ways, _ = _plan(with_digest(make_profile(calibration={"images": str(folder), "count": count})))
        identities.add(speed_identity(ways[way].candidate, CPU))
        assert "calibration" not in dict(ways["onnxruntime"].candidate.settings)
    assert len(identities) == 3
    plain, _ = _plan(make_profile())
    with_set, _ = _plan(with_digest(make_profile(calibration={"images": str(folder)})))
    assert speed_identity(plain["eager"].candidate, CPU) == speed_identity(with_set["eager"].candidate, CPU)


def test_random_data_are_told_in_the_plan():
    profile = with_digest(make_profile(calibration={"images": "random", "count": 4}))
    assert _plan(profile)[1] == (RANDOM_NOTE,)
    assert _plan(profile, notes=("something", RANDOM_NOTE))[1] == ("something", RANDOM_NOTE)
    # A note of an earlier run under another profile does not stay.
    assert _plan(make_profile(), notes=(RANDOM_NOTE,))[1] == ()
    eager = make_profile(calibration={"images": "random"}, candidates={"models": ("a",), "optimizations": ("eager",)})
    assert _plan(with_digest(eager))[1] == ()


def test_a_digest_holds_for_its_content_only(folder):
    profile = with_digest(make_profile(calibration={"images": str(folder)}))
    assert with_digest(profile) == profile
    (folder / "first" / "1.jpg").unlink()
    with pytest.raises(UsageError, match=r"calibration.digest is .* bring back those that were meant"):
        with_digest(profile)


def test_a_set_travels_to_the_process_that_uses_it(folder):
    import pickle

    found = find_calibration(str(folder), 2)
    assert pickle.loads(pickle.dumps(found)) == found
    assert isinstance(found, CalibrationSet)
