"""Execute notebooks/walkthrough.ipynb from top to bottom and keep its results in the file.

    make notebook-run

The run directory is runs/notebook, made anew. Photographs are compressed without loss, plots to 256
colours. The notebook's metadata gets a sha256 of its code cells: `tests/test_notebook.py` fails
when a code cell has changed since.
"""

import base64
import hashlib
import io
import os
import re
import shutil
import time
from pathlib import Path

import nbformat
import numpy as np
from nbclient import NotebookClient
from PIL import Image

NOTEBOOK = Path(__file__).resolve().with_name("walkthrough.ipynb")
ROOT = NOTEBOOK.parents[1]
WORK = "runs/notebook"  # relative to ROOT: it is printed
LARGEST = 3_000_000
"""Bytes of the executed notebook, at most."""
NOISE = re.compile(r"(WARNING: All log messages before absl|[IW]\d{4} ).*\n?")
"""What TensorFlow's libraries write to stderr while they are loaded."""


def main() -> None:
    """Execute, compress, write."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    shutil.rmtree(ROOT / WORK, ignore_errors=True)
    os.environ["SRGAN_WALKTHROUGH"] = WORK
    where = {"metadata": {"path": str(NOTEBOOK.parent)}}
    start = time.perf_counter()
    NotebookClient(
        notebook, timeout=1200, kernel_name="python3", resources=where, record_timing=False
    ).execute()
    seconds = time.perf_counter() - start
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = readable(cell.outputs)
    notebook.metadata["code_sha256"] = code_sha256(notebook)
    notebook.metadata["language_info"] = {"name": "python"}  # not the version of this machine
    text = nbformat.writes(notebook) + "\n"
    size = len(text.encode())
    if size > LARGEST:
        raise SystemExit(f"{NOTEBOOK.name} has {size:,} bytes, more than {LARGEST:,}. Draw less.")
    NOTEBOOK.write_text(text, encoding="utf-8", newline="\n")
    print(f"{NOTEBOOK.name}: {seconds:.0f} s, {size:,} bytes")


def code_sha256(notebook: nbformat.NotebookNode) -> str:
    """Return the sha256 of the code cells, in their order."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()


def readable(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Return the outputs of a cell with lines of one stream joined and pictures compressed."""
    kept: list[nbformat.NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream":
            output.text = NOISE.sub("", output.text) if output.name == "stderr" else output.text
            if not output.text:
                continue
            if kept and kept[-1].get("name") == output.name:
                kept[-1].text += output.text
                continue
        elif "image/png" in output.get("data", {}):
            png = base64.b64decode(output.data["image/png"])
            output.data["image/png"] = base64.b64encode(compressed(png)).decode()
        kept.append(output)
    return kept


def compressed(png: bytes) -> bytes:
    """Return a smaller PNG, over white. A palette serves where it shows, as in plots, the same."""
    with Image.open(io.BytesIO(png)) as image:
        white = Image.new("RGBA", image.size, "white")
        picture = Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    palette = picture.quantize(256)
    change = np.abs(np.asarray(palette.convert("RGB"), int) - np.asarray(picture, int))
    file = io.BytesIO()
    (palette if change.mean() < 0.05 else picture).save(file, "PNG", optimize=True)
    return file.getvalue()


if __name__ == "__main__":
    main()
