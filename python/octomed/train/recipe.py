"""From a YAML file and `key=value` words to a typed training recipe, or to the list of all that is wrong."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from octomed.recipe.explain import problems_of
from octomed.recipe.lone_surrogates import lone_surrogates
from octomed.recipe.overrides import apply_overrides
from octomed.recipe.paths import absolute, expand
from octomed.recipe.problems import Place, Problem, RecipeProblems
from octomed.recipe.yaml_file import read_document
from octomed.train.schema import (
    Algorithms,
    Dataset,
    Fsdp,
    GradientClipping,
    Loader,
    Loss,
    Tokenizer,
    TrainRecipe,
)
from octomed.train.schema_model import Group, Groups, Lora, Model, Optimizer, Scheduler
from octomed.train.schema_monitoring import Callbacks, Loggers, Report, SpeedMonitor, TraceLog
from octomed.urls import scheme_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from octomed.recipe.document import Document, Keys

_MODELS: dict[tuple[str, ...], type[BaseModel]] = {
    (): TrainRecipe,
    ("model",): Model,
    ("model", "lora"): Lora,
    ("tokenizer",): Tokenizer,
    ("loss",): Loss,
    ("train_loader",): Loader,
    ("train_loader", "dataset"): Dataset,
    ("eval_loader",): Loader,
    ("eval_loader", "dataset"): Dataset,
    ("optimizer",): Optimizer,
    ("optimizer", "groups"): Groups,
    **{("optimizer", "groups", part): Group for part in Groups.model_fields},
    ("scheduler",): Scheduler,
    ("algorithms",): Algorithms,
    ("algorithms", "gradient_clipping"): GradientClipping,
    ("fsdp_config",): Fsdp,
    ("callbacks",): Callbacks,
    ("callbacks", "speed_monitor"): SpeedMonitor,
    ("callbacks", "trace_log"): TraceLog,
    ("callbacks", "report"): Report,
    ("loggers",): Loggers,
}

_FOLDERS: tuple[Keys, ...] = (
    ("run_folder",),
    ("save_folder",),
    ("load_path",),
    ("export_folder",),
    ("callbacks", "trace_log", "folder"),
    *(
        (loader, "dataset", place)
        for loader in ("train_loader", "eval_loader")
        for place in ("remote", "local")
    ),
)
_MODEL_NAMES: tuple[Keys, ...] = (("model", "pretrained_model_name_or_path"), ("tokenizer", "name"))


def load_train_recipe(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> TrainRecipe:
    """Read a training recipe.

    Parameters
    ----------
    path : path
        A YAML 1.2 file. Relative paths in it start at its folder.
    overrides : sequence of str
        `optimizer.lr=1e-4` and the like, put over the file's values in their order.

    Raises
    ------
    RecipeProblems
        With everything that is wrong, each with file, line and column, and a hint.

    Examples
    --------
    >>> import json, tempfile
    >>> values = {
    ...     "run_name": "example",
    ...     "model": {"pretrained_model_name_or_path": "Qwen/Qwen2.5-7B-Instruct"},
    ...     "train_loader": {"dataset": {"remote": "s3://bucket/run"}},
    ...     "optimizer": {"name": "adamw", "lr": 1e-5},
    ...     "max_duration": "1ep",
    ...     "global_train_batch_size": 8,  # packs, over all ranks
    ... }
    >>> file = Path(tempfile.mkdtemp(), "train.yaml")
    >>> _ = file.write_text(json.dumps(values))  # YAML takes JSON
    >>> recipe = load_train_recipe(file, ["optimizer.lr=2e-5"])
    >>> recipe.optimizer.lr
    2e-05
    """
    document = read_document(Path(path), str(path))
    apply_overrides(document, overrides, option_name="")
    if not isinstance(document.values, dict):
        place = Place(document.origin, 1, 1)
        hint = "it begins with `run_name:`, `model:` and `train_loader:`"
        raise RecipeProblems([Problem(place, "a training recipe is a mapping of keys to values", hint)])
    if broken := lone_surrogates(document, lambda way, _: _is_path(way)):
        raise RecipeProblems([*document.problems, *broken])
    values, problems = _expanded(document, Path(path).resolve().parent)
    problems = [*document.problems, *problems]
    try:
        recipe = TrainRecipe.model_validate(values)
    except ValidationError as error:
        raise RecipeProblems([*problems, *problems_of(error, document, _MODELS)]) from None
    if problems:
        raise RecipeProblems(problems)
    return recipe


def _expanded(document: Document, folder: Path) -> tuple[dict[str, Any], list[Problem]]:
    """Return a copy of the values with paths ready to use, and the variables that are not set."""
    values, problems = deepcopy(document.values), []
    values.setdefault("run_folder", "runs/{run_name}")
    for way in _ways(values):
        parent = _parent(values, way)
        text = parent[way[-1]] if parent is not None else None
        if parent is None or not isinstance(text, str) or not text:
            continue
        ready, missing = expand(text)
        for name in missing:
            hint = f"`export {name}=…`, or write `$$` for a dollar sign"
            problems.append(Problem(document.place(way), f"the variable `${name}` is not set", hint))
        parent[way[-1]] = ready if _stays(ready, way, folder) else absolute(ready, folder)
    return values, problems


def _stays(path: str, way: Keys, folder: Path) -> bool:
    """Tell URLs, and names of models that are no folders, from paths."""
    if scheme_of(path):
        return True
    return way in _MODEL_NAMES and not path.startswith((".", "/", "~")) and not (folder / path).exists()


def _is_path(way: Keys) -> bool:
    return way in {*_FOLDERS, *_MODEL_NAMES} or way[:-1] in _FOLDERS


def _ways(values: dict[str, Any]) -> Iterator[Keys]:
    """Yield where paths stand: in keys, or in a list that a key has."""
    for way in (*_FOLDERS, *_MODEL_NAMES):
        parent = _parent(values, way)
        found = parent.get(way[-1]) if isinstance(parent, dict) else None
        if isinstance(found, list):
            yield from ((*way, number) for number in range(len(found)))
        elif found is not None:
            yield way


def _parent(values: Any, way: Keys) -> Any:  # noqa: ANN401 any YAML value
    for part in way[:-1]:
        values = values.get(part) if isinstance(values, dict) else None
    return values if isinstance(values, (dict, list)) else None
