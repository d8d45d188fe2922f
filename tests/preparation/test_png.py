import io

import cv2
import numpy as np
import pytest
from PIL import Image

from srgan_keras.preparation import png


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (3, 1, 3), (40, 33, 3)])
def test_every_reader_gets_the_pixels_back(shape, rng):
    image = rng.integers(0, 256, shape).astype(np.uint8)
    data = png.encode(image)
    with Image.open(io.BytesIO(data)) as opened:
        opened.verify()
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), image)
    read = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(read[..., ::-1] if image.ndim == 3 else read, image)


def test_a_view_of_a_larger_image_is_encoded(rng):
    image = rng.integers(0, 256, (30, 40, 3)).astype(np.uint8)[3:9, 5:11]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png.encode(image)))), image)
