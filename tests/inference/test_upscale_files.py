import json
import logging
import os
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from srgan_keras import cli
from srgan_keras.config import Generator
from srgan_keras.data.image_file import ImageFile
from srgan_keras.evaluation.guarded import Guarded
from srgan_keras.export import model_folder
from srgan_keras.inference import upscale_files
from srgan_keras.inference.image_files import read, write
from srgan_keras.inference.model import load
from srgan_keras.inference.upscaler import bicubic
from srgan_keras.models.generator import build_generator
from srgan_keras.phantoms.phantom import phantom

INFO = {
    "degradation": {"name": "bicubic", "version": 1},
    "normalisation": {"mean": [0.5] * 3, "std": [0.5] * 3},
    "training_sha256": [],
    "configuration": {},
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Model folders: stage1 and stage2 of scale 2, restore of scale 1."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_folder, "saved_model_parity", lambda *_: {"max_abs_diff": 0.0})
        for name in ("stage1", "stage2"):
            model = build_generator(Generator(blocks=1, filters=4), 2)
            model_folder.save(folder / name, model, INFO | {"name": name})
        model = build_generator(Generator(blocks=1, filters=4), 1)
        random = {"degradation": {"name": "clinical", "version": 2}}
        model_folder.save(folder / "restore", model, INFO | random | {"name": "restore"})
    return folder


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """Files in a tree, the working directory beside it."""
    monkeypatch.chdir(tmp_path)
    image = phantom(1, 40).image
    grey = np.stack([image[..., 1]] * 3, -1)
    write(Path("in/a.png"), ImageFile(image))
    write(Path("in/deep/b.tiff"), ImageFile(image.astype(np.uint16) * 257))
    write(Path("in/deep/c.png"), ImageFile(grey[:9], image[:9, :, 0], False))
    write(Path("in/deep/d.png"), ImageFile(grey, grey=True))
    Path("in/notes.txt").touch()
    return tmp_path


def run(*arguments):
    return cli.main(["upscale", *map(str, arguments)])


def made(folder="out"):
    files = sorted(f for f in Path(folder).rglob("*") if f.is_file())
    return [str(f.relative_to(folder)) for f in files]


def test_a_folder(models, photographs, caplog):
    caplog.set_level(logging.INFO)
    assert (
        run(models / "stage1", "in", "--out", "out", "--precision", "float32", "--no-skip-outside")
        == 0
    )
    assert made() == ["a.png", "deep/b.png", "deep/c.png", "deep/d.png"]
    assert "1 files of other kinds" in caplog.text
    model = load(models / "stage1")
    for name, source in [("a.png", "in/a.png"), ("deep/b.png", "in/deep/b.tiff")]:
        result, before = read(Path("out", name)), read(Path(source))
        assert result.colour.dtype == before.colour.dtype
        np.testing.assert_array_equal(result.colour, model.upscale(before.colour))
    alpha, before = read(Path("out/deep/c.png")).alpha, read(Path("in/deep/c.png")).alpha
    np.testing.assert_array_equal(alpha, bicubic(np.stack([before] * 3, -1), 2)[..., 0])
    assert read(Path("out/deep/d.png")).grey


def test_a_model_of_scale_1_restores(models, photographs, capsys):
    assert run(models / "restore", "in", "--out", "out", "--compare", "--precision", "float32") == 0
    model = load(models / "restore")
    for name, source in [
        ("a", "in/a.png"),
        ("deep/b", "in/deep/b.tiff"),
        ("deep/c", "in/deep/c.png"),
    ]:
        after, before = read(Path(f"out/{name}.png")), read(Path(source))
        assert after.colour.dtype == before.colour.dtype
        assert after.colour.shape == before.colour.shape
        side = read(Path(f"out/{name}.compare.png")).colour
        np.testing.assert_array_equal(side, np.hstack([before.colour, after.colour]))
    np.testing.assert_array_equal(after.alpha, before.alpha)
    whole = read(Path("in/a.png")).colour
    assert (model.upscale(whole) != whole).any()
    assert run(models / "restore", "in", "--out", "new", "--back-project", "1") == 2
    assert "back_project needs a model of a fixed degradation" in capsys.readouterr().err


def test_files_globs_and_what_is_there_already(models, photographs, caplog):
    caplog.set_level(logging.INFO)
    assert run(models / "stage1", "in/a.png", "in/deep/*.tiff", "--out", "out") == 0
    assert made() == ["a.png", "b.png"]
    assert run(models / "stage1", "in/a.png", "--out", "out") == 0
    assert "1 of 1 files exist already" in caplog.text
    Path("out/a.png").write_bytes(b"mine")
    assert run(models / "stage1", "in/a.png", "--out", "out") == 0
    assert "out/a.png exists, and `upscale` did not write it" in caplog.text
    assert Path("out/a.png").read_bytes() == b"mine"
    assert run(models / "stage1", "in/a.png", "--out", "out", "--overwrite") == 2
    assert Path("out/a.png").read_bytes() == b"mine"
    Path("out/a.png").unlink()
    before = Path("out/b.png").stat().st_mtime_ns
    assert run(models / "stage1", "in/a.png", "in/deep/b.tiff", "--out", "out", "--overwrite") == 0
    assert made() == ["a.png", "b.png"]
    assert Path("out/b.png").stat().st_mtime_ns > before


def test_outputs_inside_an_input_folder_are_no_inputs(models, photographs):
    for _ in range(2):
        assert run(models / "stage1", "in", "--out", "in/out", "--overwrite") == 0
    assert made("in/out") == ["a.png", "deep/b.png", "deep/c.png", "deep/d.png"]


def test_a_bad_file_is_named_and_the_rest_done(models, photographs, caplog, capsys):
    Path("in/bad.jpg").write_bytes(b"no image")
    assert run(models / "stage1", "in", "--out", "out") == 1
    assert len(made()) == 4
    assert "cannot upscale in/bad.jpg: not a PNG, JPEG, TIFF" in caplog.text
    assert "1 of 5 files failed" in capsys.readouterr().err


def test_twelve_bits_in_sixteen_are_upscaled_by_the_model(models, photographs, caplog):
    """Read as 16 bits, the photograph is so dark that no field of view is found in it."""
    caplog.set_level(logging.INFO)
    twelve = phantom(1, 64).image.astype(np.uint16) * 16
    tifffile.imwrite("12.tif", twelve, photometric="rgb")
    assert run(models / "stage1", "12.tif", "--out", "out", "--precision", "float32") == 0
    assert "12.tif uses 12 of its 16 bits" in caplog.text
    written = cv2.imread("out/12.png", cv2.IMREAD_UNCHANGED)[..., ::-1]
    full = np.rint(twelve * (65535 / 4095)).astype(np.uint16)
    expected = load(models / "stage1").upscale(full)
    fov = phantom(1, 64).fov.repeat(2, 0).repeat(2, 1)
    np.testing.assert_array_equal(written[fov], np.rint(expected * (4095 / 65535))[fov])


def test_the_share_that_is_left_to_bicubic_is_said(models, photographs, caplog):
    caplog.set_level(logging.INFO)
    image = np.zeros((100, 400, 3), np.uint8)
    image[:, :100] = phantom(1, 100).image
    write(Path("wide.png"), ImageFile(image))
    assert run(models / "stage1", "wide.png", "--out", "out") == 0
    share = re.search(r"wide\.png: ([\d.]+) % lies outside the field of view", caplog.text)
    assert 60 < float(share.group(1)) < 80


def test_what_is_dropped_is_said_and_a_damaged_tiff_ends_nothing(models, photographs, caplog):
    grey = Image.fromarray(phantom(1, 40).image[..., 1])
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Path("mixed").mkdir()
    grey.save("mixed/a.jpg", icc_profile=profile)
    Path("mixed/b.tif").write_bytes(b"II*\0" + bytes(range(200)))
    grey.save("mixed/c.tif", icc_profile=profile)
    assert run(models / "stage1", "mixed", "--out", "out") == 1
    assert made() == ["a.png", "c.png"]
    for name in ("a.jpg", "c.tif"):
        assert f"mixed/{name} is grey, its colour profile is of kind RGB" in caplog.text
    assert "cannot upscale mixed/b.tif: truncated or damaged" in caplog.text


def test_a_file_that_cannot_be_written_is_named(models, photographs, caplog):
    Path("out/a.png").mkdir(parents=True)  # in the way
    assert run(models / "stage1", "in", "--out", "out", "--overwrite") == 1
    assert "out/a.png cannot be written: Is a directory" in caplog.text
    assert made() == ["deep/b.png", "deep/c.png", "deep/d.png"]


def test_shards_share_the_work(models, photographs):
    for i in (1, 2, 3):
        assert run(models / "stage1", "in", "--out", f"out{i}", "--shard", f"{i}/3") == 0
    assert sorted(made("out1") + made("out2") + made("out3")) == [
        "a.png", "deep/b.png", "deep/c.png", "deep/d.png",
    ]  # fmt: skip
    assert len(made("out1")) == 2


def test_everything_at_once(models, photographs):
    assert run(
        models / "stage1", "in/a.png", "--out", "out", "--self-ensemble", "--uncertainty",
        "--back-project", "1", "--blend", "0.5", "--compare", "--tile", "30", "--batch", "2",
        "--format", "tiff", "--no-skip-outside",
    ) == 0  # fmt: skip
    assert made() == ["a.compare.tiff", "a.tiff", "a.uncertainty.tiff"]
    sr, strip = read(Path("out/a.tiff")).colour, read(Path("out/a.compare.tiff")).colour
    np.testing.assert_array_equal(strip[:, 80:], sr)
    np.testing.assert_array_equal(strip[:, :80], bicubic(read(Path("in/a.png")).colour, 2))
    uncertainty = cv2.imread("out/a.uncertainty.tiff", cv2.IMREAD_UNCHANGED)
    assert (uncertainty.dtype, uncertainty.shape) == (np.uint16, (80, 80))
    assert uncertainty.any()


def test_blend_goes_from_one_model_to_the_other(models, photographs):
    for share, name in [("0", "stage1"), ("1", "stage2")]:
        assert run(models / "stage1", "in/a.png", "--out", share, "--blend", share) == 0
        assert run(models / name, "in/a.png", "--out", name) == 0
        assert Path(share, "a.png").read_bytes() == Path(name, "a.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.png"], "no file, folder or match of 'nowhere.png'"),
        (["in/a.png", "in/a.png/../a.png"], "no file"),
        (["in", "in/deep/../a.png"], "would both be written to out/a.png"),
        (["in/a.png", "--shard", "3/2"], "shard '3/2' is not I/N"),
        (["in/a.png", "--blend", "1.5"], "blend must be 0"),
        (["in/a.png", "--blend", "0.5", "--adversarial", "none"], "no model 'none'"),
        (["in/a.png", "--tile", "0"], "tile must be positive, not 0"),
        (["in/a.png", "--tile", "9", "--memory", "1"], "tile or memory, not both"),
        (["empty"], "empty holds no file of the kinds .png"),
        (["in/a.png", "--out", "in/a.png"], "cannot write into in/a.png (a file is in its place)"),
    ],
)  # fmt: skip
def test_wrong_use(models, photographs, capsys, arguments, message):
    Path("empty").mkdir()
    assert run(models / "stage1", "--out", "out", *arguments) == 2
    assert message in capsys.readouterr().err
    assert not made("in/out")


def test_a_clinical_model_is_not_back_projected(models, photographs, capsys):
    shutil.copytree(models / "stage1", "clinical")
    info = json.loads(Path("clinical/model.json").read_text())
    info["degradation"] = {"name": "clinical", "version": 2}
    Path("clinical/model.json").write_text(json.dumps(info))
    assert run("clinical", "in", "--out", "out", "--back-project", "1") == 2
    assert "back_project needs a model of a fixed degradation" in capsys.readouterr().err
    assert not made()
    assert run("clinical", "in/a.png", "--out", "out") == 0


@pytest.mark.parametrize(
    "name", ["$1_$x", "[1]", "a|b", "<b>", "new\nline", "-lead", "😀", b"\xe9"]
)
def test_a_name_is_kept(models, photographs, name):
    name = os.fsdecode(name) + ".png"
    Path("odd").mkdir()
    shutil.copy("in/a.png", Path("odd", name))
    assert run(models / "stage1", f"odd/{name}", "odd", "--out", "out") == 0
    assert os.listdir("out") == [name]


def test_the_adversarial_model_is_named_after_a_pretrained_one_or_lies_in_its_run(tmp_path: Path):
    assert upscale_files._adversarial(tmp_path / "stage1") == tmp_path / "stage2"
    (tmp_path / "fundus-gan").mkdir()
    assert upscale_files._adversarial(tmp_path / "fundus") == tmp_path / "fundus-gan"


def test_links_to_folders_are_followed_and_files_of_macos_are_not_read(models, photographs, caplog):
    caplog.set_level(logging.INFO)
    write(Path("store/e.png"), ImageFile(phantom(2, 40).image))
    Path("in/more").symlink_to(Path("store").resolve())
    Path("store/loop").symlink_to(Path("in").resolve())
    Path("in/__MACOSX").mkdir()
    for name in ("in/._a.png", "in/__MACOSX/._a.png"):
        Path(name).write_bytes(b"\0\5\x16\7")
    assert run(models / "stage1", "in", "--out", "out") == 0
    assert made() == ["a.png", "deep/b.png", "deep/c.png", "deep/d.png", "more/e.png"]
    assert "2 files that macOS left there are skipped" in caplog.text
    assert "in/more/loop is skipped: link to a folder read already" in caplog.text


def test_when_recommended_skips_and_counts(models, tmp_path, monkeypatch, caplog):
    """A frame without a field of view is to be retaken; a small good one is to be upscaled."""
    caplog.set_level(logging.INFO)
    monkeypatch.chdir(tmp_path)
    deep = phantom(2, 200).image.astype(np.uint16) * 257
    for name, image in (("none", np.zeros((70, 70, 3), np.uint8)), ("good", phantom(1, 200).image)):
        write(Path(f"in/{name}.png"), ImageFile(image))
    write(Path("in/deep.png"), ImageFile(deep))
    assert run(models / "stage1", "in", "--out", "out", "--when", "recommended") == 0
    assert made() == ["deep.png", "good.png"]
    assert "1 of 3 files are skipped: retake 1" in caplog.text


def test_a_guarded_model_says_what_it_left_and_equals_the_measured_one(models, photographs, caplog):
    caplog.set_level(logging.INFO)
    for name, kept in [("restore", "left as in the input"), ("stage1", "interpolated bicubic")]:
        options = ("--precision", "float32", "--no-skip-outside", "--guard", "--uncertainty")
        assert run(models / name, "in/a.png", "--out", name, *options) == 0
        assert re.search(rf"in/a\.png: guard: \d+ % of the \w+ {kept}", caplog.text)
        assert made(name) == ["a.png", "a.uncertainty.png"]
        image = read(Path("in/a.png")).colour
        expected = Guarded(load(models / name)).upscale(image)
        np.testing.assert_allclose(read(Path(name, "a.png")).colour, expected, atol=1)
