"""What a client is told to do, and how it tells what that cost: one line of JSON."""

from __future__ import annotations

import argparse
import json
import re
import ssl
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

import attrs

NULL: Final = Path("null")
"""A target that takes all and keeps nothing."""

CANNOT: Final = 3
"""Exit code of a client that cannot do what it is told; stderr says why."""


@attrs.frozen
class Job:
    """What to do.

    Args:
        url: of the registry.
        repository: in it.
        certificate: to trust, in PEM; None trusts as usual.
        token: an access token, for a client that cannot get one.
        signs_in: whether to use a credential of Entra.
        digest: of the blob to download.
        path: what to download into, or to upload; the folder of a layout.
        memory: whether what is uploaded is read into memory before.
        count: how often.
        tasks: how many at once.
        fresh_every: so many calls, there is a new client; 0 keeps the first one.
        page_size: of a listing; 0 leaves it to the registry.
    """

    url: str
    repository: str
    certificate: Path | None = None
    token: str | None = None
    signs_in: bool = False
    digest: str = ""
    path: Path | None = None
    memory: bool = False
    count: int = 1
    tasks: int = 1
    fresh_every: int = 0
    page_size: int = 0

    def trust(self) -> ssl.SSLContext | None:
        """A context that trusts the certificate."""
        return None if self.certificate is None else ssl.create_default_context(cafile=self.certificate)


Told: TypeAlias = Mapping[str, float | int | str]


def main(verbs: Mapping[str, Callable[[Job], Told]]) -> None:
    """Do what the command line says, and print what it cost. Exits with `CANNOT` where a verb is not implemented."""
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=verbs)
    parser.add_argument("url")
    parser.add_argument("repository")
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--token")
    parser.add_argument("--signs-in", action="store_true")
    parser.add_argument("--digest", default="")
    parser.add_argument("--path", type=Path)
    parser.add_argument("--memory", action="store_true")
    for number in ("count", "tasks", "fresh-every", "page-size"):
        parser.add_argument(f"--{number}", type=int, default=0)
    options = vars(parser.parse_args())
    verb = verbs[options.pop("verb")]
    try:
        told = verb(Job(**options))
    except NotImplementedError as error:
        print(error, file=sys.stderr)
        sys.exit(CANNOT)
    print(json.dumps(told))


def done(begin: float, count: int, **more: float | str) -> Told:
    """What a verb has cost up to now.

    Args:
        begin: when it began, by `time.perf_counter`.
        count: bytes that were moved, or calls that were made.
        more: other figures.
    """
    seconds = time.perf_counter() - begin
    return {"seconds": seconds, "count": count, "rss_kib": memory_kib("VmHWM"), **more}


def memory_kib(which: str) -> int:
    """Memory of this process: VmRSS is now, VmHWM was the most. `getrusage` would count what was there before exec."""
    found = re.search(rf"^{which}:\s*(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found.group(1)) if found else 0


class Discarded:
    """A file object that keeps nothing."""

    def write(self, data: bytes, /) -> int:
        """Take it."""
        return len(data)
