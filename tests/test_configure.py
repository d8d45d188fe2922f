import dataclasses

import pytest
import yaml

from srgan_keras.config import PRESETS, Config, Loss
from srgan_keras.configure import load, to_yaml, validate, validate_degradation
from srgan_keras.errors import UsageError


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid_and_survives_a_round_trip(preset, tmp_path):
    loaded = load(preset)
    validate(loaded)
    file = tmp_path / "config.yaml"
    file.write_text(to_yaml(loaded))
    assert load("demo", file) == loaded


def test_file_goes_over_preset(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("train: {batch_size: 3, stage1_steps: 7, stage1_learning_rate: 1e-3}")
    train = load("paper", file).train
    assert (train.batch_size, train.stage1_learning_rate) == (3, 1e-3)
    assert (train.stage1_steps, train.stage1_epochs) == (7, None), "steps replace the epochs"
    assert train.stage2_epochs == 500


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: {batchsize: 3}", "'train.batchsize'; nearest is 'train.batch_size'"),
        ("trian: {batch_size: 3}", "'trian'; nearest is 'train'"),
        ("train: {batch_size: three}", "train.batch_size: expected int, not 'three'"),
        ("train: {batch_size: true}", "expected int, not True"),
        ("train: 3", "train is a group of settings"),
        ("generator: {activation: gelu}", "unknown value 'gelu'; use leaky_relu, relu"),
        ("data: {augment: rotation}", "expected a list"),
        ("train: {stage1_steps: 3, stage1_epochs: 3}", "both of train.stage1_steps"),
        ("train: {stage1_steps: null}", "neither of train.stage1_steps"),
        ("- 3", "expected settings such as"),
        ("a: [", "is not YAML"),
    ],
)
def test_a_wrong_file_is_refused_with_one_line(text, message, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(UsageError) as error:
        load("demo", file)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_file_and_preset_are_named():
    with pytest.raises(UsageError, match=r"nowhere\.yaml"):
        load("demo", "nowhere.yaml")
    with pytest.raises(UsageError, match="demo, paper, author, fundus, restore, real"):
        load("papre")


@pytest.mark.parametrize(
    ("part", "changes", "message"),
    [
        ("data", {"patch": 98}, "must be a multiple of degradation.scale 4"),
        ("degradation", {"scale": 3}, "use 1, 2, 4 or 8"),
        ("generator", {"unshuffle": 3}, "generator.unshuffle 3 is not supported: use 1, 2, 4 or 8"),
        ("generator", {"unshuffle": 0}, "generator.unshuffle must be positive, not 0"),
        ("train", {"batch_size": 0}, "train.batch_size must be positive"),
        ("train", {"stage1_steps": -1}, "must be 0 or more"),
        ("train", {"stage1_steps": 0, "stage2_steps": 0}, "both stages have 0 steps"),
        ("data", {"min_fov": 1.5}, "must be 0 to 1"),
        ("discriminator", {"kind": "dcgan"}, "multiple of 64"),
        ("generator", {"blocks": 0}, "generator.blocks must be positive"),
        ("loss", {"stage1_pixel_weight": 0.0}, "stage 1 has no loss"),
        (
            "loss",
            {"stage2_pixel_weight": 0, "stage2_content_weight": 0, "adversarial_weight": 0},
            "stage 2 has no loss",
        ),
        ("loss", {"feature_jitter": -1}, "feature_jitter must be 0 or more"),
    ],
)
def test_what_does_not_fit_together_is_refused(part, changes, message):
    demo = load("demo")
    changed = dataclasses.replace(
        demo, **{part: dataclasses.replace(getattr(demo, part), **changes)}
    )
    with pytest.raises(UsageError, match=message):
        validate(changed)


def test_scale_1_folds_into_squares_unless_told_otherwise():
    demo = load("demo")
    restore = dataclasses.replace(
        demo,
        degradation=dataclasses.replace(demo.degradation, scale=1, name="clinical"),
        loss=dataclasses.replace(demo.loss, grid_weight=1.0),
    )
    assert validate(restore) is None
    odd = dataclasses.replace(restore, data=dataclasses.replace(demo.data, patch=98))
    with pytest.raises(UsageError, match="must be a multiple of 4"):
        validate(odd)
    plain = dataclasses.replace(demo.generator, unshuffle=1)
    with pytest.raises(UsageError, match="grid_weight needs a network with a PixelShuffle"):
        validate(dataclasses.replace(restore, generator=plain))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scale": 1, "name": "area"}, "area at scale 1 leaves a photograph as it"),
        ({"name": "paired"}, "needs a dataset with lr/ and hr/"),
    ],
)
def test_a_degradation_that_makes_no_lr_is_refused(changes, message):
    with pytest.raises(UsageError, match=message):
        validate_degradation(dataclasses.replace(load("demo").degradation, **changes))


def test_a_stage_without_steps_needs_no_loss():
    demo = load("demo")
    lossless = dataclasses.replace(demo, loss=Loss(stage1_pixel_weight=0))
    with pytest.raises(UsageError, match="stage 1 has no loss"):
        validate(lossless)
    train = dataclasses.replace(demo.train, stage1_steps=0)
    assert validate(dataclasses.replace(lossless, train=train)) is None


def test_on_and_off_in_yaml(tmp_path):
    (tmp_path / "mine.yaml").write_text("train: {jit: off}")
    assert load("demo", tmp_path / "mine.yaml").train.jit == "off"


def test_presets_hold_the_figures_of_their_sources():
    paper, author = load("paper"), load("author")
    assert (paper.data.patch, paper.train.batch_size) == (224, 16)
    assert (paper.train.stage1_epochs, paper.train.stage2_epochs) == (50, 500)
    assert paper.vgg.layer == "block5_conv4"
    assert paper.vgg.feature_scale == pytest.approx(1 / 12.75)
    assert paper.loss.stage1_pixel_weight == paper.loss.stage2_pixel_weight == 0
    assert paper.loss.adversarial_weight == author.loss.adversarial_weight == 1e-3
    assert (author.data.patch, author.train.batch_size) == (384, 2)
    assert (author.train.stage1_epochs, author.train.stage2_epochs) == (50, 550)
    assert author.degradation.name == "cv2_linear"
    assert author.data.augment == ("horizontal_flip",)
    assert author.loss.stage1_pixel_weight == 2**2, "MSE on -1..1"
    assert author.loss.stage2_pixel_weight == 255**2, "MSE on 0..255"
    assert (author.vgg.layer, author.vgg.preprocessing) == ("block4_pool", "none")


def test_yaml_is_plain():
    assert yaml.safe_load(to_yaml(Config()))["data"]["augment"] == [
        "horizontal_flip",
        "vertical_flip",
        "rotation",
    ]
