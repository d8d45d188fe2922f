"""What networks see of a photograph."""

import numpy as np

from srgan_keras.downstream.inputs import Inputs, local_contrast
from srgan_keras.downstream.tasks import cases
from srgan_keras.evaluation.protocol import Standard
from srgan_keras.phantoms.phantom import phantom


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


class Flat:
    name, scale, degradation = "stage1", 4, "bicubic"

    def __init__(self, level):
        self.level = level

    def upscale(self, image):
        return np.full((4 * image.shape[0], 4 * image.shape[1], 3), self.level, np.uint8)


def test_pictures_that_are_kept_are_those_of_this_model_and_this_lr(tmp_path):
    case = cases("phantom:4", "vessels", long_side=64)[0]
    plain, blurred = Standard(4, "bicubic", 64), Standard(4, "gaussian", 64)
    for level in (10, 200, 10):
        image = Inputs([Flat(level)], plain, tmp_path, "vessels").image("stage1", case)
        assert (image == level).all()
    assert len(list(tmp_path.rglob("*.png"))) == 2
    Inputs([Flat(10)], blurred, tmp_path, "vessels").image("stage1", case)
    assert len(list(tmp_path.rglob("*.png"))) == 3


def test_at_scale_1_lr_is_an_input(tmp_path):
    class Dark:
        name, scale, degradation = "restore", 1, "clinical"

        def upscale(self, image):
            return image // 2

    case = cases("phantom:4", "vessels", long_side=64)[0]
    inputs = Inputs([Dark()], Standard(1, "clinical", 64), tmp_path, "vessels")
    assert inputs.names == ["hr", "input", "restore"]
    lr = inputs.image("input", case)
    assert lr.shape == case.image.shape
    np.testing.assert_array_equal(inputs.image("restore", case), lr // 2)
