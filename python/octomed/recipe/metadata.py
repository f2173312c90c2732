"""Files that tools write next to rows: they are not rows, and a folder or a glob leaves them alone.

A name alone says little (`config.json` may be somebody's rows), so a JSON file is left alone only if it is
one object and, where its name is a common word, holds a key that the tool writes.
"""

from __future__ import annotations

import json
import os
from typing import Any

from octomed.schemes import objects, scheme_of

_LARGEST = 32 * 2**20
"""A larger file is no metadata."""

_BY_NAME = frozenset(
    {
        "README.md", "LICENSE", "LICENSE.md", "LICENSE.txt", "NOTICE", "CITATION.cff", "CITATION.bib",
        "_SUCCESS", "_metadata", "_common_metadata", "merges.txt", "vocab.txt", "tokenizer.model",
        "chat_template.jinja", "SHA256SUMS", "SHA512SUMS", "MD5SUMS",
    }
)  # fmt: skip
_JSON: dict[str, frozenset[str]] = {
    "dataset_infos.json": frozenset(),
    "dataset_info.json": frozenset(),
    "dataset_dict.json": frozenset({"splits"}),
    "state.json": frozenset({"_data_files", "_fingerprint"}),
    "index.json": frozenset({"shards"}),
    "config.json": frozenset({"model_type", "architectures", "transformers_version", "_class_name"}),
    "generation_config.json": frozenset({"transformers_version", "eos_token_id", "_from_model_config"}),
    "tokenizer.json": frozenset({"model", "added_tokens"}),
    "tokenizer_config.json": frozenset({"tokenizer_class", "added_tokens_decoder", "model_max_length"}),
    "special_tokens_map.json": frozenset({"eos_token", "bos_token", "pad_token", "unk_token"}),
    "added_tokens.json": frozenset(),
    "preprocessor_config.json": frozenset(
        {"processor_class", "image_processor_type", "feature_extractor_type"}
    ),
    "adapter_config.json": frozenset({"peft_type"}),
    "model.safetensors.index.json": frozenset({"weight_map"}),
    "pytorch_model.bin.index.json": frozenset({"weight_map"}),
    "trainer_state.json": frozenset({"log_history"}),
    "dataset-metadata.json": frozenset(),
    "croissant.json": frozenset({"@context"}),
    "metadata.json": frozenset(
        {"@context", "version", "license", "licenses", "name", "description", "splits"}
    ),
    "octomed.json": frozenset({"counts"}),
}


def is_metadata(path: str) -> bool:
    """Tell whether a known tool wrote this file to say something of the rows next to it.

    Parameters
    ----------
    path : str
        The file; it is read only if its name is one that such tools use.
    """
    name = os.path.basename(path)
    if name in _BY_NAME or (name.startswith("cache-") and name.endswith(".arrow")):
        return True
    marks = _JSON.get(name)
    if marks is None:
        return False
    found = _object(path)
    return found is not None and (not marks or bool(marks & found.keys()))


def _object(path: str) -> dict[str, Any] | None:
    try:
        if scheme_of(path) is not None:
            data = objects().beginning(path, _LARGEST + 1)
            value = json.loads(data) if len(data) <= _LARGEST else None
        elif os.path.getsize(path) > _LARGEST:
            return None
        else:
            with open(path, "rb") as file:
                value = json.load(file)
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
