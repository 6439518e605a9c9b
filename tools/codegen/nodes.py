"""A place in a document: its value, and its JSON pointer for whoever must look there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from .problems import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

_KINDS = {dict: "an object", list: "an array", str: "text", bool: "true or false", int: "a number", float: "a number"}
_LONGEST_CHAIN = 20  # of references that lead to references


@dataclass(frozen=True)
class Node:
    """A value of the document with its place. Whoever asks for a kind that it is not gets Refused."""

    root: dict[str, Any]
    value: Any
    pointer: str = "#"

    def refuse(self, problem: str) -> NoReturn:
        """Refuse the document because of this place."""
        raise Refused(self.pointer, problem)

    def _is(self, kind: type) -> None:
        if not isinstance(self.value, kind):
            self.refuse(f"must be {_KINDS[kind]}, is {_KINDS.get(type(self.value), 'null')}")

    def _inner(self, key: str | int, value: Any) -> Node:
        return Node(self.root, value, f"{self.pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")

    def members(self) -> Iterator[tuple[str, Node]]:
        """The members of an object."""
        self._is(dict)
        for key, value in self.value.items():
            yield str(key), self._inner(key, value)

    def items(self) -> Iterator[Node]:
        """The items of an array."""
        self._is(list)
        for index, value in enumerate(self.value):
            yield self._inner(index, value)

    def get(self, key: str) -> Node | None:
        """A member, if the object has it."""
        self._is(dict)
        return self._inner(key, self.value[key]) if key in self.value else None

    def need(self, key: str) -> Node:
        """A member that must be there."""
        found = self.get(key)
        return found if found is not None else self.refuse(f"has no `{key}`")

    def text(self) -> str:
        """Text."""
        self._is(str)
        found: str = self.value
        return found

    def word(self, key: str) -> str:
        """The text of a member; empty if it is not there."""
        found = self.get(key)
        return found.text() if found is not None else ""

    def flag(self, key: str) -> bool:
        """A member that is true or false; false if it is not there."""
        found = self.get(key)
        if found is None:
            return False
        found._is(bool)  # noqa: SLF001 (of the same class)
        return bool(found.value)

    def texts(self, key: str) -> list[str] | None:
        """A member that is an array of texts, if it is there."""
        found = self.get(key)
        return None if found is None else [item.text() for item in found.items()]

    def resolved(self) -> Node:
        """What it refers to, or itself if it refers to nothing."""
        node = self
        for _ in range(_LONGEST_CHAIN):
            if not isinstance(node.value, dict) or "$ref" not in node.value:
                return node
            node = node._target()
        return self.refuse("a reference that leads to itself")

    def _target(self) -> Node:
        reference = self.need("$ref")
        if not reference.text().startswith("#/"):
            reference.refuse("a reference to another file; bundle the files first")
        target = Node(self.root, self.root)
        for part in reference.text()[2:].split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(target.value, dict) or key not in target.value:
                reference.refuse(f"refers to {reference.text()}, which is not there")
            target = target._inner(key, target.value[key])
        return target
