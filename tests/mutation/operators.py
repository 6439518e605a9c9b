"""Changes of patterns and texts that stand outside of functions, or in functions that mutmut leaves out.

mutmut mutates the bodies of functions. cosmic-ray mutates a whole file, but neither its texts nor its regular
expressions. These operators do, and cosmic-ray runs them: `__main__` registers `Operators` with it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

_TOKEN: Final = re.compile(
    r"(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])|(?P<look>\(\?<?[=!])|(?P<open>\(\?P<\w+>|\(\?[:>]|\()|(?P<close>\))|(?P<bar>\|)"
    r"|(?P<many>(?:\{\d+(?:,\d*)?\}|[*+?])[?+]?)|(?P<one>\\.|.)",
    re.DOTALL,
)
_MEMBER: Final = re.compile(r"(?:\\.|[^\\])-(?:\\.|[^\\])|\\.|[^\\]", re.DOTALL)
_OTHER: Final = {"*": "+", "+": "*"}
PLAIN: Final = frozenset({"classmethod", "staticmethod"})
"""mutmut mutates a function with one of these decorators, and none with another one."""


def changed_patterns(pattern: str) -> Iterator[str]:
    """A regular expression, or a piece of one, with one change at a time.

    >>> sorted(changed_patterns("[^a-c_]+|x"))
    ['[^_]+|x', '[^a-c]+|x', '[^a-c_]*|x', '[^a-c_]+x', '[^a-c_]+|', '[^a-c_]|x', '[a-c_]+|x']
    """
    tokens = list(_TOKEN.finditer(pattern))
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        before, behind = pattern[: token.start()], pattern[token.end() :]
        for new in _changed_token(token):
            yield before + new + behind
        if token["one"]:
            yield before + pattern[after.end() if after is not None and after["many"] else token.end() :]


def _changed_token(token: re.Match[str]) -> Iterator[str]:
    text = token[0]
    if token["set"]:
        negated, members = text.startswith("[^"), _MEMBER.findall(text.removeprefix("[").removeprefix("^")[:-1])
        yield text.replace("[^", "[", 1) if negated else text.replace("[", "[^", 1)
        for at in range(len(members) if len(members) > 1 else 0):
            yield f"[{'^' * negated}{''.join(members[:at] + members[at + 1 :])}]"
    elif token["look"]:
        yield text[:-1] + ("!" if text.endswith("=") else "=")
    elif token["bar"]:
        yield ""
    elif token["many"]:
        yield ""
        if text[0] in _OTHER:
            yield _OTHER[text[0]] + text[1:]
        if text[0] != "{" and len(text) > 1:
            yield text[0]
        for number in re.finditer(r"\d+", text):
            for other in (int(number[0]) - 1, int(number[0]) + 1):
                yield f"{text[: number.start()]}{other}{text[number.end() :]}"


def _ancestors(leaf: Any) -> Iterator[Any]:
    while (leaf := leaf.parent) is not None:
        yield leaf


def _is_left_out(leaf: Any) -> bool:
    """Whether mutmut does not see it, and it is neither a docstring nor part of a type or a decorator."""
    above = list(_ancestors(leaf))
    if above[0].type == "simple_stmt" or any(node.type == "decorator" for node in above):
        return False
    if any(node.type == "atom_expr" and node.children[0].get_code().strip() == "Literal" for node in above[:3]):
        return False
    functions = [node for node in above if node.type in ("funcdef", "lambdef")]
    if not functions:
        return True
    outer = functions[-1].parent
    outer = outer.parent if outer.type in ("async_funcdef", "async_stmt") else outer
    if outer.type != "decorated":
        return False
    return not {decorator.children[1].get_code() for decorator in functions[-1].get_decorators()} <= PLAIN


class _Texts:
    """What both operators have in common."""

    @classmethod
    def arguments(cls) -> Sequence[object]:
        return ()

    @classmethod
    def examples(cls) -> Sequence[object]:
        return ()

    def mutation_positions(self, node: Any) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
        for _ in self._values(node):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        changed = copy.copy(node)
        changed.value = list(self._values(node))[index]
        return changed

    def _values(self, node: Any) -> Iterator[str]:
        raise NotImplementedError


def _parts(node: Any) -> tuple[str, str, str] | None:
    """What stands before a text, the text, and what stands behind it."""
    if node.type == "string":
        prefix, quote = re.match(r"(\w*)('''|\"\"\"|'|\")", node.value).groups()  # type: ignore[union-attr]
        return prefix + quote, node.value[len(prefix + quote) : -len(quote)], quote
    return ("", node.value, "") if node.type == "fstring_string" else None


def _is_raw(node: Any) -> bool:
    start = node.value if node.type == "string" else node.parent.children[0].value
    return "r" in start.lower().partition('"')[0].partition("'")[0]


class ChangePattern(_Texts):
    """Change a regular expression: a raw text, here."""

    def _values(self, node: Any) -> Iterator[str]:
        if node.type == "name" and node.value == "IGNORECASE":
            yield "NOFLAG"
        parts = _parts(node)
        if parts and _is_raw(node) and _is_left_out(node):
            before, text, behind = parts
            for changed in changed_patterns(text):
                yield before + changed + behind


class ChangeText(_Texts):
    """Change a text."""

    def _values(self, node: Any) -> Iterator[str]:
        parts = _parts(node)
        if parts and not _is_raw(node) and _is_left_out(node):
            before, text, behind = parts
            yield f"{before}XX{text}XX{behind}"


class Operators:
    """The operators by name, as cosmic-ray asks for them."""

    _all: Final = {one.__name__: one for one in (ChangePattern, ChangeText)}

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __getitem__(self, name: str) -> type[_Texts]:
        return self._all[name]
