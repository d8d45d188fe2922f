"""Draw docs/comparison.png, the first picture of README.md: phantoms upscaled by pretrained models.

    python docs/cards/picture.py

For your own photographs, `srgan-keras evaluate fundus-x4 fundus-x4-gan --data FOLDER` puts such
pictures into its report.
"""

from pathlib import Path

from srgan_keras.data import datasets
from srgan_keras.evaluation.protocol import Standard
from srgan_keras.inference.model import load
from srgan_keras.report import figures

PICTURE = Path(__file__).parents[1] / "comparison.png"
MODELS = ("fundus-x4", "fundus-x4-gan")


def main() -> None:
    """Draw it."""
    models = [load(name) for name in MODELS]
    phantoms = datasets.select(datasets.find("phantom:4"), "all")
    standard = Standard(models[0].scale, models[0].degradation, hr_long_side=512)
    figures.comparison(models, phantoms[:1], standard, PICTURE)


if __name__ == "__main__":
    main()
