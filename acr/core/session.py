"""Session: sends requests of one client to one registry, authorised, tried again where that is safe, errors as ours."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from acr_rest.api.registry import container_registry_check_docker_v2_support as check_support
from acr_rest.types import InvalidResponse, Request, Response

from acr.core import bodies
from acr.core.challenge import Challenge, parse_challenges
from acr.core.failures import failure
from acr.core.ports import Incoming, Outgoing, Runtime
from acr.core.scopes import Scopes, cover, parse_scopes
from acr.core.tokens import Tokens
from acr.values.credentials import Credential
from acr.values.errors import ProtocolViolation, ResponseError, TransportError, Unauthorized
from acr.values.options import Retries
from acr.values.reference import Endpoint

_LOG: Final = logging.getLogger("acr")
_JSON_LIMIT: Final = 32 * 1024 * 1024
_RETRIED: Final = frozenset({408, 429, 500, 502, 503, 504})

T = TypeVar("T")


class Session:
    """One client's way to one registry.

    Args:
        runtime: the world outside.
        registry: where the registry is.
        credential: who the client is; None is anonymous.
        audience: of the Entra token.
        token_hosts: hosts beside the registry's own that may issue its tokens.
        retries: when to try again.
        user_agent: of every request.
    """

    def __init__(
        self,
        runtime: Runtime,
        registry: Endpoint,
        credential: Credential | None,
        *,
        audience: str,
        token_hosts: frozenset[str],
        retries: Retries,
        user_agent: str,
    ) -> None:
        self.runtime = runtime
        self.registry = registry
        self._retries = retries
        self._user_agent = user_agent
        self._challenge: Challenge | None = None
        self._discovered = False
        self._discovery = runtime.lock()
        self.tokens = Tokens(
            runtime, self._exchange, credential, registry=registry, audience=audience, token_hosts=token_hosts
        )

    async def call(
        self, request: Request, parse: Callable[[Response], T], *, scopes: Scopes, repeatable: bool = True
    ) -> T:
        """Send, read the whole answer, parse it.

        Args:
            request: what to send.
            parse: the operation's own parser.
            scopes: what it needs.
            repeatable: whether it may be sent again when it is not known if it was received.

        Raises:
            ResponseError: the registry answered with an error.
            TransportError: it did not answer.
            CredentialError: there is no token for it.
            ProtocolViolation: the answer is none that the operation can have.
        """
        incoming = await self.open(request, scopes=scopes, repeatable=repeatable)
        try:
            body = await bodies.read(incoming, _JSON_LIMIT, f"the answer to {request.method} {_path(request)}")
        finally:
            await incoming.aclose()
        return parsed(parse, Response(incoming.status, incoming.headers, body), self.registry.netloc)

    async def open(self, request: Request, *, scopes: Scopes, repeatable: bool = True) -> Incoming:
        """Send, and give the answer with its body unread; the caller closes it. Arguments and errors as of `call`."""
        await self._discover()
        attempt = 0
        renewed = False
        while True:
            authorization = await self._authorization(scopes)
            try:
                incoming = await self._send(self.registry, request, authorization)
            except TransportError as error:
                problem: TransportError | ResponseError = error
            else:
                if incoming.status < 400:
                    return incoming
                problem = await failure(request, self.registry.netloc, incoming)
                if isinstance(problem, Unauthorized):
                    if authorization is not None:
                        self.tokens.reject(authorization)
                    wider = None if renewed else self._learn(problem, scopes)
                    if wider is not None:
                        scopes, renewed = wider, True
                        continue
            if not _passing(problem, repeatable=repeatable):
                raise problem
            await self.pause(problem, attempt)
            attempt += 1

    @asynccontextmanager
    async def stream(self, request: Request, *, scopes: Scopes) -> AsyncIterator[Incoming]:
        """`open` as a context manager."""
        incoming = await self.open(request, scopes=scopes)
        try:
            yield incoming
        finally:
            await incoming.aclose()

    async def open_elsewhere(self, endpoint: Endpoint, request: Request, authorization: str | None = None) -> Incoming:
        """Send once, without the client's token: to where a redirect leads, or to a token endpoint.

        Raises:
            ResponseError, TransportError: as of `call`.
        """
        incoming = await self._send(endpoint, request, authorization)
        if incoming.status >= 400:
            raise await failure(request, endpoint.netloc, incoming)
        return incoming

    async def _exchange(self, endpoint: Endpoint, request: Request, authorization: str | None) -> Response:
        attempt = 0
        while True:
            try:
                incoming = await self.open_elsewhere(endpoint, request, authorization)
                try:
                    body = await bodies.read(incoming, _JSON_LIMIT, "the answer of the token endpoint")
                finally:
                    await incoming.aclose()
                return Response(incoming.status, incoming.headers, body)
            except (TransportError, ResponseError) as error:
                if not _passing(error, repeatable=True):
                    raise
                await self.pause(error, attempt)
            attempt += 1

    async def pause(self, problem: TransportError | ResponseError, attempt: int) -> None:
        """Wait before the repetition `attempt` (the first is 0), or raise the problem if there is to be none."""
        asked = problem.retry_after if isinstance(problem, ResponseError) else None
        delay = self._retries.delay(attempt, asked)
        if delay is None:
            raise problem
        _LOG.warning("%s; trying again in %.1f s", problem, delay)
        await self.runtime.sleep(delay)

    async def _discover(self) -> None:
        """Learn realm and service once, by the one request that needs no scope.

        From then on every request goes out with the token that it needs, none only to be refused.
        """
        if self._discovered:
            return
        async with self._discovery:
            if self._discovered:
                return
            try:
                await self._exchange(self.registry, check_support.build_request(), None)
            except Unauthorized as error:
                self._challenge = _usable(error)
            self._discovered = True

    def _learn(self, refusal: Unauthorized, scopes: Scopes) -> Scopes | None:
        """What to ask a token for after a 401, or None where another token would not help.

        ACR issues a token for what the credential may not do, too, and refuses it here as insufficient: asking again
        for no more than was asked for would loop.
        """
        if refusal.challenge is None:
            return None
        self._challenge = challenge = _usable(refusal)
        wanted = parse_scopes(challenge.parameters.get("scope", ""))
        if challenge.parameters.get("error") == "insufficient_scope" and cover(scopes, wanted):
            return None
        return scopes | wanted

    async def _authorization(self, scopes: Scopes) -> str | None:
        return None if self._challenge is None else await self.tokens.authorization(self._challenge, scopes)

    async def _send(self, endpoint: Endpoint, request: Request, authorization: str | None) -> Incoming:
        content = request.content
        if not (content is None or isinstance(content, bytes)):
            raise TypeError("the core sends bytes: a chunk at a time")
        headers = {**request.headers, "User-Agent": self._user_agent, "Accept-Encoding": "identity"}
        if authorization is not None:
            headers["Authorization"] = authorization
        incoming = await self.runtime.send(Outgoing(request.method, f"{endpoint}{request.target}", headers, content))
        _LOG.debug("%s %s at %s: %d", request.method, _path(request), endpoint.netloc, incoming.status)
        return incoming


def parsed(parse: Callable[[Response], T], response: Response, host: str) -> T:
    """Parse an answer with the operation's own parser; what it cannot make sense of is a ProtocolViolation."""
    try:
        return parse(response)
    except InvalidResponse as error:
        raise ProtocolViolation(f"{host} sent an unusable answer: {error}") from None


def _passing(problem: TransportError | ResponseError, *, repeatable: bool) -> bool:
    """Whether a problem may pass, so that the same request can be sent again."""
    if isinstance(problem, TransportError):
        return repeatable
    # A registry that throttles has not done what it was asked for: that can be repeated in any case.
    return problem.status == 429 or (repeatable and problem.status in _RETRIED)


def _usable(refusal: Unauthorized) -> Challenge:
    """The challenge of a 401 that this client can answer."""
    challenges = parse_challenges(refusal.challenge or "")
    for scheme in ("bearer", "basic"):
        for challenge in challenges:
            if challenge.scheme == scheme:
                return challenge
    raise ProtocolViolation(f"no Bearer or Basic challenge in the refusal: {refusal}")


def _path(request: Request) -> str:
    return request.target.partition("?")[0]
