import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from srgan_keras import cli
from srgan_keras.config import Generator
from srgan_keras.export import model_folder
from srgan_keras.inference import upscale_files
from srgan_keras.inference.image_files import ImageFile, read, write
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
    """Two model folders, stage1 and stage2."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_folder, "saved_model_parity", lambda *_: {"max_abs_diff": 0.0})
        for name in ("stage1", "stage2"):
            model = build_generator(Generator(blocks=1, filters=4), 2)
            model_folder.save(folder / name, model, INFO | {"name": name})
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
    assert "in/bad.jpg is damaged" in caplog.text
    assert "1 of 5 files failed" in capsys.readouterr().err


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
        (["in/a.png", "--tile", "0"], "batch and tile must be 1 or more"),
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


def test_the_adversarial_model_is_named_after_a_pretrained_one_or_lies_in_its_run(tmp_path: Path):
    assert upscale_files._adversarial(tmp_path / "stage1") == tmp_path / "stage2"
    (tmp_path / "fundus-gan").mkdir()
    assert upscale_files._adversarial(tmp_path / "fundus") == tmp_path / "fundus-gan"
