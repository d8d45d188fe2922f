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

from srgan_keras.data.photograph import phantom_count
from srgan_keras.errors import UsageError
from srgan_keras.evaluation.protocol import INPUT
from srgan_keras.evaluation.summarise import KEYS
from srgan_keras.export.card import notice
from srgan_keras.inference.model import Model
from srgan_keras.output_folder import OutputFolder
from srgan_keras.report import charts, pairs
from srgan_keras.report.gallery import COLOURS, INDEX, legend
from srgan_keras.report.tables import METRICS, digits, table

PICTURES = {
    "comparison.png": "Photographs: LR, SR, HR",
    "curves.png": "Training",
    "pr_curves.png": "Segmentation: precision against recall",
}

CROPS = (
    "All crops: the best, median and worst photograph by the last model's gain in PSNR, and "
    "flagged photographs"
)
PAIRS = (
    "All frames, at half size: the best and the worst pair of each grade by the last row's gain in "
    "agreement of vessels"
)


def write(workdir: Path, models: Sequence[Model] = ()) -> Path:
    """Write report.html into a run directory, or into the output of `evaluate` or `downstream`.

    It shows metrics.json or downstream.json. It also shows per_image.csv or per_pair.csv,
    gallery/, comparison.png, curves.png, pictures of segmentation, config.yaml and run.json, if
    they exist.

    Args:
        workdir: the folder.
        models: the measured models; their descriptions and cards are shown.

    Returns:
        The path of report.html.

    Raises:
        UsageError: the folder has neither metrics.json nor downstream.json.
    """
    if not any(_made(workdir, name) for name in ("metrics.json", "downstream.json")):
        raise UsageError(f"{workdir} holds no metrics.json to report. Run `evaluate` first.")
    runs = _list(workdir, "metrics.json", "runs")
    experiments = _list(workdir, "downstream.json", "experiments")
    tables = [pairs.arranged(run) if _of_pairs(run) else table(run) for run in runs]
    measured = bool(runs) and _made(workdir, f"gallery/{INDEX}")
    rows = _rows(workdir, runs[0]) if measured else pd.DataFrame()
    output = OutputFolder(workdir)
    overlays = {
        file.name: "Segmentation by {1} of {2}".format(*file.stem.split("-", 2))
        for file in sorted(workdir.glob("overlays-*-*.png"))
        if output.owns(file.name)
    }
    # pairs have the row `input` with models of any scale
    rows_of = [run["models"] for run in runs if not _of_pairs(run)]
    rows_of += [part["inputs"] for part in experiments]
    restores = any(INPUT in names for names in rows_of)
    restores |= any(model.info and model.info["scale"] == 1 for model in models)
    subject = "restoration" if restores else "super-resolution"
    of_run = {
        name: (workdir / name).read_text(encoding="utf-8") if _made(workdir, name) else ""
        for name in ("config.yaml", "run.json")
    }
    page = _template().render(
        title=workdir.resolve().name,
        subject="enhancement" if any(map(_of_pairs, runs)) else subject,
        notice=notice(restores),
        phantoms=any(
            phantom_count(source or "") is not None
            for source in [run["data"]["source"] for run in runs] + [e["data"] for e in experiments]
        ),
        digits={metric: digits(metric) for metric in METRICS},
        experiments=experiments,
        tables=[part | {"distribution": _distribution(rows, part)} for part in tables],
        gallery=_gallery(workdir / "gallery", rows, runs[0], tables[0]) if measured else None,
        pictures=[
            (caption, _data_uri(workdir / name))
            for name, caption in (PICTURES | overlays).items()
            if _made(workdir, name)
        ],
        models=[{"info": m.info, "card": _card(m.path)} for m in models if m.info],
        record=json.loads(of_run["run.json"] or "{}"),
        config=of_run["config.yaml"],
    )
    file = workdir / "report.html"
    # the name of a folder may hold bytes that are not UTF-8
    file.write_text(page, encoding="utf-8", errors="backslashreplace")
    return file


def _made(workdir: Path, name: str) -> bool:
    """Tell whether the package wrote a file; earlier versions kept no record of that."""
    output = OutputFolder(workdir)
    return (workdir / name).is_file() and (output.owns(name) or not output.names)


def _list(workdir: Path, name: str, key: str) -> list[dict[str, Any]]:
    if not _made(workdir, name):
        return []
    return json.loads((workdir / name).read_text(encoding="utf-8"))[key]


def _of_pairs(run: dict[str, Any]) -> bool:
    return run["protocol"]["name"] == "pairs"


def _rows(workdir: Path, run: dict[str, Any]) -> pd.DataFrame:
    """Read a value of each metric for each photograph and model."""
    file = workdir / ("per_pair.csv" if _of_pairs(run) else "per_image.csv")
    rows = pd.read_csv(file, dtype=str, keep_default_na=False)  # NA.png has the id NA, 007.png 007
    if _of_pairs(run):
        return pairs.per_image(rows)
    values = rows.columns.difference(["id", "model", "protocol", "region"])
    return rows.assign(**rows[values].apply(pd.to_numeric, errors="coerce"))


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


def _distribution(rows: pd.DataFrame, part: dict[str, Any]) -> str | None:
    if rows.empty or not part["gained"]:
        return None
    of_run = rows[rows["protocol"] == part["protocol"]["name"]]
    units = charts.AGREEMENTS if _of_pairs(part) else charts.UNITS
    picture = charts.distribution(of_run, part["primary_region"], part["baseline"], units)
    return _encoded(picture.encode(), "svg+xml")


def _gallery(
    folder: Path, rows: pd.DataFrame, run: dict[str, Any], part: dict[str, Any]
) -> dict[str, Any]:
    """Arrange the pictures of the first protocol, and the values to sort them by."""
    index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    rows = rows[rows["protocol"] == run["protocol"]["name"]]
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
        "models": list(run["models"]),
        "primary_metric": f"{part['primary_region']} {part['primary_metric']}",
        "summary": PAIRS if _of_pairs(run) else CROPS,
        "legends": {
            kind: {"end": f"{end:g}", "ramp": _encoded(legend(kind), "png")}
            for kind, (_, end) in COLOURS.items()
        },
        "values": values,
    }  # fmt: skip
