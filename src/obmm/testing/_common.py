"""Checks that stages of every group must pass."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial

import attrs
import numpy as np

from obmm.agent.by_group import takes_array
from obmm.testing._scenes import FLAWED_BOOK, Step, steps
from obmm.testing._trial import ContractError, Output, Rows, Trial, expect_same, of_book, rows
from obmm.testing.variants import Flaw, traded

#: The check of what may run as one wide market.
GROUPS = "moves no book of one group by those of another"
#: Two groups of books, mixed up.
_GROUPS = (0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1)


def common_checks(trial: Trial) -> Iterator[tuple[str, Callable[[], None]]]:
    """Names of the checks, each with what to call; a failing one raises."""
    yield "declares needs and warm-up that can be read", partial(_declares, trial)
    yield "leaves its inputs as they are", partial(_run, trial)
    yield "leaves its earlier outputs as they are", partial(_keeps_outputs, trial)
    yield "gives the same twice", partial(_same_twice, trial)
    yield "shares no state between instances", partial(_no_shared_state, trial)
    yield "is new again after a reset", partial(_reset_is_new, trial)
    yield "continues the same after pickling", partial(_pickles, trial)
    yield "answers any number of books", partial(_any_books, trial)
    yield "answers any number of levels", partial(_any_levels, trial)
    yield "does not depend on the order of books", partial(_permutes, trial)
    yield GROUPS, partial(_groups, trial)
    yield "takes options book by book as it takes them for all", partial(_per_book, trial)
    yield "takes missed and repeated states", partial(_gaps, trial)
    yield "answers without a tape", partial(_without_tape, trial)
    yield "looks at nothing but trades if it says so", partial(_only_trades, trial)
    for flaw in Flaw:
        yield f"keeps to itself a book with {flaw.value}", partial(_isolates, trial, flaw)


def _declares(trial: Trial) -> None:
    trial.needs()
    trial.warmup_s()


def _run(trial: Trial) -> None:
    """Every array of the inputs is read-only, so that writing to one raises."""
    trial.run(trial.scene())


def _keeps_outputs(trial: Trial) -> None:
    stage, kept, outputs = trial.make(), [], []
    for step in steps(trial.scene()):
        output = trial.call(stage, step)
        outputs.append(output)
        kept.append(deepcopy(output))
    _expect_same_history(kept, outputs, "after later calls")


def _same_twice(trial: Trial) -> None:
    scene = trial.scene()
    _expect_same_history(trial.run(scene), trial.run(scene), "between two instances given the same states")


def _no_shared_state(trial: Trial) -> None:
    one, other = steps(trial.scene()), steps(trial.scene(seed=2))
    alone = trial.feed(trial.make(), one)
    first, second, beside = trial.make(), trial.make(), []
    for mine, theirs in zip(one, other, strict=True):
        beside.append(trial.call(first, mine))
        trial.call(second, theirs)
    _expect_same_history(alone, beside, "when another instance works beside it")


def _reset_is_new(trial: Trial) -> None:
    one, other = steps(trial.scene()), steps(trial.scene(seed=2))
    stage = trial.make()
    trial.feed(stage, other)
    stage.reset()
    _expect_same_history(trial.feed(trial.make(), one), trial.feed(stage, one), "after reset()")


def _pickles(trial: Trial) -> None:
    history = steps(trial.scene())
    half = len(history) // 2
    stage = trial.make()
    trial.feed(stage, history[:half])
    copy = pickle.loads(pickle.dumps(stage))
    _expect_same_history(
        trial.feed(stage, history[half:]), trial.feed(copy, history[half:]), "in an unpickled copy"
    )


def _any_books(trial: Trial) -> None:
    for n_books in (1, 2, 40):
        trial.run(trial.scene(n_books=n_books, picks=tuple(range(5))))


def _any_levels(trial: Trial) -> None:
    for levels in ((1,), (2,), (21, 1, 5, 30)):
        _expect_finite(trial, steps(trial.scene(levels=levels)), f"with {levels} levels a side")


def _permutes(trial: Trial) -> None:
    order = (3, 0, 4, 1, 2)
    plain, permuted = trial.plain, trial.run(trial.scene(books=order))
    for turn, (before, after) in enumerate(zip(plain, permuted, strict=True)):
        for place, book in enumerate(order):
            where = f"on book {book} in state {turn} when books change places"
            expect_same(of_book(before, book), of_book(after, place), where, exactly=False)


def _groups(trial: Trial) -> None:
    """A stage on two accounts at once says of each what it says of that one alone, to the last bit."""
    shown = {"n_books": len(_GROUPS), "picks": tuple(range(25))}
    together = trial.run(trial.scene(groups=_GROUPS, **shown))
    for group in range(2):
        books = tuple(book for book, of in enumerate(_GROUPS) if of == group)
        alone = trial.run(trial.scene(books=books, **shown))
        for turn, (one, both) in enumerate(zip(alone, together, strict=True)):
            for place, book in enumerate(books):
                where = f"on book {book} in state {turn} because of another group: use market.group_sums"
                alone_said, said = of_book(one, place), of_book(both, book)
                expect_same(_as_wide(alone_said, said), said, where)


def _per_book(trial: Trial) -> None:
    """A number that may differ from book to book, said of every book, is the number said once."""
    stage, n_books = trial.make(), len(_GROUPS)
    scene = trial.scene(groups=_GROUPS, n_books=n_books, picks=tuple(range(25)))
    options = attrs.fields(type(stage)) if attrs.has(type(stage)) else ()
    numbers = {f.name: getattr(stage, f.name) for f in options if f.metadata.get("per_book")}
    arrays = {name: np.full(n_books, float(value)) for name, value in numbers.items() if np.ndim(value) == 0}
    taken = {name: array for name, array in arrays.items() if takes_array(stage, name)}
    if taken:
        said = trial.feed(attrs.evolve(stage, **taken), steps(scene))
        _expect_same_history(trial.run(scene), said, f"when every book has its own {', '.join(taken)}")


def _as_wide(told: Rows, beside: Rows) -> Rows:
    """Quotes of one book with as many levels as `beside` has room for; levels that are missing are empty."""
    wide = dict(told)
    for name, array in told.items():
        if array.ndim and array.size < beside[name].size and name.endswith(("_price", "_size")):
            empty = np.nan if name.endswith("_price") else 0.0
            wide[name] = np.pad(array, (0, beside[name].size - array.size), constant_values=empty)
    return wide


def _gaps(trial: Trial) -> None:
    picks = (0, 1, 1, 2, 3, *range(10, 20), 20, 20, *range(35, 75))
    _expect_finite(trial, steps(trial.scene(picks=picks)), "after missed and repeated states")


def _without_tape(trial: Trial) -> None:
    trial.run(trial.scene(tape=False))


def _only_trades(trial: Trial) -> None:
    """Live it would not get to see the other events of a tape, on the desk it does."""
    if getattr(trial.make(), "only_trades", False):
        shown = [attrs.evolve(step, state=traded(step.state)) for step in steps(trial.scene())]
        said = trial.feed(trial.make(), shown)
        _expect_same_history(trial.plain, said, "without the orders and cancels of the tape")


def _isolates(trial: Trial, flaw: Flaw) -> None:
    """A flaw in one book never raises, leaves the others alone, and is forgotten when it is over."""
    plain = trial.plain
    history = steps(trial.scene(flaw=flaw))
    flawed = _expect_finite(trial, history, f"after a book with {flaw.value}")
    across_books = trial.across_books
    others = [book for book in range(history[0].state.n_books) if book != FLAWED_BOOK]
    for turn, (before, after) in enumerate(zip(plain, flawed, strict=True)):
        for book in others:
            where = f"on book {book} in state {turn} because of another one with {flaw.value}"
            one, two = of_book(before, book), of_book(after, book)
            if across_books:
                one, two = _missing(one), _missing(two)
            expect_same(one, two, where, exactly=False)


def _missing(said: Rows) -> Rows:
    """Where numbers are missing: all that must not spread from a bad book when books share a value."""
    return {name: np.isnan(array) for name, array in said.items() if array.dtype.kind == "f"}


def _expect_finite(trial: Trial, history: tuple[Step, ...], when: str) -> list[Output]:
    """Outputs over a history; a signal must be finite on every sound book at its end, and never infinite."""
    outputs = trial.feed(trial.make(), history)
    for turn, output in enumerate(outputs):
        if not isinstance(output, np.ndarray):
            continue
        if np.isinf(output).any():
            raise ContractError(f"the signal is infinite in state {turn} {when}: {output.tolist()}")
        if turn and rows(outputs[0])["value"].shape != output.shape:
            raise ContractError(f"the signal changes shape in state {turn} {when}: {output.shape}")
        if turn == len(outputs) - 1 and np.isnan(output).any():
            raise ContractError(f"the signal is still NaN on sound books {when}: {output.tolist()}")
    return outputs


def _expect_same_history(expected: list[Output], actual: list[Output], where: str) -> None:
    for turn, (one, two) in enumerate(zip(expected, actual, strict=True)):
        expect_same(rows(one), rows(two), f"in state {turn} {where}")
