"""docs/terminal.svg shows what the command line shows."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path

import pytest

PICTURE = Path(__file__).resolve().parent.parent.parent / "docs" / "terminal.svg"


@pytest.mark.skipif(os.name == "nt", reason="there are no pseudo-terminals")
@pytest.mark.skipif(int(version("rich").partition(".")[0]) < 14, reason="that version of rich draws it otherwise")
def test_the_picture_is_what_the_emulator_gives() -> None:
    from tools.cli_picture import SHOWN, picture, text_of

    drawn = picture(SHOWN)
    assert text_of(drawn) == text_of(PICTURE.read_text()), "run `make pictures`"
    assert "acr tree team/app:v2.4.0" in text_of(drawn).replace("\xa0", " ")
    assert "url(http" not in PICTURE.read_text(), "it loads something from elsewhere"
