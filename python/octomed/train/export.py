"""A trained model as a folder that `from_pretrained` loads."""

from __future__ import annotations

import re
import shutil
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from composer.distributed.prepare_distributed import get_full_state_dict
from composer.utils import dist
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

from octomed.storage import sync_file, sync_folder, temporary_name
from octomed.train.adapter_state import merged, write_adapter
from octomed.train.build import text_configuration
from octomed.train.export_files import write_files

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from octomed.run_file import RunFile
    from octomed.train.model import OctomedModel

_PREFIX = "network.language_model."


@dataclass(frozen=True)
class AdapterAlone:
    """What is written instead of whole weights: the adapters.

    Attributes
    ----------
    base
        Folder or hub id of the weights that they were added to; None where those were drawn at random.
    """

    base: str | None


def export_model(
    model: OctomedModel,
    folder: Path,
    tokenizer: str | None = None,
    packed: RunFile | None = None,
    *,
    alone: AdapterAlone | None = None,
) -> None:
    """Write weights and configuration, and what the tokenizer and the image processor are read from.

    All ranks take part, and the first writes. The folder appears whole or not at all.

    Parameters
    ----------
    model
        The trained model, sharded or not.
    folder
        Where to write.
    tokenizer
        Folder or hub id of the tokenizer; files that it lacks, or that cannot be reached, are left out.
    packed
        The run that was trained on: its chat template and its sizes of images go with the model.
    alone
        Write the adapters alone; otherwise they are added to the weights.
    """
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    with get_full_state_dict(model):
        state: dict[str, Any] = get_model_state_dict(model, options=options)
    if dist.get_global_rank() == 0:
        _remove_left(folder)
        temporary = folder.with_name(temporary_name(folder.name))
        own = _stripped(state)
        if alone is not None:
            write_adapter(model.language_model, own, temporary, alone.base)
        else:
            _write(model, merged(model.language_model, own), temporary)
        write_files(temporary, tokenizer, packed)
        _put_in_place(temporary, folder)
    dist.barrier()


def _remove_left(folder: Path) -> None:
    """Remove what killed exports left: nobody else exports there, for the training holds its folder."""
    of_today = re.compile(rf"\.{re.escape(folder.name)}\.tmp-[0-9a-f]{{16}}")
    for path in folder.parent.iterdir() if folder.parent.is_dir() else ():
        named = of_today.fullmatch(path.name) or path.name == f"{folder.name}.tmp"
        if named and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)


def _put_in_place(temporary: Path, folder: Path) -> None:
    """Have the export on the disk, then give it its name."""
    mode = _mode_of_files(temporary)
    for path in temporary.iterdir():
        path.chmod(mode)  # safetensors lets nobody else read what it writes
        sync_file(path)
    sync_folder(temporary)
    before = folder.with_name(temporary_name(folder.name))
    if folder.exists():
        folder.rename(before)
    temporary.rename(folder)
    sync_folder(folder.parent)
    shutil.rmtree(before, ignore_errors=True)


def _mode_of_files(folder: Path) -> int:
    """Return the mode that the umask gives a new file; asking for the umask itself would set it."""
    new = folder / temporary_name("mode")
    new.touch()
    mode = stat.S_IMODE(new.stat().st_mode)
    new.unlink()
    return mode


def _write(model: OctomedModel, state: dict[str, torch.Tensor], folder: Path) -> None:
    inner = model.language_model
    configurations = (inner.config, text_configuration(inner.config))
    for configuration in configurations:
        configuration.use_cache = True  # generation needs the cache that training must not have
    inner.save_pretrained(folder, state_dict=state)
    for configuration in configurations:
        configuration.use_cache = False


def _stripped(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    own = {name: value for name, value in state.items() if name.startswith(_PREFIX)}
    return {name.removeprefix(_PREFIX): value.clone() for name, value in own.items()}
