"""What the documents name exists: paths, tests, options, links; their programs run."""

import re
import runpy
import shlex
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
import yaml
from markdown_it import MarkdownIt

from srgan_keras import cli
from srgan_keras.config import Config, Generator
from srgan_keras.export import model_folder
from srgan_keras.models.generator import build_generator

ROOT = Path(__file__).resolve().parents[1]
SITE = runpy.run_path(str(ROOT / "docs/make_site.py"))
PAGES = [str(page) for page in SITE["pages"]()]
DOCUMENTS = [page for page in PAGES if page != "CHANGELOG.md"]  # which names what is gone
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
    assert not [
        (path, t) for path, _, t in named if path in paths and t and f"def {t}(" not in text(path)
    ]


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
    monkeypatch.setattr("srgan_keras.inference.inspect_file.inspect_file", seen.append)
    monkeypatch.setattr("srgan_keras.assessment.assess.assess", seen.append)
    monkeypatch.setattr("srgan_keras.export.export.export", seen.append)
    monkeypatch.setattr("srgan_keras.export.publish.publish", seen.append)
    monkeypatch.setattr("srgan_keras.preparation.prepare.prepare", seen.append)
    monkeypatch.setattr("srgan_keras.downstream.experiment.run_experiment", seen.append)
    monkeypatch.setattr("srgan_keras.app.app.run_app", seen.append)
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("train: {batch_size: 8}\n")
    lines = "\n".join(blocks(document, "")).replace("\\\n", " ")
    lines = lines.replace("python -m srgan_keras.train", "srgan-keras train").splitlines()
    commands = [line for line in lines if line.startswith("srgan-keras")]
    for command in commands:
        assert cli.main(shlex.split(command)[1:]) == 0, command + capsys.readouterr().err
    assert len(seen) == len(commands)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """The photographs and models that the pages name."""
    folder = tmp_path_factory.mktemp("desk")
    info = dict.fromkeys(model_folder.REQUIRED, "stage2")
    info |= {"degradation": {"name": "bicubic", "version": 1}, "configuration": {}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_folder, "saved_model_parity", lambda *_: {"max_abs_diff": 0.0})
        for name in ("stage1", "stage2"):
            path = folder / "runs/demo/models" / name
            model_folder.save(path, build_generator(Generator(1, 4), 4), info)
    (folder / "photographs").mkdir()
    for file in ("photographs/1.png", "photographs/2.png", "photograph.png"):
        cv2.imwrite(str(folder / file), np.full((9, 12, 3), 80, np.uint8))
    return folder


ELSEWHERE = {"README.md", "docs/serve.md", "PAPER.md"}  # whose programs have their own tests


@pytest.mark.parametrize(
    "document", [d for d in DOCUMENTS if blocks(d, "python") and d not in ELSEWHERE]
)
def test_programs_run(document, desk, monkeypatch):
    monkeypatch.chdir(desk)
    names = {"lr": np.full((9, 12, 3), 80, np.uint8)}
    for block in blocks(document, "python"):
        exec(block, names)
    assert names["sr"].dtype == np.uint8


def test_the_programs_of_the_readme_upscale_a_photograph(desk, monkeypatch):
    monkeypatch.chdir(desk)
    loaded, served = blocks("README.md", "python")
    exec(loaded, {})
    assert cv2.imread("upscaled.png").shape == (36, 48, 3)
    assert "keras" not in served, "TensorFlow alone"
    names = {}
    exec(served, names)
    assert names["sr"].shape == (36, 48, 3)


def test_the_programs_that_serve_print_what_they_serve(desk, monkeypatch, capsys):
    monkeypatch.chdir(desk)
    mapped, threads, backend = blocks("docs/serve.md", "python")
    assert "keras" not in mapped + threads, "TensorFlow alone"
    exec(mapped, {})
    assert capsys.readouterr().out.splitlines() == ["(36, 48, 3) <dtype: 'uint8'>"] * 2
    exec(threads, {})
    assert len(capsys.readouterr().out.split()) == 2
    names = {}
    exec(backend, names)  # under TensorFlow; tests/models/test_backends.py has the others
    assert names["sr"].shape == (1, 256, 384, 3)
    lines = [line for block in blocks("docs/serve.md", "") for line in block.splitlines()]
    (export,) = [line for line in lines if line.endswith("--format tf_serving")]
    assert cli.main(shlex.split(export)[1:]) == 0
    (version,) = Path("runs/demo/models/stage2/tf_serving").glob("*/1")
    served = tf.saved_model.load(str(version)).signatures["serve_bytes"]
    assert served.structured_input_signature[1].keys() == {"images"}


def test_the_program_of_the_paper_draws_its_figures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(*blocks("PAPER.md", "python"), {})
    assert {f.name for f in tmp_path.iterdir()} == {"figure2.png", "figure3.png"}


def test_the_readme_is_short():
    assert len(text("README.md").split()) <= 1200


def links_and_anchors(document):
    """Targets of a page's links and pictures, and the anchors of its headings."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text(document))
    children = [child for token in tokens for child in token.children or []]
    targets = [child.attrGet("href") or child.attrGet("src") for child in children]
    titles = [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]
    kept = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]
    return [target for target in targets if target], kept


@pytest.mark.parametrize("document", PAGES)
def test_links_lead_somewhere(document):
    for target in links_and_anchors(document)[0]:
        if re.match("[a-z]+:", target):
            assert re.fullmatch(r"https://[\w-]+(\.[\w-]+)+(/\S*)?", target), target
            continue
        path, _, anchor = target.partition("#")
        linked = (ROOT / document).parent / path if path else ROOT / document
        assert linked.is_file(), target
        assert not anchor or anchor in links_and_anchors(linked)[1], target


def test_the_site_has_every_page_and_no_link_out_of_it(tmp_path):
    SITE["gather"](tmp_path)
    for source, place in SITE["pages"]().items():
        for target in links_and_anchors(tmp_path / place)[0]:
            path = target.partition("#")[0]
            inside = not path or re.match("[a-z]+:", target)
            assert inside or (tmp_path / place.parent / path).is_file(), f"{source}: {target}"


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        ('<script src="https://cdn.example/a.js">', "from a network"),
        ('<link rel="stylesheet" href="//fonts.example/a.css">', "from a network"),
        ('<img src="none.png">', "does not exist"),
        ('<a href="other.html">', "does not exist"),
        ('<a href="#none">', "no such anchor"),
        ('<a href="https://example.org" id="here">, <a href="index.html#here">', None),
    ],
)
def test_the_built_site_is_checked(tmp_path, html, problem):
    (tmp_path / "index.html").write_text(html)
    problems = SITE["check"](tmp_path)
    assert problem in problems[0] if problem else not problems
