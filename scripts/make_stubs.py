"""Write the type stubs of the extension out of the compiled module: what is there, its arguments, its documentation.

The module knows names, defaults and documentation, and no types, so arguments and results are `Any`; the Python
modules that wrap it are the typed surface. `--check` compares instead of writing.
"""

from __future__ import annotations

import argparse
import inspect
import subprocess
import sys
import textwrap
from pathlib import Path
from types import BuiltinFunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from octomed import _octomed

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = Path(__file__).parent.parent / "python/octomed/_octomed.pyi"
HEAD = '''"""{doc}

Written by `make stubs`; not by hand.
"""

from typing import Any, final
'''
SKIPPED = {"__new__", "__doc__", "__module__"}
SHOWN = {"__len__", "__iter__", "__next__", "__enter__", "__exit__", "__getitem__"}


def stubs(module: ModuleType) -> str:
    """Return the stub file of an extension module."""
    parts = [HEAD.format(doc=(module.__doc__ or "The extension.").strip())]
    for name in sorted(vars(module)):
        if name.startswith("__") and name != "__version__":
            continue
        value = getattr(module, name)
        if isinstance(value, type):
            parts.append("\n".join(class_stub(name, value)))
        elif isinstance(value, BuiltinFunctionType):
            parts.append("\n".join(function_stub(name, value, "", decorators=())))
        else:
            parts.append(f"{name}: {kind_of(value)}")
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(HOME), "-"]
    return subprocess.run(
        command, input="\n\n".join(parts), capture_output=True, text=True, check=True
    ).stdout


def kind_of(value: Any) -> str:  # noqa: ANN401 any constant
    """Return the type of a constant."""
    names = {dict: "dict[str, Any]", list: "list[Any]", tuple: "tuple[Any, ...]"}
    return names.get(type(value), type(value).__name__)


def class_stub(name: str, value: type) -> Iterator[str]:
    """Yield the lines of a class."""
    bases = [base.__name__ for base in value.__bases__ if base is not object]
    yield "@final"
    yield f"class {name}({', '.join(bases)}):" if bases else f"class {name}:"
    yield from documentation(value.__doc__, "    ")
    members = list(member_stubs(value))
    yield from members
    if not members and not value.__doc__:
        yield "    ..."


def member_stubs(value: type) -> Iterator[str]:
    """Yield the lines of what is inside a class."""
    if value.__text_signature__:
        constructor = f"(self, {value.__text_signature__.strip('()')})".replace("(self, )", "(self)")
        yield f"    def __init__{annotated(constructor)} -> None: ..."
    for name, member in sorted(vars(value).items()):
        if name in SKIPPED or (name.startswith("__") and name not in SHOWN):
            continue
        found = getattr(value, name)
        if inspect.isgetsetdescriptor(member):
            yield "    @property"
            yield f"    def {name}(self) -> Any:"
            yield from body(member.__doc__, "        ")
        elif isinstance(member, staticmethod):
            yield from function_stub(name, found, "    ", decorators=("staticmethod",))
        elif type(member).__name__ == "classmethod_descriptor":
            yield from function_stub(name, found, "    ", decorators=("classmethod",))
        elif callable(found):
            yield from function_stub(name, found, "    ", decorators=())


def function_stub(name: str, value: Any, indent: str, *, decorators: tuple[str, ...]) -> Iterator[str]:  # noqa: ANN401
    """Yield the lines of a function or method."""
    for decorator in decorators:
        yield f"{indent}@{decorator}"
    signature = value.__text_signature__ or "(self, *args, **kwargs)"
    if "classmethod" in decorators:
        signature = f"(cls, {signature.replace('$type, ', '').replace('$type', '').strip('()')})".replace(
            "(cls, )", "(cls)"
        )
    yield f"{indent}def {name}{annotated(signature)} -> Any:"
    yield from body(value.__doc__, f"{indent}    ")


def annotated(signature: str) -> str:
    """Return a signature with `Any` at each argument: `($self, a, b=1)` becomes `(self, a: Any, b: Any = 1)`."""
    words = []
    for word in split(signature.strip()[1:-1]):
        name, equals, default = word.partition("=")
        name = name.strip().removeprefix("$")
        if name in {"self", "cls", "/", "*"}:
            words.append(name)
        else:
            words.append(f"{name}: Any" + (f" = {default.strip()}" if equals else ""))
    return f"({', '.join(word for word in words if word)})"


def split(arguments: str) -> Iterator[str]:
    """Yield the arguments of a signature; a comma inside a default separates nothing."""
    depth, begin = 0, 0
    for position, character in enumerate(arguments):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            yield arguments[begin:position].strip()
            begin = position + 1
    if arguments[begin:].strip():
        yield arguments[begin:].strip()


def body(doc: str | None, indent: str) -> Iterator[str]:
    """Yield a function's body: its documentation, or three dots."""
    yield from list(documentation(doc, indent)) or [f"{indent}..."]


def documentation(doc: str | None, indent: str) -> Iterator[str]:
    """Yield a docstring's lines."""
    if not doc:
        return
    lines = inspect.cleandoc(doc).replace("\\", "\\\\").splitlines()
    if len(lines) == 1:
        yield f'{indent}"""{lines[0]}"""'
        return
    yield f'{indent}"""{lines[0]}'
    yield from textwrap.indent("\n".join(lines[1:]), indent).splitlines()
    yield f'{indent}"""'


def main() -> None:
    """Write the stubs, or compare them."""
    parser = argparse.ArgumentParser(description="Write or check the stubs of the extension.")
    parser.add_argument("--check", action="store_true", help="compare with the file instead of writing it")
    parser.add_argument("file", nargs="?", type=Path, default=HOME)
    options = parser.parse_args()
    text = stubs(_octomed)
    if not options.check:
        options.file.write_text(text, encoding="utf-8")
    elif not options.file.exists() or options.file.read_text(encoding="utf-8") != text:
        sys.exit(f"`{options.file}` is not what the extension has; write it anew with `make stubs`")


if __name__ == "__main__":
    main()
