"""Progress on a narrow terminal: what matters most stays."""

from __future__ import annotations

import sys

import pytest

import acr
from acr.cli._output.progress import Progress
from acr.cli._output.terminal import Terminal
from tests.cli.conftest import Stream


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (80, "50.0 MiB of 100.0 MiB  0:05 left  10.0 MiB/s  0/1 blob  model.onnx"),
        (40, "50%  0:05 left  10.0 MiB/s  0/1 blob  …"),
        (28, "50%  0:05 left  10.0 MiB/s…"),
    ],
)
def test_how_long_it_takes_shows_on_any_terminal(monkeypatch: pytest.MonkeyPatch, columns: int, shown: str) -> None:
    stream = Stream(is_tty=True)
    monkeypatch.setattr(sys, "stderr", stream)
    times = iter([0.0, 0.0, 5.0])
    progress = Progress(Terminal({"COLUMNS": str(columns)}), enabled=True, clock=lambda: next(times))
    item = acr.Item("model.onnx", 100 * 1024**2, None)
    progress(acr.Started(item))
    progress(acr.Moved(item, 0))
    progress(acr.Moved(item, 50 * 1024**2))
    assert stream.text.rpartition("\r\x1b[2K")[2] == shown
