"""Tables and verdicts from claims.csv, as Markdown.

A figure is the mean over seeds, with its 95 % t interval over seeds. Arms are compared seed by
seed: runs of one seed see the same crops.
"""

import math
import re
import statistics
from pathlib import Path
from typing import Any

import scipy.stats

ENOUGH = 3
"""Seeds of each arm that a verdict needs."""
HOLDS, FAILS, OPEN = "holds here", "does not hold here", "inconclusive"
CAMERAS = ("idrid", "aptos", "drive")
SEEN, UNSEEN = CAMERAS[:1], CAMERAS[1:]
"""Cameras that are in the training photographs, and cameras that are not."""
NAMES = {
    "gain": "gain on `inner`, dB",
    "seen": "gain, IDRiD (seen), dB",
    "unseen": "gain, APTOS-2019 and DRIVE (unseen), dB",
    "gap": "seen less unseen, dB",
    "band_energy": "`band_energy`",
    "grid_energy": "`grid_energy`",
    "vgg_distance": "`vgg_distance` x 1000",
    "d_hr": "D on HR",
    "d_sr": "D on SR",
    "adversarial_share": "share of the adversarial gradient",
    "collapsed": "collapsed runs",
}
DIGITS = {"grid_energy": 0, "seen": 2, "unseen": 2, "gain": 2}
Rows = list[dict[str, str]]


def value(row: dict[str, str], measure: str) -> float:
    """Return a measure of a run: a column, or a mean over cameras; NaN where there is none."""
    if measure == "gap":
        return value(row, "seen") - value(row, "unseen")
    cameras = {"seen": SEEN, "unseen": UNSEEN}.get(measure, CAMERAS)
    column = "gain" if measure in ("seen", "unseen") else measure
    texts = [row[column]] if column in row else [row[f"{column}_{name}"] for name in cameras]
    return statistics.fmean(float(text) if text else math.nan for text in texts)


def interval(values: list[float]) -> tuple[float, float, float]:
    """Return the mean and its 95 % t interval over seeds; infinite for fewer than two."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return mean, -math.inf, math.inf
    half = scipy.stats.t.ppf(0.975, len(values) - 1) * scipy.stats.sem(values)
    return mean, mean - float(half), mean + float(half)


def advantages(claim: dict[str, Any], rows: Rows) -> dict[str, list[float]]:
    """Return, for each arm that the paper's is compared with, its advantage by seed.

    It is in the direction of `better`: above zero, the paper's choice is ahead.
    """
    sign = 1 if claim["better"] == "higher" else -1
    found = _by_arm(rows, claim["measure"])
    paper = found.get(claim["paper"], {})
    return {
        arm: [sign * (paper[s] - v) for s, v in found.get(arm, {}).items() if s in paper]
        for arm in claim["against"]
    }


def verdict(claim: dict[str, Any], rows: Rows) -> str:
    """Return whether a claim holds here.

    It holds if the paper's choice is ahead of each other arm with an interval above zero. It does
    not hold if over one of them its advantage is less than `margin`, with the interval. Otherwise,
    and with fewer than three seeds, the result is inconclusive.
    """
    found = [v for v in advantages(claim, rows).values()]
    if any(len(values) < ENOUGH for values in found):
        return OPEN
    intervals = [interval(values) for values in found]
    if all(low > 0 for _, low, _ in intervals):
        return HOLDS
    return FAILS if any(high < claim["margin"] for _, _, high in intervals) else OPEN


def table(claim: dict[str, Any], rows: Rows) -> str:
    """Return the table of a claim: an arm a row."""
    ahead = advantages(claim, rows)
    unit = NAMES[claim["measure"]]
    head = ["arm", "seeds", *(NAMES[c] for c in claim["columns"]), f"the paper's is ahead: {unit}"]
    lines = [head, ["---", "---:", *["---"] * (len(head) - 2)]]
    for arm, about in claim["arms"].items():
        own = [row for row in rows if row["arm"] == arm]
        cells = [_cell(own, column) for column in claim["columns"]]
        last = "" if arm not in ahead else _shown(ahead[arm], claim["measure"], "+")
        lines.append([about["what"], str(len(own)), *cells, last])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def summary(plan: dict[str, Any], rows: Rows) -> str:
    """Return one table of all claims with their verdicts."""
    lines = [
        "| claim | command | budget of a run | seeds | the paper's choice is ahead | verdict |",
        "|---|---|---|---:|---|---|",
    ]
    for name, claim in plan.items():
        if name == "common":
            continue
        own = [row for row in rows if row["claim"] == name]
        budget = own[0]["budget"] if own else "none"
        against = claim["arms"]
        ahead = "; ".join(
            f"over {against[arm].get('short', against[arm]['what'])}: "
            f"{_shown(values, claim['measure'], '+')}"
            for arm, values in advantages(claim, own).items()
        )
        seeds = min((len(v) for v in advantages(claim, own).values()), default=0)
        said = verdict(claim, own)
        what = f"{claim['claim']} ({NAMES[claim['measure']]}, {claim['better']} is better)"
        command = f"`claims.py {name}`"
        lines.append(f"| {what} | {command} | {budget} | {seeds} | {ahead} | **{said}** |")
    return "\n".join(lines)


def blocks(plan: dict[str, Any], rows: Rows) -> dict[str, str]:
    """Return the text of every block of a page: the summary, and a table for each claim."""
    found = {"summary": summary(plan, rows)}
    for name in plan:
        if name != "common":
            found[name] = table(plan[name], [row for row in rows if row["claim"] == name])
    return found


def filled(page: str, texts: dict[str, str]) -> str:
    """Return a page with the text of each block between its two comments."""

    def fill(match: re.Match) -> str:
        return f"{match[1]}\n\n{texts[match[2]]}\n\n{match[3]}"

    pattern = r"(<!-- claims: ([\w-]+) -->).*?(<!-- end -->)"
    return re.sub(pattern, fill, page, flags=re.DOTALL)


def write(pages: list[Path], texts: dict[str, str]) -> None:
    """Fill the blocks of pages."""
    for page in pages:
        page.write_text(filled(page.read_text(encoding="utf-8"), texts), encoding="utf-8")


def _by_arm(rows: Rows, measure: str) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        number = value(row, measure)
        if math.isfinite(number):
            found.setdefault(row["arm"], {})[row["seed"]] = number
    return found


def _cell(rows: Rows, measure: str) -> str:
    numbers = [value(row, measure) for row in rows]
    if measure == "collapsed":
        return f"{sum(numbers):.0f} of {len(numbers)}"
    return _shown([number for number in numbers if math.isfinite(number)], measure)


def _shown(values: list[float], measure: str, sign: str = "") -> str:
    if not values:
        return "none"
    mean, low, high = interval(values)
    form = f"{sign}.{DIGITS.get(measure, 3)}f"
    if not math.isfinite(low):
        return f"{mean:{form}}"
    return f"{mean:{form}} [{low:{form}}, {high:{form}}]"
