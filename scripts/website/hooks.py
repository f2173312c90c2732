"""Pages of the documentation that are made when the site is built (`mkdocs.yml` names this file under `hooks`).

The reference is written from what it is of: verbs from their `--help`, keys of recipes from the schema, Python from the
docstrings. Documents beside the folder `docs` become pages as well, and links lead to them, or to the repository.
"""

from __future__ import annotations

import ast
import posixpath
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from mkdocs.structure.files import File
from octomed.cli.app import app
from octomed.cli.verbs import VERBS
from octomed.recipe import schema_json
from octomed.train.schema import TrainRecipe

sys.path.insert(0, str(Path(__file__).parent))  # mkdocs loads hooks by their files
from keys import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

TOP = Path(__file__).resolve().parents[2]
BESIDE = {
    "ARCHITECTURE.md": "project/architecture.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "bench/README.md": "project/benchmarks.md",
}
"""Documents that are elsewhere in the repository, and the pages they become."""
REPOSITORY = "https://github.com/octomed/octomed/blob/main/"
MODULES = ("octomed.stream", "octomed.answers", "octomed.vision", "octomed.errors", "octomed.library")
"""Modules whose public names are documented beside those of `octomed` itself."""
LINK = re.compile(r"\]\(([^)\s#]*)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made."""
    for place, page in BESIDE.items():
        files.append(File.generated(config, page, content=(TOP / place).read_text("utf-8")))
    made = {
        "reference/verbs.md": verbs(),
        "reference/recipe-keys.md": recipe_keys(),
        "reference/training-keys.md": training_keys(),
        "reference/python.md": python(),
    }
    for page, text in made.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 mkdocs' own
    """Have links lead to where things are on the site; what stands in fences is no link."""
    made = page.file.src_uri
    origin = next((place for place, became in BESIDE.items() if became == made), f"docs/{made}")
    outside = re.split(r"(^ *```.*?^ *``` *$)", markdown, flags=re.MULTILINE | re.DOTALL)
    parts = [
        part
        if number % 2
        else LINK.sub(lambda found: f"]({target(found[1], origin, made)}{found[2] or ''})", part)
        for number, part in enumerate(outside)
    ]
    return "".join(parts)


def target(written: str, origin: str, page: str) -> str:
    """Return where a link of a document leads from the page that it became."""
    if not written or "://" in written or written.startswith(("mailto:", "/")):
        return written
    place = posixpath.normpath(posixpath.join(posixpath.dirname(origin), written))
    became = "index.md" if place == "README.md" else BESIDE.get(place, place.removeprefix("docs/"))
    if became == place and (TOP / place).exists():
        return REPOSITORY + place
    return posixpath.relpath(became, posixpath.dirname(page) or ".")


# Verbs


def verbs() -> str:
    """Return the page of the verbs: what each prints for `--help`."""
    group = typer.main.get_command(app)
    lines = ["# Verbs", "", "What `octomed VERB --help` prints, for each verb.", ""]
    lines += ["| verb | what it does |", "|---|---|"]
    lines += [f"| [`octomed {name}`](#octomed-{name}) | {line} |" for name, line in VERBS.items()]
    for name in VERBS:
        context = typer.Context(
            group.commands[name], info_name=f"octomed {name}", terminal_width=100, max_content_width=100
        )
        lines += [
            "",
            f"## `octomed {name}`",
            "",
            "```text",
            group.commands[name].get_help(context).rstrip(),
            "```",
        ]
    return "\n".join(lines) + "\n"


# Keys


def recipe_keys() -> str:
    """Return the page of all keys of a recipe."""
    head = (
        "# Keys of a recipe\n\nEvery key, as `octomed schema` has it. [The recipe](../recipe.md) explains them with examples; "
        "`--set pack.capacity=8192` overrides one.\n"
    )
    return head + tables(schema_json())


def training_keys() -> str:
    """Return the page of all keys of a training recipe."""
    head = "# Keys of a training recipe\n\n[Training](../training.md) explains them with examples; `octomed train RECIPE optimizer.lr=1e-4` overrides one.\n"
    return head + tables(TrainRecipe.model_json_schema(by_alias=True))


# Python


def python() -> str:
    """Return the page of the public names, which mkdocstrings fills from their docstrings."""
    lines = ["# Python", "", "What a program may import. Everything else may change without notice."]
    for module in ("octomed", *MODULES):
        names = list(public(module))
        if names:
            lines += ["", f"## `{module}`"]
        for name in names:
            lines += ["", f"::: {module}.{name}", "    options:", "      heading_level: 3"]
    return "\n".join(lines) + "\n"


def public(module: str) -> Iterator[str]:
    """Yield the names in a module's `__all__`, which is read and not run."""
    base = TOP / "python" / module.replace(".", "/")
    file = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    if not file.exists():
        return
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and any(
            isinstance(one, ast.Name) and one.id == "__all__" for one in node.targets
        ):
            yield from (name for name in ast.literal_eval(node.value) if not name.startswith("__"))
