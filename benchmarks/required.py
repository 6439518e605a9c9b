"""What the results must show: each row names the work, who is compared, and by how much."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import attrs

from benchmarks.measuring import WHOLLY, Result


@attrs.frozen
class Ratio:
    """Ours takes at most so much of the time of another: the other's seconds by ours are at least `at_least`."""

    work: str
    workload: str
    other: str
    at_least: float
    ours: str = "acr"

    @property
    def required(self) -> str:
        """For readers."""
        return f"≥ {self.at_least:.2f}"

    def judged(self, results: Mapping[str, Result]) -> tuple[str, bool]:
        """What was measured, and whether it is enough."""
        ratio = results[self.other].median() / results[self.ours].median()
        return f"{ratio:.2f}", ratio >= self.at_least

    @property
    def subjects(self) -> tuple[str, ...]:
        """Whose results are needed."""
        return self.ours, self.other

    @property
    def compared(self) -> str:
        """Who, and with whom."""
        return f"{self.ours} : {self.other}"


@attrs.frozen
class Bound:
    """A figure of ours stays below a bound, in each of the runs."""

    work: str
    workload: str
    figure: str
    below: float
    unit: str
    by: float = 1
    """What the figure is divided by to be in that unit."""
    ours: str = "acr"

    @property
    def required(self) -> str:
        """For readers."""
        return f"≤ {self.below:g} {self.unit}".strip()

    def judged(self, results: Mapping[str, Result]) -> tuple[str, bool]:
        """What was measured, and whether it is enough."""
        most = max(results[self.ours].all(self.figure)) / self.by
        return f"{most:.3g} {self.unit}".strip(), most <= self.below

    @property
    def subjects(self) -> tuple[str, ...]:
        """Whose results are needed."""
        return (self.ours,)

    @property
    def compared(self) -> str:
        """Whose."""
        return self.ours


_WHOLE: Final = "acr, whole process"

_DOWN = "download and verify, not stored"
_FILE = "the same into a file"
_UP = "upload with digest, to a sink"
_STORE = "the same to distribution"
_IMAGE = "image of 8 layers"
_SMALL = "image of 200 small layers"
_CALLS = "small calls, sequential, warm"
_COLD = "small calls, sequential, cold"
_PARALLEL = "memory, 4 at once"
_TAGS = "100,000 tags listed"

REQUIRED: Final[tuple[Ratio | Bound, ...]] = (
    Ratio(_DOWN, "download", "limit", 0.90),
    Ratio(_DOWN, "download", "Microsoft", 8),
    Ratio(_DOWN, "download", "oras-py", 3),
    Ratio(f"{_DOWN}, TLS, tokens and a redirect", "download-guarded", "Microsoft", 8),
    Ratio("the same over TLS", "download-tls", "limit", 0.80),
    Ratio("the same over TLS", "download-tls", "httpx", 1.8),
    Ratio(_FILE, "download-file", "limit", 0.85),
    Ratio(_FILE, "download-file", "skopeo", 3, _WHOLE),
    Ratio(_FILE, "download-file", "Microsoft", 4),
    Ratio(_FILE, "download-file", "oras-py", 1.8),
    Ratio("the same, async: not stored", "download", "limit", 0.80, "acr async"),
    Ratio("the same, async: into a file", "download-file", "limit", 0.80, "acr async"),
    Ratio(_UP, "upload", "limit", 0.85),
    Ratio(f"{_UP}, from memory", "upload", "limit, memory", 0.85, "acr, memory"),
    Bound(f"{_UP}: bytes sent", "upload", "sent", 1.01, "x"),
    Bound(f"{_UP}, async: bytes sent", "upload", "sent", 1.01, "x", ours="acr async"),
    Ratio(_STORE, "upload-distribution", "skopeo", 1, _WHOLE),
    Ratio(_STORE, "upload-distribution", "Microsoft", 1.5),
    Ratio(_STORE, "upload-distribution", "oras-py", 1.5),
    *(Ratio(f"{_IMAGE}, pull", "pull", other, 1, _WHOLE) for other in ("skopeo", "crane", "oras")),
    *(Ratio(f"{_IMAGE}, push", "push", other, 1, _WHOLE) for other in ("skopeo", "crane", "oras")),
    *(Ratio(f"{_SMALL}, pull", "pull-small", other, 1, _WHOLE) for other in ("skopeo", "crane", "oras")),
    *(Ratio(f"{_SMALL}, push", "push-small", other, 1, _WHOLE) for other in ("skopeo", "crane", "oras")),
    Ratio(_CALLS, "calls", "httpx", 0.85),
    Ratio(f"{_CALLS}, TLS and tokens", "calls-guarded", "httpx", 0.85),
    Ratio(f"{_CALLS}, TLS and tokens", "calls-guarded", "Microsoft", 3),
    Ratio(_CALLS, "calls", "Microsoft", 3),
    Ratio(_COLD, "calls-cold", "httpx", 0.85),
    Ratio(f"{_COLD}, TLS and tokens", "calls-guarded-cold", "Microsoft", 3),
    Ratio(_COLD, "calls-cold", "Microsoft", 3),
    Ratio("small calls, 64 at once, async", "calls-async", "httpx async", 3, "acr async"),
    Ratio(_TAGS, "tags", "Microsoft", 5),
    Ratio("a page of 1,000 tags into its model", "parse", "json.loads", 1 / 2.5, "acr_rest"),
    Ratio("a page of 1,000 tags into TagProperties", "parse", "json.loads", 1 / 4.5),
    Bound(f"{_TAGS}: memory growth", "tags", "growth_kib", 20, "MiB", 1024),
    *(
        Bound(f"{_PARALLEL}: {who}", "parallel", "rss_kib", 80, "MiB", 1024, who)
        for who in ("acr, downloads", "acr async, downloads", "acr, uploads", "acr async, uploads")
    ),
)


@attrs.frozen
class Row:
    """A row of the table."""

    work: str
    compared: str
    required: str
    measured: str
    met: bool | None
    """None where it could not be measured."""


def rows(results: Mapping[str, Mapping[str, Result]], required: Iterable[Ratio | Bound] = REQUIRED) -> Iterator[Row]:
    """The table, of all workloads that were measured."""
    for one in required:
        if one.workload not in results:
            continue
        found = results[one.workload]
        lacking = [name for name in one.subjects if name not in found or not found[name].runs]
        if lacking:
            why = next((found[name].why for name in (WHOLLY, *lacking) if name in found), "")
            measured, met = why or f"no {lacking[0]}", None
        else:
            measured, met = one.judged(found)
        yield Row(one.work, one.compared, one.required, measured, met)
