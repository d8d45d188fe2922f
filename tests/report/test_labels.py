from pathlib import Path

import pytest
from matplotlib.figure import Figure

from srgan_keras.report.labels import label

NAMES = [
    *("plain", "IMG_$1_$x", "$", "$$", r"\$a$", "a$b", "_under", "眼底", "😀", "caf\udce9"),
    *("new\nline", "\x01\x1b[31m", "\u2028", "x" * 240, "眼" * 80, ""),
]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
def test_any_name_is_drawn_without_a_warning(name: str, tmp_path: Path):
    figure = Figure((6, 3), layout="constrained")
    axes = figure.subplots(1, 2)
    for part in axes:
        part.plot([0, 1], label=label(name or "empty"))
        part.set(title=label(name), ylabel=label(name))
        part.legend()
    figure.savefig(tmp_path / "figure.png")
    assert len(axes[0].get_legend().get_texts()) == 1


def test_what_a_font_has_is_shown_as_it_is():
    assert label("IMG (1)-é_ä.b%") == "IMG (1)-é_ä.b%"
    assert label("$1_$x") == r"\$1_\$x"
    assert label("a" * 50) == "a" * 39 + "…"
