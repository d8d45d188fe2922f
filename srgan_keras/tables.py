"""Tables in Markdown."""

from collections.abc import Iterable, Sequence


def markdown_table(
    header: Sequence[object], rows: Iterable[Sequence[object]], align: bool = False
) -> str:
    """Return a table, a line for each row.

    Args:
        header: the cells of the first line.
        rows: cells in the order of `header`. A bar in a cell is escaped, a line break is a space.
        align: pad the cells, so that the columns line up in a terminal.
    """
    lines = [[_cell(cell) for cell in line] for line in (header, *rows)]
    widths = [max(map(len, cells)) if align else 3 for cells in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    if align:
        lines = [[c.ljust(w) for c, w in zip(line, widths, strict=True)] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(value: object) -> str:
    return " ".join(str(value).splitlines()).replace("|", r"\|")
