"""Execute notebooks/walkthrough.ipynb from top to bottom and keep its results in the file.

    make notebook-run

The run directory is runs/notebook, made anew. Pictures are compressed without loss. The notebook's
metadata gets a sha256 of its code cells: `tests/test_notebook.py` fails when a code cell has
changed since.
"""

import base64
import hashlib
import io
import os
import shutil
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

NOTEBOOK = Path(__file__).resolve().with_name("walkthrough.ipynb")
ROOT = NOTEBOOK.parents[1]
WORK = "runs/notebook"  # relative to ROOT: it is printed
LARGEST = 3_000_000
"""Bytes of the executed notebook, at most."""


def main() -> None:
    """Execute, compress, write."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    shutil.rmtree(ROOT / WORK, ignore_errors=True)
    os.environ["SRGAN_WALKTHROUGH"] = WORK
    where = {"metadata": {"path": str(NOTEBOOK.parent)}}
    start = time.perf_counter()
    client = NotebookClient(
        notebook, timeout=1200, kernel_name="python3", resources=where, record_timing=False
    )
    client.execute()
    seconds = time.perf_counter() - start
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            compress(output)
    notebook.metadata["code_sha256"] = code_sha256(notebook)
    notebook.metadata["language_info"] = {"name": "python"}  # not the version of this machine
    text = nbformat.writes(notebook) + "\n"
    if len(text.encode()) > LARGEST:
        raise SystemExit(f"{len(text.encode()):,} bytes: more than {LARGEST:,}. Draw less.")
    NOTEBOOK.write_text(text, encoding="utf-8", newline="\n")
    print(f"{NOTEBOOK.name}: {seconds:.0f} s, {len(text.encode()):,} bytes")


def code_sha256(notebook: nbformat.NotebookNode) -> str:
    """Return the sha256 of the code cells, in their order."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()


def compress(output: nbformat.NotebookNode) -> None:
    """Write the PNG of an output as small as it gets without loss."""
    data = output.get("data", {})
    if "image/png" not in data:
        return
    with Image.open(io.BytesIO(base64.b64decode(data["image/png"]))) as image:
        picture = opaque(image)
        palette = picture.quantize(256, dither=Image.Dither.NONE)
        same = palette.convert("RGB").tobytes() == picture.tobytes()
        file = io.BytesIO()
        (palette if same else picture).save(file, "PNG", optimize=True)
    data["image/png"] = base64.b64encode(file.getvalue()).decode()


def opaque(image: Image.Image) -> Image.Image:
    """Return it without an alpha channel: transparent over white, as a page shows it."""
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")


if __name__ == "__main__":
    main()
