import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from srgan_keras.config import Generator
from srgan_keras.export.graph_tiles import upscale_in_tiles
from srgan_keras.export.tiles import upscale_tiles
from srgan_keras.inference.upscaler import Upscaler, ensembled
from srgan_keras.models.generator import build_generator
from srgan_keras.models.receptive_field import fold, receptive_radius

SCALE = 2
MODEL = build_generator(Generator(blocks=1, filters=4, head_kernel=3), SCALE)
RADIUS = receptive_radius(MODEL, SCALE)
FOLDED = {
    scale: build_generator(Generator(1, 4, upsampling, 4, unshuffle=side), scale)
    for scale, side, upsampling in [(1, 4, "direct"), (2, 2, "steps")]
}


def in_graph(model):
    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3))])
    def graph(images):
        return model(images, training=False)

    return lambda images: graph(images).numpy()


network = in_graph(MODEL)
FOLDED_NETWORKS = {scale: in_graph(model) for scale, model in FOLDED.items()}


def image(height, width):
    return np.random.default_rng(height).uniform(size=(height, width, 3)).astype(np.float32)


def assembled(lr, network=network, **options):
    """Return SR, NaN where no tile was computed; no pixel may come twice."""
    sr = np.full((SCALE * lr.shape[0], SCALE * lr.shape[1], 3), np.nan, np.float32)
    for box, part in upscale_tiles(network, lr, SCALE, RADIUS, **options):
        assert np.isnan(box.of(sr, SCALE)).all()
        box.of(sr, SCALE)[...] = part
    return sr


@settings(deadline=None, max_examples=40)
@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    tile=st.integers(5, 40),
    batch=st.integers(1, 3),
)
def test_tiled_equals_the_whole(height, width, tile, batch):
    lr = image(height, width)
    whole = network(lr[np.newaxis])[0]
    np.testing.assert_allclose(assembled(lr, tile=tile, batch=batch), whole, atol=1e-5)


@settings(deadline=None, max_examples=40)
@given(
    scale=st.sampled_from(sorted(FOLDED)),
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    tile=st.integers(1, 40),
    batch=st.integers(1, 3),
    turned=st.booleans(),
    seed=st.integers(0, 9),
)
def test_tiles_of_a_folded_network_equal_the_whole(scale, height, width, tile, batch, turned, seed):
    lr = image(height, width)
    wanted = np.random.default_rng(seed).random((height, width)) < 0.05 if seed else None
    model = FOLDED[scale]
    upscaler = Upscaler(FOLDED_NETWORKS[scale], scale, receptive_radius(model, scale), 1)
    upscaler = upscaler._replace(fold=fold(model))
    upscaler = ensembled(upscaler) if turned else upscaler
    whole = upscaler.network(lr[np.newaxis])[0]
    done = np.zeros((height, width), int)
    for box, part in upscale_tiles(
        upscaler.network, lr, scale, upscaler.radius, tile, batch, wanted, upscaler.fold
    ):
        box.of(done)[...] += 1
        np.testing.assert_allclose(part, box.of(whole, scale), atol=1e-5)
    assert done.max() <= 1
    assert done[... if wanted is None else wanted].all()


@settings(deadline=None, max_examples=12)
@given(
    scale=st.sampled_from(sorted(FOLDED)),
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    pixels=st.integers(1, 5000),
)
def test_tiles_of_a_folded_network_in_a_graph_equal_the_whole(scale, height, width, pixels):
    lr, model = image(height, width)[np.newaxis], FOLDED[scale]
    radius, side = receptive_radius(model, scale), fold(model)
    tiled = upscale_in_tiles(model, tf.constant(lr), scale, radius, pixels, fold=side)
    np.testing.assert_allclose(tiled, FOLDED_NETWORKS[scale](lr), atol=1e-5)


def test_one_shape_for_all_tiles():
    shapes = set()

    def watched(images):
        shapes.add(images.shape[1:])
        return network(images)

    assembled(image(83, 61), watched, tile=20)
    # 83 in five and 61 in four parts: of 17 and 16 rows and columns at most
    assert shapes == {(17 + 2 * RADIUS, 16 + 2 * RADIUS, 3)}


def test_unwanted_tiles_are_left_out():
    lr, wanted = image(60, 60), np.zeros((60, 60), bool)
    wanted[20:35, 31:33] = True
    whole = network(lr[np.newaxis])[0]
    sr = assembled(lr, tile=10, wanted=wanted)
    done = ~np.isnan(sr[..., 0])
    assert done[np.kron(wanted, np.ones((SCALE, SCALE), bool))].all()
    assert done.mean() < 0.05
    np.testing.assert_allclose(sr[done], whole[done], atol=1e-5)
    assert not list(upscale_tiles(network, lr, SCALE, RADIUS, 10, wanted=np.zeros((60, 60), bool)))


@pytest.mark.parametrize("error", [tf.errors.ResourceExhaustedError(None, None, ""), MemoryError()])
def test_out_of_memory_halves_the_tile_and_goes_on(error):
    calls = []

    def small_device(images):
        calls.append(images.shape)
        if images[0, ..., 0].size > (12 + 2 * RADIUS) ** 2 or len(images) > 2:
            raise error
        return network(images)

    lr = image(70, 50)
    whole = network(lr[np.newaxis])[0]
    np.testing.assert_allclose(assembled(lr, small_device, tile=40, batch=2), whole, atol=1e-5)
    assert len({shape[1:] for shape in calls}) == 3  # of 40, 20 and 10


def test_out_of_memory_for_one_pixel():
    def no_device(images):
        raise MemoryError

    with pytest.raises(MemoryError):
        assembled(image(9, 9), no_device, tile=8)
