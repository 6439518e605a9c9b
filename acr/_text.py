"""Text from outside, made fit to be shown: on a terminal, in a log, in the text of an error."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Escape what a terminal or a log would act upon: control characters, line ends, marks that turn the direction.

    >>> print(printable("ok\x1b[2J\r\nERROR forged \u202e"))
    ok\x1b[2J\r\nERROR forged \u202e
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def counted(number: int, what: str) -> str:
    """A number of things, for people.

    Args:
        number: how many.
        what: one of them, such as `more tag`.

    >>> counted(1, "finding"), counted(0, "finding"), counted(1200, "repository")
    ('1 finding', '0 findings', '1,200 repositories')
    """
    if number != 1:
        what = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{number:,} {what}"
