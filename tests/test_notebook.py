"""The walkthrough: its results belong to its code, and it runs on a tiny budget."""

import re
import runpy
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "walkthrough.ipynb"
EXECUTE = "run `make notebook-run`: the committed results are not of this code"
PARAMETERS = {
    "DATA": "phantom:6",
    "BUDGET": {"stage1_steps": 4, "stage2_steps": 2, "batch_size": 2},
    "VGG_WEIGHTS": "random",
}
PICTURES = (  # the cells that must show one
    *(
        "pretrained",
        "photographs",
        "phantom",
        "normalisation",
        "augmentation",
        "degradation",
        "batch",
    ),
    *("generator", "discriminator", "sizes", "adversarial", "content"),
    *("curves", "comparison", "bright", "savedmodel-bytes"),
)
ABSOLUTE = re.compile(r"""(?:^|[\s"'(=])(?:/[A-Za-z]\w*/|~/|[A-Za-z]:\\)""", re.MULTILINE)


@pytest.fixture
def notebook() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def texts(output: nbformat.NotebookNode) -> str:
    data = output.get("data", {})
    return output.get("text", "") + "".join(
        data.get(f"text/{kind}", "") for kind in ("plain", "markdown")
    )


def pictures(cell: nbformat.NotebookNode) -> list[str]:
    kinds = [kind for output in cell.get("outputs", []) for kind in output.get("data", {})]
    return [kind for kind in kinds if kind.startswith("image/")]


def test_its_cells_have_names(notebook):
    nbformat.validate(notebook)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z][a-z0-9]+(-[a-z]+)*", name) for name in ids), "ids are names"


def test_its_results_are_those_of_its_code(notebook):
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), EXECUTE
    code_sha256 = runpy.run_path(str(NOTEBOOK.with_name("execute.py")))["code_sha256"]
    assert notebook.metadata["code_sha256"] == code_sha256(notebook), EXECUTE
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output.text for output in outputs if output.get("name") == "stderr"], "a warning"


def test_it_can_be_read_on_a_code_host(notebook):
    assert NOTEBOOK.stat().st_size < 3_000_000
    cells = {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}
    assert not [name for name in PICTURES if not pictures(cells[name])], EXECUTE
    assert {kind for cell in cells.values() for kind in pictures(cell)} == {"image/png"}


def test_it_holds_no_absolute_path(notebook):
    for cell in notebook.cells:
        for text in (cell.source, *map(texts, cell.get("outputs", []))):
            assert not ABSOLUTE.search(text), cell.id


def test_it_has_every_equation_of_the_paper_once(notebook):
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert sorted(map(int, re.findall(r"\\tag\{(\d+)\}", prose))) == list(range(1, 13))


def test_its_first_code_cell_takes_data_and_budget(notebook):
    values = {}
    exec(next(cell.source for cell in notebook.cells if cell.cell_type == "code"), values)
    assert values.keys() >= PARAMETERS.keys()


@pytest.mark.slow
def test_it_runs_from_top_to_bottom(notebook, tmp_path, monkeypatch):
    monkeypatch.setenv("SRGAN_WALKTHROUGH", str(tmp_path / "work"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    parameters = next(cell for cell in notebook.cells if cell.cell_type == "code")
    parameters.source = "\n".join(f"{name} = {value!r}" for name, value in PARAMETERS.items())

    where = {"metadata": {"path": str(NOTEBOOK.parent)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where).execute()

    cells = {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}
    assert not [name for name in PICTURES if not pictures(cells[name])]
    said = {name: "\n".join(map(texts, cell.outputs)) for name, cell in cells.items()}
    assert said["training"].count("\n") < 40, "progress, not a line a step"
    for row in ("bicubic", "stage1", "stage2"):
        assert re.search(rf"^\| {row} ", said["tables"], re.MULTILINE)
    assert re.search(r"^bicubic \d", said["segmentation"], re.MULTILINE)
    assert re.search(r"\d+ x \d+ -> \d+ x \d+ px", said["savedmodel"])
    for stage in ("stage1", "stage2"):
        assert len(list((tmp_path / "work").glob(f"*/models/{stage}/model.json"))) == 1
