"""`python -m bench.compare.report results.json`: the table and the plot of docs/performance.md.

The table stands in the document between the marks ``<!-- bench -->`` and ``<!-- /bench -->``; it is written
anew from the results, so that no figure there is typed by hand.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- bench -->", "<!-- /bench -->"
NAMES = {
    "hf_path": "HF path: `datasets.map` → TRL `bfd` → `MDSWriter`",
    "assembled": "assembled parts: pyarrow → gigatoken → seqpacker → `MDSWriter`",
    "octomed": "**octomed**",
    "tokenizers": "tokenizers `encode_batch_fast`",
    "mdswriter": "`MDSWriter`",
    "codec": "plain zstd-1, nothing written",
    "trl": "TRL `bfd`, groups of 1,000 rows",
    "seqpacker": "seqpacker `obfd`",
}
Contest = dict[str, dict[str, Any]]


def rows_of(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    ruler = ["---"] + ["---:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [header, ruler, *rows])


def name(contestant: str) -> str:
    """How a contestant is called in the document."""
    return NAMES.get(contestant, contestant)


def rate(entry: dict[str, Any]) -> float:
    """Traces a second of a whole path, process start included."""
    median = entry["median"]
    return float(median["figures"]["traces"]) / float(median["wall_seconds"])


def path_table(contest: Contest) -> str:
    """Rows to packs."""
    header = ["rows → packs", "traces", "seconds", "traces/s", "fill", "peak memory", "8,095,571 traces in"]
    rows = []
    for contestant, entry in contest.items():
        median, figures = entry["median"], entry["median"]["figures"]
        fill = figures["fill"]
        rows.append(
            [
                name(contestant),
                f"{figures['traces']:,.0f}",
                f"{median['wall_seconds']:.1f}",
                f"{rate(entry):,.0f}",
                f"{100 * fill:.2f} %",
                f"{median['peak_rss_mb'] / 1000:.2f} GB",
                duration(8_095_571 / rate(entry)),
            ]
        )
    return rows_of(header, rows) + ratios(contest)


def ratios(contest: Contest) -> str:
    """How many times faster octomed is than each peer."""
    if "octomed" not in contest:
        return ""
    own = rate(contest["octomed"])
    told = [
        f"{own / rate(entry):.1f} × {name(peer).split(':')[0]}"
        for peer, entry in contest.items()
        if peer != "octomed"
    ]
    return "\n\nOctomed: " + ", ".join(told) + "."


def duration(seconds: float) -> str:
    """Seconds, minutes or hours."""
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3600:.1f} h"


def tokenize_table(language: str, contest: Contest) -> str:
    """Text to ids."""
    header = [f"text → ids, {language}", "text", "set-up", "first pass", "second pass", "ids"]
    word, reference = ("equal", "tokenizers") if "tokenizers" in contest else ("alike", next(iter(contest)))
    expected = contest[reference]["runs"][0]["figures"]["digest"]
    rows = []
    for contestant, entry in contest.items():
        figures = entry["median"]["figures"]
        same = all(run["figures"]["digest"] == expected for run in entry["runs"])
        rows.append(
            [
                name(contestant),
                f"{figures['megabytes']:,.0f} MB",
                f"{figures['set_up_seconds']:.2f} s",
                f"{figures['first_pass_mb_s']:,.1f} MB/s",
                f"{figures['second_pass_mb_s']:,.1f} MB/s",
                word if same else "differ",
            ]
        )
    return rows_of(header, rows)


def pack_table(contest: Contest) -> str:
    """Lengths to packs."""
    header = ["lengths → packs", "lengths", "seconds", "packs", "lower bound", "fill"]
    rows = [
        [
            name(contestant),
            f"{figures['lengths']:,.0f}",
            f"{figures['seconds']:.2f}",
            f"{figures['packs']:,.0f}",
            f"{figures['lower_bound']:,.0f}",
            f"{100 * figures['fill']:.2f} %",
        ]
        for contestant, figures in ((one, entry["median"]["figures"]) for one, entry in contest.items())
    ]
    return rows_of(header, rows)


def write_table(kind: str, contest: Contest) -> str:
    """Packs to shards."""
    target = "raw, into memory" if kind == "write-raw" else "zstd:1, onto the disk"
    header = [f"packs → shards, {target}", "data", "MB/s"]
    rows = [
        [
            name(contestant),
            f"{entry['median']['figures']['megabytes']:,.0f} MB",
            f"{entry['median']['figures']['mb_s']:,.0f}",
        ]
        for contestant, entry in contest.items()
    ]
    return rows_of(header, rows)


def table(result: dict[str, Any]) -> str:
    """All tables of a result, and where they were measured."""
    about, found = result["machine"], result["contests"]
    where = f"{about['cpu']}, {about['cores']} cores, {about['memory_gb']} GB"
    when = f"{about['date'][:10]}, commit `{about['commit']}`"
    how = f"`python -m bench.compare --size {result['size']} --rounds {result['rounds']}`"
    parts = [f"{where}; {when}; medians of {result['rounds']} runs; {how}."]
    for kind, contest in found.items():
        if kind == "path":
            parts.append(path_table(contest))
        elif kind.startswith("tokenize-"):
            parts.append(tokenize_table(kind.removeprefix("tokenize-"), contest))
        elif kind == "pack":
            parts.append(pack_table(contest))
        else:
            parts.append(write_table(kind, contest))
    return "\n\n".join(parts)


def insert(document: Path, text: str) -> None:
    """Puts `text` between the marks of a document."""
    whole = document.read_text(encoding="utf-8")
    before, begun, rest = whole.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not begun or not ended:
        raise SystemExit(f"{document} has no {BEGIN} … {END}")
    document.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def bars(axis: Any, title: str, values: dict[str, float], unit: str) -> None:
    """Horizontal bars on a logarithmic axis, octomed's in another colour."""
    names = list(values)
    colours = ["#c0392b" if one == "octomed" else "#7f8c8d" for one in names]
    axis.barh(names, list(values.values()), color=colours)
    axis.set_xscale("log")
    axis.set_title(title, loc="left", fontsize=10)
    axis.set_xlabel(unit, fontsize=8)
    axis.invert_yaxis()
    for row, value in enumerate(values.values()):
        axis.annotate(f" {value:,.0f}", (value, row), va="center", fontsize=8)
    axis.margins(x=0.2)
    axis.spines[["top", "right"]].set_visible(False)


def plot(result: dict[str, Any], path: Path) -> None:
    """Whole path and tokenizing, side by side, as SVG."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "octomed"
    from matplotlib import pyplot

    found = result["contests"]
    panels = []
    if "path" in found:
        panels.append(
            ("rows to packs", {one: rate(entry) for one, entry in found["path"].items()}, "traces/s")
        )
    for kind, contest in found.items():
        if kind.startswith("tokenize-"):
            values = {one: entry["median"]["figures"]["first_pass_mb_s"] for one, entry in contest.items()}
            panels.append((f"text to ids, {kind.removeprefix('tokenize-')}, first pass", values, "MB/s"))
    figure, axes = pyplot.subplots(1, len(panels), figsize=(4 * len(panels), 2.2), squeeze=False)
    for axis, panel in zip(axes[0], panels, strict=True):
        bars(axis, *panel)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare.report", description=__doc__)
    parser.add_argument("results", type=Path, nargs="+", metavar="RESULT")
    parser.add_argument("--document", type=Path, help="insert the table here instead of printing it")
    parser.add_argument("--plot", type=Path, help="SVG to write")
    given = parser.parse_args()
    results = [json.loads(path.read_text(encoding="utf-8")) for path in given.results]
    text = "\n\n".join(map(table, results))
    if given.document:
        insert(given.document, text)
    else:
        print(text)
    if given.plot:
        contests = {name: contest for result in results for name, contest in result["contests"].items()}
        plot({"contests": contests}, given.plot)


if __name__ == "__main__":
    main()
