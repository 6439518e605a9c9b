"""The line: two network namespaces, and a program between them that delays, limits and loses packets."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import attrs

from benchmarks.clients.job import CANNOT
from benchmarks.network.building import line_program
from benchmarks.programs import Missing

CLIENT: Final = "10.77.0.1"
SERVERS: Final = ("10.77.0.2", "10.77.0.3", "10.77.0.4")
"""Addresses in the namespaces of `line.c`, and nowhere else."""

Side = Literal["client", "server"]


@attrs.frozen
class Setting:
    """How the line is.

    Args:
        name: short, for `--settings`.
        title: for readers.
        rtt_ms: milliseconds there and back.
        flow: bytes a second that a connection gets in each direction; 0 is no limit.
        loss: share of packets that are lost.
        line: bytes a second that all connections get together, in each direction; 0 is no limit.
    """

    name: str
    title: str
    rtt_ms: float
    flow: float = 80e6
    loss: float = 0
    line: float = 0

    @property
    def is_plain(self) -> bool:
        """Whether it differs from others by its latency alone."""
        return self == attrs.evolve(self, flow=80e6, loss=0, line=0)


_EACH: Final = "80 MB/s for each connection"

SETTINGS: Final = (
    Setting("20ms", f"20 ms there and back, {_EACH}", 20),
    Setting("80ms", f"80 ms there and back, {_EACH}", 80),
    Setting("2ms", f"2 ms there and back, {_EACH}", 2),
    Setting("20ms-loss", f"20 ms, {_EACH}, 0.5 % of the packets lost", 20, loss=0.005),
    Setting("20ms-line", "20 ms, one line of 100 Mbit/s for all connections", 20, line=12.5e6),
    Setting("20ms-free", "20 ms, no limit for a connection", 20, flow=0),
)


class Line:
    """A line that is there. `line` makes it.

    Args:
        process: that carries the packets.
        hosts: a file that replaces /etc/hosts on both sides.
    """

    def __init__(self, process: subprocess.Popen[str], hosts: Path) -> None:
        self._process = process
        self._hosts = hosts

    def set(self, setting: Setting) -> None:
        """Be so from now on."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{setting.rtt_ms} {setting.flow} {setting.loss} {setting.line}\n")
        self._process.stdin.flush()
        self._expect("set")

    def at(self, side: Side, command: Sequence[str | Path]) -> list[str | Path]:
        """The command that runs another one at a side of the line. All of it ends with the process that starts it."""
        return [line_program(), "enter", str(self._process.pid), side, self._hosts, *command]

    def _expect(self, word: str) -> None:
        assert self._process.stdout is not None
        said = self._process.stdout.readline().strip()
        if said == word:
            return
        _, error = self._process.communicate()
        if self._process.returncode == CANNOT:
            raise Missing(f"there is no line: {error.strip().rpartition(chr(10))[2]}")
        raise RuntimeError(f"the line said {said!r}: {error.strip()}")


@contextmanager
def line(hosts: Mapping[str, str], folder: Path) -> Iterator[Line]:
    """Make a line.

    Args:
        hosts: addresses by name, on both sides.
        folder: that gets a file with them.

    Raises:
        Missing: this machine has no namespaces for us, or no TUN devices.
    """
    file = folder / "hosts"
    file.write_text("127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for name, address in hosts.items()))
    with subprocess.Popen(
        [line_program(), "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        made = Line(process, file)
        try:
            made._expect("ready")  # noqa: SLF001 - of this module
            yield made
        finally:
            process.terminate()
