"""A model folder for the tests of what is done with SR."""

import pytest

from srgan_keras.config import Generator
from srgan_keras.export import model_folder
from srgan_keras.models.generator import build_generator


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """A model folder of scale 2, named `tiny`."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    info = {
        "name": "tiny",
        "degradation": {"name": "bicubic", "version": 1},
        "normalisation": {"mean": [0.5] * 3, "std": [0.5] * 3},
        "training_sha256": [],
        "configuration": {},
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_folder, "saved_model_parity", lambda *_: {"max_abs_diff": 0.0})
        model_folder.save(folder, build_generator(Generator(blocks=1, filters=4), 2), info)
    return folder
