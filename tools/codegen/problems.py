"""How a description is refused."""

from __future__ import annotations


class Refused(Exception):
    """What the input has and this generator cannot do: one sentence, and the place it is about.

    Args:
        place: A JSON pointer such as `#/paths/~1v2~1/get`, or a line of a file.
        problem: What is the matter there, without a full stop.
    """

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(place, problem)
        self.place = place
        self.problem = problem

    def __str__(self) -> str:
        sentence = f"{self.place}: {self.problem}" if self.place else self.problem
        return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in sentence)
