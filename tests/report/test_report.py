import json
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from srgan_keras import cli
from srgan_keras.errors import UsageError
from srgan_keras.output_folder import OutputFolder
from srgan_keras.phantoms.phantom import phantom
from srgan_keras.report import page as report


def value(mean: float | None, **more: object) -> dict:
    return {"mean": mean, "ci95": None if mean is None else [mean - 0.5, mean + 0.5], **more}


def regions(psnr: float, ssim: float) -> dict:
    full = {"lr_consistency": value(50.0), "new_metric": value(None, nan=2)}
    both = {"psnr": value(psnr), "ssim": value(ssim)}
    return {"full": both | full, "fov": both, "inner": both}


METRICS = {
    "schema": 1,
    "runs": [
        {
            "protocol": {
                "name": "standard", "scale": 4, "degradation": "bicubic", "hr_long_side": 0,
                "models": {"stage1": "bicubic", "<b>mine</b>": "cv2_linear"},
            },
            "data": {
                "source": "fundus/<x>", "splits": ["test"], "seen_in_training": {"stage1": 2}
            },
            "n": 7,
            "models": {
                "bicubic": regions(38.125, 0.91), "stage1": regions(39.25, 0.93),
                "<b>mine</b>": regions(37.0, 0.9),
            },
            "gain_over_bicubic": {
                "stage1": regions(1.125, 0.02), "<b>mine</b>": regions(-1.125, -0.01)
            },
            "failed": [{"id": "lost", "reason": "cannot decode lost.png"}],
        }
    ],
}  # fmt: skip


class Reader(HTMLParser):
    """Collects the text, the cells of each table row, and what the page would load."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.rows, self.loads, self.open = "", [], [], []
        self.feed(page)
        assert not self.open, "unclosed tags"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str]]) -> None:
        if tag not in ("meta", "img"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        self.loads += [v for k, v in attrs if k in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data.strip() + " "


def read(folder: Path, models: tuple = ()) -> Reader:
    return Reader(report.write(folder, models).read_text())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "metrics.json").write_text(json.dumps(METRICS))
    return tmp_path


def test_results_beside_bicubic(folder: Path):
    page = read(folder)
    lines = [[cell.strip() for cell in row] for row in page.rows]
    rows = {row[0]: row[1:] for row in lines[: 2 + len(METRICS["runs"][0]["models"])]}
    assert list(rows)[:2] == ["", "model"]
    assert rows["model"] == ["PSNR, dB", "SSIM", "LR consistency, dB", "new metric"]
    assert rows[""] == ["inner: field of view without its edge", "full frame"]
    whole = [row[1:] for row in lines if row[0] == "model"]
    assert whole[1:4] == [rows["model"][:2], rows["model"][:2], rows["model"]]
    assert rows["bicubic"][0] == "38.12 37.62 to 38.62"
    assert rows["stage1"][0] == "39.25 (+1.12) 38.75 to 39.75 (+0.62 to +1.62)"
    assert rows["stage1"][1] == "0.9300 (+0.0200) 0.4300 to 1.4300 (-0.4800 to +0.5200)"
    assert rows["<b>mine</b>"][0].startswith("37.00 (-1.12)")
    assert rows["stage1"][-1] == "– not in the mean: 2 nan"


def test_what_a_reader_must_know(folder: Path):
    text = re.sub(r"\s+", " ", read(folder).text)
    for sentence in (
        "Research use only.", "scale 4 degradation bicubic hr long side native",
        "fundus/<x>, test n = 7", "stage1 was trained on 2 of these photographs",
        "<b>mine</b> was trained for the degradation cv2_linear, not for bicubic",
        "Not measured: lost (cannot decode lost.png).",
    ):  # fmt: skip
        assert sentence in text
    assert "phantoms" not in text


def test_everything_a_run_leaves_is_in_one_file(folder: Path):
    metrics = json.loads(json.dumps(METRICS))
    metrics["runs"][0]["data"]["source"] = "phantom:8"
    (folder / "metrics.json").write_text(json.dumps(metrics))
    for name in report.PICTURES:
        cv2.imwrite(str(folder / name), np.zeros((4, 4, 3), np.uint8))
    (folder / "config.yaml").write_text("train: {seed: 7}")
    record = {"finished": False, "seed": 7, "git": None, "versions": {"keras": "3.15"}, "auto": {}}
    (folder / "run.json").write_text(json.dumps(record))
    info = {
        "name": "stage1", "scale": 4, "degradation": {"name": "bicubic", "version": 1},
        "training_sha256": ["a", "b"], "receptive_field": 25,
        "parity": {"saved_model": {"max_abs_diff": 1.5e-7}},
    }  # fmt: skip
    text = "# stage1\n\n| a |\n|---|\n| cell |\n\n![p](p.png) <script>bad</script>\n"
    (folder / "README.md").write_text("---\nlicense: x\n---\n" + text)
    page = read(folder, (SimpleNamespace(info=info, path=folder),))
    assert len(page.loads) == len(report.PICTURES)
    assert all(load.startswith("data:image/png;base64,") for load in page.loads)
    text = re.sub(r"\s+", " ", page.text)
    for sentence in ("These are phantoms", "train: {seed: 7}", "2 photographs", "25 LR px",
                     "maximum difference 1.5e-07", "versions: keras3.15",
                     "Card of stage1", "<script>bad</script>"):  # fmt: skip
        assert sentence in text
    assert "license" not in text
    assert ["cell "] in page.rows


def test_without_metrics(tmp_path: Path):
    with pytest.raises(UsageError, match=r"no metrics\.json"):
        report.write(tmp_path)


def test_names_that_look_like_numbers_or_missing_values_stay(tmp_path: Path):
    names = {"NA", "1e5", "001", "nan"}
    for seed, name in enumerate(sorted(names)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), phantom(seed, 64).image)
    out = tmp_path / "out"
    command = ["evaluate", "--data", str(tmp_path), "--split", "all", "--hr-long-side", "64"]
    assert cli.main([*command, "--out", str(out)]) == 0
    page = (out / "report.html").read_text()
    (values,) = re.findall(r'"values": (\{.*?\}\}\})', page)
    assert json.loads(values).keys() == names


def test_a_metrics_json_of_somebody_else_is_not_read(tmp_path):
    OutputFolder(tmp_path, "downstream").claim("downstream.json")
    (tmp_path / "metrics.json").write_text("mine")
    with pytest.raises(UsageError, match=r"no metrics.json to report"):
        report.write(tmp_path)
