"""Draw docs/comparison.png, the first picture of README.md: phantoms upscaled by pretrained models.

    python docs/cards/picture.py

For your own photographs, `srgan-keras evaluate fundus-x4 fundus-x4-gan --data FOLDER` puts such
pictures into its report.
"""

from pathlib import Path

from srgan_keras.data import sources
from srgan_keras.evaluation import figures
from srgan_keras.evaluation.protocol import Standard
from srgan_keras.inference import model_folder

PICTURE = Path(__file__).parents[1] / "comparison.png"
MODELS = ("fundus-x4", "fundus-x4-gan")


def main() -> None:
    """Draw it."""
    models = [model_folder.load(name) for name in MODELS]
    phantoms = sources.select(sources.find("phantom:4"), "all")
    standard = Standard(models[0].scale, models[0].degradation, hr_long_side=512)
    figures.comparison(models, phantoms, standard, PICTURE)


if __name__ == "__main__":
    main()
