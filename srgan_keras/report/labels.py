"""Names of photographs, models and datasets as text in a plot."""

from functools import cache

from matplotlib.font_manager import FontProperties, findfont, get_font

_LONGEST = 40  # characters; a longer label leaves a plot no room


def label(name: str) -> str:
    """Return a name as Matplotlib draws it: no formula between `$`, no character without a glyph.

    A long name ends in "…". A legend hides labels that begin with "_", so a space comes before it.
    """
    short = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
    glyphs = _glyphs(findfont(FontProperties()))
    drawn = "".join(c if c.isprintable() and ord(c) in glyphs else "?" for c in short)
    return (" " if drawn.startswith("_") else "") + drawn.replace("$", r"\$")


@cache
def _glyphs(font: str) -> frozenset[int]:
    return frozenset(get_font(font).get_charmap())
