"""`octomed completion`: what a shell needs to complete verbs, options, files and keys."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from octomed.cli.terminal import out_lines
from octomed.cli.verbs import COMPLETE


class Shell(str, Enum):
    """For which shell."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def command(
    shell: Annotated[Shell, typer.Argument(help="Which shell.", show_default=False)],
) -> None:
    """Print what a shell needs to complete verbs, options, files and the keys of `--set`.

    \b
    Examples:
      octomed completion bash > ~/.local/share/bash-completion/completions/octomed
      octomed completion zsh > ~/.zfunc/_octomed
      octomed completion fish > ~/.config/fish/completions/octomed.fish
    """
    from typer._completion_shared import get_completion_script

    out_lines(get_completion_script(prog_name="octomed", complete_var=COMPLETE, shell=shell.value))
