"""What every shipped model promises."""

import json
from pathlib import Path

import numpy as np
import pytest

from srgan_keras.inference import model_folder

FOLDERS = sorted(f.parent for f in Path(__file__).parents[1].glob("saved_models/*/model.json"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_shipped_model(folder: Path):
    files = [f for f in folder.rglob("*") if f.is_file()]
    assert sum(f.stat().st_size for f in files) < 12e6
    assert max(f.stat().st_size for f in files) < 8e6
    text = (folder / "model.json").read_text()
    info = json.loads(text)
    assert info["name"] == folder.name
    assert len(info["training_sha256"]) == 49
    assert info["configuration"]["data"]["source"] == "data/idrid/images"
    assert '"/' not in text, "an absolute path"
    card = (folder / "README.md").read_text(encoding="utf-8")
    for part in ("license: cc-by-4.0", "Porwal", "not a medical device", "| full | psnr |"):
        assert part in card
    model = model_folder.load(folder.name)
    flat = np.full((9, 14, 3), (150, 80, 40), np.uint8)
    sr = model.upscale(flat)
    assert sr.shape == (9 * model.scale, 14 * model.scale, 3)
    assert np.abs(sr.astype(int) - flat[0, 0]).max() <= 4
