"""The cards of the pretrained models are what docs/cards makes of template, texts and figures."""

import json
import runpy
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = sorted(file.parent for file in ROOT.glob("saved_models/*/model.json"))
ship = runpy.run_path(str(ROOT / "docs/cards/ship.py"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_card_is_up_to_date(folder):
    info = json.loads((folder / "model.json").read_text())
    about = yaml.safe_load((ROOT / "docs/cards/cards.yaml").read_text())
    card = (folder / "README.md").read_text(encoding="utf-8")
    again = f"run docs/cards/ship.py {folder.name} saved_models/{folder.name}"
    assert card == ship["card"](info, about, []), again


def test_figures_of_an_evaluation():
    value = {"mean": 41.5, "ci95": [40.25, 42.75]}
    regions = {"full": {"psnr": value, "ms_ssim": value}}
    run = {
        "data": {"source": "data/idrid/images", "splits": ["test"]},
        "n": 27,
        "protocol": {"name": "author", "rounding": "nearest", "hr_long_side": 0},
        "models": {"bicubic": regions, "stage1": regions},
        "gain_over_bicubic": {"stage1": {"full": {"psnr": {"mean": 0.5, "ci95": [-0.1, 1]}}}},
    }
    start = ["idrid, test", "27", "author, rounding nearest", "native", "full", "psnr"]
    figures = ["41.50 [40.25, 42.75]", "41.50 [40.25, 42.75]", "+0.50 [-0.10, +1.00]"]
    assert ship["rows"]([run], {"stage1", "fundus-x4"}) == [[*start, *figures]]
