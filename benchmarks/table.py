"""All benchmarks, in sequence, and one table of their figures with the processor.

    python benchmarks/table.py [NAME ...] [--kept runs/bench] [--page docs/benchmarks.md]

NAME is a script of `table.yaml`; without NAME all of them run. Each runs in a process of its own.
`--kept` is the folder of finished results: after an interruption, the same command runs only the
missing ones. When all are done, the command prints the table, writes it to `--page` and removes the
results. With NAME it writes no page.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from srgan_keras.files import atomic_write
from srgan_keras.machine import machine
from srgan_keras.tables import markdown_table

FOLDER = Path(__file__).parent
Run = dict[str, Any]
"""An entry of table.yaml."""


def main() -> None:
    """Run what is missing, then print and write the table."""
    runs = yaml.safe_load((FOLDER / "table.yaml").read_text(encoding="utf-8"))
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="scripts, default: all")
    parser.add_argument("--kept", type=Path, default=Path("runs/bench"), help="finished results")
    parser.add_argument("--page", type=Path, default=FOLDER.parent / "docs/benchmarks.md")
    options = parser.parse_args()
    unknown = set(options.names) - {run["script"] for run in runs}
    if unknown:
        parser.error(f"table.yaml has no {', '.join(sorted(unknown))}")
    options.kept.mkdir(parents=True, exist_ok=True)
    chosen = [run for run in runs if not options.names or run["script"] in options.names]
    records = [record_of(run, options.kept) for run in chosen]
    if failed := [title(run) for run, record in zip(chosen, records, strict=True) if not record]:
        sys.exit(f"failed: {', '.join(failed)}. The same command runs them again.")
    table = table_of(chosen, records)
    print(table)
    if not options.names:
        page = options.page.read_text(encoding="utf-8")
        options.page.write_text(filled(page, table), encoding="utf-8")
        print(f"written to {options.page}")
    for run in chosen:  # the next command measures again
        file_of(run, options.kept).unlink()


def title(run: Run) -> str:
    """Return the script's name, and the arguments that table.yaml gives it."""
    return f"{run['script']} {run.get('arguments', '')}".strip()


def file_of(run: Run, kept: Path) -> Path:
    """Return the file of a run's result."""
    return kept / f"{title(run).replace(':', ' ')}.json"


def record_of(run: Run, kept: Path) -> dict[str, Any] | None:
    """Return the result of a run here, a kept one or a new one; None if the script failed."""
    file, here = file_of(run, kept), machine()
    if file.exists():
        record = json.loads(file.read_text(encoding="utf-8"))
        if record["machine"] == here:
            return record
    print(f"== {title(run)}", file=sys.stderr, flush=True)
    load, started = os.getloadavg()[0], time.monotonic()
    command = [sys.executable, str(FOLDER / f"{run['script']}.py"), "--json"]
    command += run.get("arguments", "").split()
    process = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if process.returncode:
        print(f"{title(run)} failed with status {process.returncode}", file=sys.stderr)
        return None
    record = {
        "machine": here,
        "load": round(load, 1),
        "seconds": round(time.monotonic() - started),
        "result": json.loads(process.stdout.splitlines()[-1]),
    }
    with atomic_write(file) as partial:
        partial.write_text(json.dumps(record), encoding="utf-8")
    return record


def table_of(runs: list[Run], records: list[dict[str, Any]]) -> str:
    """Return a sentence about the machine, and the figures as a Markdown table.

    A figure that a script did not measure, such as one in bfloat16 on a processor without units for
    it, has no row.
    """
    rows = []
    for run, record in zip(runs, records, strict=True):
        for path, text, expected in run["figures"]:
            value = value_at(record["result"], path)
            if value is not None:
                rows.append([f"`{title(run)}`", text, shown(value), expected])
    here = records[0]["machine"]
    units = "with" if here["bfloat16_units"] else "without"
    return (
        f"Processor: {here['processor']}, {here['cores']} cores, {units} bfloat16 units. "
        f"Duration: {round(sum(record['seconds'] for record in records) / 60)} minutes. "
        f"Highest load before a benchmark: {max(record['load'] for record in records)}.\n\n"
        + markdown_table(["benchmark", "figure", "here", "expect"], rows, align=True)
    )


def value_at(result: dict[str, Any], path: str) -> Any:  # noqa: ANN401
    """Return the value at a path such as `ratio/float32/fundus-x4`, or None where it is absent."""
    value: Any = result
    for key in path.split("/"):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def shown(value: bool | float) -> str:
    """Format a value."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}"


def filled(page: str, table: str) -> str:
    """Return the page with the table between its two comments."""
    pattern = r"(<!-- benchmarks -->\n).*?(<!-- end -->)"
    return re.sub(pattern, lambda marks: f"{marks[1]}\n{table}\n{marks[2]}", page, flags=re.S)


if __name__ == "__main__":
    main()
