"""How rows become traces: a preset's name, or a mapping of columns written in the recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    model_serializer,
    model_validator,
)

from octomed import _octomed
from octomed.recipe.invalid import invalid
from octomed.recipe.part import Part
from octomed.recipe.path_values import Paths
from octomed.recipe.presets import (
    ANSWER_KEYS,
    curated_keys,
    gives_traces,
    laid_over,
    load_preset,
    preset_names,
)
from octomed.recipe.problems import suggest

if TYPE_CHECKING:
    from collections.abc import Sequence

Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]


class AnyOf(Part):
    """A column that files name differently."""

    any_of: Texts
    """Names, of which the first that a row has counts."""
    optional: bool = False
    """Whether a file without any of them is no error."""


def _shape(value: Any) -> str:  # noqa: ANN401 what YAML gave
    if isinstance(value, list | tuple):
        return "<list>"
    if isinstance(value, AnyOf) or (isinstance(value, dict) and "any_of" in value):
        return "<any_of>"
    return "<mapping>" if isinstance(value, dict | BaseModel) else "<text>"


def _shape_of_column(value: Any) -> str:  # noqa: ANN401 what YAML gave
    return (
        "<any_of>"
        if _shape(value) == "<mapping>"
        else "<text>"
        if _shape(value) == "<list>"
        else _shape(value)
    )


def _shape_of_columns(value: Any) -> str:  # noqa: ANN401 what YAML gave
    return "<any_of>" if _shape(value) == "<mapping>" else _shape(value)


def _shape_of_messages(value: Any) -> str:  # noqa: ANN401 what YAML gave
    return "<text>" if _shape(value) == "<list>" else _shape(value)


_Named = Annotated[Text, Tag("<text>")]
_AnyOf = Annotated[AnyOf, Tag("<any_of>")]
Column = Annotated[_Named | _AnyOf, Discriminator(_shape_of_column)]
_List = Annotated[
    Annotated[tuple[Column, ...], Field(strict=False, min_length=1)],
    Tag("<list>"),
]
Columns = Annotated[_Named | _AnyOf | _List, Discriminator(_shape_of_columns)]


class Messages(Part):
    """A column of chat messages whose keys or roles have names of their own."""

    column: Column
    """Column with the list of messages, or with the assistant's text after `context`."""
    context: Column | None = None
    """Column with what was said before and is not learned: a text of the user's, or a list of messages."""
    role: Column = "role"
    """Key of a message that says who speaks."""
    content: Column = "content"
    """Key of a message with its text."""
    roles: dict[str, Literal["system", "user", "assistant", "tool"]] = Field(default={})
    """What other names of roles mean: `{human: user, gpt: assistant}`."""


Conversation = Annotated[
    _Named | _AnyOf | Annotated[Messages, Tag("<mapping>")], Discriminator(_shape_of_messages)
]


def _preset(value: Any) -> str:  # noqa: ANN401 what YAML gave
    if value not in preset_names():
        raise invalid(f"unknown row format `{value}`", suggest(str(value), preset_names(), kind="formats"))
    return str(value)


PresetName = Annotated[str, BeforeValidator(lambda value: _preset(str(value)))]


def _no_responses(preset: str) -> tuple[str, str]:
    return (
        f"rows of `{preset}` have no response: it is an evaluation set",
        f"to learn from them, map one: `format: {{preset: {preset}, response: …}}`",
    )


def _trainable(value: str) -> str:
    if not gives_traces(load_preset(value)):
        raise invalid(*_no_responses(value))
    return value


class Mapping(Part):
    """Which column of a row holds which part of a trace; dots lead into structs."""

    preset: PresetName | None = None
    """Name of a row format that this mapping changes: keys that are written here win, null takes one out."""
    id: Column | None = None
    """Column with the row's own id."""
    question: Columns | None = None
    """Column with the question; several are joined by a line break."""
    options: Columns | None = None
    """Column with the list of options, or a list of columns, one an option."""
    answer: Column | None = None
    """Column with the right answer."""
    answer_is: Literal["label", "text", "index_from_0", "index_from_1"] | None = None
    """What `answer` holds, where it may be taken for another: an option's letter, its text, or its place."""
    answer_until: Text | None = None
    """Text before which the right answer ends in its column: `. Explanation:`."""
    history: Column | None = None
    """Column with earlier turns: a list of pairs of question and answer."""
    response: Column | None = None
    """Column with one response, or a minijinja template over columns."""
    responses: Column | None = None
    """Column with a list of responses, each of which is a trace."""
    reasoning: Column | None = None
    """Column with the reasoning before the response."""
    finish_reason: Column | None = None
    """Column that says why a response ended (`stop`, `length`): a text, or a list beside `responses`."""
    messages: Conversation | None = None
    """Column with a list of chat messages."""
    system: Column | None = None
    """Column with the system message, which wins over the recipe's."""
    image_columns: Annotated[tuple[Text, ...], Field(strict=False)] | None = None
    """Columns in which pictures are looked for; all if left out. With `[]` rows are packed without theirs."""
    unused: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    """Columns that change nothing: `check` does not name them as unread."""
    images: Columns | None = None
    """Column with an image or a list of images, or a list of such columns, in the order of the images."""
    image_root: Paths | None = None
    """Folder, zip or tar below which paths of images are looked up, or a list of these."""

    @property
    def is_left_out(self) -> bool:
        """Whether it says where images are, and of columns nothing."""
        return self.image_root is not None and self.model_fields_set <= {"image_root"}

    @model_serializer(mode="wrap")
    def _as_written(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is not written where a null would mean something: it takes a preset's key out.

        Of keys that change no trace what is not written is left out everywhere, as older runs have none.
        """
        values: dict[str, Any] = dump(self)
        shown = set(values) - set(_CURATED) if self.preset is None and not self.is_left_out else set()
        return {key: value for key, value in values.items() if key in shown | self.model_fields_set}

    @model_validator(mode="after")
    def _makes_traces(self) -> Mapping:
        if self.images is not None and self.image_columns is not None:
            raise invalid(
                "`images` and `image_columns` exclude each other",
                "`images` maps images, `image_columns` says where unmapped ones are looked for: keep one",
                at=("image_columns",),
            )
        if self.is_left_out:
            return self
        values = curated_mapping_of(self)
        if self.preset is not None and not gives_traces(values):
            raise invalid(*_no_responses(self.preset), at=("preset",))
        found = _octomed.Mapping.fault_of_keys(values)
        if found is not None:
            message, hint, key = found
            raise invalid(message, hint, at=(key,) if key else ())
        return self


def is_left_out(row_format: str | Mapping | None) -> bool:
    """Tell whether a source says nothing of its columns: its format is found by them."""
    return row_format is None or (isinstance(row_format, Mapping) and row_format.is_left_out)


Format = Annotated[
    Annotated[PresetName, AfterValidator(_trainable), Tag("<text>")] | Annotated[Mapping, Tag("<mapping>")],
    Discriminator(lambda value: "<mapping>" if isinstance(value, dict | Mapping) else "<text>"),
]


_NOT_OF_ROWS = ("preset", "image_root")
"""Keys of a mapping that Rust is not told of."""

_CURATED = (*ANSWER_KEYS, "finish_reason")
"""Keys that change no trace: Rust is told of them where a rule of `curate` asks for what they say."""


def mapping_of(row_format: str | Mapping) -> dict[str, Any]:
    """Return the mapping that Rust compiles: a preset's, or the recipe's own without the keys left out."""
    if isinstance(row_format, str):
        return load_preset(row_format)
    preset = {} if row_format.preset is None else load_preset(row_format.preset)
    own = _own(row_format, {*_NOT_OF_ROWS, *_CURATED} - set(preset))
    return laid_over(preset, own) if preset else own


def curated_mapping_of(row_format: str | Mapping, columns: Sequence[str] = ()) -> dict[str, Any]:
    """Return the mapping with all that rules of `curate` ask of a row, for Rust.

    Parameters
    ----------
    row_format
        A preset's name, or the recipe's own mapping.
    columns
        Columns that rules read, in the order in which they will find the values. One that a file lacks is an
        error of the file, one that a row lacks a reject of the row.

    Examples
    --------
    >>> curated_mapping_of("omnimedvqa", ["modality_type"])["columns"]
    ['modality_type']
    """
    name = row_format if isinstance(row_format, str) else row_format.preset
    curated = {} if name is None else curated_keys(name)
    values = mapping_of(row_format)
    if not isinstance(row_format, str):
        if "answer" in row_format.model_fields_set:
            # What the preset says of an answer is not said of another column.
            curated = {key: value for key, value in curated.items() if key not in {"answer", *ANSWER_KEYS}}
        curated |= _own(row_format, set(type(row_format).model_fields) - set(_CURATED))
    values |= {key: value for key, value in curated.items() if value is not None}
    return values | ({"columns": list(columns)} if columns else {})


def _own(row_format: Mapping, but: set[str]) -> dict[str, Any]:
    """Return the keys that a recipe writes in a mapping, but some."""
    return row_format.model_dump(mode="json", exclude_unset=True, exclude=but)


def roots_of(row_format: str | Mapping) -> tuple[str, ...]:
    """Return where a row format looks up paths of images."""
    return () if isinstance(row_format, str) else row_format.image_root or ()
