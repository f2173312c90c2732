"""`octomed train-plan`: whether a training fits into the memory of its GPUs."""

from __future__ import annotations

import json
import re
from typing import Annotated

import typer

from octomed.cli.options import AsJson, RecipePath
from octomed.cli.terminal import log, out
from octomed.cli.train import Words, refuse_a_name, refuse_without_extra
from octomed.errors import RecipeError

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kmgt]?)(i?)b?", re.IGNORECASE)


def command(  # noqa: PLR0913, PLR0917 each is an option of the verb
    recipe: RecipePath,
    words: Words = None,
    gpus: Annotated[int, typer.Option(metavar="N", min=1, help="GPUs, over all machines.")] = 1,
    memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Memory of each, `80GB`: does it fit?")
    ] = None,
    tokens: Annotated[
        int | None,
        typer.Option(
            metavar="T", min=1, help="Tokens of a pack.  [default: the packed run's]", show_default=False
        ),
    ] = None,
    patches: Annotated[
        int | None,
        typer.Option(
            metavar="P",
            min=0,
            help="Patches of a pack's images.  [default: the most of the run's packs]",
            show_default=False,
        ),
    ] = None,
    json_output: AsJson = False,
) -> None:
    """Say what memory a training takes on each GPU, and whether that fits.

    Where it does not, it names the setting that would make it fit. From the recipe and the model's
    configuration: no weights are loaded, and no GPU is needed. Exit code 3 when it does not fit.
    docs/training.md says how the figures compare with measured ones.

    \b
    Examples:
      octomed train-plan recipes/train/quickstart.yaml --memory 24GB
      octomed train-plan my-training.yaml --gpus 8 --memory 80GB --tokens 16384
      octomed train-plan my-training.yaml model.dtype=bfloat16 --memory 80GB
    """
    from octomed.train.recipe import load_train_recipe

    refuse_a_name(recipe)
    loaded = load_train_recipe(recipe, words or ())
    size = None if memory is None else bytes_of_text(memory)
    refuse_without_extra()
    from octomed.train.build import read_configuration
    from octomed.train.plan import Planner
    from octomed.train.plan_advice import Training, advise
    from octomed.train.plan_load import load_of
    from octomed.train.plan_text import advice_lines, plan_json, plan_lines
    from octomed.train.plan_values import Hardware, fits

    model = loaded.model
    configuration = read_configuration(
        model.pretrained_model_name_or_path, model.config, model.config_overrides
    )
    planner = Planner(configuration, Hardware(gpus))
    load, notes = load_of(loaded, configuration, gpus, tokens=tokens, patches=patches)
    planned = planner.plan(loaded, load)
    too_large = size is not None and not fits(planned, size)
    found = advise(Training(loaded, load), planner, size) if too_large and size else []
    for note in notes:
        log(f"note: {note}")
    if json_output:
        out(json.dumps(plan_json(planned, load, size, notes, found), ensure_ascii=False))
    else:
        for line in [
            *plan_lines(planned, load, planner.hardware, size),
            *(advice_lines(found) if too_large else []),
        ]:
            out(line)
    if too_large:
        raise typer.Exit(3)


def bytes_of_text(text: str) -> float:
    """Return the bytes that a user means.

    Raises
    ------
    RecipeError
        When that is no size.

    Examples
    --------
    >>> bytes_of_text("80GB"), bytes_of_text("24GiB")
    (80000000000.0, 25769803776.0)
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None or float(found[1]) == 0:
        raise RecipeError(f"`--memory {text}` is not a size", "write `80GB` or `79.6GiB`")
    unit = found[2].lower()
    factor = 1024 ** "kmgt".find(unit) * 1024 if found[3] and unit else _UNITS[unit]
    return float(found[1]) * factor
