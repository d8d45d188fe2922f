"""What the documents name is there: paths, tests, options; their programs run."""

import re
import runpy
import shlex
import subprocess
from dataclasses import fields
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
import yaml

from srgan_keras import cli
from srgan_keras.config import Config, Generator
from srgan_keras.export import model_folder
from srgan_keras.models.generator import build_generator

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ["README.md", "PAPER.md", "CONTRIBUTING.md", "data/README.md", "docs/recipe.md"]
DOCUMENTS += ["docs/metrics.md", "docs/trust.md"]
DOCUMENTS += [str(card.relative_to(ROOT)) for card in ROOT.glob("saved_models/*/README.md")]
OWN = re.compile(r"(srgan_keras|tests|docs|notebooks)/[\w./-]*|data/README\.md|[A-Z]+\.(md|cff)")


def text(document):
    return (ROOT / document).read_text(encoding="utf-8")


def blocks(document, language):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text(document), re.MULTILINE | re.DOTALL)
    return [block for kind, block in found if kind == language]


def test_configuration_is_up_to_date():
    markdown = runpy.run_path(str(ROOT / "docs/make_configuration.py"))["markdown"]
    assert text("docs/configuration.md") == markdown(), "run docs/make_configuration.py"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_and_tests_are_there(document):
    found = re.findall(r"`([^`\n]+)`|\]\(([^)#\s]+)", text(document))
    named = [(name or link).partition("::") for name, link in found]
    paths = {path for path, _, _ in named if OWN.fullmatch(path)}
    assert not [path for path in paths if not (ROOT / path).exists()]
    assert not [(path, t) for path, _, t in named if t and f"def {t}(" not in text(path)]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_settings_are_there(document):
    """A setting named in a sentence; `test_commands_parse` reads the commands."""
    settings = {f"{part.name}.{f.name}" for part in fields(Config) for f in fields(part.type)}
    named = re.findall(r"`--([a-z]+\.[\w-]+)", text(document))
    assert not {n for n in named if n.replace("-", "_").replace(".no_", ".") not in settings}


def test_rows_of_the_recipe_parse(tmp_path, monkeypatch):
    monkeypatch.setattr("srgan_keras.train.train", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    flat = runpy.run_path(str(ROOT / "docs/recipe/screen.py"))["flat"]
    plan = yaml.safe_load(text("docs/recipe/rows.yaml"))
    for name in set(plan) - {"anchors"}:
        table = plan[name]
        for row in table["rows"].values():
            options = [*flat(table["options"]), *flat(row["options"])]
            preset = row.get("preset") or table["preset"]
            assert cli.main(["train", "--preset", preset, *options]) == 0


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_parse(document, tmp_path, monkeypatch, capsys):
    seen = []
    monkeypatch.setattr("srgan_keras.train.train", lambda *arguments: seen.append(arguments))
    monkeypatch.setattr("srgan_keras.evaluate.evaluate_dataset", seen.append)
    monkeypatch.setattr("srgan_keras.inference.upscale_files.upscale_files", seen.append)
    monkeypatch.setattr("srgan_keras.export.export.export", seen.append)
    monkeypatch.setattr("srgan_keras.preparation.prepare.prepare", seen.append)
    monkeypatch.setattr("srgan_keras.downstream.experiment.run_experiment", seen.append)
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("train: {batch_size: 8}\n")
    lines = "\n".join(blocks(document, "")).replace("\\\n", " ")
    lines = lines.replace("python -m srgan_keras.train", "srgan-keras train").splitlines()
    commands = [line for line in lines if line.startswith("srgan-keras")]
    for command in commands:
        assert cli.main(shlex.split(command)[1:]) == 0, command + capsys.readouterr().err
    assert len(seen) == len(commands)


def test_the_programs_of_the_readme_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(model_folder, "saved_model_parity", lambda *_: {"max_abs_diff": 0.0})
    info = dict.fromkeys(model_folder.REQUIRED, "srgan")
    info["degradation"] = {"name": "bicubic", "version": 1}
    for name in ("stage1", "stage2"):
        model_folder.save(Path("runs/demo/models", name), build_generator(Generator(1, 4), 4), info)
    Path("photographs").mkdir()
    for file in ("photographs/1.png", "photographs/2.png", "photograph.png"):
        cv2.imwrite(file, np.full((9, 12, 3), 80, np.uint8))
    loaded, mapped, threads = blocks("README.md", "python")
    assert "keras" not in mapped + threads, "TensorFlow alone"
    exec(loaded, {})
    exec(mapped, {})
    assert capsys.readouterr().out.splitlines() == ["(36, 48, 3) <dtype: 'uint8'>"] * 2
    exec(threads, {})
    assert len(capsys.readouterr().out.split()) == 2
    (layout,) = [block for block in blocks("README.md", "") if "serving/stage2/1" in block]
    mkdir, copy, _ = layout.splitlines()
    subprocess.run(f"{mkdir} && {copy}", shell=True, check=True)
    served = tf.saved_model.load("serving/stage2/1").signatures["serve_bytes"]
    assert served.structured_input_signature[1].keys() == {"images"}
    assert cv2.imread("enlarged.png").shape == (36, 48, 3)


def test_the_program_of_the_paper_draws_its_figures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(*blocks("PAPER.md", "python"), {})
    assert {f.name for f in tmp_path.iterdir()} == {"figure2.png", "figure3.png"}
