import keras
import numpy as np
import pytest

from srgan_keras.config import Generator
from srgan_keras.export.serving_form import serving_form
from srgan_keras.models.generator import build_generator
from srgan_keras.models.graph import nodes
from srgan_keras.models.layers import PixelShuffle
from srgan_keras.process import dtype_policy

PAPER = {
    "blocks": 2, "filters": 8, "upsampling": "steps", "upsample_filters": 4, "batch_norm": True,
    "head_kernel": 9, "tail_kernel": 9, "bicubic_skip": False,
}  # fmt: skip


def trained(scale, **config):
    """A generator whose weights, those of batch normalisation included, are not the first ones."""
    model = build_generator(Generator(**config), scale, (0.4, 0.3, 0.2), (0.2, 0.15, 0.1))
    rng = np.random.default_rng(0)
    model.set_weights(
        [
            w * rng.uniform(0.5, 1.5, w.shape) + rng.normal(0, 0.02, w.shape)
            for w in model.get_weights()
        ]
    )
    return model


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize(
    "change",
    [
        {}, {"tail_kernel": 1, "output": "tanh", "activation": "relu"}, {"tail_kernel": 3},
        {"bicubic_skip": True}, {"upsampling": "direct", "bicubic_skip": True, "batch_norm": False},
    ],
    ids=str,
)  # fmt: skip
def test_it_computes_the_same(scale, change, rng):
    model = trained(scale, **PAPER | change)
    with dtype_policy("mixed_bfloat16"):  # that of the training which exports it
        body, tail = serving_form(model)
    assert (tail is None) == (PAPER | change)["bicubic_skip"]  # its input is needed after the cut
    whole = keras.Sequential([body, tail]) if tail else body
    for size in [(13, 9), (1, 1), (2, 30)]:
        images = rng.uniform(size=(2, *size, 3)).astype(np.float32)
        expected = model(images, training=False).numpy()
        assert np.ptp(expected) > 0.05
        np.testing.assert_allclose(whole(images, training=False), expected, atol=2e-5)


def test_no_normalisation_and_no_features_at_sr_size_are_left():
    body, tail = serving_form(trained(4, **PAPER))
    kinds = [type(call.layer) for call in nodes(body)[0]]
    assert keras.layers.BatchNormalization not in kinds
    last = [call for call in nodes(tail)[0] if isinstance(call.layer, PixelShuffle)][-1]
    assert last.shape[-1] == 3
    assert tail.count_params() < 2 * trained(4, **PAPER).count_params()


def test_a_normalisation_that_another_layer_bypasses_stays(rng):
    x = keras.Input((None, None, 3))
    y = keras.layers.Conv2D(3, 3, padding="same")(x)
    model = keras.Model(x, keras.layers.Add()([y, keras.layers.BatchNormalization()(y)]))
    body, _ = serving_form(model)
    images = rng.uniform(size=(1, 5, 5, 3)).astype(np.float32)
    np.testing.assert_allclose(body(images), model(images), atol=1e-6)
