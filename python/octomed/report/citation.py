"""How to cite a packed run: its sources, as the recipe says, and the program that packed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from octomed.run_file import RunFile

HOME = "https://github.com/octomed/octomed"


def citations_of(run: RunFile) -> Iterator[tuple[str, str]]:
    """Yield what to cite: a name, and BibTeX or words.

    Parameters
    ----------
    run
        A finished run; `sources[].citation` of its recipe says how each source wants to be cited.

    Examples
    --------
    >>> from octomed.run_file import RunFile
    >>> [name for name, _ in citations_of(RunFile(streams={}))]
    ['OctoMed']
    """
    for source in sources_of(run):
        if source.get("citation"):
            yield str(source["name"]), str(source["citation"]).strip()
    version = f",\n  version = {{{run.versions.octomed}}}" if run.versions.octomed else ""
    yield (
        "OctoMed",
        (
            "@software{octomed,\n"
            "  title = {OctoMed: a streaming data engine for medical vision-language reasoning traces},\n"
            f"  author = {{{{OctoMed maintainers}}}},\n  url = {{{HOME}}}{version}\n}}"
        ),
    )


def sources_of(run: RunFile) -> list[dict[str, object]]:
    """Return what a run's recipe says of its sources.

    Examples
    --------
    >>> from octomed.run_file import RunFile
    >>> sources_of(RunFile(streams={}, recipe={"sources": [{"name": "films"}]}))
    [{'name': 'films'}]
    """
    listed = run.recipe.get("sources")
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
