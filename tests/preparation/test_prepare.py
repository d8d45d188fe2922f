import csv
import json
import logging

import cv2
import numpy as np
import pytest

from srgan_keras import cli
from srgan_keras.config import Data
from srgan_keras.data import cache, datasets, prepared
from srgan_keras.data.decode import Reason
from srgan_keras.errors import UsageError
from srgan_keras.evaluate import evaluate
from srgan_keras.evaluation.protocol import Standard
from srgan_keras.options import PrepareOptions
from srgan_keras.phantoms.phantom import phantom
from srgan_keras.preparation import intake, prepare
from srgan_keras.preparation.splits import assign


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """Ten phantoms in two folders, a mask and a table of grades."""
    root = tmp_path_factory.mktemp("originals")
    for seed in range(10):
        folder = root / ("b" if seed % 2 else "a")
        folder.mkdir(exist_ok=True)
        image = np.pad(phantom(seed, 160).image, ((4, 9), (20, 31), (0, 0)))
        cv2.imwrite(str(folder / f"{seed}.png"), image[..., ::-1])
    (root / "mask").mkdir()
    cv2.imwrite(str(root / "mask" / "0.png"), image)
    rows = "".join(f"{seed},{seed % 5}\n" for seed in range(10))
    (root / "labels.csv").write_text(f"id_code,diagnosis\n{rows}")
    return root


def run(source, out, *more):
    return cli.main(["prepare", str(source), "--out", str(out), "--hr-long-side", "96", *more])


def manifest(out):
    with (out / "manifest.csv").open(newline="", encoding="utf-8") as lines:
        return {row["source"]: row for row in csv.DictReader(lines)}


def digest(out):
    return json.loads((out / "prepared.json").read_text())["manifest_sha256"]


@pytest.fixture(scope="module")
def folder(originals, tmp_path_factory):
    out = tmp_path_factory.mktemp("prepared") / "out"
    assert run(originals, out) == 0
    return out


def test_images_masks_and_manifest_agree(originals, folder):
    rows = manifest(folder)
    assert sorted(rows) == sorted(f"{'b' if s % 2 else 'a'}/{s}.png" for s in range(10))
    for row in rows.values():
        name = f"{row['split']}/{row['id']}.png"
        image, mask = (cv2.imread(str(folder / kind / name)) for kind in ("images", "masks"))
        assert image.shape[:2] == (int(row["height"]), int(row["width"]))
        assert max(image.shape) == 96
        assert mask.shape == image.shape
        assert set(np.unique(mask)) == {0, 255}
        assert float(row["fov_share"]) == pytest.approx((mask > 0).mean(), abs=1e-3)
        assert int(row["fov_left"]) >= 20
        assert float(row["sharpness"]) > 0
        assert row["grade"] == str(int(row["id"]) % 5)
    splits = [row["split"] for row in rows.values()]
    assert [splits.count(s) for s in datasets.SPLITS] == [8, 1, 1]


def test_what_reads_it_gets_its_splits_masks_and_grades(folder, caplog):
    caplog.set_level(logging.INFO)
    found = datasets.find(str(folder))
    assert "using its splits and masks" in caplog.text
    rows = {row["id"]: row for row in manifest(folder).values()}
    for photograph in found:
        assert photograph.split == rows[photograph.id]["split"]
        assert photograph.sha256 == rows[photograph.id]["sha256"]
        assert photograph.grade == int(rows[photograph.id]["grade"])
        assert photograph.mask().shape == photograph.read().shape[:2]


def test_figures_and_crops_are_those_of_the_originals(originals, folder, tmp_path):
    """At the long side that it was prepared for."""
    parts = {p.sha256: p for p in datasets.find(str(folder))}
    both = [(p, parts[p.sha256]) for p in datasets.find(str(originals))[:3]]
    values = []
    for number, photographs in enumerate(zip(*both, strict=True)):
        out = tmp_path / str(number)
        result = evaluate([], photographs, [Standard(hr_long_side=96)], out)
        values.append(result["runs"][0]["models"])
        built = cache.build(list(photographs), Data(hr_long_side=96, patch=32), out)
        values.append(built.pixels.tobytes())
    assert values[:2] == values[2:]


def test_again_changes_nothing_and_takes_in_nothing(originals, folder, monkeypatch, capsys):
    before = digest(folder)
    monkeypatch.setattr(prepare, "take_in", None)
    assert run(originals, folder) == 0
    assert digest(folder) == before
    assert "10 kept (8 train, 1 validation, 1 test)" in capsys.readouterr().out


def test_a_killed_run_goes_on_to_the_same_manifest(originals, folder, tmp_path, monkeypatch):
    taken = []

    def killed(path, *arguments):
        taken.append(path.name)
        if len(taken) > 5:
            raise KeyboardInterrupt
        return intake.take_in(path, *arguments)

    monkeypatch.setattr(prepare, "take_in", killed)
    out = tmp_path / "out"
    assert run(originals, out) == 130
    with pytest.raises(UsageError, match="is not finished"):
        datasets.find(str(out))
    lines = (out / "journal.jsonl").read_text()
    (out / "journal.jsonl").write_text(lines[:-20])  # the kill came in the middle of a line
    finished = {json.loads(line)[0][1] for line in lines[:-20].splitlines()[1:-1]}
    again = []
    monkeypatch.setattr(
        prepare, "take_in", lambda p, *rest: again.append(p.stem) or intake.take_in(p, *rest)
    )
    assert run(originals, out) == 0
    assert digest(out) == digest(folder)
    assert not finished & set(again)
    assert len(finished | set(again)) == 10


def test_what_changed_is_noticed(tmp_path, monkeypatch):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for seed in range(4):
        cv2.imwrite(str(source / f"{seed}.png"), phantom(seed, 128).image)
    assert run(source, out) == 0
    before = manifest(out)
    cv2.imwrite(str(source / "1.png"), phantom(9, 160).image)
    (source / "2.png").unlink()
    cv2.imwrite(str(source / "4.png"), phantom(5, 128).image)
    assert run(source, out) == 0
    after = manifest(out)
    assert sorted(after) == ["0.png", "1.png", "3.png", "4.png"]
    assert after["1.png"]["sha256"] != before["1.png"]["sha256"]
    assert after["0.png"]["sha256"] == before["0.png"]["sha256"]
    names = {f.relative_to(out / "images").as_posix() for f in (out / "images").rglob("*.png")}
    assert names == {f"{row['split']}/{row['id']}.png" for row in after.values()}
    assert run(source, out, "--hr-long-side", "64") == 2
    assert run(source, out, "--hr-long-side", "64", "--overwrite") == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--hr-long-side", "128"], "has a long side of 96 px, not 128 px"),
        (["--hr-long-side", "0"], "native size"),
        (["--protocol", "author", "--hr-long-side", "96"], "already cropped to the field of view"),
        (["--hr-long-side", "96", "--fov-mask", "3"], "masks of another version than 3"),
    ],
)
def test_what_it_cannot_give_is_refused_naming_the_originals(
    arguments, message, originals, folder, capsys
):
    assert cli.main(["evaluate", "--data", str(folder), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert f"use the originals, {originals}" in error


def test_a_changed_manifest_is_refused(folder, tmp_path):
    (tmp_path / "prepared.json").write_bytes((folder / "prepared.json").read_bytes())
    text = (folder / "manifest.csv").read_text()
    (tmp_path / "manifest.csv").write_text(text.replace("test", "train"))
    with pytest.raises(UsageError, match="was changed"):
        datasets.find(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "message"),
    [("other", "holds other files"), ("in/below", "is inside"), ("file", "cannot write")],
)
def test_a_folder_that_will_not_do(name, message, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in" / "1.png"), phantom(1, 64).image)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "note.txt").touch()
    (tmp_path / "file").touch()
    assert run(tmp_path / "in", tmp_path / name) == 2
    assert message in capsys.readouterr().err


def row(name, split="", group="", grade=None, side=100):
    return prepared.Row(name, name, split, grade, group or name, name, side, side)


def test_a_drawn_split_keeps_copies_together_and_mixes_grades_and_sizes():
    rows = [
        row(f"{i:03d}", group=f"g{i // 2}", grade=i % 40 // 8, side=100 + i % 80)
        for i in range(400)
    ]
    assign(rows)
    splits = {}
    for one in rows:
        splits.setdefault(one.group, set()).add(one.split)
    assert all(len(s) == 1 for s in splits.values())
    for split, share in zip(datasets.SPLITS, (0.8, 0.1, 0.1), strict=True):
        grades = [r.grade for r in rows if r.split == split]
        assert len(grades) == 400 * share
        assert min(grades.count(g) for g in range(5)) >= 0.8 * len(grades) / 5


def test_folders_splits_are_kept_and_no_copy_crosses_them():
    rows = [row(f"t{i}", "train") for i in range(20)] + [row("e1", "test"), row("e2", "test")]
    rows += [row("copy", "train", "e1"), row("stray")]
    assign(rows)
    by_name = {r.id: r for r in rows}
    assert by_name["e1"].split == by_name["e2"].split == "test"
    assert by_name["copy"].reason == "copy of a photograph of the test split"
    assert by_name["stray"].reason == "outside the folders of the splits"
    kept = [r.split for r in rows if not r.reason]
    assert [kept.count(s) for s in datasets.SPLITS] == [18, 2, 2]


@pytest.mark.slow
def test_a_run_on_a_prepared_folder(folder, tmp_path):
    short = ["--generator.blocks", "1", "--generator.filters", "4", "--train.batch-size", "2"]
    short += ["--train.stage1-steps", "2", "--train.stage2-steps", "0", "--train.jit", "off"]
    short += ["--data.hr-long-side", "96", "--data.patch", "32", "--workdir", str(tmp_path / "run")]
    assert cli.main(["train", "--data", str(folder), *short]) == 0
    runs = json.loads((tmp_path / "run" / "metrics.json").read_text())["runs"]
    assert [r["protocol"]["name"] for r in runs] == ["standard"]
    info = json.loads((tmp_path / "run" / "models" / "stage1" / "model.json").read_text())
    trained_on = {p.sha256 for p in datasets.find(str(folder)) if p.split == "train"}
    assert set(info["training_sha256"]) == trained_on


def pixels(out, name):
    return cv2.imread(str(next((out / "images").rglob(name))))


@pytest.mark.parametrize("killed", [False, True])
def test_a_photograph_moved_away_and_back_has_its_own_pixels(killed, tmp_path, monkeypatch):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for seed in range(3):
        cv2.imwrite(str(source / f"{seed}.png"), phantom(seed, 96).image)
    assert run(source, out) == 0
    before = pixels(out, "1.png")
    (source / "1.png").rename(tmp_path / "away.png")
    cv2.imwrite(str(source / "1.png"), phantom(7, 96).image)
    if killed:  # after its images were written
        with monkeypatch.context() as patch:
            real = intake.take_in

            def take_in(*arguments):
                real(*arguments)
                raise KeyboardInterrupt

            patch.setattr(prepare, "take_in", take_in)
            assert run(source, out) == 130
    else:
        assert run(source, out) == 0
        assert not np.array_equal(pixels(out, "1.png"), before)
    (tmp_path / "away.png").rename(source / "1.png")
    assert run(source, out) == 0
    np.testing.assert_array_equal(pixels(out, "1.png"), before)


def test_a_file_that_could_not_be_read_is_tried_again(tmp_path, monkeypatch):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for seed in range(3):
        cv2.imwrite(str(source / f"{seed}.png"), phantom(seed, 96).image)

    def refuse(path):
        if path.name == "1.png":
            raise Reason("no permission to read")
        return path.read_bytes()

    with monkeypatch.context() as patch:
        patch.setattr(intake, "read_bytes", refuse)
        assert run(source, out) == 0
    assert manifest(out)["1.png"]["reason"] == "no permission to read"
    assert run(source, out) == 0
    assert manifest(out)["1.png"]["reason"] == ""


def test_a_result_is_recorded_before_it_is_printed(originals, tmp_path, monkeypatch):
    def closed(*_):
        raise BrokenPipeError

    monkeypatch.setattr(prepare, "_text", closed)
    with pytest.raises(BrokenPipeError):
        prepare.prepare(PrepareOptions(str(originals), tmp_path / "out", hr_long_side=96))
    assert len(datasets.find(str(tmp_path / "out"))) == 10


def test_frames_with_two_eyes_or_on_a_page_are_skipped(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    one, other = phantom(1, 128), phantom(2, 128)
    page = np.where(one.fov[..., None], one.image, 255).astype(np.uint8)
    page = np.pad(page, ((30, 30), (40, 40), (0, 0)), constant_values=255)
    cv2.imwrite(str(source / "one.png"), one.image)
    cv2.imwrite(str(source / "two.png"), np.hstack([other.image, one.image // 4]))
    cv2.imwrite(str(source / "page.png"), page)
    assert run(source, out) == 0
    reasons = {name: row["reason"] for name, row in manifest(out).items()}
    assert reasons["one.png"] == ""
    assert reasons["two.png"] == "several fields of view"
    assert reasons["page.png"].startswith("bright page")
    assert run(source, tmp_path / "four", "--fov-mask", "4") == 0
    row = manifest(tmp_path / "four")["page.png"]
    assert row["reason"] == ""
    assert abs(int(row["fov_width"]) - np.ptp(np.flatnonzero(one.fov.any(0))) - 1) < 8
    assert prepared.check(str(tmp_path / "four"), 96) == 4


@pytest.mark.parametrize("id_", ["../../x", "/x", "a/b", "..", "", "a\0b"])
@pytest.mark.parametrize("field", ["id", "split"])
def test_names_that_lead_elsewhere_are_refused(field, id_, folder, tmp_path):
    rows = list(manifest(folder).values())
    rows[0][field] = id_
    with (tmp_path / "manifest.csv").open("w", newline="") as out:
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    info = json.loads((folder / "prepared.json").read_text())
    info["manifest_sha256"] = prepared.manifest_sha256(tmp_path)
    (tmp_path / "prepared.json").write_text(json.dumps(info))
    with pytest.raises(UsageError, match=r"manifest\.csv, line 2: .* is no (file name|split)"):
        datasets.find(str(tmp_path))


def test_a_folder_called_phantom_is_checked_by_its_path_only(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "phantoms").symlink_to(folder)
    (tmp_path / "phantom").symlink_to(folder)
    for name in ("phantoms", "./phantom", "./phantoms"):
        with pytest.raises(UsageError, match="has a long side of 96 px"):
            prepared.check(name, 128)
    assert prepared.check("phantom", 128) == 1  # the drawn ones
