"""Which checkpoint a run goes on from: the newest that is whole, and of the same recipe."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from composer.utils import dist
from composer.utils.file_helpers import maybe_create_object_store_from_uri, parse_uri

from octomed.errors import RecipeError

if TYPE_CHECKING:
    from octomed.train.schema import TrainRecipe

SIDECAR = "octomed-train.json"
"""What the checkpoints of a folder were trained as."""

FILENAME = "ep{epoch}-ba{batch}-rank{rank}.pt"
_WHOLE = re.compile(r"ep(\d+)-ba(\d+)-rank0\.pt")
_SHARDED = re.compile(r"ep(\d+)-ba(\d+)")

_MEANING = ("model", "loss", "train_loader", "optimizer", "scheduler", "algorithms", "seed", "precision")
_OF_DATA = ("remote", "streams", "split", "shuffle", "shuffle_seed", "batching_method", "num_canonical_nodes")

_HOW = (("model", "activation_checkpointing"), ("model", "compile_layers"), ("optimizer", "fused"))
"""How it is computed, and not what."""


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
    meaning["data"] = {name: data[name] for name in _OF_DATA if name != "remote"} | {"run": run_key}
    for part, name in _HOW:
        meaning[part].pop(name)
    return meaning | {"packs_a_step": packs}


def check_meaning(folder: str, meaning: dict[str, Any]) -> None:
    """Refuse a folder whose checkpoints were trained by another recipe.

    Raises
    ------
    RecipeError
        Naming the keys that differ.
    """
    text = _read(folder, SIDECAR)
    if text is None:
        return
    found = json.loads(text)
    names = sorted({*found, *meaning})
    differing = [name for name in names if found.get(name) != meaning.get(name)]
    if differing:
        keys = ", ".join(f"`{key}`" for name in differing for key in _differing(name, found, meaning))
        raise RecipeError(
            f"the checkpoints in `{folder}` are of another recipe: {keys} differ",
            "choose another `save_folder`, or put these keys back as they were",
        )


def write_meaning(folder: str, meaning: dict[str, Any]) -> None:
    """Put beside the checkpoints what they were trained as; the first rank does."""
    if dist.get_global_rank() != 0:
        return
    text = json.dumps(meaning, indent=1, sort_keys=True) + "\n"
    store = maybe_create_object_store_from_uri(folder)
    if store is None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        Path(folder, SIDECAR).write_text(text, encoding="utf-8")
        return
    import tempfile  # noqa: PLC0415 only for a store

    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary, SIDECAR)
        file.write_text(text, encoding="utf-8")
        store.upload_object(f"{parse_uri(folder)[2].rstrip('/')}/{SIDECAR}", file)


def newest_checkpoint(folder: str) -> tuple[str | None, list[str]]:
    """Return the newest whole checkpoint of a folder, and those newer ones that are not whole.

    The first rank looks, so that all ranks go on from the same one.

    Parameters
    ----------
    folder
        Local folder, or address in an object store, whose objects appear whole.
    """
    found: list[Any] = [None, []]
    if dist.get_global_rank() == 0:
        found = list(_newest(folder))
    dist.broadcast_object_list(found)
    return found[0], found[1]


def _newest(folder: str) -> tuple[str | None, list[str]]:
    broken: list[str] = []
    for name in _names(folder):
        if "://" in folder:
            return f"{folder.rstrip('/')}/{name}", broken
        if _whole(Path(folder, name)):
            return str(Path(folder, name)), broken
        broken.append(name)
    return None, broken


def _names(folder: str) -> list[str]:
    """List checkpoints, the newest first."""
    store = maybe_create_object_store_from_uri(folder)
    if store is None:
        names = [path.name for path in Path(folder).iterdir()] if Path(folder).is_dir() else []
    else:
        prefix = parse_uri(folder)[2].rstrip("/") + "/"
        keys = [key.removeprefix(prefix) for key in store.list_objects(prefix)]
        names = [key.removesuffix("/.metadata") for key in keys]
    numbered = {}
    for name in names:
        matched = _WHOLE.fullmatch(name) or _SHARDED.fullmatch(name)
        if matched:
            numbered[name] = (int(matched[2]), int(matched[1]))
    return sorted(numbered, key=lambda name: numbered[name], reverse=True)


def _whole(path: Path) -> bool:
    """Tell whether a checkpoint was written to its end.

    torch's files are zip archives whose directory comes last, and each entry has a checksum; of a folder of
    shards, `.metadata` is written last.
    """
    if path.is_dir():
        return (path / ".metadata").is_file()
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile):
        return False


def _read(folder: str, name: str) -> str | None:
    store = maybe_create_object_store_from_uri(folder)
    if store is None:
        path = Path(folder, name)
        return path.read_text(encoding="utf-8") if path.is_file() else None
    import tempfile  # noqa: PLC0415 only for a store

    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary, name)
        try:
            store.download_object(f"{parse_uri(folder)[2].rstrip('/')}/{name}", file)
        except FileNotFoundError:
            return None
        return file.read_text(encoding="utf-8")


def _differing(name: str, found: dict[str, Any], meaning: dict[str, Any]) -> list[str]:
    one, other = found.get(name), meaning.get(name)
    if isinstance(one, dict) and isinstance(other, dict):
        return [f"{name}.{key}" for key in sorted({*one, *other}) if one.get(key) != other.get(key)]
    return [name]
