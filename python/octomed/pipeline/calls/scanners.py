"""What decides what a scan makes of a row, as plain values, and the scanner that is made of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed import _octomed
from octomed.errors import RecipeError
from octomed.pipeline.models.model import resolve_model
from octomed.pipeline.threads.kept import Kept
from octomed.storage import content_key
from octomed.strict_json import plain

if TYPE_CHECKING:
    from octomed.filter_record import FilterRecord

_MOST_SCANNERS = 64
_MOST_TEXTS = 2
"""A tokenizer takes tens of megabytes, a scanner that shares one next to nothing."""


@dataclass(frozen=True)
class ScannerSpec:
    """What a scanner is made of.

    Attributes
    ----------
    key
        Content key of all that decides what a scan makes of a row, places of images included.
    source
        Name of the source.
    model, template
        As the recipe names them.
    folder
        Folder that their relative paths start from.
    tokenizer, template_hash
        Content hashes of what they lead to.
    mapping
        The row format, without its prompt.
    prompt, system, supervise
        As the recipe, or the row format, has them.
    images
        What it does with images: None for a model that takes none.
    curation
        What its responses are measured and decided by: None where they are not.
    filters
        Filters of the user's own, in their order.
    """

    key: str
    source: str
    model: str
    template: str | None
    folder: str
    tokenizer: str
    template_hash: str
    mapping: dict[str, Any]
    prompt: str | None
    system: str | None
    supervise: str
    images: dict[str, Any] | None = None
    curation: dict[str, Any] | None = None
    filters: tuple[FilterRecord, ...] = ()

    @property
    def limits(self) -> dict[str, Any]:
        """Thresholds of what is measured of its responses."""
        limits: dict[str, Any] = (self.curation or {}).get("limits", {})
        return limits


@dataclass
class Text:
    """A tokenizer and a chat template for it, and a scanner that has them: others share its memory."""

    tokenizer: _octomed.Tokenizer
    template: _octomed.ChatTemplate
    scanner: _octomed.Scanner | None = None


scanners: Kept[_octomed.Scanner] = Kept(_MOST_SCANNERS)
_texts: Kept[Text] = Kept(_MOST_TEXTS)


def scanner_of(spec: ScannerSpec) -> _octomed.Scanner:
    """Return the scanner that a specification names, made again where this process has none.

    Raises
    ------
    RecipeError
        When the model or the template is not here, or not what it was where the run was planned.
    """
    return scanners.get(spec.key, lambda: _made(spec))


def _made(spec: ScannerSpec) -> _octomed.Scanner:
    text = _texts.get(f"{spec.tokenizer} {spec.template_hash}", lambda: _text(spec))
    mapping, prompt = _octomed.Mapping(spec.mapping), _octomed.Prompt(spec.prompt)
    if scanner_key(spec, text, prompt.content_hash) != spec.key:
        raise RecipeError(
            f"what `model: {spec.model}` names is not what the run was planned with",
            "plan it again, with the same octomed and the same model wherever it runs",
        )
    return assembled(spec, text, mapping, prompt)


def _text(spec: ScannerSpec) -> Text:
    model = resolve_model(spec.model, spec.template, base=Path(spec.folder))
    tokenizer = model.tokenizer()
    return Text(tokenizer, model.chat_template(tokenizer))


def scan_key(spec: ScannerSpec, text: Text, prompt_hash: str) -> str:
    """Return the content key of all that decides what a scan makes of a row of the source without images."""
    return content_key(
        {
            "version": _octomed.SCAN_VERSION,
            "source": spec.source,
            "mapping": spec.mapping,
            "prompt": prompt_hash,
            "system": spec.system,
            "template": text.template.content_hash,
            "tokenizer": text.tokenizer.content_hash,
            "supervise": spec.supervise,
            **({} if spec.curation is None else {"curation": _curation_key(spec.curation)}),
            **({"filters": _filters_key(spec)} if spec.filters else {}),
        }
    )


def _filters_key(spec: ScannerSpec) -> list[Any]:
    """Return what filters decide of the content of blocks.

    They see what thresholds let pass: blocks with looser ones are others here.
    """
    return [*(plain(one) for one in spec.filters), {"limits": spec.limits}]


def _curation_key(curation: dict[str, Any]) -> dict[str, Any]:
    """Return what of curation decides the content of blocks: of thresholds, which measures they are of.

    A block that was scanned with looser ones has all that stricter ones let pass.
    """
    others = {name: value for name, value in curation.items() if name != "limits"}
    # Blocks in which a null response counts as one without an answer are of another key.
    nulls = {"nulls": "no sample"} if "accept" in curation else {}
    return {**others, **nulls, "measured": _octomed.measured(curation)}


def scanner_key(spec: ScannerSpec, text: Text, prompt_hash: str) -> str:
    """Return the key of a scanner where calls find it: places of images are in it, and thresholds."""
    key = scan_key(spec, text, prompt_hash)
    if spec.limits:
        key = content_key({"scan": key, "limits": spec.limits})
    return key if spec.images is None else content_key({"scan": key, "images": spec.images})


def assembled(
    spec: ScannerSpec, text: Text, mapping: _octomed.Mapping, prompt: _octomed.Prompt
) -> _octomed.Scanner:
    """Make a scanner, which shares the memory of one that has the same tokenizer.

    Raises
    ------
    RecipeError
        When mapping, prompt and template do not go together.
    """
    text.scanner = _octomed.Scanner(
        mapping,
        text.template,
        prompt,
        text.tokenizer,
        system=spec.system,
        supervise=spec.supervise,
        images=spec.images,
        curation=spec.curation,
        beside=text.scanner,
    )
    return text.scanner
