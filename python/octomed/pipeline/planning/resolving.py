"""A recipe's model: its tokenizer and chat template, and how it takes images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from octomed.pipeline.calls.scanners import Text
from octomed.pipeline.models.model import BUILTIN_TEMPLATES, find_model, read_template
from octomed.pipeline.planning.image_settings import check_images, usable
from octomed.recipe.problems import located

if TYPE_CHECKING:
    from octomed.pipeline.models.model import ResolvedModel, VisionOf
    from octomed.recipe.schema import Recipe

_TEMPLATE_HINT = "leave `template` out for the model's own, or name a built-in one: " + ", ".join(
    f"`{name}`" for name in BUILTIN_TEMPLATES
)


def resolved(recipe: Recipe) -> tuple[ResolvedModel, Text, VisionOf]:
    """Return what a recipe's `model` and `template` lead to.

    Parameters
    ----------
    recipe
        The recipe.

    Raises
    ------
    RecipeError
        When the model, its tokenizer or the template cannot be used, or it takes no images and is to.
    """
    base = recipe.file.parent
    chosen_at = recipe.written_at("model" if recipe.template is None else "template")
    with located(chosen_at):
        chosen = read_template(recipe.template, base=base)
    with located(recipe.written_at("model")):
        model = find_model(recipe.model, chosen, base=base)
    with located(recipe.written_at("model"), key="model"):
        tokenizer = model.tokenizer()
    with located(chosen_at, hint=_TEMPLATE_HINT):
        template = model.chat_template(tokenizer)
    vision = usable(model.vision, tokenizer)
    check_images(recipe, vision)
    return model, Text(tokenizer, template), vision
