"""report.html: the results in a folder, as one self-contained file."""

import base64
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import markupsafe
import numpy as np
import pandas as pd
from markdown_it import MarkdownIt

from srgan_keras.data.datasets import phantom_count
from srgan_keras.errors import UsageError
from srgan_keras.evaluation.summarise import KEYS
from srgan_keras.export.card import NOTICE
from srgan_keras.inference.model import Model
from srgan_keras.output_folder import OutputFolder
from srgan_keras.report import charts
from srgan_keras.report.gallery import COLOURS, INDEX, legend
from srgan_keras.report.tables import METRICS, digits, primary_region, table

PICTURES = {
    "comparison.png": "Photographs: LR, SR, HR",
    "curves.png": "Training",
    "pr_curves.png": "Segmentation: precision against recall",
}


def write(workdir: Path, models: Sequence[Model] = ()) -> Path:
    """Write report.html into a run directory, or into the output of `evaluate` or `downstream`.

    It shows metrics.json or downstream.json. It also shows per_image.csv, gallery/, comparison.png,
    curves.png, pictures of segmentation, config.yaml and run.json, if they exist.

    Args:
        workdir: the folder.
        models: the measured models; their descriptions and cards are shown.

    Returns:
        The path of report.html.

    Raises:
        UsageError: the folder has neither metrics.json nor downstream.json.
    """
    if not any((workdir / name).is_file() for name in ("metrics.json", "downstream.json")):
        raise UsageError(f"{workdir} holds no metrics.json to report. Run `evaluate` first.")
    runs = _list(workdir / "metrics.json", "runs")
    experiments = _list(workdir / "downstream.json", "experiments")
    text = {"id": str, "model": str}  # 007 is not 7
    measured = _measured(workdir)
    rows = pd.read_csv(workdir / "per_image.csv", dtype=text) if measured else pd.DataFrame()
    output = OutputFolder(workdir)
    overlays = {
        file.name: "Segmentation by {1} of {2}".format(*file.stem.split("-", 2))
        for file in sorted(workdir.glob("overlays-*-*.png"))
        if output.owns(file.name)
    }
    config, record = workdir / "config.yaml", workdir / "run.json"
    page = _template().render(
        title=workdir.resolve().name,
        notice=NOTICE,
        phantoms=any(
            phantom_count(source or "") is not None
            for source in [run["data"]["source"] for run in runs] + [e["data"] for e in experiments]
        ),
        digits={metric: digits(metric) for metric in METRICS},
        experiments=experiments,
        tables=[table(run) | {"distribution": _distribution(rows, run)} for run in runs],
        gallery=_gallery(workdir / "gallery", rows, runs) if measured else None,
        pictures=[
            (caption, _data_uri(workdir / name))
            for name, caption in (PICTURES | overlays).items()
            if (workdir / name).is_file()
        ],
        models=[{"info": m.info, "card": _card(m.path)} for m in models if m.info],
        record=json.loads(record.read_text(encoding="utf-8")) if _of_run(record) else {},
        config=config.read_text(encoding="utf-8") if _of_run(config) else "",
    )
    file = workdir / "report.html"
    file.write_text(page, encoding="utf-8")
    return file


def _of_run(file: Path) -> bool:
    """Tell whether a run wrote a file; a folder without a record is a run's of an older version."""
    output = OutputFolder(file.parent)
    return file.is_file() and (output.owns(file.name) or not output.names)


def _list(file: Path, key: str) -> list[dict[str, Any]]:
    return json.loads(file.read_text(encoding="utf-8"))[key] if file.is_file() else []


def _measured(workdir: Path) -> bool:
    return (workdir / "metrics.json").is_file() and (workdir / "gallery" / INDEX).is_file()


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("srgan_keras.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("report.html.j2")


def _data_uri(file: Path) -> str:
    return _encoded(file.read_bytes(), file.suffix[1:])


def _encoded(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _card(folder: Path) -> markupsafe.Markup:
    """Return a model's card as HTML, without its front matter and pictures."""
    file = folder / "README.md"
    if not file.is_file():
        return markupsafe.Markup()
    text = re.sub(r"\A---\n.*?\n---\n", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = re.sub(r"!\[[^]]*\]\([^)]*\)", "", text)  # its pictures stay in the model folder
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("link")
    return markupsafe.Markup(markdown.render(text))


def _distribution(rows: pd.DataFrame, run: dict[str, Any]) -> str | None:
    if rows.empty or len(run["models"]) < 2:
        return None
    of_run = rows[rows["protocol"] == run["protocol"]["name"]]
    picture = charts.distribution(of_run, primary_region(run))
    return _encoded(picture.encode(), "svg+xml")


def _gallery(folder: Path, rows: pd.DataFrame, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Arrange the pictures of the first protocol, and the values to sort them by."""
    index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    rows = rows[rows["protocol"] == runs[0]["protocol"]["name"]]
    values: dict[str, dict[str, dict[str, float | None]]] = {}
    for row in rows.to_dict("records"):
        of_model = values.setdefault(row["id"], {}).setdefault(row["model"], {})
        for metric in row.keys() - set(KEYS):
            value = row[metric]
            of_model[f"{row['region']} {metric}"] = float(value) if np.isfinite(value) else None
    known = {
        name
        for of_photograph in values.values()
        for of_model in of_photograph.values()
        for name, value in of_model.items()
        if value is not None
    }
    return {
        "crops": [
            crop | {
                "layers": {n: _data_uri(folder / f) for n, f in crop["layers"].items()},
                "maps": {
                    f"{model}: {kind}": _data_uri(folder / file)
                    for model, files in crop["maps"].items()
                    for kind, file in files.items()
                },
            }
            for crop in index["crops"]
        ],
        "thumbnails": {id_: _data_uri(folder / f"{id_}.webp") for id_ in index["photographs"]},
        "metrics": sorted(known),
        "models": list(runs[0]["models"]),
        "primary_metric": f"{primary_region(runs[0])} psnr",
        "legends": {
            kind: {"end": f"{end:g}", "ramp": _encoded(legend(kind), "png")}
            for kind, (_, end) in COLOURS.items()
        },
        "values": values,
    }  # fmt: skip
