"""The dataset card of a run: `README.md`, with the header that the Hugging Face hub reads."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from octomed.report.card_mark import marked
from octomed.report.card_text import body_of
from octomed.report.citation import sources_of
from octomed.report.licenses import license_fields

if TYPE_CHECKING:
    from octomed.report.card_values import Card

_TAGS = ("octomed", "mds", "mosaicml-streaming", "sequence-packing", "reasoning")
_SIZES = {
    10**3: "n<1K",
    10**4: "1K<n<10K",
    10**5: "10K<n<100K",
    10**6: "100K<n<1M",
    10**7: "1M<n<10M",
    10**8: "10M<n<100M",
    10**9: "100M<n<1B",
}
_LARGEST = "1B<n<10B"


def card_of(card: Card) -> str:
    """Return a dataset card: a header in YAML, and what a reader has to know, in Markdown.

    It says nothing of machine and time: equal runs have equal cards.

    Parameters
    ----------
    card
        What it says.
    """
    written = io.StringIO()
    writer = YAML(typ="safe")
    writer.default_flow_style = False
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # the order that is read best
    writer.dump(header_of(card), written)
    text = f"---\n{written.getvalue()}---\n\n{body_of(card)}"
    return marked(text)


def header_of(card: Card) -> dict[str, Any]:
    """Return the header of a card as plain values.

    Parameters
    ----------
    card
        What the card says.
    """
    run = card.run
    traces = run.counts.train + run.counts.validation
    tasks = ["image-text-to-text"] if run.vision is not None else ["text-generation"]
    return {
        "pretty_name": run.name,
        **license_fields(_text(one.get("license")) for one in sources_of(run)),
        "task_categories": tasks,
        "size_categories": [size_category(traces)],
        "tags": list(_TAGS),
        "configs": _configs(card),
    }


def size_category(number: int) -> str:
    """Return what the Hub calls the size of a dataset.

    Examples
    --------
    >>> size_category(999), size_category(8_095_571)
    ('n<1K', '1M<n<10M')
    """
    return next((name for most, name in _SIZES.items() if number < most), _LARGEST)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _configs(card: Card) -> list[dict[str, Any]]:
    """Return what `datasets` can load of a run: its tables, each of one schema; shards it cannot read."""
    streams = [
        {"split": name.replace("-", "_"), "path": f"provenance/{name}-*.parquet"} for name in card.run.streams
    ]
    configs: list[dict[str, Any]] = [{"config_name": "provenance", "data_files": streams, "default": True}]
    if any(name.startswith("rejects/") for name in card.tables):
        configs.append({"config_name": "rejects", "data_files": "rejects/*.parquet"})
    for name in sorted(card.tables):
        folder, _, file = name.partition("/")
        if folder == "reports" and file.endswith(".parquet"):
            configs.append({"config_name": file.removesuffix(".parquet"), "data_files": name})
    return configs
