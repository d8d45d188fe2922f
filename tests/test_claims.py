"""The experiments of docs/claims.md."""

import argparse
import importlib
import math
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = ("claims", "claims_measure", "claims_run", "claims_tables")
CLAIM = {
    "claim": "big is better",
    "paper": "big",
    "against": ["small"],
    "measure": "gain",
    "better": "higher",
    "margin": 0.05,
    "columns": ["gain", "collapsed"],
    "arms": {"small": {"what": "small"}, "big": {"what": "big"}},
}


@pytest.fixture
def claims(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs/reproduction"))
    yield importlib.import_module("claims")
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.fixture
def tables(claims):
    return importlib.import_module("claims_tables")


def rows(arm: str, *gains: float) -> list[dict[str, str]]:
    return [
        {"claim": "size", "arm": arm, "seed": str(seed), "budget": "2", "collapsed": "0"}
        | {f"gain_{camera}": str(gain) for camera in ("idrid", "aptos", "drive")}
        for seed, gain in enumerate(gains, 1)
    ]


@pytest.mark.parametrize(
    ("small", "big", "expected"),
    [
        ((0.1, 0.2, 0.3), (0.3, 0.41, 0.49), "holds here"),
        ((0.1, 0.2, 0.3), (0.11, 0.2, 0.3), "does not hold here"),
        ((0.1, 0.2, 0.3), (0.1, 0.3, 0.6), "inconclusive"),
        ((0.1, 0.2), (0.3, 0.4), "inconclusive"),  # too few seeds
        ((0.1, 0.2, 0.3), (0.3, 0.4), "inconclusive"),
    ],
)
def test_a_verdict_needs_an_interval_and_three_seeds(tables, small, big, expected):
    assert tables.verdict(CLAIM, rows("small", *small) + rows("big", *big)) == expected


def test_advantages_are_by_seed_and_in_the_direction_of_better(tables):
    found = rows("small", 0.5, 0.25) + rows("big", 0.75, 0.75)
    assert tables.advantages(CLAIM, found) == {"small": [0.25, 0.5]}
    assert tables.advantages(CLAIM | {"better": "lower"}, found) == {"small": [-0.25, -0.5]}


def test_a_table_shows_means_with_t_intervals(tables):
    lines = tables.table(CLAIM, rows("small", 1.0, 2.0, 3.0) + rows("big", 4.0)).splitlines()
    assert lines[2].startswith("| small | 3 | 2.00 [-0.48, 4.48] | 0 of 3 |")
    assert lines[3].startswith("| big | 1 | 4.00 | 0 of 1 |")


def test_pages_hold_the_tables_of_the_csv_file(claims, tables):
    texts = tables.blocks(claims.PLAN, claims.read(claims.HERE / "claims.csv"))
    for page in claims.PAGES:
        text = page.read_text(encoding="utf-8")
        assert tables.filled(text, texts) == text, f"run claims.py --tables --write: {page.name}"
    assert all(
        f"<!-- claims: {name} -->" in (ROOT / "docs/claims.md").read_text() for name in texts
    )


def test_arms_of_a_claim_have_one_budget_and_settings_that_are_valid(claims):
    options = argparse.Namespace(data="phantom:8", vgg="auto", workdir=Path("runs"))
    for claim in claims.CLAIMS:
        pixels = set()
        for arm in claims.PLAN[claim]["arms"]:
            config = claims.settings(claim, arm, 1, options)
            steps = config.train.stage1_steps + config.train.stage2_steps
            pixels.add(steps * config.train.batch_size * config.data.patch**2)
        assert len(pixels) == 1, claim


def test_collapse(claims):
    collapsed = importlib.import_module("claims_run").collapsed
    assert [collapsed(gain) for gain in (0.5, -2.9, -3.1, math.nan)] == [False, False, True, True]
    assert collapsed(0.5, 0.99, 0.01)
    assert not collapsed(0.5, 0.99, 0.5)


def test_runs_are_trained_and_measured_once(claims, monkeypatch, tmp_path):
    short = {"stage1_steps": 2, "batch_size": 2}
    settings = {"generator": {"blocks": 1, "filters": 4}, "data": {"patch": 32}, "train": short}
    arms = {arm: {"what": arm, "settings": {}} for arm in ("small", "big")}
    own = CLAIM | {"settings": settings, "arms": arms, "perceptual": True}
    monkeypatch.setattr(claims, "PLAN", {"common": claims.PLAN["common"], "size": own})
    monkeypatch.setattr(claims, "CLAIMS", ["size"])
    measure = importlib.import_module("claims_measure")
    monkeypatch.setattr(measure, "COUNTS", dict.fromkeys(measure.CAMERAS, 1))
    file = tmp_path / "claims.csv"
    photographs = [f"--{name}=phantom:3" for name in ("data", *measure.CAMERAS)]
    chosen = ["--seeds=1", "--arms", "big", f"--csv={file}", f"--workdir={tmp_path}"]
    monkeypatch.setattr(sys, "argv", ["claims.py", *photographs, *chosen])
    claims.main()
    (row,) = claims.read(file)
    assert row["budget"] == "2 x 2 x 32 px"
    assert math.isfinite(float(row["vgg_distance_drive"]))
    claims.main()
    assert claims.read(file) == [row]
