"""What another trainer reads before the rows: a file that names them, in its own words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from octomed.plain_names import clean_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from octomed.export.formats import Layout

_TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "observation_tag": "observation",
}


def settings_of(name: str, layout: Layout, files: Sequence[str]) -> dict[str, str]:
    """Return the files of settings beside the rows: their names and texts.

    Parameters
    ----------
    name
        Of the export.
    layout
        The format.
    files
        Names of the files of rows, without their ending.
    """
    make = _MAKERS.get(layout.format)
    return make(clean_name(name), layout, files) if make else {}


def _llama_factory(name: str, layout: Layout, files: Sequence[str]) -> dict[str, str]:
    columns = {"messages": "conversations", "system": "system"}
    columns |= {"images": "images"} if layout.has_images else {}

    def entry(file: str) -> dict[str, Any]:
        where = f"{file}.{layout.file_type}"
        return {"file_name": where, "formatting": "sharegpt", "columns": columns, "tags": _TAGS}

    entries = {name if file == "train" else f"{name}_{file}": entry(file) for file in files}
    return {"dataset_info.json": json.dumps(entries, indent=2, ensure_ascii=False) + "\n"}


def _axolotl(_: str, layout: Layout, files: Sequence[str]) -> dict[str, str]:
    lines = ["# Put this into the configuration; paths start where axolotl is run.\n"]
    blocks = {"train": "datasets", "validation": "test_datasets"}
    for file in files:
        lines += [
            f"{blocks[file]}:\n",
            f"  - path: {file}.{layout.file_type}\n",
            f"    ds_type: {'json' if layout.file_type == 'jsonl' else 'parquet'}\n",
            "    type: chat_template\n",
            "    field_messages: messages\n",
            "    message_field_training: train\n",
            *(["    split: train\n"] if file == "validation" else []),
        ]
    return {"axolotl.yml": "".join(lines)}


_MAKERS: dict[str, Callable[[str, Layout, Sequence[str]], dict[str, str]]] = {
    "llama-factory": _llama_factory,
    "axolotl": _axolotl,
}
