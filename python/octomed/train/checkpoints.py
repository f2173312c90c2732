"""Which checkpoint a run resumes from: the newest that is whole, and of the same recipe."""

from __future__ import annotations

import pickle
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composer.utils import dist

from octomed.errors import RecipeError
from octomed.state import Damaged, StateFile, as_written
from octomed.train.checkpoint_folder import open_folder
from octomed.urls import is_url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from octomed.store import Files
    from octomed.train.schema import TrainRecipe

SIDECAR = "octomed-train.json"
"""What the checkpoints of a folder were trained as."""

FILENAME = "ep{epoch}-ba{batch}-rank{rank}.pt"
_WHOLE = re.compile(r"ep(\d+)-ba(\d+)-rank0\.pt")
_SHARDED = re.compile(r"ep(\d+)-ba(\d+)")
_METADATA = ".metadata"

_MEANING = ("model", "loss", "train_loader", "optimizer", "scheduler", "algorithms", "seed", "precision")
_OF_DATA = ("streams", "split", "shuffle", "shuffle_seed", "batching_method", "num_canonical_nodes")

_DURATION = "max_duration"
"""May change: a training may be extended."""

_HOW = (("model", "activation_checkpointing"), ("model", "compile_layers"), ("optimizer", "fused"))
"""How it is computed, and not what."""

_OF_ADAPTERS = ("r", "alpha", "targets", "vision", "quantize")
"""What the adapters of a checkpoint have in common with those that it is read into."""

_LATER = (
    ("model", "freeze_projector"),
    ("model", "freeze_language"),
    ("model", "lora"),
    ("optimizer", "groups"),
)
"""Keys that checkpoints of earlier versions say nothing of: left out where the recipe has none either."""


def meaning_of(recipe: TrainRecipe, run_key: str, packs: int) -> dict[str, Any]:
    """Return what has to stay the same for a checkpoint to be resumed from.

    Parameters
    ----------
    recipe
        The recipe.
    run_key
        Key of the packed run: the same shards at another address are the same data.
    packs
        Packs a step.
    """
    values = recipe.model_dump(mode="json")
    meaning = {name: values[name] for name in _MEANING if name != "train_loader"}
    data = values["train_loader"]["dataset"]
    meaning["data"] = {name: data[name] for name in _OF_DATA} | {"run": run_key}
    if data["shares"] is not None:  # of which checkpoints of one run say nothing
        meaning["data"]["shares"] = data["shares"]
    for part, name in _HOW:
        meaning[part].pop(name)
    for part, name in _LATER:
        if meaning[part][name] is None:
            meaning[part].pop(name)
    return meaning | {"packs_a_step": packs}


def check_meaning(folder: str, meaning: dict[str, Any]) -> str | None:
    """Refuse a folder whose checkpoints were trained by another recipe.

    Returns
    -------
    str or None
        How long they were to be trained; None where nothing says so.

    Raises
    ------
    RecipeError
        Naming the keys that differ.
    """
    sidecar = _sidecar(folder)
    if sidecar is None:
        return None
    found, duration = sidecar.meaning, sidecar.max_duration
    data = found.get("data")
    if isinstance(data, dict) and data.get("num_canonical_nodes") is None:  # `order.settled` has compared it
        found = found | {"data": data | {"num_canonical_nodes": meaning["data"]["num_canonical_nodes"]}}
    names = sorted({*found, *meaning})
    differing = [name for name in names if found.get(name) != meaning.get(name)]
    if differing:
        keys = ", ".join(f"`{key}`" for name in differing for key in _differing(name, found, meaning))
        raise RecipeError(
            f"the checkpoints in `{folder}` are of another recipe: {keys} differ",
            "choose another `save_folder`, or put these keys back as they were",
        )
    return duration


def check_adapters(path: str, recipe: TrainRecipe) -> None:
    """Refuse to begin from a checkpoint of other adapters: torch would drop silently what has no place.

    Parameters
    ----------
    path
        The recipe's `load_path`; where nothing beside it says what it was trained as, it is believed.
    recipe
        The recipe.

    Raises
    ------
    RecipeError
        Naming the keys that differ.
    """
    sidecar = _sidecar(_folder_of(path))
    if sidecar is None:
        return
    model = sidecar.meaning.get("model")
    found = (model.get("lora") if isinstance(model, dict) else None) or {}
    wanted = recipe.model.lora.model_dump(mode="json") if recipe.model.lora is not None else {}
    names = [name for name in _OF_ADAPTERS if found.get(name) != wanted.get(name)]
    if names:
        keys = ", ".join(f"`model.lora.{name}`" for name in names) if found and wanted else "`model.lora`"
        raise RecipeError(
            f"`{path}` is a checkpoint of {'other' if found else 'no'} adapters: it has another {keys}",
            "set `model.lora` as it was trained with; any exported model can be trained further",
        )


@dataclass(frozen=True)
class Recorded:
    """What a folder says of its checkpoints' data.

    Attributes
    ----------
    folder
        Where they are.
    data
        As `meaning_of` has it.
    """

    folder: str
    data: dict[str, Any]


def recorded_data(recipe: TrainRecipe) -> Recorded | None:
    """Return what is known of the data of the checkpoint that a training goes on from; ``None`` for no such.

    That is one of the recipe's `save_folder`, or its `load_path`, whose folder is asked. The first rank
    looks, so that all ranks find the same.

    Raises
    ------
    RecipeError
        When what it says is damaged.
    """
    found: list[Recorded | None] = [None]
    if dist.get_global_rank() == 0:
        if recipe.autoresume and recipe.save_folder:
            found = [_recorded(recipe.save_folder, any_checkpoint=False)]
        elif recipe.load_path is not None and not recipe.load_weights_only:
            found = [_recorded(_folder_of(recipe.load_path), any_checkpoint=True)]
    dist.broadcast_object_list(found)
    return found[0]


def _recorded(folder: str, *, any_checkpoint: bool) -> Recorded | None:
    """Return what a folder says, if it has checkpoints by their names, or may have any."""
    sidecar = _sidecar(folder)
    if sidecar is None or not (any_checkpoint or _checkpoints(open_folder(folder).names())):
        return None
    data = sidecar.meaning.get("data")
    return Recorded(folder, data) if isinstance(data, dict) else None


def _folder_of(path: str) -> str:
    """Return the folder of a checkpoint, on a disk or in an object store."""
    return path.rstrip("/").rpartition("/")[0] or "."


def write_meaning(folder: str, meaning: dict[str, Any], duration: str | None = None) -> None:
    """Put next to the checkpoints what they are trained as, and how long; the first rank does."""
    if dist.get_global_rank() == 0:
        value = _STATE.signed({"meaning": meaning, _DURATION: duration})
        open_folder(folder).put(SIDECAR, as_written(value))


def newest_checkpoint(folder: str) -> tuple[str | None, list[str]]:
    """Return the newest whole checkpoint of a folder, and those newer ones that are not whole.

    The first rank looks, so that all ranks resume from the same one.

    Parameters
    ----------
    folder
        Local folder, or address in an object store.
    """
    found: list[Any] = [None, []]
    if dist.get_global_rank() == 0:
        found = list(_newest(folder))
    dist.broadcast_object_list(found)
    return found[0], found[1]


@dataclass(frozen=True)
class _Sidecar:
    """What the checkpoints of a folder were trained as, and for how long."""

    meaning: dict[str, Any]
    max_duration: str | None


def _of_format_1(value: dict[str, Any]) -> dict[str, Any]:
    meaning = {name: one for name, one in value.items() if name != _DURATION}
    return {"meaning": meaning, _DURATION: value.get(_DURATION)}


_STATE = StateFile(_Sidecar, "delete it, if these checkpoints are of this recipe", upgrade=_of_format_1)


def _sidecar(folder: str) -> _Sidecar | None:
    try:
        data = open_folder(folder).read(SIDECAR)
    except FileNotFoundError:
        return None
    found = _STATE.read(data, SIDECAR)
    if isinstance(found, Damaged):
        raise RecipeError(f"`{SIDECAR}` in `{folder}` is damaged: {found.what}", found.hint)
    return found


def _newest(folder: str) -> tuple[str | None, list[str]]:
    broken: list[str] = []
    opened = open_folder(folder)
    for name in _checkpoints(opened.names()):
        whole = _sharded_is_whole(opened, name) if _SHARDED.fullmatch(name) else _file_is_whole(folder, name)
        if whole:
            return f"{folder.rstrip('/')}/{name}", broken
        broken.append(name)
    return None, broken


def _checkpoints(files: Iterable[str]) -> list[str]:
    """Return the names of checkpoints, files or folders of shards, the newest first."""
    numbered = {}
    for name in {file.split("/")[0] for file in files}:
        matched = _WHOLE.fullmatch(name) or _SHARDED.fullmatch(name)
        if matched:
            numbered[name] = (int(matched[2]), int(matched[1]))
    return sorted(numbered, key=lambda name: numbered[name], reverse=True)


def _file_is_whole(folder: str, name: str) -> bool:
    """Tell whether a checkpoint of one file was written to its end; an object appears whole.

    torch's files are zip archives whose directory comes last, and each entry has a checksum.
    """
    if is_url(folder):
        return True
    try:
        with zipfile.ZipFile(Path(folder, name)) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile):
        return False


def _sharded_is_whole(folder: Files, name: str) -> bool:
    """Tell whether all files exist that a sharded checkpoint's `.metadata` names, each to its end.

    On a disk `.metadata` is written last, but Composer uploads it first, so it says nothing by being there.
    """
    try:
        ends = _ends_of_files(folder.read(f"{name}/{_METADATA}"))
    except FileNotFoundError:
        return False
    return bool(ends) and all((folder.size(f"{name}/{file}") or 0) >= end for file, end in ends.items())


def _ends_of_files(metadata: bytes) -> dict[str, int]:
    """Return the files that a sharded checkpoint's metadata names, and where the last entry of each ends."""
    ends: dict[str, int] = {}
    try:
        entries = pickle.loads(metadata).storage_data.values()  # noqa: S301 Composer loads the same file so
        for entry in entries:
            ends[entry.relative_path] = max(ends.get(entry.relative_path, 0), entry.offset + entry.length)
    except Exception:  # noqa: BLE001 a damaged pickle raises anything
        return {}
    return ends


def _differing(name: str, found: dict[str, Any], meaning: dict[str, Any]) -> list[str]:
    one, other = found.get(name), meaning.get(name)
    if isinstance(one, dict) and isinstance(other, dict):
        return [f"{name}.{key}" for key in sorted({*one, *other}) if one.get(key) != other.get(key)]
    return [name]
