"""A tiny model of each stage and a batch for it."""

import keras
import numpy as np
import pytest

from srgan_keras.config import Config, Data, Discriminator, Generator, Loss, Train, Vgg
from srgan_keras.models.generator import build_generator
from srgan_keras.models.vgg19 import build_vgg19
from srgan_keras.training.stages import Networks, Stage, build

TINY = Config(
    data=Data(source="phantom:6", hr_long_side=96, patch=32),
    generator=Generator(blocks=1, filters=6),
    discriminator=Discriminator(
        trunk_layer="block2_conv1", frozen_blocks=1, feature_scale=0.05, filters=4, dense_units=4
    ),
    vgg=Vgg(weights="random", layer="block2_conv1", feature_scale=0.05),
    loss=Loss(stage2_content_weight=0.1, adversarial_weight=0.05),
    train=Train(batch_size=4, stage1_schedule="constant"),
)


@pytest.fixture(scope="session")
def vgg():
    keras.config.set_dtype_policy("float32")
    return build_vgg19("random")[0]


@pytest.fixture
def tiny():
    return TINY


@pytest.fixture
def make(vgg):
    """Build the model of a stage: make("stage1") or make("stage2", config).

    Precision sets the optimizers alone.
    """

    def make(name, config=TINY, precision="float32", teacher=None):
        keras.utils.set_random_seed(1)
        g = build_generator(config.generator, 4, (0.5,) * 3, (0.25,) * 3)
        networks = Networks(g, vgg, teacher)
        return build(Stage(name, 0, 10, 1.0), networks, config, precision)

    return make


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    hr = np.kron(rng.integers(0, 256, (4, 8, 8, 3)), np.ones((1, 4, 4, 1))).astype(np.uint8)
    return hr[:, ::4, ::4], hr
