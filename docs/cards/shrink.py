"""Weaken a trained model of scale 1: the input plus a share of the model's correction.

    python docs/cards/shrink.py runs/restore/models/stage1 0.6 runs/fundus-restore

A model that is trained on strong faults corrects too much where a photograph has weak ones. The
correction is the last convolution's output, so scaling its weights is exact and costs nothing.
"""

import argparse
import json
from pathlib import Path

import keras

from srgan_keras.export import model_folder
from srgan_keras.models import layers  # noqa: F401  registers the layers that a file may name


def main() -> None:
    """Write the model folder."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path, help="model folder of scale 1")
    parser.add_argument("share", type=float, help="share of the correction, above 0 to 1")
    parser.add_argument("out", type=Path, help="model folder to write")
    options = parser.parse_args()
    info = json.loads((options.model / "model.json").read_text(encoding="utf-8"))
    if info["scale"] != 1 or not info["configuration"]["generator"]["bicubic_skip"]:
        parser.error(f"{options.model} adds no correction to its input: give a model of scale 1")
    if not 0 < options.share <= 1:
        parser.error(f"share must be above 0 and at most 1, not {options.share}")
    generator = keras.models.load_model(options.model / "generator.keras")
    tail = generator.get_layer("tail_conv")
    tail.set_weights([options.share * weight for weight in tail.get_weights()])
    kept = {key: info[key] for key in (*model_folder.REQUIRED, "vgg_weights") if key in info}
    model_folder.save(options.out, generator, kept | {"correction_share": options.share})
    print(f"{options.out} holds the model")


if __name__ == "__main__":
    main()
