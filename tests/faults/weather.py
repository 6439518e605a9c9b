"""What goes wrong, and when: drawn from a seed, so that a run can be had again.

What happens to a request depends on the seed, on what the request is, and on how often it came before. So it does not
matter which of several that go at once comes first, as far as they are not alike: the chunks of two uploads are.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping
from email.utils import formatdate
from random import Random
from typing import Final, Literal
from urllib.parse import parse_qs

import attrs

from acr.emulator._server.records import Origin
from tests.faults.seeds import seeded

Kind = Literal[
    "cut the request",  # the connection ends before all of it got through
    "cut the answer",  # the registry has done the work; only a part of its answer gets through
    "lose the answer",  # none of it does
    "refuse",  # another server answers in the registry's place, which never hears of it
    "refuse late",  # the same, but the registry has done the work
    "delay",
    "expire",  # the registry's clock leaps: tokens that the client takes for fresh are refused
]

_WEIGHTS: Final[Mapping[Kind, int]] = {
    "cut the request": 5,
    "cut the answer": 5,
    "lose the answer": 4,
    "refuse": 6,
    "refuse late": 2,
    "delay": 3,
    "expire": 2,
}

_LEAPS: Final = (4_600.0, 12_000.0)
"""Seconds: past the life of access tokens; past that of refresh tokens, too."""

_HTML: Final = b"<html><head><title>%d</title></head><body><center><h1>%d</h1></center></body></html>\r\n"
_UPLOAD: Final = re.compile(r"/blobs/uploads/[^/?]+")


@attrs.frozen
class Asked:
    """A request, as far as it matters here. The body is there of requests for tokens only."""

    method: str
    target: str
    origin: Origin
    body: bytes = b""

    @property
    def kind(self) -> str:
        """What it is about, without what is different in each run: an upload's id and state, a signature."""
        path, _, query = self.target.partition("?")
        told = re.search(r"(?:digest|mount)=[^&]+", query)
        words = [self.method, _UPLOAD.sub("/blobs/uploads/ID", path), told[0] if told else "", *self._scopes]
        return " ".join(words)

    @property
    def _scopes(self) -> list[str]:
        """What a token is asked for."""
        if not self.target.startswith("/oauth2/token"):
            return []
        return parse_qs(f"{self.target.partition('?')[2]}&{self.body.decode()}").get("scope", [])

    @property
    def is_cancel(self) -> bool:
        """Whether it ends an upload without a blob."""
        return self.method == "DELETE" and "/blobs/uploads/" in self.target

    @property
    def is_for_a_cancel(self) -> bool:
        """Whether it asks for the token that a cancel needs."""
        return any("delete" in scope.rpartition(":")[2].split(",") for scope in self._scopes)

    @property
    def is_exchange(self) -> bool:
        """Whether it asks for a refresh token."""
        return self.target.startswith("/oauth2/exchange")


@attrs.frozen(kw_only=True)
class Fault:
    """What happens to one request.

    Args:
        kind: what.
        where: how far a cut lets it through, from 0 up to, but not, 1.
        reset: end the connection with a reset, not in good order.
        status: of a refusal.
        headers: of a refusal.
        body: of a refusal.
        early: refuse before the body has come, and hang up, as proxies do that are too busy.
        seconds: of a delay, or that the clock leaps.
    """

    kind: Kind
    where: float = 0
    reset: bool = False
    status: int = 0
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes = b""
    early: bool = False
    seconds: float = 0

    def __str__(self) -> str:
        if self.kind in ("refuse", "refuse late"):
            after = self.headers.get("Retry-After")
            early = ", at once" if self.early else ""
            return f"{self.kind} with {self.status}{early}{'' if after is None else f', Retry-After: {after}'}"
        if self.kind in ("delay", "expire"):
            return f"{self.kind}, {self.seconds:g} s"
        return f"{self.kind} at {self.where:.3f}{', reset' if self.reset else ''}"


class Weather:
    """Draws faults.

    Args:
        seed: of what happens.
        rate: how likely something happens to a request, from 0 to 1.
        most: faults, at the most; then all goes well.
    """

    def __init__(self, seed: object, *, rate: float, most: int) -> None:
        self._seed = seed
        self._rate = rate
        self._left = most
        self._came: Counter[str] = Counter()
        self._cancelling = False
        self._exchanges = 1

    @classmethod
    def of(cls, seed: object) -> Weather:
        """From a few faults to so many that no retries are enough."""
        random = seeded(seed, "weather")
        rate, fewest, most = random.choice([(0.3, 1, 2), (0.15, 3, 8), (0.3, 10, 40), (0.4, 10, 40), (0.85, 100, 500)])
        return cls(seed, rate=rate, most=random.randint(fewest, most))

    def clear_up(self) -> None:
        """Let nothing more go wrong."""
        self._left = 0

    def fault_for(self, asked: Asked) -> Fault | None:
        """What happens to a request.

        Nothing does to one that cancels an upload, nor to those for the tokens that it needs: it is sent once, and what
        a test wants to see is that it is sent.
        """
        self._cancelling = self._cancelling or asked.is_for_a_cancel
        self._came[asked.kind] += 1
        random = seeded(self._seed, f"{asked.kind} {self._came[asked.kind]}")
        if self._left <= 0 or random.random() >= self._rate:
            return None
        if asked.is_cancel or asked.is_for_a_cancel:
            return None
        if asked.is_exchange:
            # A cancel may wait for an exchange that another one has begun.
            if self._cancelling or not self._exchanges:
                return None
            self._exchanges -= 1
        self._left -= 1
        return draw(random, asked)


def draw(random: Random, asked: Asked) -> Fault:
    """Any fault. Hours do not pass while tokens are on their way, nor before storage, which asks for none."""
    leaps = asked.origin == "registry" and not asked.target.startswith("/oauth2/")
    kinds: list[Kind] = [kind for kind in _WEIGHTS if leaps or kind != "expire"]
    (kind,) = random.choices(kinds, [_WEIGHTS[kind] for kind in kinds])
    if kind in ("refuse", "refuse late"):
        return _refusal(random, kind)
    if kind == "delay":
        return Fault(kind=kind, seconds=random.random() * 0.004)
    if kind == "expire":
        return Fault(kind=kind, seconds=random.choice(_LEAPS))
    # Half of them at or near an end: in the first bytes, or shortly before the last.
    where = random.choice([0.0, random.random() * 0.01, random.random(), random.random(), random.random(), 1 - 2**-40])
    return Fault(kind=kind, where=where, reset=random.random() < 0.5)


def _refusal(random: Random, kind: Kind) -> Fault:
    status = random.choice([429, 429, 500, 502, 502, 503, 503, 504, 408])
    if kind == "refuse late":  # 429 says that nothing was done, and 408 that too little came
        status = random.choice([500, 502, 503, 504])
    name, body = random.choice(
        [
            ("text/html", _HTML % (status, status)),
            ("text/plain; charset=utf-8", b"upstream connect error or disconnect/reset before headers"),
            ("application/json", b'{"errors":[{"code":"TOOMANYREQUESTS","message":"too many requests"}]}'),
            ("application/xml", b'<?xml version="1.0" encoding="utf-8"?><Error><Code>ServerBusy</Code></Error>'),
            ("text/plain", b""),
        ]
    )
    headers = {"Content-Type": name}
    if status in (429, 503):
        asked = random.choice([None, "0", "1", "2.5", "date", "date", "soon", "3600"])
        if asked is not None:
            headers["Retry-After"] = formatdate(time.time() + 3, usegmt=True) if asked == "date" else asked
    return Fault(kind=kind, status=status, headers=headers, body=body, early=kind == "refuse" and random.random() < 0.3)
