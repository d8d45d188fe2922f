"""Faults that lost files or showed those of another run, one test each."""

import errno
import json
import os
import unicodedata
from pathlib import Path
from threading import Barrier, Thread

import cv2
import pytest

from srgan_keras import cli
from srgan_keras.errors import UsageError
from srgan_keras.evaluate import evaluate_dataset
from srgan_keras.files import atomic_write
from srgan_keras.options import EvaluateOptions
from srgan_keras.output_folder import OutputFolder, originals
from srgan_keras.phantoms.phantom import phantom


def photograph(file: Path, seed: int = 1) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(cv2.imencode(".png", phantom(seed, 48).image)[1].tobytes())
    return file


def refused(capsys, *arguments) -> str:
    assert cli.main([str(argument) for argument in arguments]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "--overwrite" not in line
    assert "set overwrite" not in line
    return line


def test_a_file_of_a_person_is_neither_replaced_nor_removed(tmp_path):
    output = OutputFolder(tmp_path, "evaluate")
    output.claim("a/made.txt")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "made.txt").touch()
    (tmp_path / "a" / "mine.txt").touch()
    with pytest.raises(UsageError, match=r"mine.txt exists, and `evaluate` did not write it"):
        output.claim("a/mine.txt")
    again = OutputFolder(tmp_path, "evaluate")
    again.clear()
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["mine.txt"]
    assert not OutputFolder(tmp_path, "evaluate").names


def test_a_folder_belongs_to_one_command(tmp_path):
    OutputFolder(tmp_path, "train").claim("metrics.json")
    with pytest.raises(UsageError, match="holds what `train` wrote"):
        OutputFolder(tmp_path, "evaluate")


def test_several_objects_of_one_folder_forget_nothing(tmp_path):
    first, second = OutputFolder(tmp_path, "train"), OutputFolder(tmp_path)
    first.claim("cache/a", "b")
    second.claim("gallery/c")
    first.remove("cache")
    second.claim("cache/a")
    assert set(OutputFolder(tmp_path).names) == {"b", "gallery/c", "cache/a"}


def test_half_a_line_of_the_record_spoils_no_other(tmp_path):
    OutputFolder(tmp_path, "train").claim("a", "b")
    with (tmp_path / ".srgan_keras.written").open("a") as record:
        record.write('\n"c')
    OutputFolder(tmp_path, "train").claim("d")
    assert OutputFolder(tmp_path, "train").names == ["a", "b", "d"]


def test_the_books_are_not_written_through_a_link(tmp_path):
    output = OutputFolder(tmp_path / "out", "evaluate")
    output.claim("a")
    output.lock().release()
    books = sorted((tmp_path / "out").iterdir())
    for number, file in enumerate(books):
        os.link(file, tmp_path / str(number))
    (tmp_path / "out" / ".srgan_keras.holder").write_text("another process")
    before = [(tmp_path / str(number)).read_bytes() for number in range(len(books))]
    output.claim("b")
    output.lock().release()
    assert [(tmp_path / str(number)).read_bytes() for number in range(len(books))] == before
    assert OutputFolder(tmp_path / "out").names == ["a", "b"]


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_nothing_is_written_through_a_link(tmp_path, link):
    output = OutputFolder(tmp_path / "out", "evaluate")
    output.claim("history.csv")
    (tmp_path / "mine").write_text("before")
    link(tmp_path / "mine", tmp_path / "out" / "history.csv")
    output.claim("history.csv")
    with (tmp_path / "out" / "history.csv").open("a") as file:
        file.write(" after")
    assert (tmp_path / "out" / "history.csv").read_text() == "before after"
    assert (tmp_path / "mine").read_text() == "before"


def test_nothing_is_removed_behind_a_link(tmp_path):
    output = OutputFolder(tmp_path / "out", "evaluate")
    output.claim("gallery/a.png")
    mine = photograph(tmp_path / "mine" / "a.png")
    (tmp_path / "out" / "gallery").symlink_to(tmp_path / "mine")
    output.clear()
    assert mine.exists()


def test_results_below_a_folder_are_no_photographs_of_it(tmp_path):
    OutputFolder(tmp_path / "out", "evaluate").claim("gallery/a.png")
    names = ["a.png", "out/.srgan_keras.written", "out/gallery/a.png", "out/mine.png"]
    assert originals(tmp_path, names) == ["a.png", "out/.srgan_keras.written", "out/mine.png"]


def test_two_writers_of_one_file_have_a_partial_file_each(tmp_path):
    both, wrong = Barrier(2), []

    def work(text):
        with atomic_write(tmp_path / "a.txt") as partial:
            partial.write_text(text)
            both.wait()
            if partial.read_text() != text:
                wrong.append(text)
            both.wait()

    threads = [Thread(target=work, args=(text,)) for text in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(
    ("command", "option"),
    [("train", "--workdir"), ("evaluate", "--out"), ("prepare", "--out"), ("upscale", "--out")],
)
def test_an_empty_folder_name_is_not_the_current_folder(command, option, capsys, monkeypatch):
    monkeypatch.setattr(cli, "_import_tensorflow", lambda: pytest.fail("it was run"))
    assert f"{option} is empty" in refused(capsys, command, f"{option}=")
    assert f"after {option} is empty" in refused(capsys, command, option, "")


@pytest.mark.parametrize("overwrite", [(), ("--overwrite",)])
def test_train_leaves_a_folder_that_never_held_a_run(tmp_path, capsys, overwrite):
    mine = tmp_path / "models" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    line = refused(capsys, "train", "--data", "phantom:3", "--workdir", tmp_path, *overwrite)
    assert "holds models but no run.json" in line
    assert mine.read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["models"]


def test_an_output_that_is_an_input_is_refused(tmp_path, capsys):
    photographs = tmp_path / "photographs"
    mine = [photograph(photographs / f"{seed}.png", seed) for seed in range(3)]
    before = [file.read_bytes() for file in mine]
    (tmp_path / "link").symlink_to(photographs)
    for out in (photographs, tmp_path / "link", tmp_path / "." / "photographs"):
        for command in (
            ("upscale", "fundus-x2", photographs, "--out", out, "--overwrite"),
            ("prepare", photographs, "--out", out, "--overwrite"),
            ("evaluate", "--data", photographs, "--out", out),
            ("train", "--data", photographs, "--workdir", out, "--overwrite"),
            ("downstream", "segmentation", "--data", photographs, "--out", out),
        ):
            refused(capsys, *command)
    assert [file.read_bytes() for file in mine] == before
    assert len(list(photographs.iterdir())) == 3


def test_prepare_overwrite_keeps_photographs_in_its_folder(tmp_path, capsys):
    for seed in range(4):
        photograph(tmp_path / "first" / f"{seed}.png", seed)
    ds, small = tmp_path / "ds", ("--hr-long-side", "40")
    assert cli.main(["prepare", str(tmp_path / "first"), "--out", str(ds), *small]) == 0
    mine = [photograph(ds / "new" / f"{seed}.png", seed) for seed in range(4, 8)]
    mine += [photograph(ds / "images" / "train" / "mine.png", 9)]
    before = [file.read_bytes() for file in mine]
    again = ["prepare", str(ds / "new"), "--out", str(ds), "--hr-long-side", "36"]
    assert cli.main(again) == 2
    assert cli.main([*again, "--overwrite"]) == 0
    assert [file.read_bytes() for file in mine] == before
    assert {f.stem for f in (ds / "images").rglob("*.png")} == {*"4567", "mine"}
    capsys.readouterr()
    assert "is a result in" in refused(
        capsys, "prepare", ds / "images" / "train", "--out", ds, "--overwrite"
    )


def test_prepare_is_refused_while_another_prepares(tmp_path, capsys):
    photograph(tmp_path / "in" / "1.png")
    out = OutputFolder(tmp_path / "out", "prepare")
    out.make()
    lock = out.lock()
    assert "in use by process" in refused(capsys, "prepare", tmp_path / "in", "--out", out.path)
    lock.release()


def test_a_report_shows_no_trust_maps_of_another_evaluation(tmp_path, monkeypatch):
    for seed in range(3):
        photograph(tmp_path / "in" / f"{seed}.png", seed)
    out = tmp_path / "out"
    OutputFolder(out, "evaluate").claim("trust/mine/0.uncertainty.png", "gallery/old.webp")
    photograph(out / "trust" / "mine" / "0.uncertainty.png")
    (out / "gallery").mkdir()
    (out / "gallery" / "old.webp").touch()
    options = EvaluateOptions(str(tmp_path / "in"), split="all", hr_long_side=32, out=out)
    evaluate_dataset(options)
    assert not (out / "trust").exists()
    assert not (out / "gallery" / "old.webp").exists()
    assert json.loads((out / "metrics.json").read_text())["runs"]


@pytest.mark.parametrize(
    "command",
    [
        ("export", "fundus-x2", "--format", "litert"),
        ("upscale", "fundus-x2", "a.png", "--out", "out"),
    ],
    ids=lambda command: command[0],
)
def test_what_cannot_be_written_is_refused_before_anything_is_computed(
    command, tmp_path, monkeypatch, capsys
):
    def read_only(**_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    photograph(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("srgan_keras.output_folder.tempfile.NamedTemporaryFile", read_only)
    monkeypatch.setattr("keras.models.load_model", lambda *_: pytest.fail("it is loaded"))
    monkeypatch.setattr(
        "srgan_keras.inference.upscale_files.open_model", lambda *_: pytest.fail("so")
    )
    line = refused(capsys, *command)
    assert "(Read-only file system)" in line
    assert ("copy the model folder" in line) == (command[0] == "export")
    assert command[0] == "upscale" or line.endswith("fundus-x2 my-fundus-x2")  # not onto itself


def test_upscale_writes_over_no_input_whatever_its_name(tmp_path, capsys):
    name = unicodedata.normalize("NFC", "é.png")
    source = photograph(tmp_path / "in" / name)
    before = source.read_bytes()
    (tmp_path / "out").mkdir()
    for link in (os.link, os.symlink):
        target = tmp_path / "out" / name
        link(source, target)
        line = refused(
            capsys, "upscale", "fundus-x2", source, "--out", tmp_path / "out", "--overwrite"
        )
        assert "would be written over the input" in line
        assert target.read_bytes() == before
        target.unlink()
