"""Train and measure the rows of the recipe's tables, one factor at a time, and print the tables.

    python docs/recipe/screen.py --idrid data/idrid/images --drive data/drive --vgg vgg19_notop.h5

Every row of `rows.yaml` is a run of `srgan_keras.train`: its table's preset and options, then its
own; short, with a schedule that ends with it. What is chosen is chosen by IDRiD's validation
photographs and by DRIVE, another camera; APTOS, CHASE_DB1 and IDRiD's test photographs take no
part. A row that is done is not trained again; a killed one goes on.
"""

import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path

import yaml

ROWS = Path(__file__).with_name("rows.yaml")


def main() -> None:
    """Run what is missing, print all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    plan = yaml.safe_load(ROWS.read_text())
    tables = [name for name in plan if name != "anchors"]
    parser.add_argument("tables", nargs="*", help=f"of {', '.join(tables)}; default: all")
    parser.add_argument("--rows", nargs="*", help="of the tables; default: all")
    parser.add_argument("--idrid", default="data/idrid/images")
    parser.add_argument("--drive", default="data/drive")
    parser.add_argument("--vgg", default="auto", help="weights of VGG-19, for stage 2")
    parser.add_argument("--workdir", type=Path, default=Path("runs/recipe"))
    options = parser.parse_args()
    if unknown := set(options.tables) - set(tables):
        parser.error(f"no table {', '.join(unknown)}: choose of {', '.join(tables)}")
    for name in options.tables or tables:
        table = plan[name]
        columns = {"stage1": stage1, "stage2": stage2, "stages": stages}[table["columns"]]
        head, cells = columns(options)
        lines = []
        for row, own in table["rows"].items():
            if options.rows and row not in options.rows:
                continue
            folder = options.workdir / name / row
            preset = own.get("preset") or table["preset"]
            given = ["--preset", preset, "--data", options.idrid, "--vgg.weights", options.vgg]
            given += [*flat(table["options"]), *flat(own["options"]), "--workdir", str(folder)]
            run("train", *given)
            model = folder / "models" / ("stage1" if columns is stage1 else "stage2")
            lines.append(f"| {own['what']} | {cells(model)} |")
        print(f"\n| {name} | {head} |\n|---{'|---' * (head.count('|') + 1)}|", *lines, sep="\n")


def stage1(options: argparse.Namespace) -> tuple:
    """Return the columns of a table of fidelity, and what fills them."""
    idrid = ["--data", options.idrid, "--split", "validation"]

    def cells(model: Path) -> str:
        measured = (measure(model, *part) for part in (("idrid", idrid), ("drive", drive(options))))
        return " | ".join(gain(found["gain_over_bicubic"]["content"]) for found in measured)

    return "IDRiD validation | DRIVE", cells


def stage2(options: argparse.Namespace) -> tuple:
    """Return the columns of a table of perception, and what fills them."""
    vgg = ["--vgg-weights", options.vgg]

    def cells(model: Path) -> str:
        found = measure(model, "drive", [*drive(options), *vgg])
        full, inner = (found["models"]["stage2"][region] for region in ("full", "inner"))
        figures = (
            adversarial_share(model.parents[1] / "history.csv"),
            f"{1000 * full['vgg_distance']['mean']:.3f}",
            f"{inner['band_energy']['mean']:.3f}",
            f"{inner['grid_energy']['mean']:.1f}",
            f"{full['lr_consistency']['mean']:.1f}",
        )
        return " | ".join([gain(found["gain_over_bicubic"]["stage2"]), *figures])

    head = ("DRIVE", "adversarial gradient", "`vgg_distance` x 1000", "`band_energy`")
    return " | ".join([*head, "`grid_energy`", "`lr_consistency`"]), cells


def stages(options: argparse.Namespace) -> tuple:
    """Return the columns of a table of whole runs: after stage 1, then as `stage2`."""
    head, after = stage2(options)

    def cells(model: Path) -> str:
        found = measure(model.with_name("stage1"), "drive-stage1", drive(options))
        return f"{gain(found['gain_over_bicubic']['stage1'])} | {after(model)}"

    return f"DRIVE after stage 1 | {head}", cells


def adversarial_share(history: Path) -> str:
    """Return the norm of the adversarial term's last gradient over the largest other term's."""
    with history.open() as file:
        last = list(csv.DictReader(file))[-1]
    norms = {k: float(v) for k, v in last.items() if k.endswith("_gradient") and v}
    adversarial = norms.pop("adversarial_gradient", 0.0)
    return f"{adversarial / max(norms.values()):.2g}"


def drive(options: argparse.Namespace) -> list[str]:
    """Return what DRIVE is measured by, as another camera."""
    return ["--data", options.drive, "--split", "all", "--hr-long-side", "512"]


def flat(options: list[str | list]) -> list[str]:
    """Return options without the lists that they are quoted in."""
    parts = (flat(option) if isinstance(option, list) else [option] for option in options)
    return [option for part in parts for option in part]


def run(verb: str, *arguments: str) -> None:
    """Run a verb, or stop with its exit status."""
    done = subprocess.run([sys.executable, "-m", "srgan_keras", verb, *arguments], check=False)
    if done.returncode:
        sys.exit(done.returncode)


def measure(model: Path, label: str, arguments: list[str]) -> dict:
    """Return the run in the metrics.json of a model, which is made where it is missing."""
    out = model.parents[1] / label
    if not (out / "metrics.json").exists():
        run("evaluate", str(model), *arguments, "--no-trust", "--out", str(out))
    return json.loads((out / "metrics.json").read_text())["runs"][0]


def gain(gains: dict) -> str:
    """Return the gain over bicubic in dB, `full` and `inner` with 95 % interval."""
    full, inner = (gains[region]["psnr"] for region in ("full", "inner"))
    low, high = inner["ci95"]
    return f"{full['mean']:+.2f} / {inner['mean']:+.2f} [{low:+.2f}, {high:+.2f}]"


if __name__ == "__main__":
    main()
