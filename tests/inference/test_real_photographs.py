"""The figures of tiling on real photographs, with the paper's generator."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from srgan_keras import configure
from srgan_keras.export.saved_model import export
from srgan_keras.inference.upscaler import Upscaler, upscale
from srgan_keras.models.generator import build_generator
from srgan_keras.models.receptive_field import receptive_radius

pytestmark = [pytest.mark.slow, pytest.mark.real]
CASES = [((131, 150), 40), ((131, 150), 131), ((61, 47), 1000), ((1, 150), 60), ((150, 1), 7)]


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    model = build_generator(configure.load("paper").generator, 4)
    rng = np.random.default_rng(0)
    model.set_weights([w + rng.normal(0, 0.01, w.shape) for w in model.get_weights()])
    folder = tmp_path_factory.mktemp("model")
    export(model, folder)
    return tf.saved_model.load(str(folder)), receptive_radius(model, 4)


@pytest.mark.parametrize(("shape", "tile"), CASES, ids=str)
@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
def test_tiled_equals_whole(networks, real_data, kind, shape, tile):
    model, radius = networks
    file = sorted((real_data / "aptos2019" / "train_images").glob("*.png"))[0]
    photograph = cv2.imread(str(file), cv2.IMREAD_COLOR_RGB)
    top, left = (length // 3 for length in photograph.shape[:2])
    image = np.ascontiguousarray(photograph[top : top + shape[0], left : left + shape[1]])
    upscaler = Upscaler(lambda x: getattr(model.network, kind)(x).numpy(), 4, radius, 1)
    whole, tiled = (upscale(upscaler, image, t, rounded=False)[0] for t in (10_000, tile))
    difference = np.abs(whole - tiled).max() * 255
    levels = np.abs(np.rint(whole * 255) - np.rint(tiled * 255))
    assert levels.max() <= 1
    assert (levels > 0).mean() < (1e-4 if kind == "float32" else 1e-2)
    if kind == "float32":
        assert difference < 0.01
