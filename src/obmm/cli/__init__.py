"""The `obmm` command: one file per command, loaded when it is called."""

from __future__ import annotations

import sys

from cyclopts import App, Group

from obmm._version import __version__

_START = Group.create_ordered("Start here")
_AGENT = Group.create_ordered("Build an agent")
_MARKET = Group.create_ordered("Try it on a market")
_SCORE = Group.create_ordered("Know what it earns")
_MACHINE = Group.create_ordered("This machine")

app = App(
    name="obmm",
    version=__version__,
    help=(
        "Market making on many limit order books at once: assemble an agent from stages, run it on a market "
        "of your own, and know what a validator would pay.\n\n"
        "Begin with `obmm simulate --preset balanced --books 16 --hours 3 --seed 1`."
    ),
    help_format="markdown",
)

_COMMANDS = {
    "simulate": (_START, "Run an agent on the embedded market."),
    "check": (_START, "Validate a configuration as if it went live now."),
    "presets": (_AGENT, "List the presets, or print one."),
    "stages": (_AGENT, "List stages with their options, defaults and units."),
    "config": (_AGENT, "Print a resolved configuration with the origin of each value."),
    "new-stage": (_AGENT, "Write a working stage of your own, with its test."),
    "explain": (_AGENT, "Show one decision step by step."),
    "replay": (_MARKET, "Run an agent over a recorded market, its orders in the queue."),
    "fidelity": (_MARKET, "Compare the embedded market with the real one, fact by fact."),
    "score": (_SCORE, "Score a finished run under an era's rules."),
    "report": (_SCORE, "Build the report of one or several runs."),
    "diagnose": (_SCORE, "Say what costs a run its score, and propose a change."),
    "bench": (_MACHINE, "Is this machine fast enough?"),
    "warmup": (_MACHINE, "Compile the embedded market once, so that later starts are quick."),
}

for _name, (_group, _help) in _COMMANDS.items():
    _module = _name.replace("-", "_")
    app.command(f"obmm.cli.{_module}:{_module}", name=_name, group=_group, help=_help)


def main() -> None:
    """Run a command; what a user can mend is one message on stderr and exit status 2."""
    import structlog

    from obmm.cli._errors import mendable

    # Results go to stdout; what happens meanwhile goes to stderr.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
    except mendable() as error:
        print(f"obmm: {error}", file=sys.stderr)
        sys.exit(2)


__all__ = ["app", "main"]
