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

Enlarges retinal fundus photographs {scale} times. Made with srgan_keras {versions[srgan_keras]}.

**{notice}**

## Use

```python
import tensorflow as tf

upscale = tf.saved_model.load("saved_model").signatures["serving_default"]
sr = upscale(images=lr)["images"]  # uint8 RGB [N, H, W, 3] -> uint8 RGB [N, {scale}H, {scale}W, 3]
```

Neither Keras nor srgan_keras is needed for that. `serve_float` takes and gives float32 in 0..1;
`serve_bytes` takes PNG, JPEG, BMP or WebP files and gives PNG files. Large images are computed tile
by tile, and equal the whole. With the package: `srgan-keras upscale FOLDER PHOTOGRAPHS --out NEW`,
and, measured on your own photographs, `srgan-keras evaluate FOLDER --data PHOTOGRAPHS`. `upscale`
interpolates bicubically outside the field of view (`--no-skip-outside` does not); the signatures,
exports and `evaluate` compute every pixel by the network.

## Facts

| | |
|---|---|
| degradation it undoes | `{degradation[name]}`, version {degradation[version]}; on others it can be worse than bicubic |
| training photographs | {photographs} (their sha256 are in `model.json`) |
| receptive field | {receptive_field} LR px |
| largest image | {pixel_limit} LR px (height x width) |
| SavedModel against Keras | differs by {difference:.1e} at most, on images in 0..1 |
| versions | TensorFlow {versions[tensorflow]}, Keras {versions[keras]} |

`model.json` holds the whole configuration.
"""  # noqa: E501


def card(info: dict[str, Any]) -> str:
    """Return the card's text; `info` is the contents of model.json."""
    return CARD.format(
        **info,
        notice=NOTICE,
        photographs=len(info["training_sha256"]),
        difference=info["parity"]["saved_model"]["max_abs_diff"],
    )
