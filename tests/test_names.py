"""Photographs under any name that a file system takes: prepared, measured and reported."""

import csv
import json
import os
import re

import numpy as np
import pytest
from PIL import Image

from srgan_keras import cli

IDS = {
    **dict.fromkeys(["NA", "nan", "null", "inf", "true", "007", "1e5", "__proto__", "_under"]),
    **dict.fromkeys(["IMG_$1_$x", "$", "a|b", "<b>&\"'", "[x]", "*", "?", "%s{0}", "-lead", "~"]),
    **dict.fromkeys(["😀", "眼底", "..a", "=1+1", "#", "`code`", " space "]),
    "new\nline": r"new\x0aline",
    "cr\rx": r"cr\x0dx",
    "esc\x1b[31m": r"esc\x1b[31m",
    os.fsdecode(b"caf\xe9"): r"caf\xe9",
}
"""Names of photographs without suffix, and the id of each where it is not the name."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("w [1] $x$ |<b>")
    rng = np.random.default_rng(0)
    for name in [*IDS, "眼" * 80]:
        image = Image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8))
        (folder / "in").mkdir(exist_ok=True)
        image.save(os.path.join(folder, "in", name + ".png"))
    return folder


def ids(folder, name):
    with (folder / name).open(newline="", encoding="utf-8") as file:
        return {row["id"] for row in csv.DictReader(file)}


def assert_measured(out):
    expected = {id_ or name for name, id_ in IDS.items()}
    found = ids(out, "per_image.csv")
    assert found > expected
    assert len(found) == len(expected) + 1
    page = (out / "report.html").read_text(encoding="utf-8")
    values = re.search(r'<script type="application/json" id="values">(.*?)</script>', page)[1]
    assert json.loads(values)["values"].keys() == found
    assert "<b>&" not in page


def evaluate(data, out):
    arguments = ["--split", "all", "--hr-long-side", "64", "--out", str(out)]
    return cli.main(["evaluate", "--data", str(data), *arguments])


def test_a_folder(folder):
    assert evaluate(folder / "in", folder / "out") == 0
    assert_measured(folder / "out")


def test_a_preprocessed_dataset_in_a_folder_that_is_not_utf8(folder):
    prepared, out = (folder / os.fsdecode(name) for name in (b"p\xe9", b"o\xe9"))
    assert cli.main(["prepare", str(folder / "in"), "--out", str(prepared)]) == 0
    assert evaluate(prepared, out) == 0
    assert_measured(out)
