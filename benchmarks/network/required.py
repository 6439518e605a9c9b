"""What the tables must show, by line and job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from benchmarks.measuring import Result
from benchmarks.required import Bound, Ratio

OLD: Final = "acr, other tree"
"""Another state of this project, where one is measured beside."""

_PROGRAMS: Final = ("crane", "oras", "regctl")


@attrs.frozen
class Best(Ratio):
    """Ours beside the best of several."""

    others: tuple[str, ...] = _PROGRAMS

    def judged(self, results: Mapping[str, Result]) -> tuple[str, bool]:
        """What was measured, and whether it is enough."""
        best = min((results[name].median(), name) for name in self.others if name in results and results[name].runs)
        ratio = best[0] / results[self.ours].median()
        return f"{ratio:.2f} ({best[1]})", ratio >= self.at_least

    @property
    def subjects(self) -> tuple[str, ...]:
        """Whose results are needed: one of the others is enough, and `other` stands for it."""
        return self.ours, self.other

    @property
    def compared(self) -> str:
        """Who, and with whom."""
        return f"{self.ours} : the best of {', '.join(self.others)}"


_RATIOS: Final[Mapping[str, tuple[tuple[tuple[str, ...], float | None, float | None], ...]]] = {
    "blob": (((*_PROGRAMS, "curl"), 4, 4), (("Microsoft",), 16, None)),
    "pull-small": ((_PROGRAMS, 2, 2.5), (("skopeo",), 4, None)),
    "push-small": ((_PROGRAMS, 4, 4), (("skopeo",), 15, None)),
    "mount-small": ((_PROGRAMS, 2.5, 3),),
    "copy-small": ((_PROGRAMS, 2.5, None),),
    "pull-large": ((("crane",), 1.1, 1.2), (("oras", "regctl"), 1.4, 1.5)),
    "push-large": ((("crane",), 1.1, 1.2), (("oras", "regctl"), 1.4, 1.5)),
    "artifact": ((("oras",), 0.8, 1.05),),
    "first": (((OLD,), 1 / 0.8, 1 / 0.85),),
    "tags": (((OLD,), 5, 6),),
}
"""By job: with whom, and by how much at 20 and at 80 ms."""

_BEST: Final = {"pull-index": (0.95, 1.1), "push-index": (0.95, 1.1), "mount-index": (0.95, 1.1)}
_REQUESTS: Final = {"first": 2, "tags": 25}
_CONNECTIONS: Final = 32


def required(titles: Mapping[str, str]) -> Iterator[Ratio | Bound]:
    """All that is required.

    Args:
        titles: of the jobs, by their names.
    """
    for at, line in enumerate(("20ms", "80ms")):
        for job, title in titles.items():
            work, row = f"{title}, {line.removesuffix('ms')} ms", f"{line}/{job}"
            for others, *least in _RATIOS.get(job, ()):
                if (bound := least[at]) is not None:
                    yield from (Ratio(work, row, other, bound) for other in others)
            if job in _BEST:
                yield Best(work, row, "oras", _BEST[job][at])
            if job in _REQUESTS:
                yield Bound(f"{work}: requests", row, "requests", _REQUESTS[job], "")
            yield Bound(f"{work}: connections to a host", row, "at_once", _CONNECTIONS, "")
