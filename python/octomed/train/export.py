"""A trained model as a folder that `from_pretrained` loads."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composer.utils import dist
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

from octomed.train.build import text_configuration

if TYPE_CHECKING:
    import torch

    from octomed.train.model import OctomedModel

_PREFIX = "network.language_model."
_OF_TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "preprocessor_config.json",
    "vocab.json",
    "merges.txt",
)


def export_model(model: OctomedModel, folder: Path, tokenizer: str | None = None) -> None:
    """Write weights and configuration, and the tokenizer's files where they are in a folder.

    All ranks take part, and the first writes. The folder appears whole or not at all.

    Parameters
    ----------
    model
        The trained model, sharded or not.
    folder
        Where to write.
    tokenizer
        Folder of the tokenizer.
    """
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    state: dict[str, Any] = get_model_state_dict(model, options=options)
    if dist.get_global_rank() == 0:
        temporary = folder.with_name(f"{folder.name}.tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        _write(model, _stripped(state), temporary)
        _copy_tokenizer(tokenizer, temporary)
        if folder.exists():
            shutil.rmtree(folder)
        temporary.rename(folder)
    dist.barrier()


def _write(model: OctomedModel, state: dict[str, torch.Tensor], folder: Path) -> None:
    inner = model.language_model
    configurations = (inner.config, text_configuration(inner.config))
    for configuration in configurations:
        configuration.use_cache = True  # generation wants the cache that training must not have
    inner.save_pretrained(folder, state_dict=state)
    for configuration in configurations:
        configuration.use_cache = False


def _stripped(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(_PREFIX): value.clone() for name, value in state.items()}


def _copy_tokenizer(tokenizer: str | None, folder: Path) -> None:
    for name in _OF_TOKENIZER if tokenizer else ():
        source = Path(str(tokenizer)).expanduser() / name
        if source.is_file():
            shutil.copyfile(source, folder / name)
