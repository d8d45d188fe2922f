from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from srgan_keras import metrics
from srgan_keras.data import datasets
from srgan_keras.data.photograph import Photograph
from srgan_keras.errors import UsageError
from srgan_keras.evaluation.protocol import Sample, Standard
from srgan_keras.report import figures

STANDARD = Standard(4, "bicubic", 128)


class Lanczos:
    """Stands in for a model."""

    name, scale, degradation = "stage1", 4, "bicubic"

    def upscale(self, image: np.ndarray) -> np.ndarray:
        return cv2.resize(image, None, fx=4, fy=4, interpolation=cv2.INTER_LANCZOS4)

    def upscale_float(self, image: np.ndarray) -> np.ndarray:
        return self.upscale(image).astype(np.float32) / 255


class Broken(Photograph):
    def read(self) -> np.ndarray:
        raise UsageError("cannot decode it")


BROKEN = Broken("broken", "test", "")


@pytest.fixture(scope="module")
def phantoms() -> list[Photograph]:
    return datasets.find("phantom:4")


def texts(figure) -> list[str]:
    return [t for axes in figure.axes for t in (axes.get_title(), axes.get_xlabel()) if t]


def test_comparison_shows_the_first_that_can_be_read(
    phantoms: list[Photograph], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog
):
    drawn = []
    draw = figures._draw_comparison
    monkeypatch.setattr(figures, "_draw_comparison", lambda *a: drawn.append(draw(*a)) or drawn[0])
    figures.comparison([Lanczos()], [BROKEN, *phantoms], STANDARD, tmp_path / "c.png")
    assert "broken is skipped in the comparison" in caplog.text
    assert cv2.imread(str(tmp_path / "c.png")).std() > 10
    labels = [axes.get_ylabel() for axes in drawn[0].axes if axes.get_ylabel()]
    assert labels == [phantom.id for phantom in phantoms[: figures.SHOWN]]
    sample = STANDARD.sample(phantoms[0].read())
    values = [
        metrics.psnr(sample.hr, sr, sample.regions["inner"])
        for sr in (
            STANDARD.baseline("nearest", sample),
            STANDARD.baseline("bicubic", sample),
            Lanczos().upscale(sample.lr),
        )
    ]
    beneath = [f"{value:.2f} dB" for value in values]
    assert texts(drawn[0])[:8] == ["LR", "bicubic", "stage1", "HR", *beneath, "original"]


def test_comparison_without_a_photograph(tmp_path: Path):
    with pytest.raises(UsageError, match="no photograph can be shown"):
        figures.comparison([Lanczos()], [BROKEN], STANDARD, tmp_path / "c.png")


@pytest.mark.parametrize("shape", [(120, 160), (12, 40), (200, 96)])
def test_the_detail_has_the_vessels(shape: tuple[int, int]):
    height, width = shape
    hr = np.full((height, width, 3), 120, np.uint8)
    hr[: height // 2, : width // 2] = 200  # bright, with an edge, but no vessel
    row, column = height - height // 8, width - width // 8
    hr[row - height // 4 : row, column : column + 2] = 60  # a vessel
    sample = Sample(hr, hr[::4, ::4], {"full": None, "inner": np.ones(shape, bool)})
    top, left, side = figures.detail(sample, 4)
    assert top % 4 == left % 4 == side % 4 == 0
    assert 0 <= top <= height - side
    assert left <= column < left + side


def test_the_detail_lies_inside_the_field_of_view(phantoms: list[Photograph]):
    for phantom in phantoms:
        sample = STANDARD.sample(phantom.read())
        top, left, side = figures.detail(sample, 4)
        assert sample.regions["inner"][top : top + side, left : left + side].all()


def test_the_detail_of_a_photograph_without_a_field_of_view():
    black = np.zeros((64, 64, 3), np.uint8)
    sample = Sample(black, black[::4, ::4], {"full": None, "inner": np.zeros((64, 64), bool)})
    assert figures.detail(sample, 4) == (0, 0, 32)


def history() -> pd.DataFrame:
    rows = [
        {"stage": "stage1", "step": step, "pixel": 1 / step, "total": 1 / step,
         "val_psnr": 38.0 if step == 20 else None, "bicubic_psnr": 37.0 if step == 20 else None}
        for step in (10, 20)
    ] + [
        {"stage": "stage2", "step": step, "pixel": 0.1, "content": 0.2, "adversarial": 1e-3,
         "total": 0.301, "discriminator": 1.2, "d_hr": 0.6, "d_sr": 0.4}
        for step in (5, 10)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def panels(
    history: pd.DataFrame, path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, dict[str, list[float]]]:
    """Title -> label of a curve -> its steps, of what `curves` draws."""
    made = []

    def make(*args: object, **options: object):
        made.append(figure(*args, **options))
        return made[0]

    figure = figures.Figure
    monkeypatch.setattr(figures, "Figure", make)
    figures.curves(history, path)
    assert cv2.imread(str(path)) is not None
    found = {}
    for axes in made[0].axes:
        if axes.get_title():
            lines = [line for line in axes.lines if line.get_marker() == "."]
            label, found[axes.get_title()] = "", {}
            for line in lines:
                label = line.get_label()
                found[axes.get_title()][label] = list(line.get_xdata())
    return found


def test_curves_of_both_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    found = panels(history(), tmp_path / "curves.png", monkeypatch)
    losses = found["Loss of the generator, by term"]
    assert losses["content"] == [25, 30]  # stage 2 follows stage 1
    assert losses["pixel"] == [10, 20]
    assert {"adversarial", "total"} <= losses.keys()
    assert found["Discriminator's mean output on HR and SR"].keys() == {"HR", "SR"}
    assert found["Validation, PSNR inner (dB)"] == {"model": [20], "bicubic": [20]}
    assert "Gradient norm of each term at the output" not in found


def test_curves_leave_out_what_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    found = panels(history()[:1], tmp_path / "curves.png", monkeypatch)
    assert found.keys() == {"Loss of the generator, by term"}


def test_curves_of_an_empty_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert panels(history()[:0], tmp_path / "curves.png", monkeypatch) == {}


def test_sample_strip(tmp_path: Path):
    rng = np.random.default_rng(0)
    lr, sr, hr = (rng.integers(0, 256, (*s, 3), np.uint8) for s in ((8, 10), (32, 40), (32, 40)))
    figures.sample_strip(lr, sr, hr, tmp_path / "strip.png")
    strip = cv2.imread(str(tmp_path / "strip.png"), cv2.IMREAD_COLOR_RGB)
    parts = [strip[:, 41 * i : 41 * i + 40] for i in range(4)]
    np.testing.assert_array_equal(parts[0][::4, ::4], lr)
    bicubic = STANDARD.baseline("bicubic", Sample(hr, lr, {}))
    np.testing.assert_array_equal(parts[1], bicubic)
    np.testing.assert_array_equal(parts[2], sr)
    np.testing.assert_array_equal(parts[3], hr)
    with pytest.raises(OSError, match=r"strip\.png"):
        figures.sample_strip(lr, sr, hr, tmp_path / "none" / "strip.png")
