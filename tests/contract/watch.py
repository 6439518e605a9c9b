"""Watches every emulator of the suite, and fails the test in which a request or an answer breaks spec/openapi.json.

It stands on both sides of where faults are made (`Emulator.fail`): requests are seen as they arrive, also those that a
fault swallows; answers as the emulator gives them, before a fault can change them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from acr.emulator import _emulator as emulator
from acr.emulator._server.application import Front
from acr.emulator._server.records import Origin
from tests.contract.exchanges import Exchange

_KEY: Final = "tests.contract.exchange"
_CLIENT: Final = "acr-client/"
"""Stands in the User-Agent of the client's requests. Those of others are not looked at: tests make wrong ones."""

_LOOKED_INTO: Final = ("application/json", "application/x-www-form-urlencoded")
"""Request bodies that are kept. The others are bytes to the document too, and may be large."""

_COUNTED: Final = "exchanges held to the document"
"""The name under which a test's report carries its counts: pytest-xdist brings reports from its workers."""


class Traffic:
    """The exchanges of a test, in order of arrival."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []

    def problems(self) -> list[str]:
        """How they break the document, each problem once."""
        return list(dict.fromkeys(problem for exchange in self.exchanges for problem in exchange.problems()))

    def succeeded(self) -> set[str]:
        """Ids of the operations that the client has used with success."""
        found = [e.operation for e in self.exchanges if e.by_client and 200 <= e.status < 400]
        return {operation.id for operation in found if operation is not None}


class Watch:
    """Stands in the place of `Front`. What it sees goes to the traffic of the test that runs, if one does."""

    traffic: Traffic | None = None

    def __init__(self, app: ASGIApp, origin: Origin, *rest: Any) -> None:
        self._registry = origin == "registry"  # the document says nothing of the blob store
        self._front = Front(_Answers(app) if self._registry else app, origin, *rest)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and see it."""
        traffic = self.traffic
        if traffic is None or not self._registry:
            await self._front(scope, receive, send)
            return
        exchange = _exchange(scope)
        traffic.exchanges.append(exchange)
        kept = exchange.headers.get("content-type", "").startswith(_LOOKED_INTO)
        pieces: list[bytes] = []

        async def see() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                exchange.sent = exchange.sent or bool(message.get("body"))
                if kept:
                    pieces.append(message.get("body", b""))
                if kept and not message.get("more_body"):
                    exchange.body = b"".join(pieces)
            elif exchange.status == 0:
                exchange.broken = True
            return message

        scope[_KEY] = exchange
        await self._front(scope, see, send)


class _Answers:
    """The registry's application, seen from outside."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange: Exchange | None = scope.get(_KEY)
        if exchange is None:
            await self._app(scope, receive, send)
            return
        body: list[bytes] = []

        async def see(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.answer_headers = _headers(message["headers"])
                exchange.status = message["status"]
            else:
                body.append(message.get("body", b""))
                if not message.get("more_body"):
                    exchange.answer_body = b"".join(body)
            await send(message)

        await self._app(scope, receive, see)


def _exchange(scope: Scope) -> Exchange:
    headers = _headers(scope["headers"])
    path: str = scope["path"]
    if "://" in path:  # a client that takes the emulator for a proxy sends it the whole URL
        path = "/" + path.partition("://")[2].partition("/")[2]
    authorization = headers.get("authorization")
    return Exchange(
        method=scope["method"],
        path=path,
        query=scope["query_string"].decode("latin-1"),
        headers={**headers, "authorization": ""} if authorization else headers,  # it is not to be shown
        scheme=authorization.partition(" ")[0].lower() if authorization else None,
        by_client=_CLIENT in headers.get("user-agent", ""),
    )


def _headers(pairs: list[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}


@pytest.fixture(scope="session")
def watched() -> Iterator[None]:
    """Every emulator that is made from now on has `Watch` before it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(emulator, "Front", Watch)
        yield


@pytest.fixture(autouse=True)
def traffic(watched: None, request: pytest.FixtureRequest) -> Iterator[Traffic]:
    """What passes between the client and the emulators of a test. A test in which it breaks the document fails."""
    seen = Watch.traffic = Traffic()
    yield seen
    Watch.traffic = None
    requests = sum(exchange.by_client for exchange in seen.exchanges)
    answers = sum(exchange.status > 0 and exchange.operation is not None for exchange in seen.exchanges)
    request.node.user_properties.append((_COUNTED, (requests, answers)))
    problems = seen.problems()
    if problems:
        pytest.fail("this breaks spec/openapi.json:\n" + "\n".join(problems), pytrace=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell how much was looked at."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    counts = [
        count
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "teardown"
        for name, count in report.user_properties
        if name == _COUNTED
    ]
    requests, answers = (sum(column) for column in zip((0, 0), *counts, strict=True))
    if answers:
        terminalreporter.write_line(
            f"{requests} requests of the client and {answers} answers of the emulator were held to spec/openapi.json"
        )
