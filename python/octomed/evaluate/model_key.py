"""What tells a model from another one: part of the key of every answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed.errors import RecipeError
from octomed.names import shown

if TYPE_CHECKING:
    from octomed.evaluate.schema import Model

_WEIGHTS = (".safetensors", ".bin")
_BESIDE = (".json", ".jinja")


def model_key(model: Model) -> dict[str, Any]:
    """Return what tells a model from another one: its name and parameters, or the digests of its files.

    Parameters
    ----------
    model
        Of the recipe. The address of an endpoint is not in it: a server may move.

    Raises
    ------
    RecipeError
        When a folder holds no model.
    """
    if model.path is None:
        return {"name": model.name, "parameters": model.parameters}
    folder = Path(model.path)
    files = sorted(
        path for path in folder.glob("*") if path.suffix in {*_WEIGHTS, *_BESIDE} and path.is_file()
    )
    if not any(path.suffix in _WEIGHTS for path in files):
        raise RecipeError(
            f"`model.path`: `{shown(str(folder))}` holds no model",
            "name the folder that a training exported, or one of `save_pretrained`",
        )
    return {"files": {path.name: _octomed.file_digest(path)[1] for path in files}, "dtype": model.dtype}
