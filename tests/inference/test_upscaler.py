import numpy as np
import pytest
import tensorflow as tf

from srgan_keras.errors import UsageError
from srgan_keras.inference.upscaler import (
    Upscaler,
    back_projected,
    bicubic,
    blended,
    ensembled,
    field_of_view,
    upscale,
)
from srgan_keras.models.bicubic import bicubic_downsample, bicubic_upsample
from srgan_keras.phantoms.phantom import phantom


def sharpened(images):
    """A network of receptive radius 1 that knows up from down."""
    kernel = np.zeros((3, 3, 3, 3), np.float32)
    kernel[1, 1] = 1.5 * np.eye(3)
    kernel[0, 1] = -0.5 * np.eye(3)
    sharp = tf.nn.conv2d(images, kernel, 1, "SAME")
    return np.clip(sharp.numpy().repeat(2, 1).repeat(2, 2), 0, 1)


UPSCALER = Upscaler(sharpened, 2, 1, 1000)
IMAGE = np.random.default_rng(0).integers(0, 256, (37, 29, 3), np.uint8)


def test_rounding_and_depth():
    floats, maps = upscale(UPSCALER, IMAGE, 10, rounded=False)
    assert maps == {}
    np.testing.assert_allclose(floats, sharpened(IMAGE[np.newaxis] / np.float32(255))[0], atol=1e-6)
    np.testing.assert_array_equal(upscale(UPSCALER, IMAGE, 10)[0], np.rint(floats * 255))
    deep = upscale(UPSCALER, IMAGE.astype(np.uint16) * 257, 10)[0]
    assert deep.dtype == np.uint16
    np.testing.assert_allclose(deep, floats * 65535, atol=0.51)


@pytest.mark.parametrize("options", [{"tile": 7}, {"tile": 5, "batch": 3}, {}], ids=str)
def test_every_combination_is_equal_in_tiles(options):
    other = Upscaler(lambda x: x.repeat(2, 1).repeat(2, 2), 2, 0, 500)
    for upscaler in (
        blended(UPSCALER, other, 0.3),
        back_projected(UPSCALER, "bicubic", 2),
        back_projected(UPSCALER, "cv2_linear", 2),
        ensembled(UPSCALER),
        ensembled(back_projected(blended(other, UPSCALER, 0.5), "bicubic", 1)),
    ):
        whole, _ = upscale(upscaler, IMAGE, 1000, rounded=False)
        tiled, _ = upscale(upscaler, IMAGE, rounded=False, **options)
        np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_blend():
    other = Upscaler(lambda x: x.repeat(2, 1).repeat(2, 2), 2, 3, 2000)
    mixed = blended(UPSCALER, other, 0.25)
    assert mixed[1:4] == (2, 3, 2000)
    images = IMAGE[np.newaxis] / np.float32(255)
    expected = 0.75 * sharpened(images) + 0.25 * other.network(images)
    np.testing.assert_allclose(mixed.network(images), expected, atol=1e-6)
    with pytest.raises(UsageError, match="x2 and x4"):
        blended(UPSCALER, UPSCALER._replace(scale=4), 0.5)


def test_back_projection_brings_sr_nearer_to_lr():
    lr = phantom(1, 64).image.astype(np.float32)[np.newaxis] / 255

    def distance(times):
        sr = back_projected(UPSCALER, "bicubic", times).network(lr)
        return np.abs(bicubic_downsample(sr, 2) - lr).mean()

    assert distance(3) < 0.5 * distance(1) < 0.25 * distance(0)


@pytest.mark.parametrize(
    ("degradation", "scale", "message"),
    [
        ("clinical", 2, "not of clinical: leave it at 0"),
        ("unknown", 2, "not of unknown: leave it at 0"),
        ("bicubic", 1, "at scale 1 returns the input"),
    ],
)
def test_back_projection_without_a_meaning_is_refused(degradation, scale, message):
    with pytest.raises(UsageError, match=message):
        back_projected(UPSCALER._replace(scale=scale), degradation, 1)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_outside_the_field_of_view_a_restoration_keeps_the_input(kind):
    image = np.pad(phantom(2, 96).image, [(0, 0), (60, 40), (0, 0)]).astype(kind)
    image += np.random.default_rng(0).integers(0, 9, image.shape, kind)
    image = image * np.array(np.iinfo(kind).max // 255, kind) if kind == np.uint16 else image
    dark = Upscaler(lambda x: 0.5 * x, 1, 0, 100, 4)
    wanted = field_of_view(image, 0)
    sr, _ = upscale(dark, image, 16, wanted=wanted)
    np.testing.assert_array_equal(sr[~wanted], image[~wanted])
    assert sr[wanted].mean() < 0.6 * image[wanted].mean()
    np.testing.assert_array_equal(bicubic(image, 1), image)


def test_the_deviation_is_that_of_the_ensemble():
    sr, maps = upscale(ensembled(UPSCALER, deviation=True), IMAGE, 10)
    deviation = maps["uncertainty"]
    assert sr.shape == (74, 58, 3)
    assert deviation.shape == (74, 58)
    assert 0 < deviation.mean() < 0.5
    even = np.full((9, 9, 3), 77, np.uint8)
    inner = upscale(ensembled(UPSCALER, deviation=True), even, 10)[1]["uncertainty"]
    assert inner[2:-2, 2:-2].max() < 1e-6


@pytest.mark.parametrize("tile", [16, 50, 1000])
def test_outside_the_field_of_view_it_is_bicubic_however_tiled(tile):
    image = phantom(2, 96).image
    image = np.pad(image, [(0, 0), (60, 40), (0, 0)])
    wanted = field_of_view(image, UPSCALER.radius)
    assert 0.2 < wanted.mean() < 0.7
    sr, _ = upscale(UPSCALER, image, tile, wanted=wanted)
    inside = wanted.repeat(2, 0).repeat(2, 1)
    np.testing.assert_array_equal(sr[inside], upscale(UPSCALER, image, 1000)[0][inside])
    floats = bicubic_upsample(image[np.newaxis].astype(np.float32), 2)[0].numpy().clip(0, 255)
    np.testing.assert_allclose(sr[~inside], floats[~inside], atol=0.501)
    np.testing.assert_allclose(bicubic(image, 2), floats, atol=0.501)


def test_unwanted_tiles_are_not_computed():
    seen = []
    image = np.pad(phantom(2, 96).image, [(0, 0), (200, 200), (0, 0)])
    watched = UPSCALER._replace(network=lambda x: (seen.append(x.size), sharpened(x))[1])
    upscale(watched, image, 32, wanted=field_of_view(image, 1))
    assert sum(seen) < 0.35 * image.size


@pytest.mark.parametrize(
    "image",
    [
        np.full((40, 40, 3), 90, np.uint8),
        np.zeros((40, 40, 3), np.uint8),
        np.zeros((1, 4000, 3), np.uint8),
        np.pad(phantom(2, 64).image, [(30, 30), (30, 30), (0, 0)], constant_values=60),
    ],
    ids=["no outside", "nothing inside", "a strip", "no dark outside"],
)
def test_what_shows_no_field_of_view_is_computed_whole(image):
    assert field_of_view(image, 3) is None


def test_progress_adds_up():
    shares = []
    upscale(UPSCALER, IMAGE, 10, progress=shares.append)
    assert len(shares) > 1
    assert sum(shares) == pytest.approx(1)
