import dataclasses
import logging

import cv2
import numpy as np
import pytest

from srgan_keras.config import Config, Data, Degradation, Train
from srgan_keras.data import cache, datasets, paired, pairs
from srgan_keras.data.degradations import degrade
from srgan_keras.data.registration import WeakRegistration, distance, warp
from srgan_keras.errors import UsageError
from srgan_keras.phantoms.phantom import phantom
from tests.data.test_registration import moved

SIDE = 256
DATA = Data(source="", hr_long_side=0, patch=32)


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image[..., ::-1])


def reduced(image, scale):
    return degrade(image[np.newaxis], "area", scale)[0].numpy()


def spoiled(image, seed=0):
    """Return a blurred, darker and noisy photograph: the LR of scale 1."""
    noise = np.random.default_rng(seed).normal(0, 1, image.shape)
    return np.clip(0.7 * cv2.GaussianBlur(image, (0, 0), 1) + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def hr():
    return phantom(3, SIDE).image


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six pairs at scale 2."""
    root = tmp_path_factory.mktemp("paired")
    for seed in range(6):
        image = phantom(seed, SIDE).image
        save(root / "hr" / f"{seed}.png", image)
        save(root / "lr" / f"{seed}.png", spoiled(reduced(image, 2), seed))
    return root


@pytest.fixture(scope="module")
def decoded(folder, tmp_path_factory):
    return cache.build(datasets.find(str(folder)), DATA, tmp_path_factory.mktemp("cache"), 2)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_lr_that_fits_stays_as_it_is(hr, scale):
    lr = spoiled(reduced(hr, scale))
    pair = paired.align(lr, hr, scale)
    np.testing.assert_array_equal(pair.lr, lr)
    np.testing.assert_array_equal(pair.hr, hr)
    assert 0.3 < pair.mask.mean() < 0.95


def test_hr_is_cut_to_a_multiple_of_the_scale(hr):
    odd = hr[:253, :250]
    pair = paired.align(reduced(odd[:252, :248], 4), odd, 4)
    np.testing.assert_array_equal(pair.hr, odd[:252, :248])


@pytest.mark.parametrize("scale", [1, 2])
def test_a_turned_pair_is_registered_to_a_fraction_of_a_pixel(scale):
    hr = phantom(3, 400).image
    turned, there = moved(hr, degrees=3, shift=(9, -7))
    lr = spoiled(reduced(turned, scale))
    pair = paired.align(lr, hr, scale)
    assert pair.hr.shape == hr.shape
    assert pair.lr.shape[0] * scale == hr.shape[0]
    found = paired._homography(lr, hr)
    to_hr = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2], [0, 0, 1]])
    assert distance(found, there @ to_hr, lr.shape) < 0.5 * scale
    # what only one shows is black in both
    small = pair.mask[::scale, ::scale]
    assert not pair.lr[~small].any()
    assert not pair.hr[~pair.mask].any()
    inside = cv2.erode(pair.mask.astype(np.uint8), np.ones((9, 9))) > 0
    np.testing.assert_array_equal(pair.hr[inside], hr[inside])
    expected = spoiled(reduced(hr, scale))
    middle = cv2.erode(small.astype(np.uint8), np.ones((9, 9))) > 0
    error = np.abs(pair.lr[middle].astype(float) - expected[middle])
    assert error.mean() < 2


def test_sizes_may_differ_within_a_scale(hr):
    eye = phantom(3, 384).image
    larger = cv2.resize(eye, (430, 430), interpolation=cv2.INTER_CUBIC)
    pair = paired.align(eye, larger, 1)
    assert pair.lr.shape == pair.hr.shape == (430, 430, 3)
    inside = cv2.erode(pair.mask.astype(np.uint8), np.ones((9, 9))) > 0
    assert np.abs(pair.lr[inside].astype(float) - larger[inside]).mean() < 1.5


def test_what_cannot_be_aligned_is_rejected_with_the_reason(hr):
    with pytest.raises(WeakRegistration, match="features"):
        paired.align(phantom(7, SIDE).image, hr, 1)
    with pytest.raises(WeakRegistration, match="features found"):
        paired.align(np.zeros_like(hr), hr, 1)
    with pytest.raises(WeakRegistration, match=r"2 times as large as LR, which is scale 2, not 4"):
        paired.align(reduced(hr, 2), hr, 4)
    with pytest.raises(WeakRegistration, match="smaller than one pixel"):
        paired.align(hr, hr[:3], 4)


def test_too_small_an_overlap_is_rejected():
    large = phantom(3, 400).image
    lr, _ = moved(large, degrees=0, shift=(310, 0))
    with pytest.raises(WeakRegistration, match=r"of HR's field of view|features"):
        paired.align(lr, large, 1)


@pytest.mark.parametrize("long_side", [0, 100, 101])
def test_crop_and_size_keep_both_in_step(hr, long_side):
    pair = paired.align(reduced(hr, 4), hr, 4).cropped().scaled(long_side)
    height, width = pair.lr.shape[:2]
    assert pair.hr.shape == (4 * height, 4 * width, 3)
    assert pair.mask.shape == pair.hr.shape[:2]
    assert long_side == 0 or max(pair.hr.shape) <= long_side + 2
    assert pair.mask[0].any() or pair.mask[1:4].any()
    error = reduced(pair.hr, 4).astype(float) - pair.lr
    assert np.abs(error).mean() < 1.5


def test_a_folder_of_pairs_is_found(folder):
    assert datasets.is_paired(str(folder))
    assert not datasets.is_paired(str(folder / "hr"))
    assert not datasets.is_paired("phantom:3")
    found = datasets.find(str(folder))
    assert [p.id for p in found] == list("012345")
    assert {p.split for p in found} == set(datasets.SPLITS)
    for photograph in found:
        assert photograph.path.parent.name == "hr"
        assert photograph.lr_path == folder / "lr" / photograph.path.name
        assert photograph.hashes == (photograph.sha256, photograph.lr_sha256)
    one = datasets.find(str(folder / "hr"))[0]
    assert one.hashes == (one.sha256,)


@pytest.mark.parametrize("layout", ["{split}/{part}/{name}", "{part}/{split}/deep/{name}"])
def test_splits_of_pairs_are_kept(tmp_path, layout):
    names = [("train", f"{i}.png") for i in range(3)] + [("test", "t.jpg"), ("val", "v.tif")]
    for split, name in names:
        for part in ("lr", "hr"):
            other = name.replace(".tif", ".png") if part == "lr" else name  # suffixes may differ
            path = tmp_path / layout.format(split=split, part=part, name=other)
            save(path, phantom(len(name), 16).image)
    if layout.startswith("{part}"):
        assert datasets.is_paired(str(tmp_path))
    splits = {p.id: p.split for p in datasets.find(str(tmp_path))}
    expected = dict.fromkeys("012", "train") | {"t": "test", "v": "validation"}
    assert splits == expected


def test_files_without_a_partner_are_named(tmp_path, caplog):
    for name in ("lr/a.png", "hr/a.png", "hr/b.png", "lr/c.png"):
        save(tmp_path / name, phantom(1, 16).image)
    assert [p.id for p in datasets.find(str(tmp_path))] == ["a"]
    assert "hr/b.png is skipped: no photograph of the same name in lr/" in caplog.text
    assert "lr/c.png is skipped: no photograph of the same name in hr/" in caplog.text


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["lr/a.png", "hr/b.png"], "share no name: name both files alike"),
        (["lr/a.png", "lr/a.jpg", "hr/a.png"], "have one name: remove one of them"),
        (["lr/a.png", "hr/a.txt"], "no photographs in hr/ of"),
    ],
)
def test_a_wrong_folder_of_pairs_is_told_in_one_line(tmp_path, names, message):
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        save(tmp_path / name, phantom(1, 16).image) if "txt" not in name else (
            tmp_path / name
        ).touch()
    with pytest.raises(UsageError, match=message) as error:
        datasets.find(str(tmp_path))
    assert "\n" not in str(error.value)


def config(**data):
    settings = dataclasses.replace(DATA, **data)
    return Config(settings, Degradation(name="paired", scale=2), train=Train(batch_size=4))


def test_crops_come_from_the_same_place(decoded):
    """Without augmentation, LR is found in its photograph where HR is found in its own."""
    for step in range(3):
        ((lr, hr),) = pairs.pairs(decoded, config(), step, step + 1).as_numpy_iterator()
        assert lr.shape == (4, 16, 16, 3)
        assert hr.shape == (4, 32, 32, 3)
        for small, large in zip(lr, hr, strict=True):
            expected = cv2.GaussianBlur(reduced(large, 2), (0, 0), 1) * 0.7
            error = small[3:-3, 3:-3].astype(float) - expected[3:-3, 3:-3]
            assert np.abs(error).mean() < 2  # noise alone: 0.8


def test_a_batch_of_pairs_is_a_function_of_seed_and_step(decoded):
    first, again, other = (
        next(iter(pairs.pairs(decoded, config(), start, 8).skip(7 - start).as_numpy_iterator()))
        for start in (7, 3, 0)
    )
    for a, b, c in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
    halves = pairs.pairs(decoded, config(), 7, 8, replicas=2, ranks=range(2))
    for i, part in enumerate(zip(*halves.as_numpy_iterator(), strict=True)):
        np.testing.assert_array_equal(np.concatenate(part), first[i])


def test_colours_change_alike_in_both(decoded):
    plain, coloured = config(augment=()), config(augment=("colour",))
    ((lr, hr),) = pairs.pairs(decoded, plain, 1, 2).as_numpy_iterator()
    ((lr_after, hr_after),) = pairs.pairs(decoded, coloured, 1, 2).as_numpy_iterator()
    of_lr, of_hr = (
        after.sum((1, 2), dtype=float) / before.sum((1, 2), dtype=float)
        for before, after in ((lr, lr_after), (hr, hr_after))
    )
    np.testing.assert_allclose(of_lr, of_hr, rtol=0.03)
    assert np.abs(of_hr - 1).max() > 0.1


def test_the_cache_of_pairs_knows_scale_and_files(folder, tmp_path, caplog):
    found = datasets.find(str(folder))
    built = cache.build(found, DATA, tmp_path, 2)
    level = built.levels[0][0]
    assert built.lr(level).shape == (level[1] // 2, level[2] // 2, 3)
    key = cache._key(found, DATA, 2)
    assert key != cache._key(found, DATA, 4)
    other = [dataclasses.replace(p, lr_sha256="0") for p in found]
    assert key != cache._key(other, DATA, 2)
    with pytest.raises(UsageError, match="all 6 training photographs"):
        cache.build(found, DATA, tmp_path, 8)
    assert "is skipped: HR is" in caplog.text or "features" in caplog.text


def test_pairs_that_cannot_be_aligned_are_left_out_by_name(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    for name in "ab":
        save(tmp_path / "in/hr" / f"{name}.png", phantom(3, SIDE).image)
    save(tmp_path / "in/lr/a.png", spoiled(phantom(3, SIDE).image))
    save(tmp_path / "in/lr/b.png", spoiled(phantom(7, SIDE).image))
    built = cache.build(datasets.find(str(tmp_path / "in")), DATA, tmp_path / "cache", 1)
    assert (built.ids, built.left_out) == (["a"], 1)
    assert "b is skipped: " in caplog.text


def test_warp_of_masks_has_no_edge_of_lr_inside(hr):
    """Black from outside LR's frame must not be learnt as retina."""
    cut = hr[:, 60:]  # LR shows less on the left
    pair = paired.align(spoiled(cut), hr, 1)
    shown = warp(
        np.ones(cut.shape[:2], bool), np.array([[1, 0, 60], [0, 1, 0], [0, 0, 1.0]]), hr.shape
    )
    assert not (pair.mask & ~shown).any()
