"""Arguments: what a text from the caller must be before it can be sent."""

from __future__ import annotations

from acr.errors import InvalidInput


def check_text(name: str, text: str | None) -> str | None:
    r"""Return `text` if UTF-8 can write it. Names of files that are no UTF-8 come from Python with lone surrogates.

    Args:
        name: of the argument.
        text: its value; None is left alone.

    Raises:
        InvalidInput: it is no text, or has lone surrogates.

    >>> check_text("last", "caf\u00e9")
    'café'
    """
    if text is None:
        return None
    if not isinstance(text, str):
        raise InvalidInput(f"{name}: expected text, got {type(text).__name__}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"{name}={text[:100]!r}: UTF-8 cannot write it") from None
    return text
