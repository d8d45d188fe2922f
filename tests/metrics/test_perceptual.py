import numpy as np
import pytest

from srgan_keras.evaluation import vgg_distance as module
from srgan_keras.evaluation.vgg_distance import vgg_features
from srgan_keras.metrics import vgg_distance
from srgan_keras.phantoms.phantom import phantom


def test_length_of_a_feature_does_not_count(rng):
    features = rng.normal(size=(3, 4, 8)).astype(np.float32)
    assert vgg_distance(features, 5 * features) == pytest.approx(0, abs=1e-12)
    assert vgg_distance(features, -features) == pytest.approx(4 / 8)
    with pytest.raises(ValueError, match="one size"):
        vgg_distance(features, features[1:])


def test_features_are_a_quarter_of_the_image():
    features = vgg_features()
    image = phantom(0, 64).image
    assert features(image).shape == (16, 16, 256)
    assert features(image).min() == 0  # after the activation
    near, far = np.clip(image + np.array([0, 2, 0]), 0, 255).astype(np.uint8), 255 - image
    assert (
        0
        < vgg_distance(features(image), features(near))
        < vgg_distance(features(image), features(far))
    )


def test_strips_of_a_large_photograph_give_the_features_of_the_whole(rng, monkeypatch):
    image = rng.integers(0, 256, (150, 61, 3), np.uint8)
    features = vgg_features()
    whole = features(image)
    monkeypatch.setattr(module, "STRIP_PIXELS", 61 * 40)
    np.testing.assert_allclose(features(image), whole, rtol=1e-4, atol=1e-2)
