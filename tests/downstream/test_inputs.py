"""What networks see of a photograph."""

import numpy as np

from srgan_keras.data.phantom import phantom
from srgan_keras.downstream.inputs import local_contrast


def test_local_contrast_does_not_see_how_bright_the_ground_is():
    eye = phantom(0, 128)
    image = np.clip(eye.image, 0, 200)
    seen = local_contrast(image, eye.fov)
    np.testing.assert_allclose(local_contrast(image + np.uint8(50), eye.fov), seen, atol=1)
    assert (seen[~eye.fov] == 128).all()


def test_a_spot_stands_out_to_its_own_side_up_to_the_rim():
    fov = np.zeros((90, 90), bool)
    fov[10:80, 10:80] = True
    image = np.full((90, 90, 3), 60, np.uint8)
    image[40, 40], image[11, 11] = 40, 80
    seen = local_contrast(image, fov)
    assert (seen[40, 40] < 60).all()
    assert (seen[11, 11] > 190).all()
    assert (np.abs(seen[60:70, 60:80].astype(int) - 128) <= 1).all()
