import numpy as np

from srgan_keras.inference.ensemble import self_ensemble


def enlarge(images):
    return images.repeat(2, axis=1).repeat(2, axis=2)


def test_a_network_without_direction_is_left_as_it_is(rng):
    images = rng.uniform(size=(2, 5, 7, 3)).astype(np.float32)
    mean, deviation = self_ensemble(enlarge, images)
    np.testing.assert_allclose(mean, enlarge(images), atol=1e-6)
    assert deviation.max() < 1e-6
    assert deviation.dtype == mean.dtype == np.float32


def test_mean_and_deviation_over_the_eight_orientations(rng):
    weights = rng.uniform(size=(4, 4, 1)).astype(np.float32)  # by position: eight outputs differ
    seen = []

    def network(images):
        seen.append(images)
        return images * weights

    images = rng.uniform(size=(1, 4, 4, 3)).astype(np.float32)
    mean, deviation = self_ensemble(network, images)
    assert len({image.tobytes() for image in seen}) == 8
    symmetric = [weights, weights[::-1], weights[:, ::-1], weights[::-1, ::-1]]
    symmetric += [w.transpose(1, 0, 2) for w in symmetric]
    outputs = np.stack([images * w for w in symmetric])
    np.testing.assert_allclose(mean, outputs.mean(0), atol=1e-6)
    np.testing.assert_allclose(deviation, outputs.std(0), atol=1e-6)
