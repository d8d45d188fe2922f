import dataclasses
import hashlib

import cv2
import numpy as np
import pytest
import tensorflow as tf

from srgan_keras.config import Clinical
from srgan_keras.data import clinical, clinical2, degradations
from srgan_keras.data.window import Window
from srgan_keras.errors import UsageError
from srgan_keras.phantoms.phantom import phantom

SHARES = [f.name for f in dataclasses.fields(Clinical) if f.name.endswith("_share")]
NONE = Clinical(**dict.fromkeys(SHARES, 0.0), kernels=("bicubic",))
ALL = Clinical(**dict.fromkeys(SHARES, 1.0) | {"clean_share": 0.0})
DISC = np.hypot(*np.mgrid[-127.5:128, -127.5:128]) < 95


def only(fault, **changes):
    return dataclasses.replace(NONE, **{f"{fault}_share": 1.0}, **changes)


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    return phantom(1, 256).image


def rounded(image):
    return np.clip(np.floor(image + 0.5), 0, 255).astype(np.uint8)


def test_version_1_gives_its_old_bits():
    lr = np.random.default_rng(7).integers(0, 256, (24, 32, 3)).astype(np.float32)
    spoiled = rounded(np.stack([clinical.clinical(lr, 3, index) for index in range(8)]))
    expected = "cdc99871cb2a9a73833ad5c69f65e20015003733eeeb0b3843d69d822769b001"
    assert hashlib.sha256(spoiled.tobytes()).hexdigest() == expected


@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize("settings", [ALL, Clinical(clean_share=0.0)])
def test_a_crop_of_the_degraded_frame_is_the_degraded_crop(photograph, scale, settings):
    frame = cv2.resize(photograph, None, fx=scale, fy=scale)
    top, left, side = 16, 40, 144  # LR px
    corner = top * scale, left * scale
    crop = frame[corner[0] :, corner[1] :][: side * scale, : side * scale]
    inside = np.s_[44:-44, 44:-44]  # away from the border: two JPEG units, and the blur
    for index in range(4):
        whole = clinical2.degrade(frame, settings, scale, 3, index)
        window = Window(*frame.shape[:2], *corner)
        part = clinical2.degrade(crop, settings, scale, 3, index, window)
        expected = whole[top : top + side, left : left + side]
        # sums in another order may round another way before a JPEG unit is compressed
        assert np.mean(np.abs(part - expected)[inside] > 1e-2) < 0.02


def test_noise_and_jpeg_blocks_are_the_frames_own_at_any_corner(photograph):
    settings = dataclasses.replace(only("jpeg"), noise_share=1.0)
    whole = clinical2.degrade(photograph, settings, 1, 0, 5)
    window = Window(256, 256, 75, 101)
    part = clinical2.degrade(photograph[75:175, 101:201], settings, 1, 0, 5, window)
    np.testing.assert_array_equal(part[16:-16, 16:-16], whole[75:175, 101:201][16:-16, 16:-16])


@pytest.mark.parametrize("turn", [(1, 0, 0), (0, 1, 1), (1, 1, 3), (0, 0, 2)])
def test_frame_faults_turn_with_the_crop(photograph, turn):
    shares = dict.fromkeys(("veil_share", "halo_share", "shadow_share", "falloff_share"), 1.0)
    settings = dataclasses.replace(NONE, **shares)
    crop = photograph[40:104, 20:116]
    straight = clinical2.degrade(crop, settings, 1, 0, 1, Window(256, 256, 40, 20))

    def turned(image):
        image = image[:, ::-1] if turn[0] else image
        image = image[::-1] if turn[1] else image
        return np.rot90(image, turn[2])

    window = Window(256, 256, 40, 20, *turn)
    again = clinical2.degrade(turned(crop), settings, 1, 0, 1, window)
    np.testing.assert_allclose(again, turned(straight), atol=1e-3)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_a_clean_photograph_is_reduced_bicubically(photograph, scale):
    settings = dataclasses.replace(ALL, clean_share=1.0)
    lr = degradations.degrade(photograph[None], "clinical", scale, settings=settings)
    assert lr.shape == (1, 256 // scale, 256 // scale, 3)
    expected = degradations.degrade(photograph[None], "bicubic", scale)
    assert np.abs(lr.numpy().astype(int) - expected.numpy()).max() <= 1
    assert np.mean(lr.numpy() != expected.numpy()) < 1e-3


@pytest.mark.parametrize("kernel", Clinical().kernels)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_kernels_keep_the_phase_of_a_ramp(kernel, scale):
    ramp = np.zeros((48, 48, 3), np.uint8) + 4 * np.arange(48, dtype=np.uint8)[:, None, None]
    settings = dataclasses.replace(NONE, kernels=(kernel,))
    lr = clinical2.degrade(ramp, settings, scale, 0, 0)
    expected = ramp.reshape(48 // scale, scale, 48, 3).mean(1)[:, ::scale]
    np.testing.assert_allclose(lr[3:-3], expected[3:-3], atol=1e-3)


def test_shares_are_those_of_the_photographs():
    grey = np.full((16, 16, 3), 128, np.uint8)
    settings = Clinical(clean_share=0.3)

    def changed(settings):
        found = [clinical2.degrade(grey, settings, 1, 1, i) for i in range(400)]
        return np.mean([(image != 128).any() for image in found])

    assert changed(settings) == pytest.approx(0.7, abs=0.06)
    assert changed(dataclasses.replace(NONE, veil_share=0.25)) == pytest.approx(0.25, abs=0.06)
    assert changed(NONE) == 0


def test_draws_follow_seed_and_index_alone(photograph):
    first = clinical2.degrade(photograph, ALL, 4, 1, 2)
    np.testing.assert_array_equal(first, clinical2.degrade(photograph, ALL, 4, 1, 2))
    assert np.abs(first - clinical2.degrade(photograph, ALL, 4, 1, 3)).mean() > 1
    assert np.abs(first - clinical2.degrade(photograph, ALL, 4, 2, 2)).mean() > 1


def test_a_fault_draws_the_same_whatever_the_others_do(photograph):
    alone = clinical2.degrade(photograph, only("cast"), 1, 0, 4)
    with_jpeg = dataclasses.replace(only("cast"), jpeg_share=1.0, jpeg_quality=(100, 100))
    both = clinical2.degrade(photograph, with_jpeg, 1, 0, 4)
    assert np.abs(np.clip(alone, 0, 255) - both)[DISC].mean() < 3


def test_the_veil_lowers_contrast_and_leaves_the_surround_black(photograph):
    settings = only("veil", veil_depth=(0.4, 0.4))
    clean = photograph[..., 1].astype(np.float32)
    surround = photograph.max(2) < 5
    ratios = []
    for index in range(8):
        hazy = clinical2.degrade(photograph, settings, 1, 0, index)
        ratios.append(detail(hazy[..., 1]) / detail(clean))
        assert hazy[surround].max() < 8
        assert hazy[DISC][:, 1].mean() > 0.8 * clean[DISC].mean()
    assert max(ratios) < 1
    assert np.mean(ratios) < 0.8


def test_strength_scales_a_fault_down_to_none(photograph):
    def difference(strength):
        settings = dataclasses.replace(ALL, kernels=("bicubic",), jpeg_share=0, strength=strength)
        spoiled = clinical2.degrade(photograph, settings, 1, 0, 1)
        return np.abs(spoiled - photograph)[DISC].mean()

    # a line of no length still shares its points between pixels
    assert difference(0) < 1
    assert difference(0) < difference(0.3) < difference(1)


def test_the_falloff_darkens_one_side():
    grey = np.full((64, 64, 3), 200, np.uint8)
    settings = only("falloff", falloff_depth=(0.6, 0.6))
    for index in range(4):
        lit = clinical2.degrade(grey, settings, 1, 0, index)[..., 0]
        corners = lit[[0, 0, -1, -1], [0, -1, 0, -1]]
        assert lit.max() <= 200
        assert corners.min() < corners.max() - 5
        assert corners.min() < 200 * (1 - 0.6 / 1.5**2 * 1.9)


@pytest.mark.parametrize("fault", ["shadow", "lashes", "dust"])
def test_some_of_the_light_is_lost(fault):
    grey = np.full((64, 64, 3), 200, np.uint8)
    spoiled = [clinical2.degrade(grey, only(fault), 1, 0, i) for i in range(6)]
    assert min(image.min() for image in spoiled) < 185
    assert max(image.max() for image in spoiled) < 260


def test_sheen_is_irregular_and_of_its_depth():
    grey = np.full((256, 256, 3), 100, np.uint8)
    spoiled = [
        clinical2.degrade(grey, only("sheen", sheen_depth=(0.1, 0.1)), 1, 0, i) for i in range(8)
    ]
    deviations = [image[..., 1].std() for image in spoiled]
    assert 2 < np.mean(deviations) < 10  # 10 where the patch covers all
    turned = [np.corrcoef(image.ravel(), image[::-1].ravel())[0, 1] for image in spoiled]
    assert np.abs(turned).max() < 0.5


def test_the_halo_is_brightest_at_the_edge(photograph):
    y, x = np.mgrid[-127.5:128, -127.5:128]
    radius = np.hypot(y, x)
    ring, middle = (radius > 105) & (radius < 118), radius < 50
    gains = clinical2.degrade(photograph, only("halo"), 1, 0, 2) - photograph
    assert gains.min() > -1e-3
    assert gains[ring].mean() > 3 * gains[middle].mean()


def test_the_cast_is_one_gain_a_channel():
    grey = np.full((8, 8, 3), 100, np.uint8)
    tinted = clinical2.degrade(grey, only("cast"), 1, 0, 0)
    assert np.ptp(tinted, axis=(0, 1)).max() < 1e-3
    assert np.ptp(tinted[0, 0]) > 1
    assert 100 * np.exp(-0.42) - 1 < tinted.min() < tinted.max() < 100 * np.exp(0.32) + 1


@pytest.mark.parametrize("fault", ["defocus", "motion"])
def test_blur_takes_detail_and_keeps_the_mean_and_the_place(photograph, fault):
    settings = only(fault, defocus=(6, 6), motion=(20, 20))
    blurred = clinical2.degrade(photograph, settings, 1, 0, 3)
    clean = photograph.astype(np.float32)
    assert detail(blurred[..., 1]) < 0.9 * detail(clean[..., 1])
    assert blurred.mean() == pytest.approx(clean.mean(), rel=1e-2)
    point = np.zeros((65, 65, 3), np.uint8)
    point[32, 32] = 255
    spread = clinical2.degrade(point, settings, 1, 0, 3, Window(400, 400))[..., 1]
    assert spread.max() < 60
    y, x = (np.sum(spread * axis) / spread.sum() for axis in np.mgrid[:65, :65])
    assert (y, x) == pytest.approx((32, 32), abs=1e-3)


def test_scatter_pales_a_fine_line_and_widens_none(photograph):
    settings = only("scatter", scatter_depth=(0.5, 0.5), scatter_width=(20, 20))
    line = np.full((101, 101, 3), 200, np.uint8)
    line[:, 50] = 100
    spread = clinical2.degrade(line, settings, 1, 0, 0, Window(500, 500))[50, :, 1]
    dark = 200 - spread
    assert dark[50] == pytest.approx(50, abs=3)
    assert dark[48] < 4
    assert dark.sum() == pytest.approx(100, rel=0.02)
    hazy = clinical2.degrade(photograph, settings, 1, 0, 0)
    assert hazy.mean() == pytest.approx(photograph.mean(), rel=1e-2)


def test_noise_has_its_variance():
    grey = np.full((256, 256, 3), 100, np.uint8)
    settings = only("noise", read_noise=(3, 3), shot_noise=(0.2, 0.2))
    noisy = clinical2.degrade(grey, settings, 1, 0, 0)
    assert noisy.std() == pytest.approx((9 + 20) ** 0.5, rel=0.02)
    assert noisy.mean() == pytest.approx(100, abs=0.1)


def test_jpeg_makes_blocks(photograph):
    def blockiness(image):
        steps = np.abs(np.diff(image[..., 1].astype(float), axis=1)).mean(axis=0)
        borders = np.arange(255) % 8 == 7
        return steps[borders].mean() / steps[~borders].mean()

    once = only("jpeg", jpeg_quality=(15, 15))
    single = clinical2.degrade(photograph, once, 1, 0, 0)
    double = clinical2.degrade(photograph, dataclasses.replace(once, jpeg_again_share=1.0), 1, 0, 0)
    assert blockiness(single) > 1.3 * blockiness(photograph)
    assert (single != double).any()


def test_versions_are_chosen_by_number(photograph):
    hr = photograph[None]
    old = degradations.degrade(hr, "clinical", 4, version=1)
    new = degradations.degrade(hr, "clinical", 4, version=2, settings=ALL)
    assert old.shape == new.shape == (1, 64, 64, 3)
    assert (old.numpy() != new.numpy()).any()
    assert degradations.operator("clinical").version == 2
    with pytest.raises(UsageError, match="clinical has no version 3: choose 1 or 2"):
        degradations.degrade(hr, "clinical", 4, version=3)
    with pytest.raises(UsageError, match="bicubic has no version 2: choose 1"):
        degradations.operator("bicubic", 2)


def test_windows_travel_as_a_tensor(photograph):
    crops = np.stack([photograph[:64, :64], photograph[64:128, 96:160]])
    windows = tf.constant([Window(256, 256), Window(256, 256, 64, 96)], tf.int64)
    lr = degradations.degrade(
        crops, "clinical", 2, seed=1, index=[4, 4], windows=windows, settings=ALL
    )
    for image, crop, window in zip(lr.numpy(), crops, windows.numpy(), strict=True):
        alone = clinical2.degrade(crop, ALL, 2, 1, 4, Window(*window.tolist()))
        np.testing.assert_array_equal(image, rounded(alone))


def detail(channel):
    return np.std((channel - cv2.GaussianBlur(channel, (0, 0), 3))[DISC])
