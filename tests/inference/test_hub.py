"""Models of the hub, against a stand-in on loopback: fetch, safe mode, publish, errors."""

import io
import json
import re
import sys
import zipfile

import cv2
import numpy as np
import pytest

import srgan_keras
from srgan_keras import cli, hub
from srgan_keras.errors import UsageError
from srgan_keras.export import hub_folder, model_folder
from srgan_keras.export.publish import check_card
from srgan_keras.files import sha256
from tests.hub_stand_in import Hub, served

huggingface_hub = hub.library()


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    constants = huggingface_hub.constants
    with served(Hub()) as found:
        monkeypatch.setattr(constants, "ENDPOINT", found.url)
        template = f"{found.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HOME", str(tmp_path / "hf"))
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "hf" / "token"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", "hf_stand_in")
        monkeypatch.setattr(model_folder, "saved_model_parity", lambda *_: {"max_abs_diff": 0.0})
        yield found


@pytest.fixture
def photograph(tmp_path, rng):
    file = tmp_path / "photograph.png"
    cv2.imwrite(str(file), rng.integers(0, 256, (24, 32, 3), np.uint8))
    return file


def said(capsys):
    found = capsys.readouterr()
    assert "Traceback" not in found.err
    return found.out + found.err


def test_a_model_of_the_hub_upscales_as_its_folder_does(
    stand_in, tiny_model, photograph, tmp_path, monkeypatch, capsys, caplog
):
    commit = stand_in.commit_folder("me/tiny", tiny_model)
    for model, out in ((str(tiny_model), "local"), ("hf://me/tiny", "hub")):
        assert cli.main(["upscale", model, str(photograph), "--out", str(tmp_path / out)]) == 0
    text = caplog.text
    assert f"hf://me/tiny is hf://me/tiny@{commit}" in text
    for name in hub.FILES:
        assert f"{name} has sha256 {sha256(tiny_model / name)}" in text
    images = [cv2.imread(str(tmp_path / out / "photograph.png")) for out in ("local", "hub")]
    np.testing.assert_array_equal(*images)
    assert cli.main(["inspect", str(tmp_path / "hub" / "photograph.png")]) == 0
    assert f"source: hf://me/tiny@{commit}" in said(capsys)
    # the SavedModel of others is not even fetched
    fetched = {line.rpartition("/")[2] for line in stand_in.requests if "/resolve/" in line}
    assert fetched == set(hub.FILES)
    # a commit is kept, and opened without the hub
    model = srgan_keras.load("hf://me/tiny")
    stand_in.commit("me/tiny", {"model.json": b"broken"})
    asked = len(stand_in.requests)
    assert srgan_keras.load(f"hf://me/tiny@{commit}").path == model.path
    assert len(stand_in.requests) == asked
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert srgan_keras.load("hf://me/tiny").info["hub"]["revision"] == commit


def with_config(keras_file, change):
    """Return the bytes of a `.keras` file whose configuration is changed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(keras_file) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                config = json.loads(data)
                change(config)
                data = json.dumps(config).encode()
            new.writestr(name, data)
    return buffer.getvalue()


def put(config, **values):
    config["config"]["layers"][1].update(values)


def pickled(data):
    buffer = io.BytesIO(data)
    with zipfile.ZipFile(buffer, "a") as file:
        file.writestr("weights.pkl", b"cos\nsystem\n(S'true'\ntR.")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda c: put(c, module="keras.layers", class_name="Lambda"), "keras.layers.Lambda"),
        (lambda c: put(c, module="os", class_name="system"), "os.system"),
        (lambda c: put(c, module="keras.utils", class_name="get_file"), "keras.utils.get_file"),
        (lambda c: put(c, module=None, class_name="__lambda__"), "__lambda__"),
        (None, "weights.pkl"),
    ],
)
def test_what_could_run_is_refused_before_keras_reads_it(tiny_model, tmp_path, change, reason):
    file = tmp_path / "generator.keras"
    data = (tiny_model / "generator.keras").read_bytes()
    file.write_bytes(with_config(io.BytesIO(data), change) if change else pickled(data))
    with pytest.raises(UsageError, match=rf"me/bad is not safe: .*{re.escape(reason)}"):
        hub_folder.load_generator(file, "me/bad")


@pytest.mark.parametrize(
    ("name", "files", "reason"),
    [
        ("hf://me/none", {}, "the hub has no hf://me/none that you may see"),
        ("hf://me/bad@v9", {}, "there is no such revision"),
        ("hf://me", {}, "is not hf://USER/MODEL"),
        ("hf://me/bad", {"model.json": b"{}"}, "it has no generator.keras"),
        ("hf://me/bad", {"model.json": b"{}", "generator.keras": b"x"}, "model.json is damaged"),
        (
            "hf://me/bad",
            {"model.json": b'{"schema": 1}', "generator.keras": b"x"},
            "cannot open generator.keras",
        ),
    ],
)
def test_what_the_hub_does_not_have_is_one_line(stand_in, name, files, reason):
    stand_in.commit("me/bad", files)
    with pytest.raises(UsageError, match=re.escape(reason)) as caught:
        model_folder.find(name)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_what_the_hub_lists_is_refused(stand_in, tiny_model):
    stand_in.commit_folder("me/tiny", tiny_model)
    stand_in.wrong.add("generator.keras")
    with pytest.raises(UsageError, match=r"generator\.keras is damaged"):
        model_folder.find("hf://me/tiny")


def test_offline_and_without_the_extra_are_one_line(stand_in, photograph, monkeypatch, capsys):
    command = ["upscale", "hf://me/tiny", str(photograph), "--out", str(photograph.parent / "o")]
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert cli.main(command) == 2
    assert "hf://me/tiny is not in the cache, and the hub cannot be reached" in said(capsys)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    assert cli.main(command) == 2
    assert "the hub cannot be reached" in said(capsys)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert cli.main(command) == 2
    line = said(capsys)
    assert line.count("\n") == 1
    assert "pip install 'srgan_keras[hub]'" in line


@pytest.fixture
def licensed(tiny_model, tmp_path):
    """A copy of the model with a licence, a picture in its card, and a file of somebody else."""
    folder = tmp_path / "licensed"
    for file in (f for f in tiny_model.rglob("*") if f.is_file()):
        target = folder / file.relative_to(tiny_model)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    card = (folder / "README.md").read_text()
    text = card.replace("license: unknown", "license: cc-by-4.0") + "\n![Phantoms](picture.png)\n"
    (folder / "README.md").write_text(text)
    (folder / "picture.png").write_bytes(b"picture")
    (folder / "notes.txt").write_text("private")
    return folder


def test_publish_is_a_dry_run_until_it_is_told(stand_in, licensed, capsys):
    assert cli.main(["publish", str(licensed), "me/new"]) == 0
    text = said(capsys)
    assert not stand_in.requests
    for name in ("generator.keras", "picture.png", "saved_model/saved_model.pb"):
        assert f"{sha256(licensed / name)}" in text
        assert f"{(licensed / name).stat().st_size:,}  {name}" in text
    assert "notes.txt" not in text
    assert "license cc-by-4.0" in text
    assert "nothing is uploaded" in text
    assert cli.main(["publish", str(licensed), "me/new", "--yes"]) == 0
    (commit,) = stand_in.repositories["me/new"]
    assert f"uploaded as hf://me/new@{commit}" in said(capsys)
    files = stand_in.repositories["me/new"][commit]
    assert files["picture.png"] == b"picture"
    assert "notes.txt" not in files
    assert files["generator.keras"] == (licensed / "generator.keras").read_bytes()


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        ("# no front matter\n", "lacks license, library_name, pipeline_tag, tags"),
        ("---\ntags: [a\n---\n# broken\n", "the hub cannot read the front matter"),
    ],
)
def test_publish_checks_the_card(licensed, card, reason, capsys):
    (licensed / "README.md").write_text(card)
    assert cli.main(["publish", str(licensed), "me/new"]) == 2
    assert reason in said(capsys)


def test_publish_needs_a_licence_a_repository_and_a_login(
    stand_in, tiny_model, licensed, monkeypatch, capsys
):
    assert cli.main(["publish", str(tiny_model), "me/new", "--yes"]) == 2
    assert "gives no license" in said(capsys)
    assert cli.main(["publish", str(licensed), "new"]) == 2
    assert "is not USER/MODEL" in said(capsys)
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert cli.main(["publish", str(licensed), "me/new", "--yes"]) == 2
    assert "hf auth login" in said(capsys)


@pytest.mark.parametrize("name", sorted(model_folder.pretrained()))
def test_the_hub_reads_the_cards_of_pretrained_models(name):
    file = model_folder.pretrained()[name] / "README.md"
    assert check_card(file) == "cc-by-4.0"
    data = huggingface_hub.ModelCard(file.read_text(encoding="utf-8")).data
    assert (data.library_name, data.pipeline_tag) == ("keras", "image-to-image")
    assert {"fundus", "retina", "tensorflow"} <= set(data.tags)
