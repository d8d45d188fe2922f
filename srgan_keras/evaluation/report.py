"""report.html: what a work folder holds, as one file that needs nothing else to be read."""

import base64
import importlib.resources
import json
from pathlib import Path
from typing import Any

import jinja2

from srgan_keras.config import UsageError
from srgan_keras.inference.card import NOTICE

REGIONS = {
    "inner": "inner: field of view without its rim",
    "fov": "field of view",
    "full": "full frame",
}
METRICS = {
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "psnr_green": "PSNR green, dB",
    "ssim_green": "SSIM green",
    "psnr_y": "PSNR Y, dB",
    "ssim_y": "SSIM Y",
    "ms_ssim": "MS-SSIM",
    "band_energy": "band energy",
    "grid_energy": "grid energy",
    "colour_drift": "colour drift, CIEDE2000",
    "vgg_distance": "VGG distance",
    "lr_consistency": "LR consistency, dB",
    "bright_precision": "bright precision",
    "bright_recall": "bright recall",
    "bright_f1": "bright F1",
}
PICTURES = {
    "comparison.png": "Photographs: LR, enlargements, HR",
    "curves.png": "Training",
    "pr_curves.png": "Segmentation: precision against recall",
}


def write(workdir: Path) -> Path:
    """Write report.html into a work folder, or into one that `evaluate` or `downstream` wrote.

    It shows metrics.json or downstream.json, and where they are there comparison.png, curves.png,
    pictures of segmentation, config.yaml, run.json and the descriptions of the models.

    Returns:
        the file.

    Raises:
        UsageError: there is neither.
    """
    if not any((workdir / name).is_file() for name in ("metrics.json", "downstream.json")):
        raise UsageError(f"{workdir} holds no metrics.json to report: run `evaluate` first")
    runs = _list(workdir / "metrics.json", "runs")
    experiments = _list(workdir / "downstream.json", "experiments")
    overlays = {file.name: file.stem for file in sorted(workdir.glob("overlays-*.png"))}
    config, record = workdir / "config.yaml", workdir / "run.json"
    page = _template().render(
        title=workdir.resolve().name,
        notice=NOTICE,
        phantoms=any(
            (source or "").startswith("phantom")
            for source in [run["data"]["source"] for run in runs] + [e["data"] for e in experiments]
        ),
        experiments=experiments,
        tables=[_table(run) for run in runs],
        pictures=[
            (caption, base64.b64encode((workdir / name).read_bytes()).decode())
            for name, caption in (PICTURES | overlays).items()
            if (workdir / name).is_file()
        ],
        models=[
            json.loads(file.read_text(encoding="utf-8"))
            for file in sorted(workdir.glob("models/*/model.json"))
        ],
        record=json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {},
        config=config.read_text(encoding="utf-8") if config.is_file() else "",
    )
    file = workdir / "report.html"
    file.write_text(page, encoding="utf-8")
    return file


def _list(file: Path, key: str) -> list[dict[str, Any]]:
    return json.loads(file.read_text(encoding="utf-8"))[key] if file.is_file() else []


def _template() -> jinja2.Template:
    source = importlib.resources.files("srgan_keras.evaluation") / "templates" / "report.html.j2"
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    return environment.from_string(source.read_text(encoding="utf-8"))


def _table(run: dict[str, Any]) -> dict[str, Any]:
    """Arrange one run of metrics.json: a row a model, columns grouped by region."""
    found = run["models"]["bicubic"]
    regions = [name for name in REGIONS if name in found] + [n for n in found if n not in REGIONS]
    order = [*METRICS, *sorted({metric for metrics in found.values() for metric in metrics})]
    columns = {region: sorted(found[region], key=order.index) for region in regions}
    gains = run["gain_over_bicubic"]
    return {
        "protocol": run["protocol"],
        "data": run["data"],
        "n": run["n"],
        "failed": run.get("failed", []),
        "groups": [(REGIONS.get(region, region), len(names)) for region, names in columns.items()],
        "heads": [METRICS.get(m, m.replace("_", " ")) for names in columns.values() for m in names],
        "rows": [
            (
                model,
                [
                    _cell(metric, values[region][metric], gains.get(model, {}).get(region, {}))
                    for region, metrics in columns.items()
                    for metric in metrics
                ],
            )
            for model, values in run["models"].items()
        ],
    }


def _cell(metric: str, value: dict[str, Any], gains: dict[str, Any]) -> dict[str, str]:
    """Format one value: the mean, its interval, the gain over bicubic, what is in no mean."""
    digits = 2 if METRICS.get(metric, "").endswith("dB") else 4
    gain = gains.get(metric, {}).get("mean")
    uncounted = [f"{value[key]} {key}" for key in ("inf", "nan") if value.get(key)]
    return {
        "mean": "–" if value["mean"] is None else f"{value['mean']:.{digits}f}",
        "ci95": "{0:.{2}f} to {1:.{2}f}".format(*value["ci95"], digits) if value["ci95"] else "",
        "gain": "" if gain is None else f"{gain:+.{digits}f}",
        "uncounted": ", ".join(uncounted),
    }
