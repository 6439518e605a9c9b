"""Invalid: a policy that says something else than it means, with the line of its file."""

from acr._values.home import public_in
from acr.errors import InvalidInput


@public_in("acr.errors")
class InvalidPolicy(InvalidInput):
    """A policy file, or a file that it names, has a mistake. Nothing was asked of a registry.

    Attributes:
        source: the file.
        line: the line, from 1.
    """

    def __init__(self, message: str, *, source: str, line: int) -> None:
        super().__init__(f"{source}:{line}: {message}")
        self.source = source
        self.line = line
