"""`python -m bench.images.report bench/results/images.json`: the section "Images" of docs/performance.md.

The tables stand between the marks ``<!-- images -->`` and ``<!-- /images -->``; they are written anew from
the results, so that no figure there is typed by hand.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from bench.compare.report import duration, rows_of

BEGIN, END = "<!-- images -->", "<!-- /images -->"
PAPER_IMAGES, PAPER_TRACES = 494_328, 3_687_105
NAMES = {
    "processor": "`Qwen2_5_VLProcessor` in `datasets.map` → best fit → `MDSWriter`",
    "llama_factory": "LLaMA-Factory's preprocessing in `datasets.map` → best fit → `MDSWriter`",
    "ms_swift": "ms-swift's template in `datasets.map` → best fit → `MDSWriter`",
    "assembled header": "assembled: pyarrow → headers by Pillow → gigatoken → seqpacker → `MDSWriter`",
    "assembled decode": "the same, each image decoded by torchvision",
    "octomed header/1": "**octomed**, `verify: header`",
    "octomed header/8": "**octomed**, `verify: header`, `traces_per_image: 8`",
    "octomed decode/1": "**octomed** (defaults)",
    "octomed decode/8": "**octomed**, `traces_per_image: 8`",
    "octomed resized": "**octomed**, `store: resized`",
    "octomed text only": "octomed, the same traces without their images",
    "octomed few": "**octomed** (defaults), on the smaller corpus",
    "octomed folder": "**octomed** (defaults), JSON Lines and a folder of images, smaller corpus",
}
SLOW = ("processor", "llama_factory", "ms_swift")
CHOICES = ("octomed header/1", "octomed header/8", "octomed decode/1", "octomed decode/8", "octomed resized")
Contest = dict[str, dict[str, Any]]


def median(contest: Contest, name: str) -> dict[str, Any]:
    """The medians of a contestant."""
    return dict(contest[name]["median"])


def working(one: dict[str, Any]) -> float:
    """Seconds in which rows became packs: without starting, and without loading modules."""
    stages = one["figures"]["stages"]
    return float(sum(seconds for stage, seconds in stages.items() if stage != "set_up"))


def contest_table(contest: Contest) -> str:
    """Rows to packs."""
    header = ["rows → packs", "traces", "seconds", "of that, work", "traces/s of work", "CPU-s",
              "images in packs", "peak memory"]  # fmt: skip
    rows = []
    for name in [one for one in NAMES if one in contest]:
        one = median(contest, name)
        figures = one["figures"]
        rows.append([
            NAMES[name], f"{figures['traces']:,.0f}", f"{one['wall_seconds']:.2f}", f"{working(one):.2f}",
            f"{figures['traces'] / working(one):,.0f}", f"{one['cpu_seconds']:.1f}",
            f"{figures.get('copied_bytes', 0) / 1e6:,.0f} MB", f"{one['peak_rss_mb'] / 1000:.2f} GB",
        ])  # fmt: skip
    return rows_of(header, rows)


def cpu(one: dict[str, Any]) -> float:
    """CPU seconds of what is timed of a contestant, or of all of its process."""
    return float(one["figures"].get("cpu_seconds", one["cpu_seconds"]))


def verdict(ratio: float, by_cpu: float, bound: float, *, least: bool = False) -> list[str]:
    """A ratio, the same by CPU seconds, its bound, and whether it holds."""
    holds = ratio >= bound if least else ratio <= bound
    asked = f"{'≥' if least else '≤'} {bound:g} ×"
    return [f"{ratio:.2f} ×", f"{by_cpu:.2f} ×", asked, "yes" if holds else "**no**"]


def bounds(contest: Contest) -> list[list[str]]:
    """The floor and the decoder against octomed."""
    rows = []
    decoder, text = median(contest, "decoder"), median(contest, "octomed text only")
    decoding = float(decoder["figures"]["seconds"])
    for group in (1, 8):
        least = median(contest, f"floor/{group}")
        floor = least["figures"]["seconds"] + text["wall_seconds"]
        own, decoded = (median(contest, f"octomed {verify}/{group}") for verify in ("header", "decode"))
        wall, more = own["wall_seconds"], decoded["wall_seconds"] - own["wall_seconds"]
        header = f"`verify: header` against the floor, {group} a pack ({wall:.2f} s to {floor:.2f} s)"
        rows.append([header, *verdict(wall / floor, cpu(own) / (cpu(least) + cpu(text)), 1.3)])
        added = f"what `verify: decode` adds against the decoder alone, {group} a pack"
        by_cpu = (cpu(decoded) - cpu(own)) / cpu(decoder)
        told = f"{added} ({more:.2f} s to {decoding:.2f} s)"
        rows.append([told, *verdict(more / decoding, by_cpu, 1.15)])
    return rows


def faster(whole: Contest, slow: Contest) -> list[list[str]]:
    """How many times as fast as the peers that map rows in Python; ours with starting, theirs without."""
    rows = []
    for choice in ("octomed header/1", "octomed decode/1"):
        own = median(whole, choice)
        for peer in [one for one in SLOW if one in slow]:
            other = median(slow, peer)
            share = own["figures"]["traces"] / other["figures"]["traces"]
            wall = share * working(other) / own["wall_seconds"]
            title = (
                f"traces/s of {NAMES[choice].replace('**', '')}, start included, to those of {peer}'s work"
            )
            rows.append([title, *verdict(wall, share * cpu(other) / cpu(own), 20, least=True)])
    return rows


def bounds_table(found: dict[str, Contest]) -> str:
    """What was asked for, and whether it holds here."""
    rows = []
    for name, title in (("images", "images alone"), ("mixed", "with text rows")):
        rows += [[f"{row[0]}; {title}", *row[1:]] for row in bounds(found[name])]
    rows += faster(found["images"], found["processors"])
    return rows_of(["bound", "measured", "by CPU seconds", "asked", "holds"], rows)


def paper_table(contest: Contest) -> str:
    """The paper's set by arithmetic."""
    header = ["494,328 images, 3,687,105 traces", "time", "images in packs", "of one copy each"]
    rows = []
    for name in CHOICES:
        one = median(contest, name)
        figures, stages = one["figures"], one["figures"]["stages"]
        scale = PAPER_TRACES / figures["traces"]
        mean = figures["image_bytes"] / figures["images"]
        copies = figures["copies"] / figures["images"]
        copied = PAPER_IMAGES * copies * mean if name.endswith("/8") else PAPER_TRACES * mean
        more = copied / (figures["copied_bytes"] * scale)
        seconds = (stages["scan"] + stages["select"] + stages["write"] * max(1.0, more)) * scale
        once = PAPER_IMAGES * mean
        rows.append([NAMES[name], duration(seconds), f"{copied / 1e9:,.0f} GB", f"{once / 1e9:,.0f} GB"])
    return rows_of(header, rows)


def loader_table(result: dict[str, Any]) -> str:
    """Images a second of a loader process."""
    settings = result["settings"]
    header = ["loader", "images/s", "packs/s", "images/s of CPU", "images/s, one worker"]
    rows = []
    for name, by in result["rates"].items():
        here, worker = by["0"], by["1"]
        rows.append([
            name.replace("octomed", "**octomed**"), f"{here['images_a_second']:,.0f}",
            f"{here['images_a_second'] / settings['images']:.1f}", f"{here['images_a_cpu_second']:,.0f}",
            f"{worker['images_a_second']:,.0f}",
        ])  # fmt: skip
    return rows_of(header, rows)


def loader_title(result: dict[str, Any]) -> str:
    """What was loaded, and where."""
    shape = result["settings"]
    told = f"JPEGs of {shape['side']}², {shape['images']} a pack, one thread"
    how = f"medians of {shape['rounds']} runs; `python -m bench.stream_images`"
    return f"Loading, {told}; {where(result)}; {how}."


def where(about: dict[str, Any]) -> str:
    """Machine, date, commit and load."""
    loads = " to ".join(str(about[name]) for name in ("load_before", "load_after") if name in about)
    return (
        f"{about['cpu']}, {about['cores']} cores, {about['memory_gb']} GB; {about['date'][:10]}, "
        f"commit `{about['commit']}`; load {loads}"
    )


def section(result: dict[str, Any], loader: dict[str, Any] | None) -> str:
    """All tables of a result."""
    found, rounds = result["contests"], result["rounds"]
    how = f"medians of {rounds} runs, one of the processors; `python -m bench.images.compare`"
    parts = [f"{where(result['machine'])}; {how}."]
    for name in ("images", "mixed"):
        held = found[name]["corpus"]["held"]
        told = "Images alone" if name == "images" else "54 % of the traces without an image"
        size = f"{held['rows']:,} rows, {held['bytes'] / 1e6:,.0f} MB of images"
        parts += [f"{told}: {size}.", contest_table(found[name])]
    few = found["processors"] | found["folder"]
    parts += ["Peers that map rows in Python, on fewer rows:", contest_table(few)]
    parts += [f"Skipped: {name} ({why})." for name, why in result["skipped"].items()]
    parts += ["What was asked for:", bounds_table(found)]
    parts += ["The paper's images by arithmetic from these rates, were they like the corpus's:"]
    parts += [paper_table(found["images"])]
    if loader:
        parts += [loader_title(loader), loader_table(loader)]
    return "\n\n".join(parts)


def insert(document: Path, text: str) -> None:
    """Puts `text` between the marks of a document."""
    whole = document.read_text(encoding="utf-8")
    before, begun, rest = whole.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not begun or not ended:
        raise SystemExit(f"{document} has no {BEGIN} … {END}")
    document.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.images.report", description=__doc__)
    parser.add_argument("result", type=Path)
    parser.add_argument("--loader", type=Path, help="result of bench.stream_images")
    parser.add_argument("--document", type=Path, help="insert the tables here instead of printing them")
    given = parser.parse_args()
    loader = json.loads(given.loader.read_text(encoding="utf-8")) if given.loader else None
    text = section(json.loads(given.result.read_text(encoding="utf-8")), loader)
    if given.document:
        insert(given.document, text)
    else:
        print(text)


if __name__ == "__main__":
    main()
