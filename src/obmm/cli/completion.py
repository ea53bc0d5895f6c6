"""`obmm completion`."""

from __future__ import annotations

import sys
from typing import Literal


def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print what lets a shell complete commands, options and their values.

        obmm completion bash > ~/.local/share/bash-completion/completions/obmm
        obmm completion zsh > ~/.zfunc/_obmm
        obmm completion fish > ~/.config/fish/completions/obmm.fish

    The shell then completes by itself and does not start obmm; print it anew after an update.

    Args:
        shell: The shell to print it for.
    """
    from obmm.cli import app

    sys.stdout.write(app.generate_completion(shell=shell))


__all__ = ["completion"]
