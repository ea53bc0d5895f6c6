"""What is studied: signals named by words, by files of stages, or by configurations."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from obmm.agent import Config, ConfigError, Problem, preset_names, resolve
from obmm.agent.config import StageSpec
from obmm.agent.pipeline import plan
from obmm.market import Feed
from obmm.settings.modules import imported
from obmm.settings.registry import find
from obmm.settings.toml import Layer, file_layer, parse_layer

#: What a configuration must name besides its signals; it is never asked.
_REST: Mapping[str, Any] = {"builder": {"kind": "touch"}, "placer": {"kind": "amend"}}
_NAMED = re.compile(r"([A-Za-z_]\w*)=(.+)", re.DOTALL)
_FIRST_OPTION = re.compile(r"(?P<kind>[^=]+)\.(?P<options>[A-Za-z_]\w*\s*=.*)", re.DOTALL)


@attrs.frozen
class Subjects:
    """The signals of a study.

    Attributes:
        config: A configuration that has them, and those that they read.
        studied: Names of those that were asked for, in order.
        base: The preset or file whose signals they are; None where they were named one by one.
    """

    config: Config
    studied: tuple[str, ...]
    base: str | None

    @property
    def order(self) -> tuple[StageSpec, ...]:
        """All signals in the order in which they are computed."""
        return plan(self.config).order

    @property
    def feeds(self) -> frozenset[Feed]:
        """Parts of states that must be decoded for them."""
        needs = (getattr(spec.build(), "needs", ()) for spec in self.order)
        return frozenset(need for some in needs for need in some if isinstance(need, Feed))

    def spec(self, name: str) -> StageSpec:
        """The signal of that name."""
        return self.config.spec(f"signals.{name}")


def subjects_of(words: Sequence[str]) -> Subjects:
    """The signals that words ask for.

    A word is a registered signal (`imbalance`), one with options (`imbalance.depths=[1],decay=exponential`),
    one with a name of its own (`queue=imbalance.depths=[1]`), a class (`my_signal:MySignal`), a file with
    signal classes (`my_signal.py`), or a preset or TOML file, all of whose signals are studied.

    Raises:
        ConfigError: A word is none of these, two signals have the same name, or one reads what is not there.

    >>> subjects_of(["queue=imbalance.depths=[1]", "trade_flow.scope=all,tau_s=5"]).studied
    ('queue', 'trade_flow-scope-all-tau_s-5')
    """
    if not words:
        raise ConfigError([Problem("study", "name a signal, such as imbalance, or a file of signals")])
    configs: list[tuple[str, Config, bool]] = [
        (word, config, whole) for word in words for config, whole in _configs_of(word)
    ]
    specs: dict[str, StageSpec] = {}
    for word, config, _ in configs:
        for spec in config.signals:
            if spec.name in specs and specs[spec.name] != spec:
                what = f"a signal is called {spec.name!r} already; give it a name: name={word}"
                raise ConfigError([Problem(word, what)])
            specs[spec.name] = spec
    if not specs:
        raise ConfigError([Problem(" ".join(words), "holds no signal")])
    config = attrs.evolve(configs[0][1], name="study", signals=tuple(specs.values()), gates=(), overrides=())
    plan(config)
    base = next((word for word, _, whole in configs if whole), None)
    return Subjects(config, tuple(specs), base)


def _configs_of(word: str) -> Iterator[tuple[Config, bool]]:
    """Configurations whose signals a word means, and whether they are ones that run."""
    if word.endswith(".toml"):
        layer = file_layer(Path(word))
        whole = "extends" in layer.table or "builder" in layer.table
        yield (resolve(layer) if whole else resolve(_with_rest(layer))), whole
    elif word in preset_names():
        yield resolve(word), True
    else:
        for name, kind, options, folder in _named(word):
            entry = {"kind": kind, **options} | ({} if name == kind else {"name": name})
            yield resolve(_with_rest(Layer(word, {"signals": [entry]}, folder))), False


def _with_rest(layer: Layer) -> Layer:
    return attrs.evolve(layer, table={**_REST, **layer.table})


def _named(word: str) -> Iterator[tuple[str, str, dict[str, Any], Path | None]]:
    """Name, kind, options and folder of the signals that a word names."""
    name, rest = "", word
    if (given := _NAMED.fullmatch(word)) is not None:
        name, rest = given[1], given[2]
    kind, options = rest, {}
    if (split := _FIRST_OPTION.fullmatch(rest)) is not None:
        kind, options = split["kind"], _options(split["options"], word)
    folder = None
    path = Path(kind.partition(":")[0])
    if path.suffix == ".py":
        if not path.is_file():
            raise ConfigError([Problem(word, f"there is no file {path}")])
        folder = path.resolve().parent
        classes = [kind.partition(":")[2]] if ":" in kind else _signal_classes(path.stem, folder)
        for cls in classes:
            yield name or f"{path.stem}:{cls}", f"{path.stem}:{cls}", options, folder
        return
    plain = re.sub(r"[^A-Za-z0-9_:]+", "-", rest).strip("-")
    yield name or plain, kind, options, folder


def _signal_classes(module: str, folder: Path) -> list[str]:
    """Names of the classes of a file that can be signals.

    Raises:
        ConfigError: The file cannot be run, or has none.
    """
    place = f"{module}.py"
    try:
        held = vars(imported(module, (folder,)))
    except LookupError as error:
        raise ConfigError([Problem(place, str(error))]) from error
    own = [cls for cls in held.values() if inspect.isclass(cls) and _is_of(cls, module)]
    found = [cls.__name__ for cls in own if _is_signal(f"{module}:{cls.__name__}", folder)]
    if not found:
        raise ConfigError(
            [Problem(place, "has no signal: an attrs class with __call__(self, state, signals)")]
        )
    return found


def _is_of(cls: type, module: str) -> bool:
    return cls.__module__.partition("@")[0] == module and not cls.__name__.startswith("_")


def _is_signal(kind: str, folder: Path) -> bool:
    try:
        find("signals", kind, (folder,))
    except LookupError:
        return False
    return True


def _options(text: str, word: str) -> dict[str, Any]:
    """Options out of `a=1,b=[1, 2],c=all`: values as in TOML, a bare word is a text.

    Raises:
        ConfigError: One is not of that form.
    """
    options: dict[str, Any] = {}
    for part in _apart(text):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not key.isidentifier() or not value:
            raise ConfigError([Problem(word, f"{part!r} is not of the form option=value")])
        bare = re.fullmatch(r"[A-Za-z_][\w-]*", value) and value not in ("true", "false", "inf", "nan")
        quoted = f'"{value}"' if bare else value
        options[key] = parse_layer(f"v = {quoted}", word).table["v"]
    return options


def _apart(text: str) -> Iterator[str]:
    """The parts between commas that stand in no brackets."""
    depth, start = 0, 0
    for at, letter in enumerate(text):
        depth += (letter in "[{(") - (letter in "]})")
        if letter == "," and depth == 0:
            yield text[start:at]
            start = at + 1
    yield text[start:]
