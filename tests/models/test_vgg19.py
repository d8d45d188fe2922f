import keras
import numpy as np
import pytest

from srgan_keras.config import Vgg
from srgan_keras.errors import UsageError
from srgan_keras.models import vgg19 as v

TABLE_1 = [  # the paper's rows: output shape, parameters
    ((224, 224, 64), 1792),
    ((224, 224, 64), 36928),
    ((112, 112, 64), 0),
    ((112, 112, 128), 73856),
    ((112, 112, 128), 147584),
    ((56, 56, 128), 0),
    ((56, 56, 256), 295168),
    ((56, 56, 256), 590080),
    ((56, 56, 256), 590080),
]
TABLE_1_END = [((25088,), 0), ((4096,), 16781312), ((1000,), 4097000)]


@pytest.fixture(scope="module")
def base():
    return v.build_vgg19("random")[0]


def test_table_1_row_by_row():
    rows = [(tuple(shape), count) for _, shape, count in v.table1()]
    assert rows[:9] == TABLE_1
    # "......": the fourth convolution of block 3 (which the paper's row of dots hides), the pools
    # of blocks 3 to 5 and the convolutions of blocks 4 and 5
    assert rows[9] == ((56, 56, 256), 590080)
    flatten, fc1, fc2, predictions = rows[-4:]
    assert [flatten, fc2, predictions] == TABLE_1_END
    # The table's "Dense_1" after Flatten cannot have 16,781,312 weights: that is fc2. fc1 is lost.
    assert fc1 == ((4096,), 25088 * 4096 + 4096)
    assert sum(count for _, count in rows) == 143_667_240


def test_phi_names_a_layer_of_each_block(base):
    assert v.phi(5, 4) == "block5_conv4"
    for i, count in v.CONVOLUTIONS.items():
        assert v.layer_index(base, v.phi(i, count))
        with pytest.raises(UsageError):
            v.phi(i, count + 1)


def test_features_apply_the_preprocessing_that_keras_documents(base):
    image = np.random.default_rng(0).random((1, 32, 32, 3), np.float32)
    cut = v.build_features(base, Vgg(feature_scale=1.0), {"content": "block1_conv1"})
    reference = keras.Model(base.input, base.get_layer("block1_conv1").output)
    expected = reference(keras.applications.vgg19.preprocess_input(image * 255.0))
    np.testing.assert_allclose(cut(image)["content"], expected, rtol=1e-4, atol=1e-3)
    raw = v.build_features(
        base, Vgg(preprocessing="none", feature_scale=1.0), {"content": "block1_conv1"}
    )
    np.testing.assert_allclose(raw(image)["content"], reference(image * 255), rtol=1e-4, atol=1e-3)


def test_before_activation_takes_what_the_relu_would_cut(base):
    image = np.random.default_rng(0).random((1, 32, 32, 3), np.float32)
    outputs = {"content": "block2_conv1"}
    after = np.array(v.build_features(base, Vgg(), outputs)(image)["content"])
    before = np.array(
        v.build_features(base, Vgg(before_activation=True), outputs)(image)["content"]
    )
    assert before.min() < 0
    np.testing.assert_allclose(np.maximum(before, 0), after, rtol=1e-5, atol=1e-6)
    with pytest.raises(UsageError, match="needs a convolution"):
        v.build_features(base, Vgg(before_activation=True), {"content": "block2_pool"})


def test_average_pooling_takes_the_mean_and_keeps_the_weights(base):
    image = np.random.default_rng(0).random((1, 32, 32, 3), np.float32)
    outputs = {"content": "block2_conv1", "before": "block1_conv2", "trunk": "block1_pool"}
    cut = v.build_features(base, Vgg(pooling="average", feature_scale=1.0), outputs)
    maps = cut(image)
    means = np.reshape(maps["before"], (1, 16, 2, 16, 2, 64)).mean((2, 4))
    np.testing.assert_allclose(maps["trunk"], means, rtol=1e-4, atol=1e-3)
    expected = base.get_layer("block2_conv1")(means)
    np.testing.assert_allclose(maps["content"], expected, rtol=1e-4, atol=1e-2)
    assert cut.count_params() == v.build_features(base, Vgg(), outputs).count_params()
    assert isinstance(base.get_layer("block1_pool"), keras.layers.MaxPooling2D), "base is untouched"


def test_features_are_frozen_and_end_at_the_deepest_layer(base):
    cut = v.build_features(base, Vgg(), {"content": "block3_conv3", "trunk": "block2_pool"})
    assert not cut.trainable_weights
    assert "block3_conv4" not in [layer.name for layer in cut.layers]
    maps = cut(np.zeros((1, 64, 64, 3), np.float32))
    assert maps["content"].shape == (1, 16, 16, 256)
    assert maps["trunk"].shape == (1, 16, 16, 128)
    with pytest.raises(UsageError, match="no layer 'block6_conv1'"):
        v.build_features(base, Vgg(), {"content": "block6_conv1"})


def test_wrong_weight_files_are_refused_with_one_line(tmp_path, base):
    text = tmp_path / "text.h5"
    text.write_text("no weights")
    other = tmp_path / "other.weights.h5"
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save_weights(other)
    for file in (text, other, tmp_path / "missing.h5"):
        with pytest.raises(UsageError) as error:
            v.build_vgg19(str(file))
        assert str(file) in str(error.value)
        assert "\n" not in str(error.value)


def test_random_feature_maps_are_as_large_as_real_ones(base):
    image = np.random.default_rng(0).random((1, 64, 64, 3), np.float32)
    outputs = {name: name for name in ("block1_conv2", "block3_conv4", "block5_conv4")}
    sizes = [
        float(np.abs(m).mean()) for m in v.build_features(base, Vgg(), outputs)(image).values()
    ]
    assert min(sizes) > 5
    assert max(sizes) < 1000


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """Neither a network nor Keras's cache, and a home that does not exist."""

    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(keras.utils, "get_file", refuse)
    monkeypatch.setattr("keras.src.applications.vgg19.file_utils.get_file", refuse)
    for name in ("HOME", "USERPROFILE", "KERAS_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "none"))


@pytest.mark.parametrize("needed", [["block3_conv4"], ["block1_conv2", "block3_pool"]])
def test_auto_up_to_block_3_needs_no_network(no_network, needed):
    model, kind = v.build_vgg19("auto", needed)
    assert kind == "bundled"
    kernel = model.get_layer("block1_conv1").get_weights()[0]
    assert kernel.std() == pytest.approx(0.19138, abs=1e-5), "ImageNet's"


@pytest.mark.parametrize("weights", ["auto", "bundled", "imagenet"])
def test_deeper_layers_ask_for_the_whole_network(no_network, weights):
    with pytest.raises(UsageError, match="file of the whole network") as error:
        v.build_vgg19(weights, ["block3_conv4", "block4_conv1"])
    assert "\n" not in str(error.value)


def test_a_needed_layer_must_exist():
    with pytest.raises(UsageError, match="no layer 'block6_conv1'"):
        v.build_vgg19("auto", ["block6_conv1"])


def test_no_bundled_file_is_large():
    assert all(file.stat().st_size < 8e6 for file in v.BUNDLED.parent.iterdir())


@pytest.mark.real
def test_the_bundled_weights_are_those_of_the_whole_network(vgg_weights):
    whole, kind = v.build_vgg19(str(vgg_weights), ["block3_pool"])
    assert kind.startswith("sha256:")
    bundled, _ = v.build_vgg19("bundled", ["block3_pool"])
    expected = whole.get_weights()[: len(bundled.weights)]
    for ours, theirs in zip(bundled.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
