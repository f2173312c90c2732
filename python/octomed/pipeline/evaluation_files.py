"""The evaluation sets that a recipe names: their files, and which columns of these hold questions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed.errors import DataError
from octomed.names import shown
from octomed.pipeline.column_names import names_to_show
from octomed.pipeline.found_format import columns_of
from octomed.pipeline.image_files import roots_in
from octomed.pipeline.image_roots import folders_state
from octomed.pipeline.image_settings import image_settings, images_key
from octomed.pipeline.nearest_format import suiting_formats
from octomed.recipe.document import Document, Keys
from octomed.recipe.inputs import find_inputs
from octomed.recipe.kinds import KINDS
from octomed.recipe.opening import COMPRESSED
from octomed.recipe.presets import laid_over, load_preset
from octomed.recipe.problems import Place, Problem, RecipeProblems
from octomed.recipe.schema import Source
from octomed.report.fit import names_in_words
from octomed.storage import content_key
from octomed.vision import families

if TYPE_CHECKING:
    from octomed.recipe.curate import Decontaminate, EvaluationSet
    from octomed.recipe.input_file import InputFile
    from octomed.recipe.schema import Recipe
    from octomed.vision import Family

_AGAINST: Keys = ("curate", "decontaminate", "against")
_ASKED = ("question", "options", "images", "image_columns", "messages", "history")
"""Keys of a row format that say what a question is."""


@dataclass(frozen=True)
class EvaluationFile:
    """A file of an evaluation set.

    Attributes
    ----------
    file
        Where it is, and of which kind.
    mapping
        Which columns hold the question.
    """

    file: InputFile
    mapping: dict[str, Any]


@dataclass(frozen=True)
class EvaluationSetFiles:
    """An evaluation set.

    Attributes
    ----------
    name
        As reports have it.
    files
        Its files.
    images
        What is said of its images.
    """

    name: str
    files: tuple[EvaluationFile, ...]
    images: dict[str, Any]


@dataclass(frozen=True)
class EvaluationSpec:
    """What is read of evaluation sets.

    Attributes
    ----------
    key
        Content key of all that decides what leaves because of them.
    sets
        The sets, in the recipe's order.
    look
        What is found out about pictures: `if_there`, `bytes`, `pixels` or `near`.
    digests
        The digest of each file, by set and path.
    """

    key: str
    sets: tuple[EvaluationSetFiles, ...]
    look: str
    digests: dict[str, dict[str, str]]


def evaluation_spec(recipe: Recipe, family: Family | None) -> EvaluationSpec | None:
    """Find the files of a recipe's evaluation sets, and their row formats; None where it names no sets.

    Parameters
    ----------
    recipe
        The recipe.
    family
        The model's family; None of a model that takes no images.

    Raises
    ------
    RecipeProblems
        When a path matches nothing, two sets have one name, or columns do not say which is the question.
    DataError
        When a file is empty or cannot be read.
    """
    settings = recipe.curate.decontaminate
    if settings is None:
        return None
    _check_images(recipe, settings, family)
    _check_losses(recipe, settings)
    sets: list[EvaluationSetFiles] = []
    found = find_inputs(_as_sources(recipe, settings)).files
    _refuse_empty(found)
    for index, one in enumerate(settings.against):
        files = [file for file in found if file.source_index == index]
        source = _source(index, one)
        images = image_settings(recipe, source, family or families()[0]) or {}
        images = {**images, "root": list(one.image_roots)}
        read = tuple(EvaluationFile(file, _mapping(recipe, index, file)) for file in files)
        if one.name is not None:
            sets.append(EvaluationSetFiles(one.name, read, images))
        else:
            sets += [EvaluationSetFiles(_named(one.file), (one,), images) for one in read]
    sets = _told_apart(recipe, sets)
    digests = {one.name: {file.file.relative: _digest(file.file) for file in one.files} for one in sets}
    look = _look(settings, family)
    return EvaluationSpec(_key(recipe, sets, digests), tuple(sets), look, digests)


def _look(settings: Decontaminate, family: Family | None) -> str:
    if settings.images == "off" or family is None:
        return "if_there"
    return "near" if settings.looks_for_near else settings.images


def _check_images(recipe: Recipe, settings: Decontaminate, family: Family | None) -> None:
    """Refuse a comparison of pixels that nobody decodes."""
    if family is not None and settings.images == "pixels" and recipe.images.verify != "decode":
        raise RecipeProblems(
            [
                Problem(
                    recipe.written_at("curate", "decontaminate", "images"),
                    "`curate.decontaminate.images: pixels` needs `images.verify: decode`, which makes pixels",
                    "set `images.verify: decode`, or compare the bytes of files: `images: bytes`",
                )
            ]
        )


def _check_losses(recipe: Recipe, settings: Decontaminate) -> None:
    names = {source.name for source in recipe.sources}
    unknown = [name for name in settings.allow_loss if name not in names]
    if unknown:
        place = recipe.written_at("curate", "decontaminate", "allow_loss", unknown[0])
        message = f"`curate.decontaminate.allow_loss` names `{unknown[0]}`, and no source is called so"
        raise RecipeProblems([Problem(place, message, "name a source of the recipe")])


class _Places(Document):
    """A document in which sources stand where evaluation sets were written."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(str(recipe.file))
        self.recipe = recipe

    def place(self, way: Keys, *, key: bool = False) -> Place:
        """Return where the value at `way` is; that of a source is an evaluation set's."""
        del key  # whoever asks for files asks for values
        return (
            self.recipe.written_at(*_AGAINST, *way[1:])
            if way[:1] == ("sources",)
            else self.recipe.written_at(*way)
        )


def _as_sources(recipe: Recipe, settings: Decontaminate) -> Recipe:
    """Return the recipe with its evaluation sets for sources, so that their files are found as those are."""
    sources = tuple(_source(index, one) for index, one in enumerate(settings.against))
    copy = recipe.model_copy(update={"sources": sources})
    copy.adopt(recipe.file, _Places(recipe), {}, recipe.overrides, from_values=recipe.from_values)
    return copy


def _source(index: int, one: EvaluationSet) -> Source:
    # Every split is read: that a file is held out is why it is here.
    return Source(name=one.name or f"evaluation-{index + 1}", path=one.path, split=("all",))


def _named(file: InputFile) -> str:
    name = Path(file.path)
    while name.suffix.lower() in {*KINDS, *COMPRESSED}:
        name = name.with_suffix("")
    return shown(name.name)


def _told_apart(recipe: Recipe, sets: list[EvaluationSetFiles]) -> list[EvaluationSetFiles]:
    """Return the sets, those of one name with the folder of their file before it."""
    names = [one.name for one in sets]
    longer = [
        replace(one, name=f"{Path(one.files[0].file.path).parent.name}/{one.name}")
        if names.count(one.name) > 1
        else one
        for one in sets
    ]
    names = [one.name for one in longer]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        message = f"two evaluation sets are called `{twice}`"
        hint = "name them: `{path: …, name: …}`, and each file once"
        raise RecipeProblems([Problem(recipe.written_at(*_AGAINST), message, hint)])
    return longer


def _refuse_empty(files: list[InputFile]) -> None:
    empty = next((file for file in files if not file.size), None)
    if empty is not None:
        raise DataError(
            f"the evaluation file `{shown(empty.path)}` is empty",
            "nothing would be found of it: fetch it again, or leave it out of `curate.decontaminate.against`",
        )


def _digest(file: InputFile) -> str:
    return _octomed.file_digest(file.path)[1]


def _key(recipe: Recipe, sets: list[EvaluationSetFiles], digests: dict[str, dict[str, str]]) -> str:
    written = (recipe.output.path, recipe.work.path)
    return content_key(
        {
            "sets": [
                {
                    "name": one.name,
                    "files": digests[one.name],
                    "forms": [
                        [file.file.kind, file.file.compression, file.file.dialect, file.mapping]
                        for file in one.files
                    ],
                    "images": images_key(one.images),
                    "folders": folders_state(roots_in(one.images), written),
                }
                for one in sets
            ]
        }
    )


def _mapping(recipe: Recipe, index: int, file: InputFile) -> dict[str, Any]:
    """Return which columns of a file hold questions; a row without options or answer has one all the same."""
    values = _whole_mapping(recipe, index, file)
    options = values.get("options")
    if isinstance(options, str):
        values["options"] = {"any_of": [options], "optional": True}
    elif isinstance(options, dict):
        values["options"] = {**options, "optional": True}
    return {key: value for key, value in values.items() if not key.startswith("answer")}


def _whole_mapping(recipe: Recipe, index: int, file: InputFile) -> dict[str, Any]:
    own = recipe.curate.decontaminate.against[index].format if recipe.curate.decontaminate else None
    if isinstance(own, str):
        return load_preset(own)
    values = {key: value for key, value in (own or {}).items() if key not in {"preset", "image_root"}}
    if own is not None and own.get("preset"):
        return laid_over(load_preset(own["preset"]), values)
    return values or _found(recipe, index, file)


def _found(recipe: Recipe, index: int, file: InputFile) -> dict[str, Any]:
    """Return the mapping that a file's columns suit: a built-in one, or the column `question` alone."""
    columns = columns_of(file)
    names = suiting_formats(columns)
    mappings = [load_preset(name) for name in names]
    readings = {repr(sorted((key, str(one.get(key))) for key in _ASKED)): one for one in mappings}
    if len(readings) == 1:
        return mappings[0]
    pictures = [name for name in columns if _octomed.Mapping.suggests_pictures(name)]
    if not readings and "question" in columns and not pictures:
        options = {"options": "options"} if "options" in columns else {}
        return {"question": "question", **options}
    place = recipe.written_at(*_AGAINST, index)
    may_show = names_to_show(columns, _octomed.Mapping({"messages": "messages"}), file.kind)
    here = f"columns here: {names_in_words(may_show, len(columns) - len(may_show))}"
    suits = (
        f"suit several formats ({', '.join(f'`{name}`' for name in names)})" if names else "are those of none"
    )
    message = f"the columns of the evaluation file `{shown(file.path)}` {suits}; {here}"
    hint = "say which: `{path: …, format: …}`, a name or `{question: …, options: …, images: …}`"
    raise RecipeProblems([Problem(place, message, hint)])
