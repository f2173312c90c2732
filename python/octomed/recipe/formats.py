"""How rows become traces: a preset's name, or a mapping of columns written in the recipe."""

from __future__ import annotations

import functools
from importlib import resources
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator
from ruamel.yaml import YAML

from octomed.recipe.problems import suggest
from octomed.recipe.values import fault


def _no_images(_: Any) -> None:  # noqa: ANN401 refused whatever it is
    raise fault(
        "images are not supported yet",
        "take this source out of the recipe: packing its text alone would lose the pictures",
    )


Images = Annotated[None, BeforeValidator(_no_images)]
Column = Annotated[str, Field(min_length=1)]
Columns = Annotated[tuple[Column, ...], Field(strict=False, min_length=1)]


def _shape(value: Any) -> str:  # noqa: ANN401 what YAML gave
    if isinstance(value, list | tuple):
        return "<list>"
    return "<mapping>" if isinstance(value, dict | BaseModel) else "<text>"


class Messages(BaseModel):
    """A column of chat messages whose keys or roles have names of their own."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    column: Column = Field(description="Column with the list of messages.")
    role: Column = Field(default="role", description="Key of a message that says who speaks.")
    content: Column = Field(default="content", description="Key of a message with its text.")
    roles: dict[str, str] = Field(
        default_factory=dict, description="What other names of roles mean: `{human: user, gpt: assistant}`."
    )


OneOrMany = Annotated[
    Annotated[Column, Tag("<text>")] | Annotated[Columns, Tag("<list>")],
    Discriminator(_shape),
]
ChatColumn = Annotated[
    Annotated[Column, Tag("<text>")] | Annotated[Messages, Tag("<mapping>")],
    Discriminator(_shape),
]


class Mapping(BaseModel):
    """Which column of a row holds which part of a trace."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: Column | None = Field(default=None, description="Column with the row's own id.")
    question: Column | None = Field(default=None, description="Column with the question.")
    options: OneOrMany | None = Field(
        default=None, description="Column with the list of options, or one column an option."
    )
    answer: Column | None = Field(default=None, description="Column with the right answer.")
    response: Column | None = Field(default=None, description="Column with one response.")
    responses: Column | None = Field(
        default=None, description="Column with a list of responses: a trace each."
    )
    reasoning: Column | None = Field(
        default=None, description="Column with the reasoning before the response."
    )
    messages: ChatColumn | None = Field(default=None, description="Column with a list of chat messages.")
    system: Column | None = Field(
        default=None, description="Column with the system message; wins over the recipe's."
    )
    prompt: str | None = Field(default=None, description="Layout of the prompt, unless the recipe has one.")
    images: Images = Field(default=None, exclude=True, description="Not built yet: refused.")
    image_root: Images = Field(default=None, exclude=True, description="Not built yet: refused.")

    @model_validator(mode="after")
    def _makes_traces(self) -> Mapping:
        responses = [key for key in ("response", "responses", "messages") if getattr(self, key) is not None]
        if not responses:
            raise fault(
                "no column of this mapping gives a response",
                "name one of `response`, `responses` or `messages`",
            )
        if len(responses) > 1:
            raise fault(
                f"`{responses[0]}` and `{responses[1]}` exclude each other",
                "keep the one that holds what the model is to learn",
            )
        return self


@functools.cache
def preset_names() -> tuple[str, ...]:
    """Return the names of the built-in row formats, sorted."""
    folder = resources.files("octomed.recipe") / "presets"
    return tuple(sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def load_preset(name: str) -> dict[str, Any]:
    """Return the mapping of a built-in row format.

    Raises
    ------
    KeyError
        If there is none of this name.
    """
    if name not in preset_names():
        raise KeyError(name)
    text = (resources.files("octomed.recipe") / "presets" / f"{name}.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    return loaded


def _preset(value: str) -> str:
    if value not in preset_names():
        raise fault(f"there is no row format `{value}`", suggest(value, preset_names(), kind="formats"))
    return value


Format = Annotated[
    Annotated[str, BeforeValidator(lambda value: _preset(str(value))), Tag("<text>")]
    | Annotated[Mapping, Tag("<mapping>")],
    Discriminator(lambda value: "<mapping>" if isinstance(value, dict | Mapping) else "<text>"),
]


def mapping_of(row_format: str | Mapping) -> dict[str, Any]:
    """Return the mapping that Rust compiles: a preset's, or the recipe's own without the keys left out."""
    if isinstance(row_format, str):
        return load_preset(row_format)
    return row_format.model_dump(mode="json", exclude_unset=True)
