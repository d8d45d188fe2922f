"""What every shipped model promises."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from srgan_keras import configure
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


@pytest.mark.parametrize(("name", "filters"), [("fundus-x4", 64), ("fundus-x2", 48)])
def test_the_preset_goes_on_from_a_shipped_model(name, filters):
    """Settings that came after it was trained have their defaults."""
    model = model_folder.load(name)
    architecture = replace(configure.load("fundus").generator, filters=filters)
    network = model.generator(architecture, model.scale)
    lr = np.full((1, 8, 8, 3), 0.4, np.float32)
    expected = model.upscale_float((lr[0] * 255).astype(np.uint8))
    np.testing.assert_allclose(network(lr)[0], expected, atol=1e-3)
