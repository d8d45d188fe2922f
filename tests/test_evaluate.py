import csv
import json
import logging
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from srgan_keras.config import Clinical
from srgan_keras.data import datasets
from srgan_keras.errors import CommandError, UsageError
from srgan_keras.evaluate import evaluate, evaluate_dataset, table
from srgan_keras.evaluation.clock import Clock
from srgan_keras.evaluation.protocol import Author, Standard
from srgan_keras.evaluation.trust import Trust
from srgan_keras.options import EvaluateOptions
from srgan_keras.phantoms.phantom import phantom
from tests.inference.test_plain_saved_model import saved


class Nearest:
    """A model with the duck type of a model folder."""

    def __init__(self, name="mine", scale=4, degradation="bicubic", trained_on=()) -> None:
        self.name, self.scale, self.degradation = name, scale, degradation
        self.info = {"training_sha256": list(trained_on)}

    def upscale(self, image):
        return image.repeat(self.scale, axis=0).repeat(self.scale, axis=1)

    def upscale_float(self, image):
        return self.upscale(image).astype(np.float32) / 255


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("photographs")
    for seed in range(3):
        cv2.imwrite(str(root / f"eye{seed}.png"), phantom(seed, 96).image[..., ::-1])
    return root


@pytest.fixture
def photographs(folder) -> list[datasets.Photograph]:
    return datasets.find(str(folder))


@pytest.fixture
def request_for(folder, tmp_path):
    def build(**changes):
        wanted = {
            "data": str(folder),
            "pairs": None,
            "full_size": False,
            "models": (),
            "split": "all",
            "protocol": "standard",
            "hr_long_side": 64,
            "scale": None,
            "degradation": None,
            "degradation_version": None,
            "clinical": Clinical(),
            "fov_mask": None,
            "rounding": "truncate",
            "vgg_weights": "none",
            "trust": True,
            "self_ensemble": False,
            "out": tmp_path / "out",
        }
        return EvaluateOptions(**wanted | changes)

    return build


def test_files_have_the_documented_schema(photographs, tmp_path):
    protocols = [Standard(hr_long_side=64), Author()]
    result = evaluate([Nearest()], photographs, protocols, tmp_path / "a/b", "spec")
    assert json.loads((tmp_path / "a/b/metrics.json").read_text()) == result
    assert result["schema"] == 1
    standard, author = result["runs"]
    assert standard["protocol"]["name"] == "standard"
    assert author["protocol"]["degradation"] == "cv2_linear"
    for run, regions in ((standard, {"full", "fov", "inner"}), (author, {"full"})):
        assert run["n"] == 3
        assert run["data"]["source"] == "spec"
        assert list(run["models"]) == ["nearest", "bicubic", "lanczos", "mine"]
        assert list(run["gain_over_bicubic"]) == ["nearest", "lanczos", "mine"]
        for values in run["models"].values():
            assert values.keys() == regions
            low, high = values["full"]["psnr"]["ci95"]
            assert low <= values["full"]["psnr"]["mean"] <= high
    assert standard["models"]["mine"] == standard["models"]["nearest"]
    bright = {"bright_precision", "bright_recall", "bright_f1"}
    assert author["models"]["bicubic"]["full"].keys() == {"psnr", "ssim"} | bright


def test_means_are_those_of_the_rows(photographs, tmp_path):
    result = evaluate([Nearest()], photographs, [Standard(hr_long_side=64), Author()], tmp_path)
    with (tmp_path / "per_image.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 4 * 3 + 3 * 4
    for run in result["runs"]:
        values = {
            name: [
                float(row["psnr"])
                for row in rows
                if (row["protocol"], row["model"], row["region"])
                == (run["protocol"]["name"], name, "full")
            ]
            for name in ("bicubic", "lanczos")
        }
        mean = run["models"]["lanczos"]["full"]["psnr"]["mean"]
        assert mean == pytest.approx(np.mean(values["lanczos"]), abs=1e-5)
        gain = run["gain_over_bicubic"]["lanczos"]["full"]["psnr"]["mean"]
        difference = np.subtract(values["lanczos"], values["bicubic"])
        assert gain == pytest.approx(difference.mean(), abs=1e-5)


def test_identical_images_enter_no_mean_uncounted(tmp_path):
    cv2.imwrite(str(tmp_path / "flat.png"), np.full((64, 64, 3), 90, np.uint8))
    cv2.imwrite(str(tmp_path / "eye.png"), phantom(0, 96).image[..., ::-1])
    photographs = datasets.find(str(tmp_path))
    result = evaluate([], photographs, [Standard(hr_long_side=64)], tmp_path / "out")
    run = result["runs"][0]
    psnr = run["models"]["bicubic"]["full"]["psnr"]
    assert psnr["inf"] == 1
    assert 20 < psnr["mean"] < 60
    assert psnr["ci95"] is None
    assert run["gain_over_bicubic"]["nearest"]["full"]["psnr"]["nan"] == 1
    assert "psnr full of bicubic: 1 of 2 identical to HR, not in the mean" in table(result)
    assert "inf" in (tmp_path / "out/per_image.csv").read_text()


def test_model_of_another_scale_is_refused(photographs, tmp_path):
    with pytest.raises(UsageError, match="model mine has scale 2, this evaluation 4"):
        evaluate([Nearest(scale=2)], photographs, [Standard()], tmp_path)


def test_model_of_another_degradation_is_warned_about(photographs, tmp_path, caplog):
    models = [Nearest(degradation="cv2_linear")]
    with caplog.at_level(logging.WARNING):
        result = evaluate(models, photographs, [Standard(hr_long_side=64)], tmp_path)
    assert "trained for the degradation cv2_linear and is measured on bicubic" in caplog.text
    assert result["runs"][0]["protocol"]["models"] == {"mine": "cv2_linear"}


def test_photographs_trained_on_are_counted(photographs, tmp_path, caplog):
    models = [Nearest(trained_on=[photographs[0].sha256])]
    with caplog.at_level(logging.WARNING):
        result = evaluate(models, photographs, [Standard(hr_long_side=64)], tmp_path)
    assert "model mine was trained on 1 of these photographs" in caplog.text
    assert result["runs"][0]["data"]["seen_in_training"] == {"mine": 1}


def test_names_that_come_twice_are_numbered(photographs, tmp_path):
    models = [Nearest("stage2"), Nearest("stage2"), Nearest("bicubic")]
    result = evaluate(models, photographs[:1], [Standard(hr_long_side=64)], tmp_path)
    names = list(result["runs"][0]["models"])
    assert names == ["nearest", "bicubic", "lanczos", "stage2", "stage2-2", "bicubic-2"]


def test_a_photograph_that_cannot_be_read_is_named_and_skipped(photographs, tmp_path, caplog):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    bad = replace(photographs[0], id="broken", path=broken)
    result = evaluate([], [bad, *photographs], [Standard(hr_long_side=64)], tmp_path)
    run = result["runs"][0]
    assert run["n"] == 3
    assert [f["id"] for f in run["failed"]] == ["broken"]
    assert "broken is skipped: cannot decode" in caplog.text
    with pytest.raises(UsageError, match="no photograph could be measured; the first: cannot"):
        evaluate([], [bad], [Standard()], tmp_path)


def test_nothing_to_measure_is_refused(photographs, tmp_path):
    with pytest.raises(UsageError, match="no photographs"):
        evaluate([], [], [Standard()], tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write into"):
        evaluate([], photographs, [Standard()], tmp_path / "file")


def test_photographs_are_told_apart_by_grade_and_size(tmp_path):
    for seed, side in enumerate((96, 96, 80)):
        cv2.imwrite(str(tmp_path / f"eye{seed}.png"), phantom(seed, side).image[..., ::-1])
    found = datasets.find(str(tmp_path))
    graded = [replace(p, grade=grade) for p, grade in zip(found, (0, 4, None), strict=True)]
    result = evaluate([], graded, [Standard(hr_long_side=64), Author()], tmp_path / "out")
    standard, author = result["runs"]
    assert list(standard["strata"]) == ["grade", "camera_size"]  # one resolution
    assert list(standard["strata"]["grade"]) == ["0", "4", "none given"]
    sizes = standard["strata"]["camera_size"]
    assert {label: part["n"] for label, part in sizes.items()} == {"80 x 80": 1, "96 x 96": 2}
    with (tmp_path / "out/per_image.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    psnr = [
        float(r["psnr"])
        for r in rows
        if (r["protocol"], r["model"], r["region"], r["width"])
        == ("standard", "bicubic", "inner", "96")
    ]
    part = sizes["96 x 96"]
    assert part["models"]["bicubic"]["inner"]["psnr"]["mean"] == pytest.approx(np.mean(psnr))
    assert list(part["gain_over_bicubic"]) == ["nearest", "lanczos"]
    assert author["strata"]["grade"]["4"]["models"]["bicubic"].keys() == {"full"}


def test_few_photographs_are_named_as_such(photographs, tmp_path):
    result = evaluate([Nearest()], photographs, [Standard(hr_long_side=64)], tmp_path)
    assert "n = 3: the 95 % intervals of fewer than 20 photographs are too narrow" in table(result)


def test_seconds_are_told_apart(photographs, tmp_path):
    clock = Clock()
    models, protocols = [Nearest()], [Standard(hr_long_side=64)]
    evaluate(models, photographs, protocols, tmp_path, observers=[clock, Trust()])
    blocks = {"decoding": 3, "baselines": 9, "mine": 3, "metrics": 12, "trust maps": 3}
    assert blocks | clock.blocks == clock.blocks
    assert re.search(r"metrics \d+\.\d\d \(12 of \d\.\d{3}\)", clock.line())


def test_table_stands_beside_bicubic(photographs, tmp_path):
    result = evaluate([Nearest()], photographs, [Standard(hr_long_side=64), Author()], tmp_path)
    first, second = table(result).split("\n\nprotocol ")
    assert first.startswith("protocol standard, x4, bicubic, long side 64 px")
    assert second.startswith("author, x4, cv2_linear, native size")
    lines = [line.split("|") for line in first.splitlines() if line.startswith("|")]
    cells = {line[1].strip(): line for line in lines}
    assert [c.strip() for c in cells["model"][2:5]] == ["psnr inner", "psnr fov", "psnr full"]
    run = result["runs"][0]
    mean = run["models"]["mine"]["inner"]["psnr"]["mean"]
    gain = run["gain_over_bicubic"]["mine"]["inner"]["psnr"]["mean"]
    assert cells["mine"][2].strip() == f"{mean:.3f} ({gain:+.3f})"
    assert "(" not in cells["bicubic"][2]


def test_command_measures_the_baselines_alone(request_for, capsys, tmp_path):
    result = evaluate_dataset(request_for())
    protocol = result["runs"][0]["protocol"]
    assert (protocol["scale"], protocol["degradation"]) == (4, "bicubic")
    assert "| bicubic |" in capsys.readouterr().out
    assert "bicubic" in (tmp_path / "out/report.html").read_text()


def test_command_prints_vgg_distance_without_an_option(folder, capsys, tmp_path):
    out = tmp_path / "out"
    evaluate_dataset(EvaluateOptions(str(folder), split="all", hr_long_side=32, out=out))
    assert "vgg_distance full" in capsys.readouterr().out


def test_command_measures_the_self_ensemble_beside_the_model(request_for, tmp_path, monkeypatch):
    class Turning(Nearest):
        """Leans to one side; the mean over the orientations does not."""

        def upscale(self, image):
            return np.roll(super().upscale(image), 2, axis=1)

    monkeypatch.setattr("srgan_keras.evaluate.open_model", Turning)
    monkeypatch.setattr("srgan_keras.report.page.write", lambda *_: None)
    result = evaluate_dataset(request_for(models=("mine",), self_ensemble=True, trust=True))
    (run,) = result["runs"]
    one, mean = (run["models"][name]["inner"]["psnr"]["mean"] for name in ("mine", "mine+"))
    assert mean > one + 1
    assert not (tmp_path / "out" / "trust").exists()


def test_trust_maps_are_written_flagged_and_calibrated(photographs, tmp_path):
    models = [Nearest("stage1"), Nearest("stage2")]
    protocols = [Standard(hr_long_side=64), Author()]
    result = evaluate(models, photographs, protocols, tmp_path, observers=[Trust()])
    standard, author = result["runs"]
    assert author["trust"] == {}
    assert list(standard["trust"]) == ["stage1", "stage2"]
    files = {file.name for file in (tmp_path / "trust/stage2").iterdir()}
    names = ("uncertainty", "consistency", "detail", "departure")
    assert files == {f"{p.id}.{name}.png" for p in photographs for name in names}
    assert not list((tmp_path / "trust/stage1").glob("*.departure.png"))
    record = standard["trust"]["stage2"]
    assert record["departs_from"] == "stage1"
    known = record["calibration"]
    assert (known["level"], known["n"]) == (0.9, 3)
    assert known["coverage"] == standard["models"]["stage2"]["fov"]["coverage"]
    with (tmp_path / "per_image.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    inner = {r["id"]: r for r in rows if (r["model"], r["region"]) == ("stage2", "inner")}
    flagged = {id_ for id_, row in inner.items() if float(row["unsupported"]) > 0}
    assert flagged == set(record["flagged"])
    assert all(r["uncertainty"] == "" for r in rows if r["model"] == "bicubic")
    assert "flagged: detail not supported by LR; its intervals of 90 % cover" in table(result)


def test_command_says_that_some_failed(request_for, folder, tmp_path):
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for file in folder.iterdir():
        (mixed / file.name).write_bytes(file.read_bytes())
    (mixed / "bad.png").write_bytes(b"no image")
    with pytest.raises(CommandError, match="1 photographs were not measured: bad") as error:
        evaluate_dataset(request_for(data=str(mixed)))
    assert error.value.status == 1
    assert (tmp_path / "out/metrics.json").is_file()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rounding": "nearest"}, "only protocol author has a setting rounding"),
        ({"protocol": "author", "scale": 2}, "protocol author has scale 4, not 2"),
        ({"protocol": "author", "degradation": "bicubic"}, "has the degradation cv2_linear"),
        ({"scale": 0}, "scale must be 1 or more"),
        ({"clinical": Clinical(veil_share=2.0)}, "clinical.veil_share must be 0 to 1"),
        ({"hr_long_side": -1}, "hr_long_side 0"),
        ({"models": ("nowhere",)}, "no model 'nowhere'"),
    ],
)
def test_command_refuses_wrong_use(changes, message, request_for):
    with pytest.raises(UsageError, match=message):
        evaluate_dataset(request_for(**changes))


def test_a_saved_model_of_someone_elses(request_for, tmp_path):
    folder = saved(tmp_path / "theirs", serving_default="levels")
    result = evaluate_dataset(request_for(models=(str(folder),)))
    run = result["runs"][0]
    assert run["protocol"]["scale"] == 2
    assert run["protocol"]["degradation"] == "bicubic"
    np.testing.assert_allclose(
        run["models"]["theirs"]["inner"]["psnr"]["mean"],
        run["models"]["nearest"]["inner"]["psnr"]["mean"],
    )
    assert (tmp_path / "out" / "report.html").is_file()


def test_clinical_is_recorded_with_its_version_and_settings(request_for):
    asked = request_for(degradation="clinical", clinical=Clinical(strength=0.5))
    protocol = evaluate_dataset(asked)["runs"][0]["protocol"]
    assert (protocol["degradation_version"], protocol["clinical"]["strength"]) == (2, 0.5)
    old = evaluate_dataset(request_for(degradation="clinical", degradation_version=1))
    assert old["runs"][0]["protocol"]["degradation_version"] == 1
    assert "clinical" not in old["runs"][0]["protocol"]


def test_a_restoration_is_measured_beside_the_input(request_for, photographs, tmp_path):
    model = Nearest("input", scale=1, degradation="clinical")  # a name that is taken
    protocol = Standard(1, "clinical", 64)
    run = evaluate([model], photographs, [protocol], tmp_path, "spec", [Trust()])["runs"][0]
    assert list(run["models"]) == ["input", "input-2"]
    assert list(run["gain_over_input"]) == ["input-2"]
    assert "gain_over_bicubic" not in run
    assert run["models"]["input-2"] == run["models"]["input"] | {
        region: values
        | {m: run["models"]["input-2"][region][m] for m in ("uncertainty", "unsupported")}
        | ({"coverage": run["models"]["input-2"]["fov"]["coverage"]} if region == "fov" else {})
        for region, values in run["models"]["input"].items()
    }
    assert any("band_energy and grid_energy are not measured" in note for note in run["notes"])
    text = table({"runs": [run]})
    assert "means (gain over input)" in text
    assert "bicubic" not in text


def test_the_input_alone_at_scale_1(request_for):
    result = evaluate_dataset(request_for(scale=1, degradation="clinical"))
    assert list(result["runs"][0]["models"]) == ["input"]
