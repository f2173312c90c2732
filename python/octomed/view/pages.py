"""From values to HTML: templates, which escape every text, and the words that they share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from octomed.errors import RecipeError
from octomed.names import printable_line, safe, shown
from octomed.report import units
from octomed.report.inspection import pieces
from octomed.view.bars import link_to
from octomed.view.named import named_in
from octomed.view.token_text import segments_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from octomed.view.run import OpenRun, ViewedRun
    from octomed.view.training import Training


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("octomed.view"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_plain,
    )
    made.filters |= {
        "count": units.count,
        "percent": units.percent,
        "bytes": units.bytes_of,
        "line": lambda value: printable_line(str(value)),
        "text": lambda value: safe(str(value)),
        "name": lambda value: shown(str(value)),
        "place": place_in_words,
    }
    made.globals |= {
        "link_to": link_to,
        "row_link": row_link,
        "pieces_of": pieces,
        "segments_of": segments_of,
        "named_in": named_in,
    }
    return made


def _plain(value: object) -> object:
    """Return a value for a page; a text without what no Unicode is, which no answer could carry."""
    return value.encode("utf-8", "backslashreplace").decode() if type(value) is str else value


def place_in_words(row: dict[str, Any]) -> str:
    """Return source, file, row and sample of a line of a table.

    Examples
    --------
    >>> place_in_words({"source": "films", "file": "a.parquet", "row": 3, "sample": None})
    'films/a.parquet row 3'
    """
    whole = f"{row['source']}/{shown(str(row['file']))} row {row['row']}"
    return whole if row.get("sample") is None else f"{whole} sample {row['sample']}"


def row_link(row: dict[str, Any]) -> str:
    """Return the address of the page of a source's row."""
    return link_to("row", source=row["source"], file=row["file"], row=row["row"])


@dataclass(frozen=True)
class Shown:
    """A page to be made of a template.

    Attributes
    ----------
    template
        Its file.
    title
        Of the page.
    values
        What the template shows.
    status
        Of the answer.
    """

    template: str
    title: str
    values: dict[str, Any] = field(default_factory=dict)
    status: int = 200


if TYPE_CHECKING:
    Page = Callable[[Request, OpenRun], Response | Shown]
    """Makes what a request about a finished run is answered with."""


@dataclass
class Site:
    """All that is looked at: runs, and a training beside them.

    Attributes
    ----------
    runs
        The runs.
    training
        What trained on them, if that is shown as well.
    begins_with_training
        Whether its page is the first.
    """

    runs: list[ViewedRun]
    training: Training | None = None
    begins_with_training: bool = False
    environment: Environment = field(default_factory=_environment)

    def answer(self, shown_page: Shown, number: int | None = None) -> Response:
        """Make the page.

        Parameters
        ----------
        shown_page
            What it shows.
        number
            Of the run that it is about.
        """
        run = None if number is None else self.runs[number]

        def at(link: str) -> str:
            return f"/{0 if number is None else number}/{link}"

        text = self.environment.get_template(shown_page.template).render(
            at=at,
            site=self,
            run=run,
            number=number,
            title=shown_page.title,
            **shown_page.values,
        )
        return HTMLResponse(text, shown_page.status)

    def of_run(self, page: Page) -> Callable[[Request], Response]:
        """Return what answers requests for a page of a finished run; of another what there is of it."""

        def answered(request: Request) -> Response:
            number = int(request.path_params["number"])
            if number >= len(self.runs):
                raise RecipeError(f"there is no run of number {number} here")
            run = self.runs[number].finished()
            made = _growing(self.runs[number]) if run is None else page(request, run)
            return made if isinstance(made, Response) else self.answer(made, number)

        return answered


def _growing(run: ViewedRun) -> Shown:
    from octomed.view.growing import Growing  # noqa: PLC0415 most runs are finished

    return Shown("growing.html", "A run that is not finished", {"growing": Growing.of(run.folder)})


def number_in(request: Request, name: str, default: int | None = None) -> int:
    """Return a whole number that a link says.

    Raises
    ------
    RecipeError
        When it says none.
    """
    text = request.path_params.get(name, request.query_params.get(name))
    if text is None and default is not None:
        return default
    if text is None or not str(text).isdecimal() or len(str(text)) > 18:  # noqa: PLR2004 digits of 64 bits
        raise RecipeError(f"`{name}` is {shown(str(text))}, and no whole number", "follow a link of a page")
    return int(text)


def word_in(request: Request, name: str) -> str | None:
    """Return a word that a link says, if any."""
    return request.query_params.get(name) or None


def needed_in(request: Request, name: str) -> str:
    """Return a word that a link must say.

    Raises
    ------
    RecipeError
        When it does not.
    """
    found = word_in(request, name)
    if found is None:
        raise RecipeError(f"the address has no `{name}`", "follow a link of a page")
    return found


def is_revealed(request: Request) -> bool:
    """Tell whether texts are asked for that are hidden otherwise."""
    return request.query_params.get("reveal") == "yes"
