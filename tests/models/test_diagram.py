from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from keras import layers
from matplotlib.figure import Figure

from srgan_keras.config import Discriminator, Generator
from srgan_keras.models.diagram import COLOURS, draw
from srgan_keras.models.diagram_layout import Layout, arrange, break_rows, lanes
from srgan_keras.models.discriminators import build_discriminator
from srgan_keras.models.generator import build_generator
from srgan_keras.models.graph import nodes


def labels(layout: Layout) -> list[str]:
    return [box.label for box in layout.boxes]


def skips(layout: Layout) -> set[tuple[str, str, tuple[str, ...]]]:
    """Connections other than steps, by labels."""
    return {
        (layout.boxes[a].label, layout.boxes[b].label, tuple(box.label for box in way))
        for a, b, way in layout.edges
        if b - a > 1 or way
    }


def chain(x: keras.KerasTensor, count: int) -> keras.KerasTensor:
    for i in range(count):
        x = layers.Conv2D(4 + i, 3, padding="same")(x)
    return x


@pytest.fixture(scope="module")
def paper() -> Layout:
    config = Generator(
        blocks=16, filters=8, upsampling="steps", upsample_filters=4, batch_norm=True,
        head_kernel=9, tail_kernel=9,
    )  # fmt: skip
    return arrange(build_generator(config, 4))


def test_the_generator_of_figure_2(paper: Layout):
    block = ["Conv k3n8s1", "Batch norm", "LeakyReLU 0.2", "Conv k3n8s1", "Batch norm", "Add"]
    enlarge = ["Conv k3n16s1", "PixelShuffle ×2", "LeakyReLU 0.2"]
    assert labels(paper) == [
        "input lr", "standardise", "Conv k9n8s1", "LeakyReLU 0.2", *block,
        "Conv k3n8s1", "Batch norm", "Add", *enlarge,
        "Conv k9n3s1", "unstandardise", "Add", "output",
    ]  # fmt: skip
    assert paper.repeats == [(4, 9, 16), (13, 15, 2)]
    assert {(a, b) for a, b, way in paper.edges if b - a > 1} == {(3, 9), (3, 12), (0, 18)}
    assert ("input lr", "Add", ("Bicubic ×4",)) in skips(paper)


def test_every_box_but_the_input_is_reached(paper: Layout):
    assert {b for _, b, _ in paper.edges} == set(range(1, len(paper.boxes)))
    assert all(a < b for a, b, _ in paper.edges)


def test_a_discriminator():
    layout = arrange(build_discriminator(Discriminator(kind="dcgan"), 64))
    assert layout.repeats == []
    assert labels(layout)[-3:] == ["Flatten", "Dense 1", "output"]
    assert skips(layout) == {("Batch norm", "Add", ())}
    assert "Conv k4n2048s2" in labels(layout)


def test_models_used_as_layers_are_flattened():
    inputs = keras.Input((None, None, 3))
    inner = keras.Model(inputs, [chain(inputs, 2), chain(inputs, 3)])
    outer_inputs = keras.Input((None, None, 3), name="image")
    first, second = inner(outer_inputs)
    third, _ = inner(layers.Conv2D(3, 1)(outer_inputs))
    outer = keras.Model(outer_inputs, layers.Concatenate()([first, second, third]))
    calls, outputs = nodes(outer)
    assert not any(isinstance(call.layer, keras.Model) for call in calls)
    assert len(calls) == 1 + 5 + 1 + 2 + 3 + 1
    assert outputs == [len(calls) - 1]
    assert [calls[i].shape[-1] for i in calls[-1].inputs] == [5, 6, 5]


def test_frozen_layers_are_marked():
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, chain(inputs, 2))
    model.layers[1].trainable = False
    assert [box.frozen for box in arrange(model).boxes] == [False, True, False, False]


def test_chains_that_branch_beside_the_longest_way():
    inputs = keras.Input((8, 8, 3))
    beside = layers.Add()([chain(inputs, 1), layers.Conv2D(4, 1)(inputs)])
    longest = layers.Conv2D(4, 1)(chain(inputs, 3))
    model = keras.Model(inputs, layers.Add()([longest, beside]))
    layout = arrange(model)
    assert len(layout.boxes) == len(nodes(model)[0]) + 1
    assert len(layout.edges) == sum(len(call.inputs) for call in nodes(model)[0]) + 1


def test_rows_keep_blocks_whole_and_lanes_apart(paper: Layout):
    boxes = paper.boxes * 3
    layout = Layout(boxes, set(), [(18, 23, 4)])
    rows = break_rows(layout)
    assert [i for row in rows for i in row] == list(range(len(boxes)))
    assert 18 in [row.start for row in rows] or any(18 in row and 23 in row for row in rows)
    levels = {edge[:2]: lane for edge, lane in lanes(paper, range(len(paper.boxes))).items()}
    assert levels == {(3, 9): 1, (3, 12): 2, (0, 18): 3}


def test_a_picture_file(tmp_path: Path):
    inputs = keras.Input((None, None, 3), name="lr")
    x = chain(inputs, 30)  # two rows
    x = layers.Concatenate()([x, inputs])
    draw(keras.Model(inputs, x), tmp_path / "model.png", "Model")
    picture = cv2.imread(str(tmp_path / "model.png"))
    blue = tuple(int(COLOURS["convolution"][i : i + 2], 16) for i in (5, 3, 1))
    share = (picture == np.array(blue)).all(-1).mean()
    assert 0.2 < share < 0.5


def test_axes():
    figure = Figure(figsize=(6, 3))
    axes = figure.subplots()
    inputs = keras.Input((8, 8, 3))
    x = layers.GlobalAveragePooling2D()(chain(inputs, 1))
    draw(keras.Model(inputs, layers.Dense(1)(x)), axes, "A discriminator")
    texts = [text.get_text() for text in axes.texts]
    assert {"A discriminator", "Conv k3n4s1", "Global mean", "Dense 1", "output"} <= set(texts)


def test_a_generator_of_scale_1():
    found = labels(arrange(build_generator(Generator(blocks=1, filters=4), 1)))
    assert found[:3] == ["input lr", "standardise", "PixelUnshuffle ÷4"]
    assert found[-5:] == ["PixelShuffle ×4", "Crop", "unstandardise", "Add", "output"]
