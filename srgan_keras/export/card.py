"""The card of a model folder: README.md, as the Hugging Face Hub reads it."""

from typing import Any

CARD = """\
---
license: unknown
library_name: keras
pipeline_tag: image-to-image
tags: [{task}, fundus, retina, srgan, tensorflow]
---
# {name}

{does}. Made with srgan_keras {versions[srgan_keras]}.

**{notice}**

## Use

```python
import tensorflow as tf

{verb} = tf.saved_model.load("saved_model").signatures["serving_default"]
sr = {verb}(images=lr)["images"]  # uint8 RGB [N, H, W, 3] -> uint8 RGB [N, {times}H, {times}W, 3]
```

The SavedModel needs TensorFlow only. Its signature `serve_float` maps float32 in 0..1 to float32 in
0..1. `serve_bytes` maps PNG, JPEG, BMP or WebP files to PNG files. Large images are computed in
tiles, and the result equals that of the whole image. After `import srgan_keras`,
`keras.models.load_model("generator.keras")` loads the Keras model.

With srgan_keras, `srgan-keras upscale FOLDER PHOTOGRAPHS --out NEW` {verb}s photographs, and
`srgan-keras evaluate FOLDER --data PHOTOGRAPHS` measures the model on your own. `upscale`
{outside} outside the field of view, unless you pass `--no-skip-outside`. The
signatures, exports and `evaluate` compute every pixel with the network.

## Facts

| | |
|---|---|
| degradation | `{degradation[name]}`, version {degradation[version]}; on others, SR can be worse than {reference} |
| training photographs | {photographs} (`model.json` holds their sha256) |
| receptive field | {receptive_field} LR px |
| largest image | {pixel_limit} LR px (height x width) |
| largest difference of the SavedModel from Keras | {difference:.1e}, on images in 0..1 |
| versions | TensorFlow {versions[tensorflow]}, Keras {versions[keras]} |

`model.json` holds the complete configuration.
"""  # noqa: E501


UPSCALING = {
    "task": "super-resolution",
    "verb": "upscale",
    "does": "Upscales retinal fundus photographs by a factor of {scale}",
    "times": "{scale}",
    "outside": "interpolates bicubically",
    "reference": "bicubic",
}
RESTORATION = {
    "task": "image-restoration",
    "verb": "restore",
    "does": "Restores retinal fundus photographs at their own size",
    "times": "",
    "outside": "keeps the input",
    "reference": "the input",
}
"""The words of models of scale 1."""


def notice(restores: bool = False) -> str:
    """Return what every reader of results must know, of models of scale 1 if it `restores`."""
    made = "restored" if restores else "super-resolved"
    return (
        f"Research use only. This is not a medical device. Detail in a {made} photograph is "
        "partly invented: do not diagnose from it."
    )


def card(info: dict[str, Any]) -> str:
    """Return the card's text; `info` is the contents of model.json."""
    scale = info["scale"]
    restores = scale == 1
    words = RESTORATION if restores else UPSCALING
    return CARD.format(
        **info,
        **{name: text.format(scale=scale) for name, text in words.items()},
        notice=notice(restores),
        photographs=len(info["training_sha256"]),
        difference=info["parity"]["saved_model"]["max_abs_diff"],
    )
