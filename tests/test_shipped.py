"""What every shipped model promises."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from srgan_keras import cli, config, configure
from srgan_keras.inference.model import load

ROOT = Path(__file__).parents[1]
FOLDERS = sorted(f.parent for f in ROOT.glob("saved_models/*/model.json"))
ABOUT = yaml.safe_load((ROOT / "docs" / "cards" / "cards.yaml").read_text())
DATA = ABOUT["all"]["data"]
SOURCES = {
    "fundus-restore": "data/restore",
    "fundus-x4-fast": "data/restore",
    "fundus-x4-real": "data/restore",
    "paper-x4": "data/reproduction",
}
PAPERS = ("paper-x4",)
"""The paper's own systems, whatever they do to a photograph."""


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_shipped_model(folder: Path):
    files = [f for f in folder.rglob("*") if f.is_file()]
    assert sum(f.stat().st_size for f in files) < (15e6 if folder.name in PAPERS else 12e6)
    assert max(f.stat().st_size for f in files) < 8e6
    text = (folder / "model.json").read_text()
    info = json.loads(text)
    assert info["name"] == folder.name
    assert f"Training uses {len(info['training_sha256'])}" in ABOUT[folder.name].get("data", DATA)
    source = info["configuration"]["data"]["source"]
    assert source == SOURCES.get(folder.name, "data/idrid/images")
    assert '"/' not in text, "an absolute path"
    card = (folder / "README.md").read_text(encoding="utf-8")
    for part in ("license: cc-by-4.0", "Porwal", "not a medical device", "| full | psnr |"):
        assert part in card
    model = load(folder.name)
    flat = np.full((9, 14, 3), (150, 80, 40), np.uint8)
    sr = model.upscale(flat)
    assert sr.shape == (9 * model.scale, 14 * model.scale, 3)
    if folder.name in PAPERS:
        return
    # a model that restores may take a flat place for haze
    assert np.abs(sr.astype(int) - flat[0, 0]).max() <= (8 if model.scale == 1 else 4)


@pytest.mark.parametrize(("name", "filters"), [("fundus-x4", 64), ("fundus-x2", 48)])
def test_the_preset_goes_on_from_a_shipped_model(name, filters):
    """Settings that came after it was trained have their defaults."""
    model = load(name)
    architecture = replace(configure.load("fundus").generator, filters=filters)
    network = model.generator(architecture, model.scale)
    lr = np.full((1, 8, 8, 3), 0.4, np.float32)
    expected = model.upscale_float((lr[0] * 255).astype(np.uint8))
    np.testing.assert_allclose(network(lr)[0], expected, atol=1e-3)


@pytest.mark.parametrize("name", [folder.name for folder in FOLDERS])
def test_the_cards_command_has_the_settings_of_the_model(name, monkeypatch):
    """A preset that changes leaves behind the commands of models that were trained before."""
    folder, commands = ROOT / "saved_models" / name, ABOUT[name]["command"].strip()
    assert f"\n{commands}\n" in (folder / "README.md").read_text(encoding="utf-8")
    *_, last = (line for line in commands.splitlines() if line.startswith("python -m"))
    verb, _, options = last.partition("srgan_keras.train")
    assert verb == "python -m "
    given = []
    monkeypatch.setattr("srgan_keras.train.train", lambda config, *_: given.append(config))
    cli.main(["train", *options.split()])
    made = json.loads((folder / "model.json").read_text())["configuration"]
    assert decisive(given[0]) == decisive(configure.merge(config.Config(), made, name))


def decisive(settings: config.Config) -> dict:
    """Return the settings that a generator depends on which one of the stages made."""
    plain = configure.plain(settings)
    stage = "stage1" if settings.train.stage1_steps else "stage2"
    common = {"init_from", "stage1_steps", "stage2_steps"}
    common |= {"batch_size", "clip_norm", "ema_decay", "seed"}
    train = {k: v for k, v in plain["train"].items() if k in common or k.startswith(stage)}
    kept = {"train": train} | {p: plain[p] for p in ("data", "degradation", "generator")}
    if stage == "stage1":
        terms = (stage, "pixel", "structure", "contrast")
        own = {k: v for k, v in plain["loss"].items() if k.startswith(terms)}
        return kept | {"loss": own}
    vgg = {k: v for k, v in plain["vgg"].items() if k != "weights"}
    return kept | {"loss": plain["loss"], "discriminator": plain["discriminator"], "vgg": vgg}
