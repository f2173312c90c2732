"""The evaluation sets that a recipe names: their files, and which columns of these hold questions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed.errors import DataError
from octomed.names import shown
from octomed.pipeline.inputs.column_names import names_to_show
from octomed.pipeline.inputs.evaluation_specs import EvaluationFile, EvaluationSetFiles, FoundSets
from octomed.pipeline.inputs.nearest_format import suiting_formats
from octomed.recipe.document import Document, Keys
from octomed.recipe.kinds import COMPRESSED, KINDS
from octomed.recipe.presets import laid_over, load_preset
from octomed.recipe.problems import Place, Problem, RecipeProblems
from octomed.report.fit import names_in_words
from octomed.schemes import objects, scheme_of
from octomed.storage import content_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from octomed.recipe.curate import Decontaminate, EvaluationSet
    from octomed.recipe.input_file import InputFile
    from octomed.recipe.schema import Recipe, Source

_AGAINST: Keys = ("curate", "decontaminate", "against")
_ASKED = ("question", "options", "images", "image_columns", "messages", "history")
"""Keys of a row format that say what a question is."""


@dataclass(frozen=True)
class Lookups:
    """What is asked of those who know sources, to find evaluation sets.

    Attributes
    ----------
    source
        Makes a source of a name and paths, of which every split is read: held out is what they are.
    files_of
        Returns the files of a recipe's sources.
    columns_of
        Returns the columns of a file.
    image_settings
        Returns what is said of a source's images.
    state_of_images
        Returns what tells the images of such settings from others.
    """

    source: Callable[[str, tuple[str, ...]], Source]
    files_of: Callable[[Recipe], list[InputFile]]
    columns_of: Callable[[InputFile], list[str]]
    image_settings: Callable[[Source], dict[str, Any]]
    state_of_images: Callable[[dict[str, Any]], Any]


def find_evaluation_sets(recipe: Recipe, settings: Decontaminate, lookups: Lookups) -> FoundSets:
    """Find the files of a recipe's evaluation sets, and their row formats.

    Parameters
    ----------
    recipe
        The recipe.
    settings
        Its section on evaluation sets.
    lookups
        Asked of those who know sources.

    Raises
    ------
    RecipeProblems
        When a path matches nothing, two sets have one name, or columns do not say which is the question.
    DataError
        When a file is empty or cannot be read.
    """
    _check_losses(recipe, settings)
    sets: list[EvaluationSetFiles] = []
    sources = tuple(
        lookups.source(one.name or f"evaluation-{index + 1}", one.path)
        for index, one in enumerate(settings.against)
    )
    found = lookups.files_of(_as_sources(recipe, sources))
    _refuse_empty(found)
    for index, one in enumerate(settings.against):
        images = {**lookups.image_settings(sources[index]), "root": list(one.image_roots)}
        read = tuple(
            EvaluationFile(file, _mapping(recipe, index, one, file, lookups))
            for file in found
            if file.source_index == index
        )
        if one.name is not None:
            sets.append(EvaluationSetFiles(one.name, read, images))
        else:
            sets += [EvaluationSetFiles(_named(file.file), (file,), images) for file in read]
    sets = _told_apart(recipe, sets)
    digests = {one.name: {file.file.relative: digest_of(file.file) for file in one.files} for one in sets}
    return FoundSets(_key(sets, digests, lookups), tuple(sets), digests)


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


def _as_sources(recipe: Recipe, sources: tuple[Source, ...]) -> Recipe:
    """Return the recipe with its evaluation sets for sources, so that their files are found as those are."""
    copy = recipe.model_copy(update={"sources": sources})
    copy.adopt(recipe.file, _Places(recipe), {}, recipe.overrides, from_values=recipe.from_values)
    return copy


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


def digest_of(file: InputFile) -> str:
    """Return the digest of a file's content, as run files have it of evaluation sets."""

    def hashed(path: str) -> str:
        return _octomed.file_digest(path)[1]

    return hashed(file.path) if scheme_of(file.path) is None else objects().digest(file.path, hashed)


def _key(sets: list[EvaluationSetFiles], digests: dict[str, dict[str, str]], lookups: Lookups) -> str:
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
                    "images": lookups.state_of_images(one.images),
                }
                for one in sets
            ]
        }
    )


def _mapping(
    recipe: Recipe, index: int, one: EvaluationSet, file: InputFile, lookups: Lookups
) -> dict[str, Any]:
    """Return which columns of a file hold questions; a row without options or answer has one all the same."""
    values = _own_mapping(one) or _found(recipe, index, file, lookups.columns_of(file))
    options = values.get("options")
    if isinstance(options, str):
        values["options"] = {"any_of": [options], "optional": True}
    elif isinstance(options, dict):
        values["options"] = {**options, "optional": True}
    return {key: value for key, value in values.items() if not key.startswith("answer")}


def _own_mapping(one: EvaluationSet) -> dict[str, Any]:
    """Return what the recipe says of the columns; nothing where it says nothing."""
    own = one.format
    if isinstance(own, str):
        return load_preset(own)
    values = {key: value for key, value in (own or {}).items() if key not in {"preset", "image_root"}}
    if own is not None and own.get("preset"):
        return laid_over(load_preset(own["preset"]), values)
    return values


def _found(recipe: Recipe, index: int, file: InputFile, columns: list[str]) -> dict[str, Any]:
    """Return the mapping that a file's columns suit: a built-in one, or the column `question` alone."""
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
