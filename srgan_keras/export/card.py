"""The card of a model folder: README.md, as the Hugging Face Hub reads it."""

from typing import Any

NOTICE = (
    "Research use only. This is not a medical device. Detail in a super-resolved photograph is "
    "partly invented: do not diagnose from it."
)

CARD = """\
---
library_name: keras
pipeline_tag: image-to-image
tags: [super-resolution, fundus, retina, srgan, tensorflow]
---
# {name}

Upscales retinal fundus photographs by a factor of {scale}. Made with srgan_keras {versions[srgan_keras]}.

**{notice}**

## Use

```python
import tensorflow as tf

upscale = tf.saved_model.load("saved_model").signatures["serving_default"]
sr = upscale(images=lr)["images"]  # uint8 RGB [N, H, W, 3] -> uint8 RGB [N, {scale}H, {scale}W, 3]
```

The SavedModel needs TensorFlow only. Its signature `serve_float` maps float32 in 0..1 to float32 in
0..1. `serve_bytes` maps PNG, JPEG, BMP or WebP files to PNG files. Large images are computed in
tiles, and the result equals that of the whole image. After `import srgan_keras`,
`keras.models.load_model("generator.keras")` loads the Keras model.

With srgan_keras, `srgan-keras upscale FOLDER PHOTOGRAPHS --out NEW` upscales photographs, and
`srgan-keras evaluate FOLDER --data PHOTOGRAPHS` measures the model on your own. `upscale`
interpolates bicubically outside the field of view, unless you pass `--no-skip-outside`. The
signatures, exports and `evaluate` compute every pixel with the network.

## Facts

| | |
|---|---|
| degradation | `{degradation[name]}`, version {degradation[version]}; on others, SR can be worse than bicubic |
| training photographs | {photographs} (`model.json` holds their sha256) |
| receptive field | {receptive_field} LR px |
| largest image | {pixel_limit} LR px (height x width) |
| largest difference of the SavedModel from Keras | {difference:.1e}, on images in 0..1 |
| versions | TensorFlow {versions[tensorflow]}, Keras {versions[keras]} |

`model.json` holds the complete configuration.
"""  # noqa: E501


def card(info: dict[str, Any]) -> str:
    """Return the card's text; `info` is the contents of model.json."""
    return CARD.format(
        **info,
        notice=NOTICE,
        photographs=len(info["training_sha256"]),
        difference=info["parity"]["saved_model"]["max_abs_diff"],
    )
