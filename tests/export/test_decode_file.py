"""SavedModels read files as the other readers do."""

import numpy as np
import pytest
import tensorflow as tf

from srgan_keras.data.decode import decode
from srgan_keras.export.decode_file import decode_file
from tests.data.image_matrix import cells

REFUSED = ("BMP 1", "BMP palette", "BMP RGBA")
"""Those that only a graph refuses."""


@pytest.fixture(scope="module")
def graph():
    return tf.function(decode_file, input_signature=[tf.TensorSpec([], tf.string)])


@pytest.mark.parametrize("container", ["PNG", "JPEG", "MPO", "WEBP", "BMP"])
def test_a_graph_reads_what_the_other_readers_read(graph, container, monkeypatch):
    monkeypatch.setattr("srgan_keras.data.decode.to_srgb", lambda image, *_: image)
    for cell in cells(container):
        if cell.refused or cell.name in REFUSED:
            with pytest.raises(tf.errors.InvalidArgumentError, match=r"frames|CMYK|24 bits"):
                graph(cell.data)
            continue
        served, expected = graph(cell.data).numpy(), decode(cell.data)
        assert served.shape == expected.shape, cell.name
        assert np.abs(served.astype(int) - expected).max() <= 1, cell.name
        plain = cell.alpha is None and cell.colour.dtype == np.uint8
        if plain and not cell.tolerance:
            np.testing.assert_array_equal(served, expected)
