import csv
import json

import cv2
import numpy as np
import pytest

from srgan_keras.cli import main
from srgan_keras.errors import UsageError
from srgan_keras.evaluation.pair_list import read_pairs
from srgan_keras.evaluation.pair_methods import methods
from srgan_keras.evaluation.pairs import evaluate_pairs
from srgan_keras.phantoms.phantom import phantom
from srgan_keras.report.pairs import table
from tests.data.test_registration import moved

SIDE = 400
FILTERS = ["clahe", "ben_graham", "unsharp", "gaussian"]


class Blocks:
    """A model that repeats pixels."""

    def __init__(self, name="mine", scale=2, trained_on=()) -> None:
        self.name, self.scale, self.degradation = name, scale, "bicubic"
        self.info = {"training_sha256": list(trained_on)}
        self.sizes = []

    def upscale(self, image):
        self.sizes.append(image.shape[:2])
        return image.repeat(self.scale, axis=0).repeat(self.scale, axis=1)


def save(path, image):
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), image[..., ::-1])


def read_rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def blurred(image, sigma=2.0):
    return cv2.GaussianBlur(image, (0, 0), sigma)


@pytest.fixture(scope="module")
def ridb_like(tmp_path_factory):
    """Two eyes of one pair and one of two, graded, and one pair of different eyes."""
    root = tmp_path_factory.mktemp("pairs")
    lines = []
    for eye, (seed, grades) in enumerate([(1, "A"), (3, "A"), (4, "BB"), (6, "B")]):
        good = phantom(seed, SIDE).image
        save(root / "images" / f"good{eye}.png", good)
        for take, grade in enumerate(grades):
            poor, there = moved(blurred(good), degrees=2 + take)
            name = f"poor{eye}_{take}.png"
            save(root / "images" / name, phantom(9, SIDE).image if seed == 6 else poor)
            given = " ".join(map(str, there.ravel())) if seed == 1 else ""
            lines.append((eye, name, f"good{eye}.png", grade, given))
    with (root / "pairs.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("eye", "poor", "good", "grade", "H_poor_to_good"), *lines])
    return root


@pytest.fixture(scope="module")
def measured(ridb_like, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "a/b"
    model = Blocks()
    return evaluate_pairs([model], ridb_like / "pairs.csv", out), out, model


def test_files_have_the_documented_schema(measured):
    result, out, _ = measured
    assert json.loads((out / "metrics.json").read_text()) == result
    (run,) = result["runs"]
    assert (result["schema"], run["n"], run["eyes"]) == (1, 4, 3)
    names = ["input", *FILTERS, "bicubic-x2-reduced", "mine-reduced"]
    assert list(run["models"]) == names
    assert list(run["gain_over_input"]) == names[1:]
    assert set(run["models"]["input"]["overlap"]) == {
        "agreement_green",
        "agreement_vessels",
        "psnr",
        "ssim",
    }
    assert {g: (s["n"], s["eyes"]) for g, s in run["strata"]["grade"].items()} == {
        "A": (2, 2),
        "B": (2, 1),
    }
    rows = read_rows(out / "per_pair.csv")
    assert [row["model"] for row in rows[: len(names)]] == names
    assert len(rows) == 4 * len(names)
    mean = np.mean([float(r["agreement_green"]) for r in rows if r["model"] == "clahe"])
    assert run["models"]["clahe"]["overlap"]["agreement_green"]["mean"] == pytest.approx(
        mean, abs=1e-6
    )


def test_different_eyes_are_rejected_with_a_reason(measured):
    (run,) = measured[0]["runs"]
    (rejected,) = run["rejected"]
    assert rejected["poor"] == "poor3_0.png"
    assert "matched features agree" in rejected["reason"]
    assert not run["failed"]


def test_a_given_homography_is_used_and_a_missing_one_found(measured):
    rows = read_rows(measured[1] / "per_pair.csv")
    inliers = {row["poor"]: row["inliers"] for row in rows}
    assert inliers["poor0_0.png"] == ""
    assert int(inliers["poor1_0.png"]) >= 25


def test_intervals_are_over_eyes(measured):
    (run,) = measured[0]["runs"]
    both = run["strata"]["grade"]["B"]  # two pairs of one eye
    assert both["models"]["input"]["overlap"]["agreement_green"]["ci95"] is None
    assert run["models"]["input"]["overlap"]["agreement_green"]["ci95"] is not None
    assert any("3 eyes" in note for note in run["notes"])


def test_a_model_sees_the_reduced_photograph(measured):
    _, _, model = measured
    assert set(model.sizes) == {(SIDE // 2, SIDE // 2)}


def test_the_table_has_means_gains_and_what_is_skipped(measured):
    text = table(measured[0])
    lines = text.splitlines()
    heads = [line for line in lines if line.startswith("| method")]
    assert "A green" in heads[0]
    assert "all vessels" in heads[1]
    assert "all PSNR" in heads[2]
    names = [line.split("|")[1].strip() for line in lines if line.startswith("|")]
    rows = ["input", *FILTERS, "bicubic-x2-reduced", "mine-reduced"]
    means, gains, fidelity = " ".join(names).split("method ")[1:]
    assert means.split()[1:] == fidelity.split()[1:] == rows
    assert gains.split()[1:] == rows[1:]
    assert "A: 2 pairs, 2 eyes; B: 2 pairs, 1 eyes; all: 4 pairs, 3 eyes; 1 skipped" in lines[0]
    assert "- poor3_0.png is skipped: " in text


def test_identical_photographs_agree_wholly(tmp_path):
    for seed in (1, 3):
        for folder in ("poor", "reference"):
            save(tmp_path / folder / f"eye{seed}.png", phantom(seed, SIDE).image)
    (run,) = evaluate_pairs([], tmp_path, tmp_path / "out")["runs"]
    means = {m: v["mean"] for m, v in run["models"]["input"]["overlap"].items()}
    # warped by a homography that is found, so interpolated
    assert means["agreement_green"] > 0.99
    assert means["agreement_vessels"] > 0.99
    assert run["strata"] == {}


def test_a_sharper_photograph_agrees_more(tmp_path):
    class Sharpened(Blocks):
        def upscale(self, image):
            return by_bytes[image.tobytes()]

    by_bytes = {}
    for seed in (1, 3):
        good = phantom(seed, SIDE).image
        poor = blurred(good, 3)
        by_bytes[poor.tobytes()] = blurred(good, 1)
        save(tmp_path / "reference" / f"{seed}.png", good)
        save(tmp_path / "poor" / f"{seed}.png", poor)
    (run,) = evaluate_pairs([Sharpened("better", 1)], tmp_path, tmp_path / "out")["runs"]
    assert list(run["models"])[-1] == "better"
    for gain in run["gain_over_input"]["better"]["overlap"].values():
        assert gain["mean"] > 0
        assert gain["ci95"][0] > 0


def test_rows_of_models():
    one, two = Blocks("m", 1), Blocks("m", 2)
    assert list(methods([one, two], full_size=True))[5:] == [
        "bicubic-x2-reduced",
        "m",
        "m-2-reduced",
        "m-2",
    ]
    assert list(methods([one, two]))[5:] == ["bicubic-x2-reduced", "m", "m-2-reduced"]


def test_any_size_is_reduced_and_comes_back(rng):
    image = rng.integers(0, 256, (31, 45, 3)).astype(np.uint8)
    for name, method in methods([Blocks("m", 4)], full_size=True).items():
        result = method(image)
        assert (result.shape, result.dtype) == (image.shape, np.uint8), name
    np.testing.assert_array_equal(method(image), image)  # blocks averaged are what they were


def test_photographs_without_a_partner_are_named(tmp_path):
    for name in ("poor/a.png", "poor/b.png", "reference/a.jpg", "reference/c.png"):
        save(tmp_path / name, phantom(1, 32).image)
    pairs, alone = read_pairs(tmp_path)
    assert [(p.eye, p.poor.name, p.reference.name) for p in pairs] == [("a", "a.png", "a.jpg")]
    assert alone == ["poor/b.png", "reference/c.png"]


def test_eyes_default_to_the_good_file(tmp_path):
    for name in "abc":
        save(tmp_path / f"{name}.png", phantom(1, 32).image)
    (tmp_path / "mine.csv").write_text("poor,good\na.png,c.png\nb.png,c.png\n")
    pairs, _ = read_pairs(tmp_path / "mine.csv")
    assert [p.eye for p in pairs] == ["c.png", "c.png"]
    assert pairs[0].homography is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("poor,other\na.png,a.png\n", "has no column good"),
        ("poor,good\n", "has no pairs"),
        ("", "cannot read"),
        ("poor,good\na.png,gone.png\n", "'gone.png', which is neither beside it nor in images/"),
        ("poor,good,H_poor_to_good\na.png,a.png,1 2 3\n", "no invertible matrix of 9 numbers"),
        ("poor,good,H_poor_to_good\na.png,a.png,0 0 0 0 0 0 0 0 0\n", "no invertible matrix"),
    ],
)
def test_a_wrong_table_is_told(tmp_path, text, reason):
    save(tmp_path / "a.png", phantom(1, 32).image)
    (tmp_path / "pairs.csv").write_text(text)
    with pytest.raises(UsageError, match=reason):
        read_pairs(tmp_path)


def test_a_folder_without_pairs_is_told(tmp_path):
    with pytest.raises(UsageError, match=r"neither pairs\.csv nor poor/ and reference/"):
        read_pairs(tmp_path)
    save(tmp_path / "poor/a.png", phantom(1, 32).image)
    save(tmp_path / "reference/b.png", phantom(1, 32).image)
    with pytest.raises(UsageError, match="share no name"):
        read_pairs(tmp_path)
    save(tmp_path / "poor/a.jpg", phantom(1, 32).image)
    with pytest.raises(UsageError, match="have one name"):
        read_pairs(tmp_path)


def test_a_damaged_file_fails_and_the_rest_is_measured(tmp_path, capsys):
    for name in ("poor/a.png", "reference/a.png"):
        save(tmp_path / name, phantom(1, SIDE).image)
    for name in ("poor/b.png", "reference/b.png"):
        (tmp_path / name).write_bytes(b"nothing")
    assert main(["evaluate", "--pairs", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    output = capsys.readouterr()
    assert "b.png is skipped: not a PNG, JPEG, TIFF, BMP, WebP or DICOM file" in output.out
    assert "1 pairs could not be read" in output.err


def test_nothing_to_measure_is_told(tmp_path):
    save(tmp_path / "poor/a.png", phantom(1, SIDE).image)
    save(tmp_path / "reference/a.png", phantom(3, SIDE).image)
    with pytest.raises(UsageError, match=r"no pair could be measured; the first: .* agree"):
        evaluate_pairs([], tmp_path, tmp_path / "out")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "needs either --data or --pairs"),
        (["--data", "phantom:2", "--pairs", "x"], "needs either --data or --pairs"),
        (["--data", "phantom:2", "--full-size"], "--full-size is an option of --pairs only"),
        (["--data", "phantom:2", "--segmenter", "x"], "--segmenter is an option of --pairs only"),
        (["--pairs", "x", "--split", "all"], "--split is an option of --data only"),
        (["--pairs", "gone"], "gone"),
    ],
)
def test_options_that_do_not_belong_together(arguments, reason, capsys):
    assert main(["evaluate", *arguments]) == 2
    assert reason in capsys.readouterr().err


TABLE = {  # mean agreement_green and agreement_vessels of grade A, B and C
    "input": (0.685, 0.845, 0.751, 0.899, 0.855, 0.938),
    "clahe": (0.660, 0.839, 0.733, 0.894, 0.828, 0.930),
    "ben_graham": (0.604, 0.831, 0.673, 0.886, 0.751, 0.924),
    "unsharp": (0.660, 0.839, 0.723, 0.893, 0.825, 0.931),
    "gaussian": (0.690, 0.844, 0.755, 0.899, 0.859, 0.938),
}


@pytest.mark.real
@pytest.mark.slow
def test_the_published_table_of_ridb(real_data, tmp_path):
    """Every filter but the Gaussian lowers the agreement: docs/pairs.md."""
    (run,) = evaluate_pairs([], real_data / "ridb" / "pairs.csv", tmp_path)["runs"]
    strata = run["strata"]["grade"]
    assert [(g, s["n"]) for g, s in strata.items()] == [("A", 22), ("B", 18), ("C", 40)]
    for name, expected in TABLE.items():
        found = [
            strata[grade]["models"][name]["overlap"][metric]["mean"]
            for grade in "ABC"
            for metric in ("agreement_green", "agreement_vessels")
        ]
        np.testing.assert_allclose(found, expected, atol=0.002, err_msg=name)
