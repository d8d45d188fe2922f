"""VGG-19 (Simonyan & Zisserman 2014): feature maps for the content loss and the discriminator."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import keras
from keras import layers

from srgan_keras.config import Vgg
from srgan_keras.errors import UsageError
from srgan_keras.models.layers import Affine
from srgan_keras.paths import PACKAGE

BGR_MEANS = (103.939, 116.779, 123.68)  # of ImageNet, in 0..255, subtracted by "caffe"
CONVOLUTIONS = {1: 2, 2: 2, 3: 4, 4: 4, 5: 4}  # a block
BUNDLED = PACKAGE / "models" / "weights" / "vgg19_blocks_1_to_3.weights.json"
BUNDLED_END = "block3_pool"
_WHOLE = (
    "Set vgg.weights to a file of the whole network, or choose layers up to block3_pool, for "
    "which vgg.weights auto needs no network."
)


def build_vgg19(weights: str, needed: Iterable[str] = ("block5_pool",)) -> tuple[keras.Model, str]:
    """Build VGG-19 without its dense layers and load its weights.

    Args:
        weights: `bundled` (blocks 1 to 3, ImageNet), `imagenet` (all blocks: Keras's cache, else
            its download), `auto` (`bundled` if it has the needed layers, else `imagenet`),
            `random`, or a path.
        needed: names of the layers that the caller uses.

    Returns:
        The model, BGR [N, H, W, 3] with means subtracted -> block5_pool, or block3_pool for
        `bundled`. Then the name of the loaded weights: `bundled`, `imagenet`, `random`, or
        `sha256:` and the digest of the file.

    Raises:
        UsageError: the weights do not exist, are not those of VGG-19, or end before a needed layer.
    """
    model = keras.applications.VGG19(include_top=False, weights=None)
    bundled_end = layer_index(model, BUNDLED_END)
    is_enough = max(layer_index(model, name) for name in needed) <= bundled_end
    if weights == "auto":
        weights = "bundled" if is_enough else "imagenet"
    if weights == "bundled":
        if not is_enough:
            raise UsageError(f"the bundled VGG-19 ends at {BUNDLED_END}. {_WHOLE}")
        model = keras.Model(model.input, model.get_layer(BUNDLED_END).output)
        model.load_weights(BUNDLED)
    elif weights == "imagenet":
        model = _downloaded()
    elif weights == "random":
        _draw_weights(model)
    else:
        _load_file(model, weights)
        with Path(weights).open("rb") as file:
            weights = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    return model, weights


def build_features(base: keras.Model, config: Vgg, outputs: dict[str, str]) -> keras.Model:
    """Cut VGG-19 at the named layers: image float32 [N, H, W, 3] in 0..1 -> dict of feature maps.

    The model is frozen and ends at the deepest of these layers. The feature map `content`, of the
    content loss, is float32 and scaled by `config.feature_scale`.

    Args:
        base: the model that `build_vgg19` returned.
        config: preprocessing, pooling, scale, and whether `content` is taken before its activation.
        outputs: key -> name of a layer of VGG-19, such as block5_conv4 for phi_5,4.

    Raises:
        UsageError: VGG-19 has no such layer.
    """
    image = keras.Input((None, None, 3), dtype="float32", name="image")
    x = preprocess(image, config.preprocessing)
    maps = {}
    last = max(layer_index(base, name) for name in outputs.values())
    for layer in base.layers[1 : last + 1]:
        if config.pooling == "average" and isinstance(layer, layers.MaxPooling2D):
            layer = layers.AveragePooling2D(layer.pool_size, layer.strides, name=layer.name)
        before, x = x, layer(x)
        for key, name in outputs.items():
            if name != layer.name:
                continue
            maps[key] = x
            if key == "content":
                if config.before_activation:
                    maps[key] = _linear_twin(layer)(before)
                channels = maps[key].shape[-1]
                maps[key] = Affine(
                    (config.feature_scale,) * channels, (0.0,) * channels, name="feature_scale"
                )(maps[key])
    model = keras.Model(image, maps, name="vgg19_features")
    model.trainable = False
    return model


def preprocess(image: keras.KerasTensor, kind: str) -> keras.KerasTensor:
    """Map RGB in 0..1 to 0..255 (`none`), or to BGR with ImageNet's means subtracted (`caffe`)."""
    means = BGR_MEANS if kind == "caffe" else (0.0,) * 3
    offset = tuple(-mean for mean in means)
    return Affine((255.0,) * 3, offset, reverse=kind == "caffe", name="preprocess")(image)


def layer_index(base: keras.Model, name: str) -> int:
    """Return the position of a layer; UsageError names the existing layers."""
    names = [layer.name for layer in base.layers]
    if name not in names[1:]:
        raise UsageError(f"VGG-19 has no layer {name!r}: it has {', '.join(names[1:])}")
    return names.index(name)


def phi(i: int, j: int) -> str:
    """Return the layer of phi_i,j: the j-th convolution before the i-th pooling, Eq. (3)."""
    if not 1 <= j <= CONVOLUTIONS.get(i, 0):
        raise UsageError(f"VGG-19 has no phi_{i},{j}: blocks 1 to 5 have 2, 2, 4, 4, 4")
    return f"block{i}_conv{j}"


def table1() -> list[tuple[str, Sequence[int], int]]:
    """Return (layer, output shape, parameters) of the whole VGG-19 at 224x224, as Table 1 does."""
    model = keras.applications.VGG19(include_top=True, weights=None)
    layers_below = model.layers[1:]
    return [(layer.name, layer.output.shape[1:], layer.count_params()) for layer in layers_below]


def _downloaded() -> keras.Model:
    try:
        return keras.applications.VGG19(include_top=False, weights="imagenet")
    except Exception as error:
        raise UsageError(
            f"the whole VGG-19 is neither in Keras's cache nor available from the network "
            f"({_first_line(error)}). {_WHOLE}"
        ) from None


def _load_file(model: keras.Model, file: str) -> None:
    if not Path(file).is_file():
        raise UsageError(
            f"no VGG-19 weight file {file}: set vgg.weights to a path, auto, bundled, imagenet "
            "or random"
        )
    try:
        model.load_weights(file)
    except Exception as error:
        raise UsageError(
            f"{file} does not hold VGG-19's weights for include_top=False "
            f"({_first_line(error)}): set vgg.weights to another file"
        ) from None


def _draw_weights(model: keras.Model) -> None:
    """Draw He's weights: with those of Keras the deeper feature maps would be nearly zero."""
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D):
            layer.kernel.assign(keras.initializers.HeNormal()(layer.kernel.shape))


def _linear_twin(layer: layers.Conv2D) -> layers.Layer:
    """Return a convolution that shares the layer's weights and lacks its activation."""
    if not isinstance(layer, layers.Conv2D):
        raise UsageError(f"vgg.before_activation needs a convolution, not {layer.name}")
    twin = layers.Conv2D.from_config(
        layer.get_config() | {"activation": "linear", "name": f"{layer.name}_linear"}
    )
    twin.build(layer.input.shape)
    twin.set_weights(layer.get_weights())
    return twin


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
