"""Train and evaluate the rows of the recipe's tables, and print the tables as Markdown.

    python docs/recipe/screen.py --idrid data/idrid/images --drive data/drive --vgg vgg19_notop.h5

Every row of `rows.yaml` is a run of `srgan-keras train` with the preset and options of its table,
then the options of the row. Two sets decide between rows: IDRiD's validation photographs, and DRIVE
as another camera. APTOS-2019, CHASE_DB1 and IDRiD's test photographs take no part. A finished row
is skipped. To resume an interrupted one, repeat the command.
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
    """Run the rows that are missing, then print each table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    plan = yaml.safe_load(ROWS.read_text())
    tables = [name for name in plan if name != "anchors"]
    parser.add_argument("tables", nargs="*", help=f"any of {', '.join(tables)} (default: all)")
    parser.add_argument("--rows", nargs="*", help="names of rows in rows.yaml (default: all)")
    add = parser.add_argument
    add("--idrid", default="data/idrid/images", help="folder of IDRiD (default: %(default)s)")
    add("--drive", default="data/drive", help="folder of DRIVE (default: %(default)s)")
    add("--vgg", default="auto", help="weights of VGG-19 (default: %(default)s)")
    add("--workdir", type=Path, default=Path("runs/recipe"), help="run directory of all rows")
    options = parser.parse_args()
    if unknown := set(options.tables) - set(tables):
        parser.error(f"no table {', '.join(unknown)}. Choose from {', '.join(tables)}.")
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
    """Return the header of a fidelity table, and a function that fills a row from its model."""
    idrid = ["--data", options.idrid, "--split", "validation"]

    def cells(model: Path) -> str:
        measured = (measure(model, *part) for part in (("idrid", idrid), ("drive", drive(options))))
        return " | ".join(gain(found["gain_over_bicubic"]["stage1"]) for found in measured)

    return "IDRiD validation | DRIVE", cells


def stage2(options: argparse.Namespace) -> tuple:
    """Return the header of a perception table, and a function that fills a row from its model."""
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
    """Return header and row function of a table of both stages: stage 1, then as `stage2`."""
    head, after = stage2(options)

    def cells(model: Path) -> str:
        found = measure(model.with_name("stage1"), "drive-stage1", drive(options))
        return f"{gain(found['gain_over_bicubic']['stage1'])} | {after(model)}"

    return f"DRIVE after stage 1 | {head}", cells


def adversarial_share(history: Path) -> str:
    """Return the last gradient norm of the adversarial term over the largest other term's."""
    with history.open() as file:
        last = list(csv.DictReader(file))[-1]
    norms = {k: float(v) for k, v in last.items() if k.endswith("_gradient") and v}
    adversarial = norms.pop("adversarial_gradient", 0.0)
    return f"{adversarial / max(norms.values()):.2g}"


def drive(options: argparse.Namespace) -> list[str]:
    """Return the options of `evaluate` for DRIVE."""
    return ["--data", options.drive, "--split", "all", "--hr-long-side", "512"]


def flat(options: list[str | list]) -> list[str]:
    """Return the options with the nested lists of YAML anchors flattened."""
    parts = (flat(option) if isinstance(option, list) else [option] for option in options)
    return [option for part in parts for option in part]


def run(command: str, *arguments: str) -> None:
    """Run a command of srgan-keras; exit with its status if it fails."""
    done = subprocess.run([sys.executable, "-m", "srgan_keras", command, *arguments], check=False)
    if done.returncode:
        sys.exit(done.returncode)


def measure(model: Path, label: str, arguments: list[str]) -> dict:
    """Return the run in the metrics.json of a model; evaluate the model if the file is missing."""
    out = model.parents[1] / label
    if not (out / "metrics.json").exists():
        run("evaluate", str(model), *arguments, "--no-trust", "--out", str(out))
    return json.loads((out / "metrics.json").read_text())["runs"][0]


def gain(gains: dict) -> str:
    """Return the gain over bicubic in dB: `full`, and `inner` with its 95 % interval."""
    full, inner = (gains[region]["psnr"] for region in ("full", "inner"))
    low, high = inner["ci95"]
    return f"{full['mean']:+.2f} / {inner['mean']:+.2f} [{low:+.2f}, {high:+.2f}]"


if __name__ == "__main__":
    main()
