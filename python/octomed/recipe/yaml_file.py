"""A YAML 1.2 file as plain values, each with its place.

ruamel.yaml composes the tree of nodes, which carries line and column; values are built from the nodes here,
so that a key given twice or of a strange type is one more problem in the list instead of the only one.
"""

from __future__ import annotations

import datetime
import math
import re
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from octomed.recipe.document import Document
from octomed.recipe.limits import DEEPEST, TOO_DEEP, TOO_LARGE, TOO_MANY, Count, too_large
from octomed.recipe.problems import Place, Problem, RecipeProblems
from octomed.recipe.recipe_bytes import recipe_bytes, refuse_large

if TYPE_CHECKING:
    from pathlib import Path

    from octomed.recipe.document import Keys


_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_TAG = "tag:yaml.org,2002:"
_TAGS = {
    MappingNode: {"map"},
    SequenceNode: {"seq"},
    ScalarNode: {"str", "int", "float", "bool", "null", "timestamp", "merge", "value"},
}
"""Types that a value of YAML 1.2 has; the last three are what plain words of YAML 1.1 look like."""

_PLAIN_WORDS = {_TAG + "merge", _TAG + "value"}
"""`<<` and `=`, which mean something in YAML 1.1 and are text here."""
_MOST_DIGITS = 4000
"""Of a number; Python reads no more than 4,300 at once."""

_DEEP_HINT = "a recipe's values are at most a few levels deep"


def read_document(path: Path, origin: str) -> Document:
    """Read a YAML file.

    Parameters
    ----------
    path : Path
        The file.
    origin : str
        How messages call it.

    Raises
    ------
    RecipeProblems
        If the file cannot be read, is no UTF-8, or no YAML.
    """
    raw = recipe_bytes(path, origin)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = _place_of_byte(origin, raw, error.start)
        raise _fail(place, "this byte is not UTF-8", "save the recipe as UTF-8") from None
    return parse_document(text, origin)


def parse_document(text: str, origin: str, option: Place | None = None) -> Document:
    """Parse YAML text; with `option`, every place is that option of the command line.

    Raises
    ------
    RecipeProblems
        If the text is no YAML.
    """
    document = Document(origin)
    refuse_large(len(text), option or Place(origin))
    loader = YAML(typ="safe", pure=True)
    loader.Composer = _ShallowComposer
    try:
        node = loader.compose(text)
    except _TooDeepError as error:
        place = option or Place(origin, error.line, error.column)
        raise _fail(place, TOO_DEEP, _DEEP_HINT) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        place = option or Place(origin, line, column)
        raise _fail(
            place, f"the character U+{ord(text[error.position]):04X} is not allowed in YAML"
        ) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = option or (Place(origin, mark.line + 1, mark.column + 1) if mark else Place(origin, 1, 1))
        raise _fail(place, f"this is not YAML: {_reason(error)}", _yaml_hint(error)) from None
    except YAMLError as error:
        raise _fail(option or Place(origin, 1, 1), f"this is not YAML: {error}") from None
    if node is not None:
        document.values = _Builder(document, loader, option).build(node, ())
    return document


class _TooDeepError(Exception):
    """Nodes inside of nodes, more than a recipe has."""

    def __init__(self, mark: Any) -> None:  # noqa: ANN401 of ruamel.yaml
        super().__init__()
        self.line, self.column = mark.line + 1, mark.column + 1


class _ShallowComposer(Composer):
    """Composes nodes, and stops at those that lie too deep, before Python's stack is full."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401 of ruamel.yaml
        if self.depth > DEEPEST + 1:
            raise _TooDeepError(self.parser.peek_event().start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Builder:
    """Builds plain values out of YAML nodes."""

    def __init__(self, document: Document, loader: YAML, option: Place | None) -> None:
        self.document = document
        self.loader = loader
        self.option = option
        self.count = Count()

    def build(self, node: Node, way: Keys) -> Any:  # noqa: ANN401 a YAML value is of any type
        place = self.place(node)
        self.document.places[way] = place
        self.refuse_many(place)
        if len(way) > DEEPEST:
            self.problem(place, TOO_DEEP, _DEEP_HINT)
            return None
        if node.tag not in {_TAG + kind for kind in _TAGS[type(node)]}:
            tag = str(node.tag).replace(_TAG, "!!")
            self.problem(place, f"the tag `{tag}` is not supported", "leave it out: a recipe is plain values")
            return None
        if isinstance(node, MappingNode):
            return self.mapping(node, way)
        if isinstance(node, SequenceNode):
            return [self.build(item, (*way, index)) for index, item in enumerate(node.value)]
        return self.scalar(node, place)

    def refuse_many(self, place: Place, text: str = "") -> None:
        if self.count.beyond(text):
            raise _fail(place, TOO_MANY, "aliases (`*name`) multiply what they repeat")

    def mapping(self, node: MappingNode, way: Keys) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = self.place(key_node)
            if not isinstance(key_node, ScalarNode) or key_node.tag == "tag:yaml.org,2002:null":
                hint = "put the value in quotes" if isinstance(key_node, MappingNode) else None
                self.problem(place, "a key must be a word", hint)
                continue
            name = _joined(str(key_node.value))
            self.refuse_many(place, name)
            if name == "<<" and key_node.style is None:
                hint = "merge keys belong to YAML 1.1: write out the keys that it would merge"
                self.problem(place, "the key `<<` is not supported", hint)
                continue
            if name in built:
                first = self.document.keys[(*way, name)]
                self.problem(
                    place, f"the key `{name}` is given twice", f"it first occurs in line {first.line}"
                )
                continue
            self.document.keys[(*way, name)] = place
            built[name] = self.build(value_node, (*way, name))
        return built

    def scalar(self, node: Node, place: Place) -> Any:  # noqa: ANN401 a YAML value is of any type
        if node.tag in _PLAIN_WORDS:
            return str(node.value)
        try:
            value = self.loader.constructor.construct_object(node)
        except (YAMLError, ValueError, ArithmeticError, AttributeError, LookupError, TypeError) as error:
            if node.tag == f"{_TAG}int" and len(node.value) > _MOST_DIGITS:
                self.problem(place, TOO_LARGE, None)
                return None
            reason = getattr(error, "problem", None) or str(error)
            self.problem(place, f"this value cannot be read: {reason}", None)
            return None
        if isinstance(value, datetime.date):
            return str(node.value)
        is_endless = isinstance(value, float) and math.isinf(value) and "inf" not in str(node.value).lower()
        if is_endless or (isinstance(value, int) and too_large(value)):
            self.problem(place, TOO_LARGE, None)
            return None
        if isinstance(value, str):
            value = _joined(value)
            self.refuse_many(place, value)
        return value

    def place(self, node: Node) -> Place:
        mark = node.start_mark
        return self.option or Place(self.document.origin, mark.line + 1, mark.column + 1)

    def problem(self, place: Place, message: str, hint: str | None) -> None:
        self.document.problems.append(Problem(place, message, hint))


def _joined(text: str) -> str:
    r"""Return a text in which `\ud83d\ude00`, JSON's way to write one character, is that character."""
    return _PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)


def _fail(place: Place, message: str, hint: str | None = None) -> RecipeProblems:
    return RecipeProblems([Problem(place, message, hint)])


def _place_of_byte(origin: str, raw: bytes, position: int) -> Place:
    return Place(origin, raw.count(b"\n", 0, position) + 1, position - raw.rfind(b"\n", 0, position))


def _reason(error: MarkedYAMLError) -> str:
    both = error.problem and error.problem.startswith("but ")
    return f"{error.context}, {error.problem}" if both else str(error.problem or error.context)


def _yaml_hint(error: MarkedYAMLError) -> str | None:
    problem = _reason(error)
    if "'\\t'" in problem or "\\t" in problem:
        return "YAML is indented with spaces, not tabs"
    if "mapping values are not allowed" in problem:
        return "put the value in quotes if it holds `: `, and check the indentation"
    if "expected a single document" in problem:
        return "a recipe is one document: remove the line `---`"
    return None
