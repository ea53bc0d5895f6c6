"""The `obmm` command: one file per command, loaded when it is called."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

from cyclopts import App, CycloptsError, Group, Parameter, UnknownCommandError

from obmm._version import __version__

_START = Group.create_ordered("Start here")
_AGENT = Group.create_ordered("Build an agent")
_MARKET = Group.create_ordered("Try it on a market")
_LIVE = Group.create_ordered("Go live")
_SCORE = Group.create_ordered("Know what it earns")
_MACHINE = Group.create_ordered("This machine")

app = App(
    name="obmm",
    version=__version__,
    help=(
        "Market making on many limit order books at once: assemble an agent from stages, run it on a market "
        "of your own, and know what a validator would pay.\n\n"
        "    obmm simulate --preset balanced --books 16 --hours 3 --seed 1\n\n"
        "Every command explains itself with `--help`."
    ),
    help_format="markdown",
    # A flag that is not given is off: no command needs a --no-json.
    default_parameter=Parameter(negative=()),
)

_COMMANDS = {
    "simulate": (_START, "Run an agent on the embedded market."),
    "compare": (_START, "Say which of several configurations is better, and how sure that is."),
    "init": (_START, "Write a small project of your own: an agent, a signal, its test, a Makefile."),
    "check": (_START, "Validate a configuration as if it went live now."),
    "presets": (_AGENT, "List the presets, or print one."),
    "config": (_AGENT, "Print a resolved configuration with the origin of each value."),
    "stages": (_AGENT, "List stages, or the options of one with defaults and units."),
    "new-stage": (_AGENT, "Write a working stage of your own, with its test."),
    "explain": (_AGENT, "Show one decision step by step."),
    "replay": (_MARKET, "Run an agent over a recorded market, or a live recording once more."),
    "serve-market": (_MARKET, "Serve the embedded market to agents over HTTP, as a validator would."),
    "study": (_MARKET, "Say what signals know of the next return, and what they know together."),
    "fidelity": (_MARKET, "Compare the embedded market with the real one, fact by fact."),
    "run": (_LIVE, "Let an agent answer validators, the harness, or a stream."),
    "dashboard": (_LIVE, "Show a recording or a run, also while it grows, in a browser."),
    "control": (_LIVE, "Steer an agent that runs: rein it in, swap its configuration, stop it."),
    "alerts": (_LIVE, "Print the rules of alerts, or send a test message."),
    "daily": (_LIVE, "Report the last day of a recording, against the day before."),
    "export-agent": (_LIVE, "Write an agent file for the subnet's own miner and its harness."),
    "record-info": (_LIVE, "Say what is in a live recording."),
    "import-recording": (_LIVE, "Make runs of a live recording."),
    "runs": (_SCORE, "List runs with what became of them, filtered and sorted."),
    "score": (_SCORE, "Score a finished run under an era's rules."),
    "report": (_SCORE, "Build the report of one or several runs."),
    "diagnose": (_SCORE, "Say what costs a run its score, and propose a change."),
    "tune": (_SCORE, "Search for better options, and say whether what was found is more than luck."),
    "bench": (_MACHINE, "Is this machine fast enough?"),
    "warmup": (_MACHINE, "Compile the embedded market once, so that later starts are quick."),
    "completion": (_MACHINE, "Print what lets a shell complete the words of obmm."),
}

for _i, (_name, (_group, _summary)) in enumerate(_COMMANDS.items()):
    _module = _name.replace("-", "_")
    app.command(f"obmm.cli.{_module}:{_module}", name=_name, group=_group, help=_summary, sort_key=_i)


def main(words: Sequence[str] | None = None) -> None:
    """Run a command, that of `sys.argv` if no words are given.

    Raises:
        SystemExit: The command did not end well: 1 if a check failed, 2 after a message on stderr that says
            what the user can mend, 130 after an interrupt.
    """
    from obmm.cli._errors import mendable, message_of
    from obmm.cli._streams import prepare

    prepare()
    try:
        _run(sys.argv[1:] if words is None else list(words))
    except SystemExit:
        # Said first: the classes of the last clause take a while to load, and --help ends here.
        raise
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        sys.exit(0)
    except CycloptsError as error:
        _refuse(_mistake(error))
    except mendable() as error:
        _refuse(message_of(error))


def _run(words: list[str]) -> None:
    if words and words[0] in _COMMANDS and app[words[0]].default_command is not None:
        # In the list of commands one line; in the help of a command all that its docstring says.
        app[words[0]].help = None
    from obmm.cli._console import console
    from obmm.cli._words import spelt_out

    app.console = console(pipe_width=80)
    try:
        command, bound, _ = app.parse_args(spelt_out(words), exit_on_error=False, print_error=False)
        if command.__module__.startswith(f"{__name__}."):
            from obmm.cli._logging import log_to_stderr

            log_to_stderr()
        command(*bound.args, **bound.kwargs)
    except SystemExit:
        sys.stdout.flush()
        raise
    sys.stdout.flush()


def _mistake(error: CycloptsError) -> str:
    """What is wrong with the words of a command line, and where its help is."""
    chain = " ".join(["obmm", *(error.command_chain or ())])
    if isinstance(error, UnknownCommandError) and not error.command_chain and error.unused_tokens:
        from obmm.settings.errors import did_you_mean

        word = error.unused_tokens[0]
        return f"no command is called {word!r}; {did_you_mean(word, _COMMANDS)}"
    return f"{error} Try `{chain} --help`."


def _refuse(message: str) -> NoReturn:
    print(f"obmm: {message}", file=sys.stderr)
    sys.exit(2)


__all__ = ["app", "main"]
