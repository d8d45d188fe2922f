"""The folders for TensorFlow Serving and Triton, file by file."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from srgan_keras import cli
from srgan_keras.inference.model import load
from tests.inference.conftest import tiny_model  # noqa: F401

SAVED = {
    "saved_model.pb",
    "fingerprint.pb",
    "variables/variables.index",
    "variables/variables.data-00000-of-00001",
}
TRITON = """\
name: "tiny"
platform: "tensorflow_savedmodel"
default_model_filename: "model.savedmodel"
max_batch_size: 8
input [
  { name: "images", data_type: TYPE_UINT8, dims: [ -1, -1, 3 ] }
]
output [
  { name: "images", data_type: TYPE_UINT8, dims: [ -1, -1, 3 ] }
]
version_policy: { latest { num_versions: 1 } }
instance_group [ { count: 2, kind: KIND_AUTO } ]
dynamic_batching {
  max_queue_delay_microseconds: 2000
  default_queue_policy { max_queue_size: 64 }
}
"""
TF_SERVING = """\
model_config_list {
  config {
    name: "tiny"
    base_path: "/models/tiny"
    model_platform: "tensorflow"
    model_version_policy { latest { num_versions: 1 } }
  }
}
"""
BATCHING = """\
max_batch_size { value: 8 }
batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 64 }
num_batch_threads { value: 2 }
pad_variable_length_inputs: false
"""
TEXTS = {
    "tf_serving": {"models.config": TF_SERVING, "batching.config": BATCHING},
    "triton": {"tiny/config.pbtxt": TRITON},
}
INSIDE = {"tf_serving": "tiny/1", "triton": "tiny/1/model.savedmodel"}


@pytest.fixture
def folder(tiny_model, tmp_path):  # noqa: F811
    return shutil.copytree(tiny_model, tmp_path / "model")


def found(folder):
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("format", TEXTS)
def test_every_file(folder, format, capsys):
    before = found(folder)
    assert cli.main(["export", str(folder), "--format", format]) == 0
    assert "as version 1 of tiny" in capsys.readouterr().out
    made, inside = folder / format, INSIDE[format]
    assert found(made) == {*TEXTS[format], *(f"{inside}/{name}" for name in SAVED)}
    for name, text in TEXTS[format].items():
        assert (made / name).read_text() == text
    for name in SAVED:
        same = (folder / "saved_model" / name).read_bytes()
        assert (made / inside / name).read_bytes() == same
    listed = set(json.loads((folder / "model.json").read_text())["files"])
    assert found(folder) - before == {f"{format}/{name}" for name in found(made)} <= listed
    assert load(folder).scale == 2


@pytest.mark.parametrize("format", TEXTS)
def test_the_version_serves_what_the_configuration_names(folder, format, rng):
    assert cli.main(["export", str(folder), "--format", format]) == 0
    served = tf.saved_model.load(str(folder / format / INSIDE[format]))
    signature = served.signatures["serving_default"]
    ((_, given),) = signature.structured_input_signature[1].items()
    ((name, answer),) = signature.structured_outputs.items()
    assert (given.name, given.dtype, given.shape.rank) == ("images", tf.uint8, 4)
    assert (name, answer.dtype) == ("images", tf.uint8)
    image = rng.integers(0, 256, (9, 11, 3), np.uint8)
    sr = signature(images=image[np.newaxis])["images"][0]
    np.testing.assert_array_equal(sr, load(folder).upscale(image))


def test_it_is_written_again(folder):
    for _ in range(2):
        assert cli.main(["export", str(folder), "--format", "triton"]) == 0


def test_a_file_of_somebody_else_stays(folder, capsys):
    (folder / "triton/tiny").mkdir(parents=True)
    (folder / "triton/tiny/config.pbtxt").write_text("mine")
    assert cli.main(["export", str(folder), "--format", "triton"]) == 2
    assert "`export` did not write it" in capsys.readouterr().err
    assert (folder / "triton/tiny/config.pbtxt").read_text() == "mine"
    assert cli.main(["export", str(folder), "--format", "tf_serving", "--tile", "64"]) == 2
