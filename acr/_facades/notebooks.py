"""Notebooks: what a listing shows of itself in Jupyter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any

from acr._text import printable
from acr._values.page import Page
from acr.errors import AcrError


def listing_html(listing: object, pages: Iterator[Page[Any]] | AsyncIterator[Page[Any]]) -> str:
    """The first page of a listing as a table. A notebook cannot await, so an async listing says what it lists alone.

    Args:
        listing: what to show; its repr is the title.
        pages: a walk of it that has not begun.
    """
    title = _paragraph(repr(listing))
    if isinstance(pages, AsyncIterator):
        return title + _paragraph("Walk it with `async for`, or await its rows().")
    try:
        return title + next(pages, Page[Any]([]))._repr_html_()
    except AcrError as error:
        return title + _paragraph(str(error))
    finally:
        if isinstance(pages, Generator):
            pages.close()


def _paragraph(text: str) -> str:
    from html import escape  # not needed by most programs

    return f"<p>{escape(printable(text))}</p>".encode(errors="replace").decode()
