"""What is raised when bytes are not what the protocol says."""

from __future__ import annotations


class WireError(ValueError):
    """Bytes that cannot be understood; the only error that decoding raises.

    Attributes:
        field: Path of the field in the message, as in "books[...].b[0].p".
        problem: What is wrong with it.

    >>> raise WireError("compressed.books", "not base64")
    Traceback (most recent call last):
    obmm.wire.errors.WireError: compressed.books: not base64
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field, problem)
        self.field = field
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}"
