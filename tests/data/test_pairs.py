import dataclasses

import numpy as np
import pytest

from srgan_keras.config import Clinical, Config, Data, Degradation, Train
from srgan_keras.data import cache, clinical2, datasets, pairs
from srgan_keras.errors import UsageError

DATA = Data(source="phantom:5", hr_long_side=128, patch=32)


@pytest.fixture(scope="module")
def decoded(tmp_path_factory):
    return cache.build(datasets.find("phantom:5"), DATA, tmp_path_factory.mktemp("cache"))


def config(data=DATA, **degradation):
    return Config(data, Degradation(**degradation), train=Train(batch_size=4))


def batch(decoded, step, seed=1, **share):
    settings = dataclasses.replace(config(), train=Train(batch_size=4, seed=seed))
    return [
        hr for _, hr in pairs.pairs(decoded, settings, step, step + 1, **share).as_numpy_iterator()
    ]


def test_a_batch_is_a_function_of_seed_and_step(decoded):
    (first,) = batch(decoded, 7)
    assert first.shape == (4, 32, 32, 3)
    np.testing.assert_array_equal(first, batch(decoded, 7)[0])
    assert (first != batch(decoded, 7, seed=2)[0]).any()
    assert (first != batch(decoded, 8)[0]).any()


def test_replicas_share_a_batch(decoded):
    (whole,) = batch(decoded, 7)
    shares = batch(decoded, 7, replicas=4, ranks=range(2, 4))
    np.testing.assert_array_equal(np.concatenate(shares), whole[2:])


def test_the_photographs_of_a_step_are_named(decoded):
    names = pairs.shown(decoded, config(), 0)
    assert len(names) == 4
    assert set(names) < set(decoded.ids)
    assert len(set(decoded.ids)) == 5


def test_a_data_set_that_starts_later_shows_the_same_steps(decoded):
    whole = list(pairs.pairs(decoded, config(), 0, 6).as_numpy_iterator())
    rest = list(pairs.pairs(decoded, config(), 4, 6).as_numpy_iterator())
    for (lr, hr), (lr_again, hr_again) in zip(whole[4:], rest, strict=True):
        np.testing.assert_array_equal(lr, lr_again)
        np.testing.assert_array_equal(hr, hr_again)
    assert whole[0][0].shape == (4, 8, 8, 3)
    assert whole[0][0].dtype == np.uint8


def test_a_random_degradation_is_a_function_of_the_example(decoded):
    clinical = config(name="clinical")
    ((whole, _),) = pairs.pairs(decoded, clinical, 5, 6).as_numpy_iterator()
    share = pairs.pairs(decoded, clinical, 5, 6, replicas=4, ranks=range(2, 4))
    parts = [lr for lr, _ in share.as_numpy_iterator()]
    np.testing.assert_array_equal(np.concatenate(parts), whole[2:])


def test_an_epoch_shows_each_photograph_once(decoded):
    orders = [pairs._order(1, epoch, 5) for epoch in range(3)]
    assert all(sorted(order) == list(range(5)) for order in orders)
    assert not np.array_equal(orders[0], orders[1])


@pytest.mark.parametrize("name", ["bicubic", "cv2_linear"])
@pytest.mark.parametrize("scale", [2, 4])
def test_a_ramp_keeps_its_phase(name, scale, tmp_path):
    """LR pixel i of a linear ramp is the mean of the HR pixels that it covers, wherever cut."""
    ramp = np.broadcast_to(np.arange(128, dtype=np.uint8)[None, :, None], (128, 128, 3))
    mask = np.ones((128, 128, 1), np.uint8)
    pixels = np.concatenate([ramp.ravel(), mask.ravel()])
    one = cache.Cache(pixels, ["a"], [[(0, 128, 128)]], (0.5,) * 3, (0.2,) * 3, 0)
    data = dataclasses.replace(DATA, augment=())
    for lr, hr in pairs.pairs(one, config(data, name=name, scale=scale), 0, 2).as_numpy_iterator():
        covered = hr.reshape(4, 32, 32 // scale, scale, 3).mean(3)[:, ::scale]
        inside = np.s_[:, 3:-3, 3:-3]  # mirrored borders bend a ramp
        assert np.abs(lr[inside].astype(float) - covered[inside]).max() <= 0.5


def test_each_augmentation_does_what_its_name_says(decoded):
    plain = dataclasses.replace(DATA, augment=())
    patch = pairs.hr_patch(decoded, plain, 1, 0)
    variants = {
        "horizontal_flip": [patch, patch[:, ::-1]],
        "vertical_flip": [patch, patch[::-1]],
        "rotation": [np.rot90(patch, k) for k in range(4)],
    }
    for name, expected in variants.items():
        data = dataclasses.replace(DATA, augment=(name,))
        seen = set()
        for example in range(40):
            base = pairs.hr_patch(decoded, plain, 1, example)
            result = pairs.hr_patch(decoded, data, 1, example)
            candidates = {
                "horizontal_flip": [base, base[:, ::-1]],
                "vertical_flip": [base, base[::-1]],
                "rotation": [np.rot90(base, k) for k in range(4)],
            }[name]
            hits = [i for i, c in enumerate(candidates) if np.array_equal(c, result)]
            assert hits, f"{name} made something else"
            seen.add(hits[0])
        assert len(seen) == len(expected), f"{name} is never (or always) applied"


def test_colour_multiplies_each_channel_by_one_factor(decoded):
    plain = dataclasses.replace(DATA, augment=())
    coloured = dataclasses.replace(DATA, augment=("colour",))
    brightness = []
    for example in range(40):
        base = pairs.hr_patch(decoded, plain, 1, example).astype(float)
        result = pairs.hr_patch(decoded, coloured, 1, example).astype(float)
        unclipped = base * (result < 255)
        factors = (unclipped * result).sum((0, 1)) / (unclipped**2).sum((0, 1))
        assert np.abs(np.clip(base * factors, 0, 255) - result).max() <= 1
        assert factors.min() > 0.6 * 0.8 - 0.02
        assert factors.max() < 1.3 * 1.25 + 0.02
        brightness.append(factors.mean())
    assert np.ptp(brightness) > 0.3


def test_crops_outside_the_field_of_view_are_drawn_again_unless_kept(tmp_path):
    """One photograph: the left half inside the field of view and white, the right half black."""
    mask = np.zeros((128, 128), np.uint8)
    mask[:, :64] = 1
    pixels = np.concatenate([np.repeat(mask.ravel() * 255, 3), mask.ravel()])
    half = cache.Cache(pixels, ["a"], [[(0, 128, 128)]], (0.5,) * 3, (0.2,) * 3, 0)

    def shares(min_fov):
        data = dataclasses.replace(DATA, min_fov=min_fov)
        return [pairs.hr_patch(half, data, 1, e).mean() / 255 for e in range(100)]

    # a crop is drawn again a limited number of times, so one in thousands may still be dark
    assert np.mean(np.array(shares(0.5)) < 0.5) <= 0.02
    assert np.mean(np.array(shares(0.0)) < 0.5) > 0.3


def test_the_rim_is_sought_for_its_share_of_the_crops(decoded):
    def at_rim(rim_share):
        data = dataclasses.replace(DATA, rim_share=rim_share, augment=())
        patches = [pairs.hr_patch(decoded, data, 1, e) for e in range(200)]
        return np.mean([(patch.max(-1) < 20).mean() > 0.02 for patch in patches])

    assert at_rim(1.0) > at_rim(0.0) + 0.3


def test_the_cache_is_reused_and_knows_its_photographs(tmp_path):
    photographs = datasets.find("phantom:3")
    first = cache.build(photographs, DATA, tmp_path)
    written = (tmp_path / "pixels.bin").stat().st_mtime_ns
    again = cache.build(photographs, DATA, tmp_path)
    assert (tmp_path / "pixels.bin").stat().st_mtime_ns == written
    assert again.levels == first.levels
    other = cache.build(photographs, dataclasses.replace(DATA, hr_long_side=64), tmp_path)
    assert other.levels != first.levels


@pytest.mark.parametrize("name", ["index.json", "pixels.bin"])
@pytest.mark.parametrize("share", [None, 0.0, 0.5])
def test_a_damaged_cache_is_built_again(tmp_path, name, share):
    photographs = datasets.find("phantom:3")
    first = cache.build(photographs, DATA, tmp_path)
    pixels = np.array(first.pixels)
    del first
    file = tmp_path / name
    if share is None:
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    again = cache.build(photographs, DATA, tmp_path)
    np.testing.assert_array_equal(again.pixels, pixels)


def test_a_killed_build_is_begun_anew(tmp_path):
    photographs = datasets.find("phantom:3")
    first = cache.build(photographs, DATA, tmp_path)
    expected = np.array(first.pixels)
    (tmp_path / "index.json").unlink()
    (tmp_path / "pixels.bin").write_bytes(b"half")
    np.testing.assert_array_equal(cache.build(photographs, DATA, tmp_path).pixels, expected)


def test_mean_and_deviation_are_those_of_the_photographs(tmp_path):
    data = dataclasses.replace(DATA, hr_long_side=0, fov_crop=False, pyramid_levels=2)
    photographs = datasets.find("phantom:3")
    built = cache.build(photographs, data, tmp_path)
    values = np.concatenate([p.read().reshape(-1, 3) for p in photographs]) / 255
    np.testing.assert_allclose(built.mean, values.mean(0), atol=1e-6)
    np.testing.assert_allclose(built.std, values.std(0), atol=1e-6)
    assert [len(levels) for levels in built.levels] == [2, 2, 2]


def test_working_resolutions_shrink_by_the_ratio(tmp_path):
    data = dataclasses.replace(DATA, hr_long_side=400, pyramid_levels=4, pyramid_ratio=0.7)
    built = cache.build(datasets.find("phantom:1"), data, tmp_path)
    assert [max(height, width) for _, height, width in built.levels[0]] == [400, 280, 196, 137]


def test_photographs_smaller_than_a_patch_are_left_out_and_counted(tmp_path, caplog):
    data = dataclasses.replace(DATA, hr_long_side=0, fov_crop=False, patch=512)
    assert cache.build(datasets.find("phantom:3"), data, tmp_path).left_out == 0
    with pytest.raises(UsageError, match="all 3 training photographs are smaller"):
        cache.build(datasets.find("phantom:3"), dataclasses.replace(data, patch=516), tmp_path)


def test_a_crop_shows_the_frame_faults_of_its_place(decoded):
    """The falloff is that of the crop's place in its photograph, not of the crop by itself."""
    shares = [f.name for f in dataclasses.fields(Clinical) if f.name.endswith("_share")]
    falloff = Clinical(
        **dict.fromkeys(shares, 0.0) | {"falloff_share": 1.0}, falloff_depth=(0.9, 0.9)
    )
    settings = config(name="clinical", scale=1, clinical=falloff)
    ((lr, hr),) = pairs.pairs(decoded, settings, 3, 4).as_numpy_iterator()
    for example, (spoiled, clean) in enumerate(zip(lr, hr, strict=True), start=12):
        _, patch, window = pairs._crop(decoded, DATA, 1, example)
        np.testing.assert_array_equal(patch, clean)
        expected = clinical2.degrade(clean, falloff, 1, 1, example, window)
        np.testing.assert_array_equal(spoiled, np.floor(expected + 0.5))
        elsewhere = clinical2.degrade(clean, falloff, 1, 1, example)
        assert np.abs(expected - elsewhere).max() > 1


def test_of_crops_that_are_equally_good_none_is_preferred():
    """No crop shows the edge of a field of view that fills the frame: all are equal."""
    numbered = np.repeat(np.arange(64, dtype=np.uint8), 3 * 64)  # each row has its number
    pixels = np.concatenate([numbered, np.ones(64 * 64, np.uint8)])
    full = cache.Cache(pixels, ["a"], [[(0, 64, 64)]], (0.5,) * 3, (0.5,) * 3, 0)
    data = dataclasses.replace(DATA, patch=15, rim_share=1.0, augment=())
    rows = [int(pairs.hr_patch(full, data, 1, example)[0, 0, 0]) for example in range(2000)]
    shares = np.histogram(rows, bins=10, range=(0, 50))[0] / len(rows)
    assert shares.min() > 0.07
    assert shares.max() < 0.13
