"""The packed run of a model: how it asked, and of which evaluation sets it was kept clean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octomed.errors import DataError, RecipeError
from octomed.names import shown
from octomed.recipe.paths import absolute
from octomed.run_file import RUN_FILE, RunFile, load_run_file
from octomed.state import NotThere

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

_EVALUATION_SET = "evaluation set "
"""What the run file puts before the names of evaluation sets among its inputs."""
_IMAGE_KEYS = ("min_pixels", "max_pixels", "alpha", "gray16", "max_source_pixels")
"""What of a run's `images` decides the pixels that its model saw."""


@dataclass(frozen=True)
class Trained:
    """A packed run that a model was trained on.

    Attributes
    ----------
    folder
        Of the run.
    run
        Its run file.
    """

    folder: Path
    run: RunFile

    @property
    def shared(self) -> dict[str, Any]:
        """The keys of a packing recipe that say how questions are asked, as the run has them."""
        written = self.run.recipe
        found: dict[str, Any] = {"model": self.run.run.model or written["model"]}
        for key in ("system", "prompt"):
            if written.get(key) is not None:
                found[key] = written[key]
        template = written.get("template")
        if template is not None:
            is_file = str(template).endswith((".jinja", ".jinja2", ".j2"))
            found["template"] = (
                absolute(template, Path(self.run.run.recipe_folder or ".")) if is_file else template
            )
        images = written.get("images") or {}
        found["images"] = {key: images[key] for key in _IMAGE_KEYS if images.get(key) is not None}
        if self.run.vision is not None:
            found["images"] |= {
                "min_pixels": self.run.vision.min_pixels,
                "max_pixels": self.run.vision.max_pixels,
            }
        return found

    @property
    def form(self) -> tuple[str, ...]:
        """The forms that its traces had to have, as `curate.accept.format` names them."""
        accept = (self.run.recipe.get("curate") or {}).get("accept")
        found = accept.get("format") if isinstance(accept, dict) else None
        return tuple(found or ())

    def check_tokenizer(self, content_hash: str) -> None:
        """Refuse a tokenizer that is not the run's.

        Raises
        ------
        DataError
            When what the run's `model` leads to has changed since.
        """
        recorded = self.run.tokenizer.content_hash
        if recorded and recorded != content_hash:
            raise DataError(
                f"`{shown(str(self.shared['model']))}` has another tokenizer than the run "
                f"`{shown(str(self.folder))}` was packed with",
                "name the right one by `tokenizer`, with `prompt: own`",
            )

    def contamination(self, benchmark: str, digests: Mapping[str, str]) -> str | None:
        """Return what is to be said of a benchmark that the run was not kept clean of; None where it was.

        Parameters
        ----------
        benchmark
            Its name.
        digests
            Of its files, by path below its root.
        """
        inputs = self.run.run.inputs or {}
        sets = {name: files for name, files in inputs.items() if name.startswith(_EVALUATION_SET)}
        if not sets:
            return "the training run compared its questions with no evaluation set"
        known = {digest for files in sets.values() for digest in files.values()}
        missing = [name for name, digest in digests.items() if digest not in known]
        if not missing:
            return None
        some = "none" if len(missing) == len(digests) else f"only {len(digests) - len(missing)}"
        return (
            f"the training run was decontaminated against {some} of the {len(digests)} files of `{benchmark}`"
        )


def trained_run(folder: str | os.PathLike[str]) -> Trained:
    """Read the packed run that a model was trained on.

    Parameters
    ----------
    folder
        Of the run.

    Raises
    ------
    RecipeError
        When no finished run is there.
    DataError
        When its run file is damaged.
    """
    path = Path(folder)
    found = load_run_file(path)
    if isinstance(found, NotThere):
        raise RecipeError(
            f"`trained`: `{shown(str(path))}` is no packed run: it has no `{RUN_FILE}`",
            "name the folder that `octomed pack` wrote",
        )
    if not isinstance(found, RunFile):
        raise DataError(f"`{RUN_FILE}` in `{shown(str(path))}` is damaged", "see `octomed verify`")
    return Trained(path, found)
