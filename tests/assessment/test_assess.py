import csv
import logging
import os

import cv2
import numpy as np
import pytest

from srgan_keras import cli
from srgan_keras.assessment import assess as command
from srgan_keras.assessment.assess import COLUMNS
from srgan_keras.phantoms.phantom import phantom


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three photographs, a mask, and a note."""
    monkeypatch.chdir(tmp_path)
    photographs = tmp_path / "photographs"
    (photographs / "deep").mkdir(parents=True)
    for name, seed in (("a", 1), ("b", 2), ("deep/c", 3)):
        cv2.imwrite(str(photographs / f"{name}.png"), phantom(seed, 200).image[..., ::-1])
    cv2.imwrite(str(photographs / "a_mask.png"), np.full((200, 200), 255, np.uint8))
    (photographs / "notes.txt").touch()
    return photographs


def run(*arguments):
    return cli.main(["assess", *map(str, arguments)])


def rows(file="table.csv"):
    with open(file, newline="", encoding="utf-8") as table:
        return list(csv.DictReader(table))


def test_a_line_for_each_photograph(folder, caplog, capsys):
    caplog.set_level(logging.INFO)
    assert run("photographs", "--out", "out/table.csv") == 0
    found = rows("out/table.csv")
    assert [row["file"] for row in found] == [f"photographs/{n}.png" for n in ("a", "b", "deep/c")]
    assert tuple(found[0]) == COLUMNS
    assert all(row["recommendation"] and row["reason"] for row in found)
    assert (found[0]["width"], found[0]["height"]) == ("200", "200")
    assert "1 annotations and 1 other files are skipped" in caplog.text
    assert sum(map(int, capsys.readouterr().out.replace(",", "").split()[1::2])) == 3


def test_a_damaged_file_is_a_line_too(folder, capsys):
    (folder / "b.png").write_bytes(b"no picture")
    assert run("photographs", "--out", "table.csv") == 1
    damaged = rows()[1]
    assert (damaged["recommendation"], damaged["reason"]) == (
        "unreadable",
        "not a PNG, JPEG, TIFF, BMP or WebP file",
    )
    assert "1 of 3 files could not be read" in capsys.readouterr().err


def test_an_interrupted_command_resumes(folder, monkeypatch):
    measure, seen = command.measure, []

    def stopped(image):
        seen.append(image)
        if len(seen) > 1:
            raise KeyboardInterrupt
        return measure(image)

    monkeypatch.setattr(command.os, "cpu_count", lambda: 1)
    monkeypatch.setattr(command, "measure", stopped)
    assert run("photographs", "--out", "table.csv") == 130
    (kept,) = rows(".table.unfinished.csv")
    with open(".table.unfinished.csv", "a") as table:
        table.write("photographs/b.png,leave,half a li")
    again = []
    monkeypatch.setattr(command, "measure", lambda image: again.append(0) or measure(image))
    assert run("photographs", "--out", "table.csv") == 0
    assert len(again) == 2
    assert rows()[0] == kept
    assert len(rows()) == 3
    assert not list(folder.parent.glob(".*"))


def test_files_that_failed_or_changed_are_read_again(folder, monkeypatch):
    """The rest of an interrupted command's rows are kept: none is stale."""
    (folder / "b.png").write_bytes(b"not yet there")
    assert run("photographs", "--out", "table.csv") == 1
    (folder.parent / "table.csv").rename(folder.parent / ".table.unfinished.csv")
    before = rows(".table.unfinished.csv")
    cv2.imwrite(str(folder / "b.png"), phantom(2, 200).image[..., ::-1])
    stopped = (folder.parent / ".table.unfinished.csv").stat().st_mtime
    older = folder.parent / "older.png"
    cv2.imwrite(str(older), phantom(4, 160).image[..., ::-1])
    os.utime(older, (stopped - 3600, stopped - 3600))
    older.replace(folder / "deep" / "c.png")
    measure, seen = command.measure, []
    monkeypatch.setattr(command, "measure", lambda image: seen.append(0) or measure(image))
    assert run("photographs", "--out", "table.csv") == 0
    assert len(seen) == 2
    found = rows()
    assert found[0] == before[0]
    assert found[1]["recommendation"] != "unreadable"
    assert [row["width"] for row in found] == ["200", "200", "160"]


def test_a_folder_in_the_place_of_the_table_is_refused_at_once(folder, monkeypatch, capsys):
    monkeypatch.setattr(command, "measure", lambda _: pytest.fail("computed first"))
    (folder.parent / "out").mkdir()
    assert run("photographs", "--out", "out", "--overwrite") == 2
    assert "out is a folder: give a file, such as out/quality.csv" in capsys.readouterr().err


def test_a_table_is_not_replaced_unless_told(folder, capsys):
    assert run("photographs", "--out", "table.csv") == 0
    assert run("photographs", "--out", "table.csv") == 2
    assert "table.csv exists: choose another file, or" in capsys.readouterr().err
    assert run("photographs/a.png", "--out", "table.csv", "--overwrite") == 0
    assert len(rows()) == 1


@pytest.mark.parametrize("mine", ["table.csv", ".table.unfinished.csv", "photographs/a.png"])
def test_a_file_that_assess_did_not_write_is_never_replaced(mine, folder, capsys):
    file = folder.parent / mine
    if not file.exists():
        file.write_text("mine")
    before = file.read_bytes()
    out = mine if file.suffix == ".png" else "table.csv"
    assert run("photographs", "--out", out, "--overwrite") == 2
    assert "exists, and `assess` did not write it" in capsys.readouterr().err
    assert file.read_bytes() == before


@pytest.mark.parametrize("given", ["nothing", "none/*.png"])
def test_no_photograph_is_one_line(given, folder, capsys):
    assert run(given, "--out", "table.csv") == 2
    assert "give an existing path" in capsys.readouterr().err
