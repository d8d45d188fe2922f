import cv2
import numpy as np
import pytest

from srgan_keras.inference import guard
from srgan_keras.inference.upscaler import Upscaler, bicubic, ensembled, guarded, upscale
from srgan_keras.models.bicubic import bicubic_upsample
from srgan_keras.phantoms.phantom import phantom

PHOTOGRAPH = phantom(2, 160).image
IMAGE = PHOTOGRAPH[30:120, 20:130]


def sharper(scale):
    """A network whose answer turns with its input."""

    def network(x):
        sr = bicubic_upsample(x, scale).numpy()
        blurred = np.stack([cv2.GaussianBlur(image, (5, 5), 1) for image in sr])
        return np.clip(sr + 0.02 + 2 * (sr - blurred), 0, 1)

    return network


def doubtful(scale):
    """A sharper network that adds an answer where it is bright, which does not turn with it."""

    def network(x):
        sr = sharper(scale)(x)
        above = np.concatenate([sr[:, :1]] * 3 + [sr[:, :-3]], axis=1)  # knows up from down
        bright = np.clip(8 * (sr[..., :1] - 0.4), 0, 1)
        return np.clip(sr + 0.7 * bright * (sr - above), 0, 1)

    return network


def share(network, scale, image=IMAGE):
    return upscale(guarded(Upscaler(network, scale, 8, 1000)), image)[1]["fallback"]


@pytest.mark.parametrize("scale", [1, 2])
def test_an_answer_that_turns_with_the_input_is_kept(scale):
    plain = Upscaler(sharper(scale), scale, 5, 1000)
    sr, maps = upscale(guarded(plain), IMAGE)
    assert maps["fallback"].max() < 1e-3
    np.testing.assert_allclose(sr, upscale(plain, IMAGE)[0], atol=1)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("scale", [1, 2])
def test_where_the_orientations_disagree_the_fallback_remains(scale, kind):
    image = IMAGE.astype(kind) * np.array(np.iinfo(kind).max // 255, kind)

    def rows(x):  # brighter at the top: the mean over the eight orientations changes nothing
        return bicubic_upsample(x, scale).numpy() + 0.1 * np.linspace(
            -1, 1, scale * x.shape[1], dtype=np.float32
        ).reshape(1, -1, 1, 1)

    sr, maps = upscale(guarded(Upscaler(rows, scale, 5, 1000)), image, 1000)
    assert (maps["fallback"] == 1).mean() > 0.9
    whole = maps["fallback"] == 1
    np.testing.assert_array_equal(sr[whole], bicubic(image, scale)[whole])


@pytest.mark.parametrize("scale", [1, 2])
def test_the_share_is_smooth_and_follows_the_disagreement(scale):
    found = share(doubtful(scale), scale)
    assert found.min() < 0.2
    assert found.max() > 0.8
    for axis in (0, 1):
        assert np.abs(np.diff(found, axis=axis)).max() < 0.4


@pytest.mark.parametrize("options", [{"tile": 17}, {"tile": 11, "batch": 3}], ids=str)
@pytest.mark.parametrize("scale", [1, 2])
def test_tiles_equal_the_whole(scale, options):
    upscaler = guarded(Upscaler(doubtful(scale), scale, 8, 1000))
    whole, maps = upscale(upscaler, IMAGE, 1000, rounded=False)
    tiled, tiled_maps = upscale(upscaler, IMAGE, rounded=False, **options)
    np.testing.assert_allclose(tiled, whole, atol=1e-5)
    assert tiled_maps.keys() == maps.keys() == {"uncertainty", "fallback"}
    for name, values in maps.items():
        np.testing.assert_allclose(tiled_maps[name], values, atol=1e-4)


def test_the_blend_is_that_of_its_share():
    sr, maps = upscale(guarded(Upscaler(doubtful(2), 2, 8, 1000)), IMAGE, rounded=False)
    mean, _ = upscale(ensembled(Upscaler(doubtful(2), 2, 8, 1000)), IMAGE, rounded=False)
    fallback = np.clip(bicubic_upsample(IMAGE[None] / np.float32(255), 2)[0], 0, 1)
    w = maps["fallback"][..., None]
    np.testing.assert_allclose(sr, w * fallback + (1 - w) * mean, atol=1e-5)


def test_thresholds_are_where_the_page_says():
    """A change of 0.1 up and down in turn, and a deviation that is the same everywhere."""
    lr = np.full((1, 40, 40, 3), 0.4, np.float32)
    checks = 0.1 * (-1.0) ** np.add.outer(np.arange(40), np.arange(40))
    sr = lr + checks[None, :, :, None].astype(np.float32) + 0.2  # an even change counts for nothing
    for q, expected in [
        (guard.LOW, 0),
        ((guard.LOW + guard.HIGH) / 2, 0.5),
        (guard.HIGH, 1),
    ]:
        deviation = np.full((1, 40, 40), 0.1 * q, np.float32)
        _, found = guard.guarded(lr, sr, deviation, 1)
        np.testing.assert_allclose(found[0, 9:-9, 9:-9], expected, atol=0.02)


def test_one_pixel_and_a_strip_are_guarded():
    for shape in [(1, 1, 3), (1, 50, 3), (50, 2, 3)]:
        image = cv2.resize(IMAGE, shape[1::-1]).reshape(shape)
        sr, maps = upscale(guarded(Upscaler(sharper(2), 2, 5, 1000)), image)
        assert sr.shape[:2] == maps["fallback"].shape == (2 * shape[0], 2 * shape[1])
