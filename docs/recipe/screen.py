"""Train and measure the rows of the recipe's table, one factor at a time, and print the table.

    python docs/recipe/screen.py --idrid data/idrid/images --drive data/drive --workdir runs/recipe

Every row of `rows.yaml` is a run of `srgan_keras.train` with the preset `fundus`, the options under
`all` and its own; a short stage 1, whose schedule ends with it. What is chosen is
chosen by IDRiD's validation photographs and by DRIVE, another camera; APTOS, CHASE_DB1 and IDRiD's
test photographs take no part. A row that is done is not run again; a killed one goes on.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import yaml

ROWS = Path(__file__).with_name("rows.yaml")


def main() -> None:
    """Run what is missing, print all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rows", nargs="*", help="default: all")
    parser.add_argument("--idrid", default="data/idrid/images")
    parser.add_argument("--drive", default="data/drive")
    parser.add_argument("--workdir", type=Path, default=Path("runs/recipe"))
    options = parser.parse_args()
    plan = yaml.safe_load(ROWS.read_text())
    common, plan = plan["all"], plan["rows"]
    sets = {
        "IDRiD validation": ["--data", options.idrid, "--split", "validation"],
        "DRIVE": ["--data", options.drive, "--split", "all", "--hr-long-side", "512"],
    }
    lines = []
    for name in options.rows or plan:
        folder = options.workdir / name
        model = folder / "models" / "content"
        if not model.exists():
            source = ["--data", options.idrid, "--workdir", str(folder)]
            run("train", "--preset", "fundus", *source, *common, *flat(plan[name]["options"]))
        cells = [cells_of(model, folder / label, arguments) for label, arguments in sets.items()]
        lines.append(f"| {plan[name]['what']} | {' | '.join(cells)} |")
    print(f"| | {' | '.join(sets)} |\n|---{'|---' * len(sets)}|", *lines, sep="\n")


def flat(options: list[str | list]) -> list[str]:
    """Return options without the lists that they are quoted in."""
    parts = (flat(option) if isinstance(option, list) else [option] for option in options)
    return [option for part in parts for option in part]


def run(verb: str, *arguments: str) -> None:
    """Run a verb, or stop with its exit status."""
    done = subprocess.run([sys.executable, "-m", "srgan_keras", verb, *arguments], check=False)
    if done.returncode:
        sys.exit(done.returncode)


def cells_of(model: Path, out: Path, arguments: list[str]) -> str:
    """Return the gain over bicubic in dB, `full` and `inner` with 95 % interval."""
    if not (out / "metrics.json").exists():
        run("evaluate", str(model), *arguments, "--no-trust", "--out", str(out))
    result = json.loads((out / "metrics.json").read_text())["runs"][0]
    gains = result["gain_over_bicubic"]["content"]
    full, inner = (gains[region]["psnr"] for region in ("full", "inner"))
    low, high = inner["ci95"]
    return f"{full['mean']:+.2f} / {inner['mean']:+.2f} [{low:+.2f}, {high:+.2f}]"


if __name__ == "__main__":
    main()
