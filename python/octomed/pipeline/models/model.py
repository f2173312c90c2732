"""What `model:` and `template:` of a recipe stand for: a vocabulary and a chat template.

The models that most recipes name are inside the package and need no network; anything else is read from a
folder as `transformers` saves it, or fetched from the Hugging Face hub.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed.errors import RecipeError
from octomed.pipeline.models.families import (
    VISION_LANGUAGE,
    check_processor,
    family_named,
    family_of,
    other_vision_model,
)
from octomed.pipeline.models.model_files import json_object, read_text, read_vocabulary
from octomed.pipeline.models.tokenizer_folder import FolderFiles, FolderTokens, read_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from octomed import _octomed
    from octomed.vision import Family

QWEN_TOKENS = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}

BUILTIN_TEMPLATES = ("qwen2.5", "qwen2.5-vl", "qwen3-vl", "llama-3")

# Name of a built-in model: its vocabulary and its template.
BUILTIN_MODELS = {
    "qwen2.5": ("qwen2.5", "qwen2.5"),
    "qwen2.5-vl": ("qwen2.5", "qwen2.5-vl"),
    "qwen3-vl": ("qwen3", "qwen3-vl"),
}

# Hub ids whose published vocabulary and template are those of a built-in model. Base, Math and Thinking
# models of the same families have other templates: those are fetched like any other.
HUB_MODELS = (
    (re.compile(r"Qwen/Qwen2\.5-(0\.5|1\.5|3|7|14|32|72)B-Instruct"), "qwen2.5"),
    (re.compile(r"Qwen/Qwen2\.5-VL-(3|7|72)B-Instruct"), "qwen2.5-vl"),
    (re.compile(r"Qwen/Qwen3-VL-(2|4|8|32)B-Instruct"), "qwen3-vl"),
)

# SHA-256 of published chat templates that a built-in one equals, a last line break apart, which Jinja drops.
PUBLISHED_TEMPLATES = {
    "55b2f4a26ac9ee719330a61a0c39d9e538b0e9322212f048326318cff4f8674a": "qwen2.5",
    "a0bc6f6fc7a29a80017a433e8f03a1cc1236e838a944a2d034295a60c4f2fddb": "qwen2.5-vl",
    "9d879ef91075acbfb2df7e441fd79d60bacfca989cf6d511d2af45c681e94f10": "qwen3-vl",
    "ba03a121d097859c7b5b9cd03af99aafe95275210d2876f642ad9929a150f122": "llama-3",
}

LLAMA3_BOS = "<|begin_of_text|>"

OPTIONAL_FILES = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "config.json",
    "chat_template.jinja",
    "chat_template.json",
    "preprocessor_config.json",
    "processor_config.json",
)

_MOST_IDS = 2**29
"""Ids that the working store can write, as the engine says, too."""
_AGAIN = "save the tokenizer again with `save_pretrained`"


@dataclass(frozen=True)
class VisionOf:
    """How a model takes images.

    Attributes
    ----------
    family
        Its family; None of a text model, and of one whose images cannot be prepared.
    refused
        Why they cannot, and what to do: it matters only where rows have images.
    """

    family: Family | None = None
    refused: tuple[str, str | None] | None = None


@dataclass(frozen=True)
class ResolvedModel:
    """A vocabulary and a chat template, not yet loaded.

    Attributes
    ----------
    name
        `model:` as the recipe writes it.
    vocabulary
        Name of a built-in vocabulary, or the bytes of a `tokenizer.json`.
    vocabulary_name
        What to call the vocabulary in messages.
    template
        Name of a built-in template, or a Jinja source.
    template_name
        What to call the template in messages.
    builtin_template
        Whether `template` is a name.
    variables
        What a Jinja source may name besides the messages: `bos_token`, `eos_token` and their like.
    folder
        What the files next to the `tokenizer.json` add to it.
    vision
        How the model takes images, if it does.
    """

    name: str
    vocabulary: str | bytes = field(repr=False)
    vocabulary_name: str
    template: str = field(repr=False)
    template_name: str
    builtin_template: bool
    variables: Mapping[str, str]
    folder: FolderTokens = field(default_factory=FolderTokens, repr=False)
    vision: VisionOf = VisionOf()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of the tokenizer's files."""
        return self.folder.notes

    def tokenizer(self) -> _octomed.Tokenizer:
        """Load the tokenizer.

        Raises
        ------
        RecipeError
            When the bytes are not a `tokenizer.json`.
        """
        from octomed import _octomed  # noqa: PLC0415 the types of this module need no extension

        if isinstance(self.vocabulary, str):
            return _octomed.Tokenizer.builtin(self.vocabulary)
        added = [astuple(token) for token in self.folder.added]
        tokenizer = _octomed.Tokenizer.from_json(self.vocabulary, added, self.folder.add_prefix_space)
        if tokenizer.vocabulary_size > _MOST_IDS:
            last = tokenizer.vocabulary_size - 1
            raise RecipeError(
                f"its `tokenizer.json` has the id {last:,}; ids are below {_MOST_IDS:,}", _AGAIN
            )
        return tokenizer

    def chat_template(self, tokenizer: _octomed.Tokenizer) -> _octomed.ChatTemplate:
        """Compile the chat template for a tokenizer, and see that it can be trained on.

        Raises
        ------
        RecipeError
            When the source is not Jinja, writes no end of turn, depends on the date, or needs a control
            token that the vocabulary lacks.
        """
        from octomed import _octomed  # noqa: PLC0415 the types of this module need no extension

        controls = tokenizer.special_tokens()
        try:
            template = _octomed.ChatTemplate(
                self.template, controls, dict(self.variables), builtin=self.builtin_template
            )
            template.probe()
        except RecipeError as error:
            raise RecipeError(f"chat template {self.template_name}: {error.message}", error.hint) from error
        return template

    def describe(self) -> dict[str, str]:
        """Return the names, for summaries and manifests; a file without its folder."""
        vocabulary, template = Path(self.vocabulary_name).name, Path(self.template_name).name
        return {"name": self.name, "vocabulary": vocabulary, "template": template}

    def record(self) -> dict[str, str]:
        """Return what a run file says: the names, and the source of a template that is not built in."""
        source = {} if self.builtin_template else {"template_source": self.template}
        return self.describe() | source

    @property
    def own_template(self) -> str:
        """What tells the template from others: the name of a built-in one, or the source."""
        return self.template_name if self.builtin_template else self.template


def resolve_model(model: str, template: str | None, *, base: Path) -> ResolvedModel:
    """Find the vocabulary and the chat template that a recipe names.

    Parameters
    ----------
    model : str
        A built-in model, a folder as `transformers` saves it, a `tokenizer.json`, or a hub id.
    template : str, optional
        A built-in template, a `.jinja` file or a Jinja source; the model's own if left out.
    base : Path
        Folder that relative paths start from.

    Raises
    ------
    RecipeError
        When one of them cannot be found or read, or the model has no chat template.
    """
    return find_model(model, read_template(template, base=base), base=base)


def find_model(model: str, chosen: Template | None, *, base: Path) -> ResolvedModel:
    """Find the vocabulary that a recipe names, and its chat template where none is chosen.

    Parameters
    ----------
    model, base
        As for :func:`resolve_model`.
    chosen : Template, optional
        What :func:`read_template` returned.

    Raises
    ------
    RecipeError
        When the model cannot be found or read, or has no chat template.
    """
    if model in BUILTIN_MODELS:
        return _builtin(model, model, chosen)
    path = base / Path(model).expanduser()
    if path.exists():
        return _local(model, path, chosen)
    if model.startswith((".", "/", "~")) or model.endswith(".json"):
        raise RecipeError(f"`model: {model}` does not exist", "name a folder that holds a `tokenizer.json`")
    for pattern, name in HUB_MODELS:
        if pattern.fullmatch(model):
            return _builtin(model, name, chosen)
    if re.fullmatch(r"[\w.-]+/[\w.-]+", model):
        return _local(model, _fetch(model), chosen)
    names = ", ".join(f"`{name}`" for name in BUILTIN_MODELS)
    raise RecipeError(
        f"`model: {model}` is not a built-in model, folder or hub id", f"built-in models are {names}"
    )


@dataclass(frozen=True)
class Template:
    """A chat template before its variables are known: the name of a built-in one, or a source."""

    text: str
    name: str
    builtin: bool = False


def _builtin(model: str, name: str, chosen: Template | None) -> ResolvedModel:
    vocabulary, own = BUILTIN_MODELS[name]
    resolved = _resolved(
        model,
        vocabulary,
        f"built-in {vocabulary}",
        chosen or Template(own, f"built-in {own}", builtin=True),
        QWEN_TOKENS,
    )
    return replace(resolved, vision=VisionOf(family_named(name)))


def _local(model: str, path: Path, chosen: Template | None) -> ResolvedModel:
    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        hint = "save the tokenizer there with `AutoTokenizer.from_pretrained(…).save_pretrained(…)`"
        raise RecipeError(f"`model: {model}` has no `tokenizer.json`", hint)
    config = json_object(file.parent / "tokenizer_config.json")
    template = chosen or _own_template(model, file.parent, config)
    vocabulary = read_vocabulary(file)
    folder = _folder_tokens(model, vocabulary, file.parent, config)
    resolved = _resolved(model, vocabulary, str(file), template, folder.variables)
    return replace(resolved, folder=folder, vision=_vision_of(model, file.parent, resolved))


def _vision_of(model: str, folder: Path, resolved: ResolvedModel) -> VisionOf:
    """Return how a local model takes images: by its configuration, or without one by its template."""
    config = json_object(folder / "config.json")
    if (other := other_vision_model(config)) is not None:
        known = ", ".join(f"`{name}`" for name in VISION_LANGUAGE)
        message = f"`model: {model}` is of type `{other}`, whose images cannot be prepared here"
        return VisionOf(refused=(message, f"models that take images are of type {known}"))
    family = family_of(config)
    if family is None and not config.get("model_type") and resolved.builtin_template:
        family = family_named(resolved.template)
    if family is None:
        return VisionOf()
    try:
        check_processor(family, json_object(folder / "preprocessor_config.json"), "preprocessor_config.json")
        inside = json_object(folder / "processor_config.json").get("image_processor")
        check_processor(family, inside if isinstance(inside, dict) else {}, "processor_config.json")
    except RecipeError as error:
        return VisionOf(refused=(f"`model: {model}`: {error.message}", error.hint))
    return VisionOf(family)


def _folder_tokens(model: str, vocabulary: bytes, folder: Path, config: Mapping[str, Any]) -> FolderTokens:
    """Read the files next to a `tokenizer.json`."""
    from octomed import _octomed  # noqa: PLC0415 the types of this module need no extension

    files = FolderFiles(
        config,
        json_object(folder / "special_tokens_map.json"),
        json_object(folder / "added_tokens.json"),
        json_object(folder / "config.json"),
    )
    outline = json.loads(_octomed.Tokenizer.outline(vocabulary))
    try:
        return read_folder(f"`model: {model}`", outline, files)
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
        hint = "save the tokenizer again with `save_pretrained`"
        raise RecipeError(
            f"`model: {model}`: the files next to `tokenizer.json` are not as `transformers` writes them",
            hint,
        ) from error


def _resolved(
    model: str,
    vocabulary: str | bytes,
    vocabulary_name: str,
    template: Template,
    variables: Mapping[str, str],
) -> ResolvedModel:
    if not template.builtin and (known := _published(template.text, variables)) is not None:
        template = Template(known, f"built-in {known}", builtin=True)
    return ResolvedModel(
        name=model,
        vocabulary=vocabulary,
        vocabulary_name=vocabulary_name,
        template=template.text,
        template_name=template.name,
        builtin_template=template.builtin,
        variables=dict(variables),
    )


def _published(source: str, variables: Mapping[str, str]) -> str | None:
    """Name the built-in template that a source is known to equal."""
    digest = hashlib.sha256(source.removesuffix("\n").encode()).hexdigest()
    name = PUBLISHED_TEMPLATES.get(digest)
    return None if name == "llama-3" and variables.get("bos_token") != LLAMA3_BOS else name


def read_template(template: str | None, *, base: Path) -> Template | None:
    """Read what `template:` says, if anything.

    Raises
    ------
    RecipeError
        When it is neither a built-in template nor a file that can be read.
    """
    if template is None:
        return None
    if template in BUILTIN_TEMPLATES:
        return Template(template, f"built-in {template}", builtin=True)
    if "{%" in template or "{{" in template:
        return Template(template, "of the recipe")
    path = base / Path(template).expanduser()
    if path.is_file():
        return Template(read_text(path), str(path))
    names = ", ".join(f"`{name}`" for name in BUILTIN_TEMPLATES)
    hint = f"built-in templates are {names}; any other one is a `.jinja` file"
    raise RecipeError(f"`template: {template}` is neither a built-in template nor a file", hint)


def _own_template(model: str, folder: Path, config: Mapping[str, Any]) -> Template:
    """Read a folder's chat template, in the order of `transformers`."""
    if (file := folder / "chat_template.jinja").is_file():
        return Template(read_text(file), str(file))
    named = folder / "additional_chat_templates"
    if (file := named / "default.jinja").is_file():
        return Template(read_text(file), str(file))
    if others := sorted(file.stem for file in named.glob("*.jinja")):
        raise _no_default(named, others)
    for file, value in (
        (folder / "chat_template.json", json_object(folder / "chat_template.json").get("chat_template")),
        (folder / "tokenizer_config.json", config.get("chat_template")),
    ):
        if isinstance(value, str):
            return Template(value, str(file))
        if isinstance(value, list):
            return Template(_default_of(value, file), str(file))
    hint = "name one under `template:`: a built-in one, or a `.jinja` file"
    raise RecipeError(f"`model: {model}` has no chat template", hint)


def _default_of(named: list[Any], file: Path) -> str:
    """Choose from a list of named templates: `default`, or the only one."""
    sources: dict[str, str] = {
        entry["name"]: entry["template"]
        for entry in named
        if isinstance(entry, dict)
        and isinstance(entry.get("name"), str)
        and isinstance(entry.get("template"), str)
    }
    if "default" in sources:
        return sources["default"]
    if len(sources) == 1:
        return next(iter(sources.values()))
    raise _no_default(file, sources)


def _no_default(file: Path, names: Iterable[str]) -> RecipeError:
    there = ", ".join(f"`{name}`" for name in names) or "none that can be read"
    hint = "save the one you want as a `.jinja` file, and name it under `template:`"
    return RecipeError(f"{file}: no chat template is called `default`; there are {there}", hint)


def _fetch(model: str) -> Path:
    """Fetch a model's tokenizer files from the hub, and return the folder they lie in."""
    hint = "fetch the model's tokenizer files into a folder, and name that folder under `model:`"
    try:
        from huggingface_hub import hf_hub_download  # noqa: PLC0415 an extra
        from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError  # noqa: PLC0415
    except ImportError as error:
        hint = f"`pip install '.[hub]'` in OctoMed's folder, or {hint}"
        raise RecipeError(
            f"`model: {model}` is not built in, and the hub's client is missing", hint
        ) from error
    offline = _is_offline()
    download = functools.partial(hf_hub_download, local_files_only=True) if offline else hf_hub_download
    try:
        file = Path(download(model, "tokenizer.json"))
        for name in OPTIONAL_FILES:
            try:
                download(model, name)
            except LocalEntryNotFoundError:
                if not offline:
                    raise
            except EntryNotFoundError:
                continue
    except (HfHubHTTPError, OSError, ValueError) as error:
        if offline:
            message = f"`model: {model}` is not a folder here, and the hub cannot be reached to fetch it"
            raise RecipeError(message, hint) from error
        reason = str(error).strip().split("\n")[0]
        raise RecipeError(f"`model: {model}` cannot be fetched from the hub: {reason}", hint) from error
    return file.parent


def _is_offline() -> bool:
    """Tell whether only what was fetched before can be had: the hub is switched off, or does not answer."""
    try:
        from huggingface_hub import constants  # noqa: PLC0415 an extra
    except ImportError:  # a client of another layout, which is asked as it is
        return False
    from octomed.pipeline.models.hub import reachable  # noqa: PLC0415 an HTTP client that other models need not load

    return bool(constants.HF_HUB_OFFLINE) or not reachable(constants.ENDPOINT)
