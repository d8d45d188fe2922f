import runpy
from pathlib import Path

import numpy as np
import pytest

from srgan_keras.evaluation.protocol import Standard
from srgan_keras.phantoms.phantom import phantom

QUALITY = Path(__file__).resolve().parents[2] / "benchmarks" / "quality"
DEFECTS = runpy.run_path(str(QUALITY / "defects.py"))


@pytest.fixture(scope="module")
def values() -> dict[str, dict[str, float]]:
    """Defect -> metric -> mean over two phantoms."""
    names = [f"{m} {region}" for region, metrics in DEFECTS["SHOWN"].items() for m in metrics]
    found = [
        DEFECTS["measure"](Standard(4, hr_long_side=256), phantom(i, 256).image) for i in (1, 2)
    ]
    return {
        defect: dict(zip(names, np.mean([f[defect] for f in found], axis=0), strict=True))
        for defect in found[0]
    }


def test_each_planted_defect_is_seen_in_its_direction(values):
    by = {name.split(",")[0]: v for name, v in values.items()}
    band = {name: v["band_energy inner"] for name, v in by.items()}
    assert band["blur"] < 0.5 < 1.2 < band["noise"]
    assert band["shift by 1 px"] == pytest.approx(1, abs=0.1)
    grid = {name: v["grid_energy inner"] for name, v in by.items()}
    assert max(grid, key=grid.get) == "checkerboard"
    assert grid["checkerboard"] > 20
    drift = {name: v["colour_drift inner"] for name, v in by.items()}
    assert max(drift, key=drift.get) == "colour cast"
    consistency = {name: v["lr_consistency full"] for name, v in by.items()}
    assert consistency["checkerboard"] > consistency["truncation"] > consistency["colour cast"]
    assert consistency["invented haemorrhage"] < consistency["erased microaneurysm"]
    similarity = {name: v["ms_ssim full"] for name, v in by.items()}
    assert similarity["erased microaneurysm"] > similarity["noise"]
