"""Run the paper's claims as experiments, and print a table of each.

    python docs/reproduction/claims.py --data runs/claims/prepared --vgg vgg19_notop.h5

Every arm of claims.yaml is a small training by the loop of `srgan-keras train`. A finished run is a
row of claims.csv, and is skipped. All arms of a claim get seed 1 first, then seed 2, and so on, so
that an interruption leaves a balanced table.

The training photographs are IDRiD's and HRF's in one folder, prepared once:

    srgan-keras prepare data/restore --hr-long-side 512 --out runs/claims/prepared
"""

import argparse
import csv
import logging
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import claims_tables
import yaml

HERE = Path(__file__).parent
PLAN = yaml.safe_load((HERE / "claims.yaml").read_text())
CLAIMS = [name for name in PLAN if name != "common"]
PAGES = [HERE.parent / "claims.md", HERE.parents[1] / "PAPER.md"]
KEY = ("claim", "arm", "seed")
COLUMNS = (
    *(*KEY, "budget", "seconds", "collapsed", "d_hr", "d_sr", "adversarial_share"),
    *(
        f"{name}_{camera}"
        for name in ("gain", "band_energy", "grid_energy", "vgg_distance")
        for camera in ("idrid", "aptos", "drive")
    ),
)


def main() -> None:
    """Run the missing arms, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("claims", nargs="*", help=f"any of {', '.join(CLAIMS)} (default: all)")
    add("--arms", nargs="*", help="names of arms in claims.yaml (default: all)")
    add("--seeds", type=int, default=3, help="runs of each arm (default: %(default)s)")
    add("--data", default="runs/claims/prepared", help="training photographs")
    add("--idrid", default="data/idrid/images/test", help="default: %(default)s")
    add("--aptos", default="data/aptos2019", help="default: %(default)s")
    add("--drive", default="data/drive", help="default: %(default)s")
    add("--vgg", default="auto", help="weights of VGG-19 (default: %(default)s)")
    add("--workdir", type=Path, default=Path("runs/claims"), help="run directories of all arms")
    add("--csv", type=Path, default=HERE / "claims.csv", help="default: %(default)s")
    add("--tables", action="store_true", help="train nothing, print the tables")
    add("--write", action="store_true", help="write the tables into docs/claims.md and PAPER.md")
    options = parser.parse_args()
    if unknown := set(options.claims) - set(CLAIMS):
        parser.error(f"no claim {', '.join(unknown)}. Choose from {', '.join(CLAIMS)}.")
    if not options.tables:
        _run_all(options)
    texts = claims_tables.blocks(PLAN, read(options.csv))
    if options.write:
        claims_tables.write(PAGES, texts)
    for name, text in texts.items():
        print(f"\n{name}\n{text}")


def _run_all(options: argparse.Namespace) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    import claims_measure  # TensorFlow: seconds

    folders = {camera: getattr(options, camera) for camera in claims_measure.CAMERAS}
    cameras = claims_measure.Cameras(folders, options.workdir / "cameras.pickle")
    for claim in options.claims or CLAIMS:
        for seed in range(1, options.seeds + 1):
            for arm in options.arms or PLAN[claim]["arms"]:
                key = dict(zip(KEY, (claim, arm, str(seed)), strict=True))
                if not any(key.items() <= row.items() for row in read(options.csv)):
                    append(options.csv, key | _run(options, claim, arm, seed, cameras))


def _run(options: argparse.Namespace, claim: str, arm: str, seed: int, cameras: Any) -> dict:  # noqa: ANN401
    """Train and measure one arm; return its row of claims.csv."""
    import claims_run as runs

    began, own = time.monotonic(), PLAN[claim]
    config = settings(claim, arm, seed, options)
    where, train = folder(options.workdir, claim, arm, seed), config.train
    steps = train.stage1_steps + train.stage2_steps
    row: dict[str, Any] = {"budget": f"{steps} x {train.batch_size} x {config.data.patch} px"}
    start = own.get("starts_from")  # another arm's run of the same seed
    weights = folder(options.workdir, *start, seed) / "g.weights.h5" if start else None
    try:
        generator = runs.trained(config, where, weights)
    except runs.loop.NonFiniteError as error:
        logging.warning("%s", error)
        row |= {"collapsed": 1}
    else:
        row |= runs.logged(where, config)
        row |= cameras.measure(generator, perceptual=own.get("perceptual", False))
        gain = statistics.fmean(v for k, v in row.items() if k.startswith("gain_"))
        d = {name: row[name] for name in ("d_hr", "d_sr") if name in row}
        row |= {"collapsed": int(runs.collapsed(gain, **d))}
    runs.release()
    row |= {"seconds": round(time.monotonic() - began)}
    logging.info("%s: %s", where, row)
    return row


def settings(claim: str, arm: str, seed: int, options: argparse.Namespace) -> Any:  # noqa: ANN401
    """Return the settings of an arm, a `srgan_keras.config.Config`."""
    from srgan_keras import configure

    own, config = PLAN[claim], configure.load("demo")
    for part in (PLAN["common"], own.get("settings", {}), own["arms"][arm]["settings"]):
        config = configure.merge(config, part, f"claims.yaml, {claim} {arm}")
    length = max(config.train.stage1_steps, config.train.stage2_steps)
    every = {
        "log_every_steps": max(1, length // 10),  # the last row has the means of the last tenth
        "validate_every_steps": max(1, length // 4),
        "checkpoint_every_steps": length,
    }
    config = replace(
        config,
        data=replace(config.data, source=options.data),
        vgg=replace(config.vgg, weights=options.vgg),
        train=replace(config.train, seed=seed, **every),
    )
    configure.validate(config)
    return config


def folder(workdir: Path, claim: str, arm: str, seed: int) -> Path:
    """Return the run directory of an arm and seed."""
    return workdir / claim / f"{arm}-{seed}"


def read(file: Path) -> list[dict[str, str]]:
    """Return the rows of finished runs."""
    if not file.exists():
        return []
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def append(file: Path, row: dict[str, Any]) -> None:
    """Add a row."""
    new = not file.exists()
    shown = {k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()}
    with file.open("a", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(shown)


if __name__ == "__main__":
    main()
