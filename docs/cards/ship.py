"""Add a trained model to the pretrained ones, with its card.

    python docs/cards/ship.py fundus-x4 runs/fundus-x4/models/stage1 runs/measured/fundus-x4/*

The last arguments are folders that `srgan-keras evaluate MODEL --data ... --out FOLDER` wrote: they
hold the card's figures. `cards.yaml` holds intended use and known failures, which no file of a run
has, and `no_harm_xS.json` what `benchmarks/quality/no_harm.py --json` prints for the models of
scale S.
After a change of them or of the template, keep the figures and write the card again:

    python docs/cards/ship.py fundus-x4 saved_models/fundus-x4
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import jinja2
import yaml
from PIL import Image

from srgan_keras.data import datasets
from srgan_keras.evaluation.protocol import Standard
from srgan_keras.evaluation.summarise import gains, reference
from srgan_keras.export.card import notice
from srgan_keras.inference.model import load
from srgan_keras.report import figures

HERE = Path(__file__).parent
SHIPPED = HERE.parents[1] / "saved_models"
SHOWN = (
    *("psnr", "ssim", "lr_consistency", "colour_drift"),
    *("band_energy", "grid_energy", "vgg_distance"),
)


def main() -> None:
    """Copy the folder and write its card."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name")
    parser.add_argument("source", type=Path, help="model folder")
    parser.add_argument("evaluations", type=Path, nargs="*", help="folders that evaluate wrote")
    options = parser.parse_args()
    folder = SHIPPED / options.name
    if options.source.resolve() != folder.resolve():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(options.source, folder)
    info = json.loads((folder / "model.json").read_text())
    trained_as, info["name"] = info["name"], options.name
    files = [evaluation / "metrics.json" for evaluation in options.evaluations]
    runs = [run for file in files for run in json.loads(file.read_text())["runs"]]
    (folder / "model.json").write_text(json.dumps(info, indent=1) + "\n")
    about = yaml.safe_load((HERE / "cards.yaml").read_text())
    (folder / "README.md").write_text(
        card(info, about, rows(runs, {trained_as, options.name}, info))
    )
    phantoms = datasets.select(datasets.find("phantom:4"), "all")[:2]  # a folder stays under 12 MB
    standard = Standard(info["scale"], info["degradation"]["name"], hr_long_side=512)
    picture = folder / "comparison.png"
    figures.comparison([load(folder)], phantoms, standard, picture)
    Image.open(picture).convert("RGB").quantize(256).save(picture, optimize=True)  # a third


def card(info: dict[str, Any], about: dict[str, Any], table: list[list[str]]) -> str:
    """Return the text of the card; without a table, the figures are those of the present card."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    own = about[info["name"]]
    about = about["all"] | own
    about["failures"] = about["failures"] + about["general"]
    return environment.get_template("card.md.j2").render(
        **info,
        notice=notice(info["scale"] == 1),
        about=about,
        harm=no_harm(info["name"], info["scale"]),
        figures=table or present_rows(info["name"]),
    )


def no_harm(name: str, scale: int) -> list[list[str]]:
    """Return the rows of the no-harm table that a model has; none before it is measured."""
    file = HERE / f"no_harm_x{scale}.json"
    gains = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    situations = dict.fromkeys(row for metric in gains.values() for row in metric)
    cells = {
        row: [signed(gains[metric].get(row, {}).get(name), metric) for metric in gains]
        for row in situations
    }
    found = [[row, *values] for row, values in cells.items() if any(values)]
    return [["photographs", *gains], *found] if found else []


def signed(gain: dict[str, Any] | None, metric: str) -> str:
    """Return a mean gain and its 95 % interval, or nothing if it was not measured."""
    if not gain or gain["mean"] is None:
        return ""
    digits = 0 if metric.startswith("false") else 3
    low, high = gain["ci95"] or [gain["mean"]] * 2
    return f"{gain['mean']:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"


def present_rows(name: str) -> list[list[str]]:
    """Return the cells of the table of figures in the present card of a pretrained model."""
    _, _, rest = (SHIPPED / name / "README.md").read_text(encoding="utf-8").partition("| data |")
    _, _, *lines = rest.partition("\n\n")[0].split("\n")
    return [line[2:-2].split(" | ") for line in lines]


def rows(runs: list[dict[str, Any]], names: set[str], info: dict[str, Any]) -> list[list[str]]:
    """Return a row per run, region and metric: reference, the model, its gain, with intervals."""
    result = []
    for run in runs:
        own = next((name for name in run["models"] if name in names), None)
        if own is None:
            continue
        start = [
            source(run["data"]),
            str(run["n"]),
            *protocol(run["protocol"], info["degradation"]["name"]),
        ]
        for region, metrics in run["models"][own].items():
            for metric in (m for m in metrics if m in SHOWN or m.startswith("bright")):
                gain = gains(run)[own][region].get(metric)
                values = [
                    number(run["models"][reference(run)][region][metric], metric),
                    number(metrics[metric], metric),
                    number(gain, metric, signed=True) if gain else "",
                ]
                result.append([*start, region, metric, *values])
    return result


def protocol(record: dict[str, Any], trained: str) -> tuple[str, str]:
    """Return the name of the protocol, with LR if the model is trained on other, and HR's side."""
    nearest = record["name"] == "author" and record["rounding"] == "nearest"
    other = record["name"] == "standard" and record["degradation"] != trained
    side = str(record["hr_long_side"] or "native")
    about = ", rounding nearest" * nearest + f", LR `{record.get('degradation')}`" * other
    return record["name"] + about, side


def source(data: dict[str, Any]) -> str:
    """Return the collection's name and, for a part of it, the split."""
    path = Path(data["source"])
    name = path.parent.name if path.name == "images" else path.name
    return name if len(data["splits"]) > 1 else f"{name}, {data['splits'][0]}"


def number(value: dict[str, Any], metric: str, signed: bool = False) -> str:
    """Return mean and 95 % interval."""
    digits = {"psnr": 2, "lr_consistency": 2, "vgg_distance": 6}.get(metric, 4)
    form = f"{{:{'+' * signed}.{digits}f}}"
    low, high = value["ci95"]
    return f"{form.format(value['mean'])} [{form.format(low)}, {form.format(high)}]"


if __name__ == "__main__":
    main()
