"""What a dataset card says below its header, in Markdown."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

from octomed.file_names import VALIDATION
from octomed.names import printable_line
from octomed.report import units
from octomed.report.citation import HOME, citations_of, sources_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from octomed.report.card_values import Card
    from octomed.run_file import RunFile, SourceCounts, StreamEntry

_HERE = "path/of/this/folder"
_RULES = ("curate", "mix", "validation", "target")
_NO_RULES = frozenset({"against", "exclude"})
"""Keys of `curate` that are paths: a card says what was done, and not where a machine had its files."""


def body_of(card: Card) -> str:
    """Return the text of a card.

    Parameters
    ----------
    card
        What it says.
    """
    return "\n".join(
        [
            *_introduction(card.run),
            *_loading(card),
            *_contents(card.run),
            *_left_out(card.run),
            *_curation(card.run),
            *_decontamination(card.decontamination),
            *_personal(card.run),
            *_citing(card.run),
        ]
    )


def _introduction(run: RunFile) -> Iterator[str]:
    counts = run.counts
    packed = units.count(counts.train + counts.validation)
    share = counts.supervised_tokens / counts.tokens if counts.tokens else 0.0
    images = f", and {units.count(counts.images)} images" if counts.rows_with_images else ""
    yield f"# {_cell(run.name)}\n"
    yield (
        f"{packed} training traces{images} of {_several(len(run.sources), 'source')}, packed for "
        f"`{_model(run)}` by [OctoMed]({HOME}): {units.count(counts.packs)} rows of up to "
        f"{units.count(run.capacity)} tokens, which hold whole traces, in "
        f"{_several(len(run.streams), 'stream')} of MDS shards. Of {units.count(counts.tokens)} tokens "
        f"{units.percent(share)} are learned.\n"
    )
    yield (
        "A row is a pack: `input_ids` (its tokens), `lengths` (tokens of each trace), `loss_spans` (which "
        "tokens are learned, half-open), `trace_ids`, and its images. The ids are those of the tokenizer of "
        f"`{_model(run)}` (`{run.tokenizer.content_hash}`); another model needs the run packed again.\n"
    )


def _loading(card: Card) -> Iterator[str]:
    yield "## How to load it\n"
    yield _snippet(
        "The shards, with [streaming](https://docs.mosaicml.com/projects/streaming):", _streaming(card)
    )
    yield _snippet(
        "As the batches of a packed training step, labels, positions and pixels included, with OctoMed:",
        _batches(card),
    )
    yield _snippet(
        "`datasets` cannot read MDS; it reads the tables beside the shards, which say where each packed "
        "trace is from and where it lies:",
        f'from datasets import load_dataset\n\nload_dataset("{card.repository or _HERE}", "provenance")',
    )


def _snippet(words: str, code: str) -> str:
    return f"{words}\n\n```python\n{code}\n```\n"


def _streaming(card: Card) -> str:
    stream = next(iter(card.run.streams), "len-16384")
    remote = f'remote="hf://datasets/{card.repository}/{stream}", local="packs/{stream}"'
    where = remote if card.repository else f'local="{_HERE}/{stream}"'
    return f"from streaming import StreamingDataset\n\ndataset = StreamingDataset({where}, batch_size=1)"


def _batches(card: Card) -> str:
    lines = ["from octomed.stream import Collator, PackedDataset", ""]
    place = f'"{_HERE}"'
    if card.repository:
        lines.insert(0, "from huggingface_hub import snapshot_download")
        place = f'snapshot_download("{card.repository}", repo_type="dataset")'
    lines.append(f"dataset = PackedDataset({place}, batch_size=2)")
    lines.append("collator = Collator(vision=dataset.vision)")
    return "\n".join(lines)


def _contents(run: RunFile) -> Iterator[str]:
    yield "## What is in it\n"
    head = ["stream", "packs", "traces", "tokens", "shards"]
    yield from _table(head, map(_stream, run.streams.items()))
    if VALIDATION in run.streams:
        yield f"`{VALIDATION}` is kept out of training.\n"
    head = ["source", "licence", "responses by", "rows", "traces", "packed", "tokens"]
    said = {str(one.get("name")): one for one in sources_of(run)}
    names = [name for name in run.sources if name in run.counts.sources]
    yield from _table(head, (_source(name, said[name], run.counts.sources[name]) for name in names), words=3)


def _stream(entry: tuple[str, StreamEntry]) -> list[str]:
    name, stream = entry
    numbers = (stream.packs, stream.traces, stream.tokens, stream.shards)
    return [f"`{name}`", *map(units.count, numbers)]


def _source(name: str, said: Mapping[str, Any], counts: SourceCounts) -> list[str]:
    words = [str(said.get(key) or "not said") for key in ("license", "teacher")]
    numbers = (counts.rows, counts.traces, counts.train + counts.validation, counts.tokens)
    return [name, *words, *map(units.count, numbers)]


def _left_out(run: RunFile) -> Iterator[str]:
    counts = run.counts
    rows = [(f"`{reason}`", "row", number) for reason, number in (counts.rows_refused or {}).items()]
    traces = [(f"`{reason}`", "trace", number) for reason, number in counts.rejected.items()]
    lines = sorted((line for line in (*rows, *traces) if line[2]), key=lambda line: -line[2])
    if lines:
        yield "## What was left out\n"
        yield from _table(
            ["reason", "of", "how many"], ([*line[:2], units.count(line[2])] for line in lines), words=2
        )


def _curation(run: RunFile) -> Iterator[str]:
    rules = [*_rules({name: run.recipe[name] for name in _RULES if run.recipe.get(name)})]
    if rules:
        yield "## How traces were chosen\n"
        yield f"The recipe's rules, as [docs/curation.md]({HOME}/blob/main/docs/curation.md) explains them:\n"
        yield from _table(["key", "value"], rules, words=2)


def _rules(values: Mapping[str, Any], way: str = "") -> Iterator[list[str]]:
    """Yield the keys of rules and their values, without those that are null, off, or paths."""
    for name, value in values.items():
        key = f"{way}{name}"
        if name in _NO_RULES or value is None or value in ("off", {}, []):
            continue
        if isinstance(value, dict):
            yield from _rules(value, f"{key}.")
        else:
            yield [f"`{key}`", f"`{_plain(value)}`"]


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(_plain, value)) if isinstance(value, list) else str(value)


def _decontamination(values: Mapping[str, Any]) -> Iterator[str]:
    sets = values.get("sets") or {}
    if not sets:
        return
    yield "## Decontamination\n"
    yield "Questions of these evaluation sets, and training questions that left for them:\n"
    head = ["evaluation set", "questions", "too short to test", "training questions that left"]
    keys = ("questions", "untestable", "left")
    yield from _table(
        head, ([name, *(units.count(int(one.get(key) or 0)) for key in keys)] for name, one in sets.items())
    )


def _personal(run: RunFile) -> Iterator[str]:
    """Say what became of data that tell who somebody is, and whether anybody looked."""
    found = dict.fromkeys(str(one) for one in _identifying(run.recipe))
    yield "## Personal data\n"
    if not found:
        yield "Nobody looked for data that identify a person in this run: see what its sources say.\n"
        return
    left = run.counts.rejected.get("identifying", 0)
    yield (
        f"Data that identify a person were looked for by patterns, which find no name ({', '.join(found)}); "
        f"{units.count(left)} traces were left out for them.\n"
    )


def _identifying(value: object) -> Iterator[object]:
    """Yield the actions that the recipe takes, wherever it says so."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "identifying" and isinstance(inner, dict):
                yield inner.get("action", "reject")
            else:
                yield from _identifying(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _identifying(inner)


def _citing(run: RunFile) -> Iterator[str]:
    yield "## How to cite\n"
    for name, citation in citations_of(run):
        longest = max(map(len, re.findall("`+", citation)), default=0)
        fence = "`" * max(3, longest + 1)
        yield f"{_cell(name)}:\n\n{fence}bibtex\n{citation}\n{fence}\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1) -> Iterator[str]:
    """Yield a table: words to the left, numbers to the right."""
    yield f"| {' | '.join(head)} |"
    yield "|" + "|".join("---" if number < words else "--:" for number in range(len(head))) + "|"
    yield from (f"| {' | '.join(map(_cell, row))} |" for row in rows)
    yield ""


def _cell(text: str) -> str:
    """Return text as a cell of a table, on one line, without marks that would be HTML or end the cell."""
    return html.escape(printable_line(text), quote=False).replace("|", "\\|")


def _model(run: RunFile) -> str:
    return _cell(str(run.recipe.get("model") or run.run.model).rstrip("/").removeprefix("~"))


def _several(number: int, word: str) -> str:
    return f"{units.count(number)} {word}" + ("" if number == 1 else "s")
