import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from srgan_keras.data import datasets
from srgan_keras.evaluate import evaluate
from srgan_keras.evaluation import trust
from srgan_keras.evaluation.observer import Run
from srgan_keras.evaluation.protocol import Author, Standard
from srgan_keras.report import page as report
from srgan_keras.report.gallery import FLAGGED, THUMBNAIL, Gallery, coloured


class Linear:
    """Duck type of a model folder: bilinear, and so neither best nor worst by accident."""

    scale, degradation = 4, "bicubic"

    def __init__(self, name: str = "mine") -> None:
        self.name = name

    def upscale(self, image: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        return cv2.resize(image, (4 * width, 4 * height))

    def upscale_float(self, image: np.ndarray) -> np.ndarray:
        return self.upscale(image).astype(np.float32) / 255


@pytest.fixture
def photographs() -> list[datasets.Photograph]:
    return datasets.find("phantom:9")


@pytest.fixture
def standard() -> Standard:
    return Standard(hr_long_side=128)


def rows(gains: dict[str, float]) -> list[dict]:
    pairs = [
        ("bicubic", dict.fromkeys(gains, 40.0)),
        ("mine", {i: 40 + g for i, g in gains.items()}),
    ]
    return [
        {"id": id_, "model": model, "region": "inner", "psnr": psnr}
        for model, values in pairs
        for id_, psnr in values.items()
    ]


def started(*about) -> Gallery:
    gallery = Gallery()
    gallery.start(*about)
    return gallery


def pixels_of(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.asarray(image)


def test_crops_are_of_the_telling_photographs(photographs, standard, tmp_path: Path):
    ids = [p.id for p in photographs]
    gains = dict(zip(ids, [0.1, 0.9, np.inf, -0.5, np.nan, 0.2, 0.3, 0.4, 0.5], strict=True))
    boxes = {id_: [[0, 0, 8 + i, 8]] for i, id_ in enumerate(ids)}
    gallery = started([standard], {"mine": Linear()}, tmp_path)
    gallery.photograph(photographs[0], photographs[0].read())
    gallery.finish(Run(standard, photographs, rows(gains), {"mine": {"flagged": boxes}}))
    index = json.loads((tmp_path / "gallery" / "gallery.json").read_text())
    assert index["photographs"] == ids
    reasons = {crop["id"]: crop["reasons"] for crop in index["crops"]}
    assert reasons[ids[1]] == ["best"]
    assert reasons[ids[6]] == ["median", "flagged"]
    assert reasons[ids[3]] == ["worst"]
    flagged = [id_ for id_, why in reasons.items() if "flagged" in why]
    assert sorted(flagged) == sorted(ids[-FLAGGED:])  # the largest boxes


def test_crops_are_lossless_and_on_pixels_of_lr(photographs, standard, tmp_path: Path):
    photograph = photographs[0]
    sample = standard.sample(photograph.read(), None)
    trust.write(tmp_path / "trust" / "mine", photograph.id, {"uncertainty": np.ones((128, 128))})
    gallery = started([standard], {"mine": Linear()}, tmp_path)
    gallery.photograph(photograph, photograph.read())
    gallery.finish(Run(standard, [photograph], rows({photograph.id: 0.0})))
    (crop,) = json.loads((tmp_path / "gallery" / "gallery.json").read_text())["crops"]
    assert crop["reasons"] == ["best", "median", "worst"]
    top, left, bottom, right = crop["box"]
    assert not any(side % 4 for side in crop["box"])
    pictures = {"bicubic": standard.baseline("bicubic", sample), "HR": sample.hr}
    pictures["mine"] = Linear().upscale(sample.lr)
    folder = tmp_path / "gallery"
    for name, picture in pictures.items():
        pixels = pixels_of(folder / crop["layers"][name])
        np.testing.assert_array_equal(pixels, picture[top:bottom, left:right])
    overlay = pixels_of(folder / crop["maps"]["mine"]["uncertainty"])
    assert overlay.shape == (bottom - top, right - left, 4)
    assert max(pixels_of(folder / f"{photograph.id}.webp").shape) == THUMBNAIL


def test_a_crop_holds_its_flag(photographs, tmp_path: Path):
    photograph, standard = photographs[0], Standard(hr_long_side=512)
    flag = [340, 20, 352, 32]
    gallery = started([standard], {}, tmp_path)
    gallery.photograph(photograph, photograph.read())
    measured = [r | {"model": "bicubic"} for r in rows({photograph.id: 0.0})[:1]]
    flagged = {"mine": {"flagged": {photograph.id: [flag]}}}
    gallery.finish(Run(standard, [photograph], measured, flagged))
    (crop,) = json.loads((tmp_path / "gallery" / "gallery.json").read_text())["crops"]
    top, left, bottom, right = crop["box"]
    assert top <= flag[0] < flag[2] <= bottom
    assert left <= flag[1] < flag[3] <= right
    assert (bottom - top, right - left) == (320, 320)


def test_the_larger_a_value_the_more_a_map_covers():
    ramp = np.linspace(0, 5, 6, dtype=np.float32)[None]
    assert np.all(np.diff(coloured("uncertainty", ramp)[..., 3].astype(int)) > 0)
    assert coloured("uncertainty", ramp)[0, 0, 3] == 0
    both = coloured("detail", np.array([[-16.0, 0, 16]]))
    assert both[0, :, 3].tolist() == [255, 0, 255]
    assert both[0, 0, 2] > both[0, 0, 0], "darker than bicubic is blue"
    assert both[0, 2, 0] > both[0, 2, 2], "brighter is red"


def test_protocol_author_has_pictures_too(photographs, tmp_path: Path):
    evaluate([Linear()], photographs[:2], [Author()], tmp_path, "phantom:9")
    assert report.write(tmp_path).stat().st_size > 50_000


def test_thirty_photographs_stay_small(standard, tmp_path: Path):
    photographs = datasets.find("phantom:30")
    evaluate(
        [Linear(), Linear("other")], photographs, [standard], tmp_path, observers=[trust.Trust()]
    )
    assert report.write(tmp_path).stat().st_size < 25e6
