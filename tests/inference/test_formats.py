"""JPEG, WebP and DICOM out, any size, standard input and output."""

import io
import logging
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from srgan_keras import cli
from srgan_keras.data.image_file import ImageFile, Reason
from srgan_keras.inference import upscale_files
from srgan_keras.inference.encode import check_fits, losses
from srgan_keras.inference.image_files import from_bytes, read, write
from srgan_keras.inference.reduce import reduced, side_of
from srgan_keras.phantoms.phantom import phantom
from tests.data.image_cells import DEEP, RGBA
from tests.data.profiles import GREY, SRGB

EYE = phantom(1, 40).image
SMOOTH = cv2.resize(RGBA, (40, 30), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("depth", [8, 12, 16])
@pytest.mark.parametrize("kind", ["rgb", "rgba", "grey"])
@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".dcm"])
def test_what_each_format_keeps(tmp_path, suffix, kind, depth):
    full = RGBA if depth == 8 else DEEP
    grey = kind == "grey"
    colour = np.stack([full[..., 0]] * 3, -1) if grey else full[..., :3].copy()
    alpha = full[..., 3] if kind == "rgba" else None
    image = ImageFile(colour, alpha, grey, GREY if grey else SRGB, 12 if depth == 12 else 16)
    file = tmp_path / f"a{suffix}"
    write(file, image)
    after = read(file)
    deep = depth > 8 and suffix == ".dcm"
    assert after.colour.dtype == (np.uint16 if deep else np.uint8)
    assert after.profile == (None if grey and suffix != ".jpg" else image.profile)
    assert after.grey == (grey and suffix != ".webp")
    assert (after.alpha is not None) == (suffix == ".webp" and kind == "rgba")
    expected = image if suffix != ".webp" else replace(image, alpha=None)
    if suffix == ".jpg":
        assert np.abs(after.colour.astype(int) - expected.eight_bit()).mean() < 6  # noise
    elif deep:
        exact = expected.stored(expected.over_black())
        np.testing.assert_array_equal(after.stored(after.colour), exact)
    else:
        np.testing.assert_array_equal(after.colour, expected.eight_bit())
    said = losses(image, {".jpg": "jpeg", ".webp": "webp", ".dcm": "dicom"}[suffix])
    assert ("becomes 8 bit" in said) == (depth > 8 and suffix != ".dcm")
    assert any("over black" in note for note in said) == (kind == "rgba" and suffix != ".webp")
    assert any("profile is dropped" in note for note in said) == (grey and suffix != ".jpg")


def test_a_format_has_a_longest_side():
    check_fits(16383, 9, "webp")
    check_fits(10**6, 9, "png")
    for kind, longest in (("webp", 16383), ("jpeg", 65500), ("dicom", 65535)):
        with pytest.raises(Reason, match=f"too large for {kind.upper()}, which ends at {longest}"):
            check_fits(9, longest + 1, kind)


@pytest.mark.parametrize(
    ("size", "long_side", "expected"),
    [
        ((300, 400), 0, (300, 400)),
        ((300, 400), 400, (300, 400)),
        ((300, 400), 4000, (300, 400)),
        ((300, 400), 200, (150, 200)),
        ((400, 300), 101, (101, 76)),
        ((1, 400), 100, (1, 100)),
    ],
)
def test_the_size_of_a_reduction(size, long_side, expected):
    assert side_of(*size, long_side) == expected


def test_a_reduction_is_by_area():
    lr = ImageFile(SMOOTH[..., :3], SMOOTH[..., 3], density=(1000, 2000))
    sr = ImageFile(
        SMOOTH[..., :3].repeat(4, 0).repeat(4, 1), SMOOTH[..., 3].repeat(4, 0).repeat(4, 1)
    )
    small = reduced(sr, lr, 4, 40)
    np.testing.assert_array_equal(small.colour, lr.colour)
    np.testing.assert_array_equal(small.alpha, lr.alpha)
    assert small.density == (1000, 2000)
    strip = reduced(ImageFile(np.hstack([sr.colour] * 2)), lr, 4, 20)
    assert strip.colour.shape == (15, 40, 3)
    np.testing.assert_array_equal(strip.colour[:, :20], strip.colour[:, 20:])
    assert strip.density == (500, 1000)


@pytest.fixture
def eye(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(Path("eye.png"), ImageFile(EYE))
    return Path("eye.png")


def test_the_command_writes_each_format(tiny_model, eye, caplog):
    caplog.set_level(logging.INFO)
    assert cli.main(["upscale", str(tiny_model), "eye.png", "--out", "png"]) == 0
    sr = read(Path("png/eye.png")).colour
    for kind, name in (("webp", "eye.webp"), ("dicom", "eye.dcm")):
        options = ["--out", kind, "--format", kind]
        for again in (0, 1):
            assert cli.main(["upscale", str(tiny_model), "eye.png", *options]) == 0
            assert ("1 of 1 files exist already" in caplog.text) == again
        caplog.clear()
        assert os.listdir(kind) == [name]
        found = read(Path(kind, name)).colour
        np.testing.assert_array_equal(found, sr)


def test_the_command_writes_any_size(tiny_model, eye, caplog):
    options = ["--out", "out", "--long-side", "60", "--compare"]
    assert cli.main(["upscale", str(tiny_model), "eye.png", *options]) == 0
    assert read(Path("out/eye.png")).colour.shape == (60, 60, 3)
    assert read(Path("out/eye.compare.png")).colour.shape == (60, 120, 3)


class Stream:
    """Standard input or output of bytes."""

    def __init__(self, data=b"", terminal=False):
        self.buffer, self.terminal = io.BytesIO(data), terminal

    def isatty(self):
        return self.terminal

    def flush(self):
        pass

    def write(self, text):
        raise AssertionError(f"written to standard output: {text}")


def test_from_a_file_to_standard_output(tiny_model, eye, monkeypatch):
    options = ["--format", "tiff"]
    assert cli.main(["upscale", str(tiny_model), "eye.png", "--out", "out", *options]) == 0
    monkeypatch.setattr(sys, "stdout", out := Stream())
    assert cli.main(["upscale", str(tiny_model), "eye.png", "--out", "-", *options]) == 0
    assert out.buffer.getvalue() == Path("out/eye.tiff").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["-", "--out", "out"], 2, "give one input, and --out -"),
        (["-", "eye.png", "--out", "-"], 2, "give one input"),
        (["none.png", "--out", "-"], 2, "no file 'none.png'"),
        ([".", "--out", "-"], 2, "no file '.'"),
        (["-", "--out", "-", "--compare"], 2, "remove compare"),
        (["-", "--out", "-"], 1, "cannot upscale standard input: not a PNG, JPEG, TIFF"),
    ],
)
def test_wrong_use_of_streams(tiny_model, eye, monkeypatch, capsys, arguments, status, message):
    monkeypatch.setattr(sys, "stdin", Stream(b"no image"))
    monkeypatch.setattr(sys, "stdout", out := Stream())
    assert cli.main(["upscale", str(tiny_model), *arguments]) == status
    assert message in capsys.readouterr().err
    assert not out.buffer.getvalue()


def test_an_empty_input_and_a_terminal(tiny_model, eye, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", Stream(b""))
    monkeypatch.setattr(sys, "stdout", Stream())
    assert cli.main(["upscale", str(tiny_model), "-", "--out", "-"]) == 1
    monkeypatch.setattr(sys, "stdout", Stream(terminal=True))
    assert cli.main(["upscale", str(tiny_model), "-", "--out", "-"]) == 2
    said = capsys.readouterr().err
    assert "standard input: it is empty" in said
    assert "redirect it" in said


def test_a_process_writes_nothing_else_to_standard_output(tiny_model, eye):
    command = [sys.executable, "-m", "srgan_keras", "upscale", str(tiny_model), "-", "--out", "-"]
    done = subprocess.run(command, input=eye.read_bytes(), capture_output=True, check=True)
    with Image.open(io.BytesIO(done.stdout)) as image:
        assert image.size == (80, 80)
    assert done.stdout.endswith(b"IEND\xaeB`\x82")
    assert from_bytes(done.stdout).colour.shape == (80, 80, 3)


def test_wrong_use_of_dicom(tiny_model, eye, monkeypatch, capsys):
    arguments = ["upscale", str(tiny_model), "eye.png", "--out", "out"]
    assert cli.main([*arguments, "--keep-identity"]) == 2
    assert "keep_identity is for format dicom" in capsys.readouterr().err
    monkeypatch.setattr(upscale_files, "find_spec", lambda _: None)
    assert cli.main([*arguments, "--format", "dicom"]) == 2
    assert "format dicom needs pydicom: run `pip install" in capsys.readouterr().err
