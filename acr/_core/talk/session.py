"""Session: one client's way to one registry. Each request goes out with the token that it needs, and is tried again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeVar

from acr_rest.api.container_registry import check_api
from acr_rest.types import AnyRequest as Request, InvalidResponse, Response

from acr._core.runtime import MOST_LARGE, MOST_LARGE_HERE, Incoming, Runtime
from acr._core.talk import redirects
from acr._core.talk.attempts import Attempts
from acr._core.talk.challenge import Challenge, parse_challenges
from acr._core.talk.chunking import AZURES
from acr._core.talk.deadline import calling, is_written
from acr._core.talk.flight import Flight
from acr._core.talk.learned import Demand, Learned
from acr._core.talk.redaction import shown, shown_header, shown_path
from acr._core.talk.scopes import Scope, Scopes, cover, parse_scopes, push
from acr._core.talk.sending import JSON_LIMIT, Sender, read
from acr._core.talk.token_exchanges import Authority
from acr._core.talk.tokens import Tokens
from acr._values.media_type import essence
from acr._values.options import Limits
from acr._values.reference import Endpoint, looks_like_acr
from acr._values.weight import check_weight
from acr.errors import AcrError, CredentialError, Denied, ProtocolViolation, ResponseError, TransportError, Unauthorized
from acr.protocols import Credential

_REGISTRY: Final = "the registry"

T = TypeVar("T")


class Session:
    """One client's way to one registry.

    Args:
        sender: sends its requests.
        registry: where the registry is.
        credential: who the client is; None is anonymous.
        audience: of the Entra token.
        token_hosts: hosts beside the registry's own that may issue its tokens.
        limits: how much to accept from the registry.
    """

    def __init__(
        self,
        sender: Sender,
        registry: Endpoint,
        credential: Credential | None,
        *,
        audience: str,
        token_hosts: frozenset[str],
        limits: Limits,
    ) -> None:
        self.runtime: Runtime = sender.runtime
        self.registry: Endpoint = registry
        self.sender: Sender = sender
        self.limits: Limits = limits
        self.large: int = MOST_LARGE_HERE if registry.is_loopback else MOST_LARGE
        """How many large blobs to move at a time."""
        self.tokens: Tokens = Tokens(sender, credential, registry=registry, audience=audience, token_hosts=token_hosts)
        self.learned: Learned = sender.learned
        self._is_azures = looks_like_acr(registry.host)
        if self._is_azures:
            self.learned.chunking.first = AZURES
            self.learned.tells_by_mount = True
        self._discovery: Flight[None] = Flight(sender.runtime)

    async def call(
        self,
        request: Request,
        parse: Callable[[Response], T],
        *,
        scopes: Scopes,
        attempts: Attempts | None = None,
        limit: int = JSON_LIMIT,
        option: str | None = None,
        undo: Callable[[T], Awaitable[object]] | None = None,
    ) -> T:
        """Send, read the whole answer, parse it; and again, if that may help.

        The way of a request: `call` -> `open` (with the right token) -> `Sender.send` -> `Runtime.send`.

        Args:
            request: what to send.
            parse: the operation's own parser.
            scopes: what it needs.
            attempts: the tries. If None, the request is one that can be repeated.
            limit: bytes of the answer, at the most.
            option: the option that sets the limit, or None.
            undo: is done with the answer, if the caller has been stopped meanwhile.

        Raises:
            ResponseError: the registry answered with an error.
            TransportError: it did not answer.
            CredentialError: there is no token for it.
            LimitExceeded: the answer is larger than the limit.
            ProtocolViolation: the answer is none that the operation can have.
        """

        async def once() -> T:
            reply = await self._answer(request, scopes, limit, option)
            try:
                return parse(reply)
            except InvalidResponse as error:
                raise ProtocolViolation(f"{self.registry.netloc} sent an unusable answer: {error}") from None

        with calling():
            while True:
                try:
                    return await (once() if undo is None else self.runtime.to_the_end(once, undo))
                except (TransportError, ResponseError) as problem:
                    attempts = attempts or self.sender.attempts()
                    await attempts.again(problem)

    async def _answer(self, request: Request, scopes: Scopes, limit: int, option: str | None) -> Response:
        """Send once, and read the whole answer, wherever it is."""
        incoming = await self.open(request, scopes=scopes)
        if incoming.status >= 300 and _may_lead_on(request) and redirects.leads_on(incoming):
            incoming, _ = await redirects.follow(self, request, incoming, scopes)
        reply = await read(request, incoming, limit=limit, option=option)
        if _is_page(reply):  # also of a deletion: a login page has deleted nothing
            page = ProtocolViolation(
                f"{self.registry.netloc} answered {shown_path(request.target)} with a web page: a login page or a"
                " proxy may stand before the registry"
            )
            page.is_page = True
            raise page
        return reply

    async def call_for_list(
        self, request: Request, parse: Callable[[Response], T], *, scopes: Scopes, attempts: Attempts | None = None
    ) -> T:
        """As `call`, for an answer that lists things. It may be as large, and as heavy, as a page of a listing."""
        limit, option = self.limits.page, "Limits.page"

        def weighed(reply: Response) -> T:
            what = f"the answer to {request.method} {shown_path(request.target)}"
            check_weight(reply.body, what, limit=limit, option=option)
            return parse(reply)

        return await self.call(request, weighed, scopes=scopes, attempts=attempts, limit=limit, option=option)

    async def open(self, request: Request, *, scopes: Scopes, is_large: bool = False) -> Incoming:
        """Send once, and give the answer with its body unread; the caller closes it. A redirect is an answer, too.

        Arguments and errors as of `call` and `Sender.send`. A token that is refused is replaced once.
        """
        await self._discover()
        authorization = await self._authorization(scopes)
        sent_at = self.runtime.now()
        try:
            return await self._send(request, authorization, scopes, is_large=is_large)
        except Unauthorized as refusal:
            wider = self._learn(refusal, scopes)
            if authorization is not None:
                self.tokens.reject(authorization, None if wider is None else sent_at)
            if wider is None:
                self._explain(refusal, authorization, scopes)
                raise
        authorization = await self._authorization(wider)
        try:
            return await self._send(request, authorization, wider, is_large=is_large)
        except Unauthorized as refusal:
            if authorization is not None:
                self.tokens.reject(authorization)
            self._explain(refusal, authorization, wider)
            raise

    async def _send(self, request: Request, authorization: str | None, scopes: Scopes, *, is_large: bool) -> Incoming:
        try:
            return await self.sender.send(self.registry, request, authorization, is_large=is_large)
        except Denied as refusal:
            self._explain(refusal, authorization, scopes)
            raise

    def _explain(self, refusal: Unauthorized | Denied, authorization: str | None, scopes: Scopes) -> None:
        """Let a refusal say what the credential or its token lacks, if that is known."""
        refusal.hint = self.tokens.cause(authorization, scopes) or refusal.hint

    async def ping(self) -> None:
        """Ask whether there is a registry. No credential is used.

        Raises:
            ResponseError: something else is there.
            TransportError: nothing is there.
            ProtocolViolation: a web page is there, or a registry with a challenge of an unknown kind.
        """
        reply = await self._introduce()
        if reply is not None and (reply.status >= 300 or _is_page(reply)):
            place = shown_header("location", reply.headers.get("location", ""))[:200]
            where = f" leading to {place!r}" if reply.status >= 300 else ""
            kind = shown(reply.headers.get("content-type", "nothing"))[:200]
            raise ProtocolViolation(
                f"expected a registry at {self.registry.netloc}, got something else, such as a login page or a proxy"
                f" before it: GET /v2/ was answered {reply.status}{where} as {kind!r}"
            )

    async def _introduce(self) -> Response | None:
        """Learn the challenge of a registry; if it has none, give what it said instead."""
        reply = None
        try:
            reply = await self.sender.exchange(self.registry, check_api.build_request(), None)
            if self.learned.demand is not None and self.learned.demand.is_assumed:
                self.learned.demand = None
        except Unauthorized as refusal:
            self.learned.demand = Demand(_usable(refusal))
        self.learned.is_met = True
        return reply

    async def issuer(self) -> Authority | None:
        """Who issues the registry's tokens, as far as it is known; None if nobody does.

        Raises:
            ProtocolViolation: the challenge names a host that was not allowed.
        """
        demand = self.learned.demand
        return None if demand is None or demand.challenge.scheme != "bearer" else await self.tokens.authority(demand)

    async def authority(self) -> Authority:
        """Who issues the registry's tokens.

        Raises:
            ProtocolViolation: nobody does: the registry takes no tokens.
        """
        await self._discover()
        if self.learned.demand is not None and self.learned.demand.is_assumed:  # the caller gets its tokens: be sure
            await self._discovery.join(_REGISTRY, self._discover_anew)
        issuer = await self.issuer()
        if issuer is None:
            raise ProtocolViolation(f"{self.registry.netloc} takes no tokens")
        return issuer

    async def _discover(self) -> None:
        """Learn realm and service once, by the one request that needs no scope.

        From then on every request goes out with the token that it needs, none only to be refused. Azure's registries
        all want the same of a client with a credential. So that is assumed of them, and saves the request.
        `_authorization` and `_learn` notice if it is wrong.
        """
        if not self.learned.is_met and self._is_azures and not self.tokens.is_anonymous:
            realm = f"{self.registry}/oauth2/token"
            challenge = Challenge("bearer", {"realm": realm, "service": self.registry.netloc})
            self.learned.demand = self.learned.demand or Demand(challenge, is_assumed=True)
            self.learned.is_met = True
        if not self.learned.is_met:
            connect = partial(self.sender.connect, self.registry)
            await self._discovery.join(_REGISTRY, self._discover_once, meanwhile=connect)

    async def _discover_once(self) -> None:
        if not self.learned.is_met:
            await self._introduce()

    async def _discover_anew(self) -> None:
        await self._introduce()

    def _learn(self, refusal: Unauthorized, scopes: Scopes) -> Scopes | None:
        """What to ask a token for after a 401, or None if another token would not help.

        ACR issues a token for what the credential may not do, too, and refuses it here as insufficient: asking again
        for no more than was asked for would loop.
        """
        if refusal.challenge is None:
            return None
        before, challenge = self.learned.demand, _usable(refusal)
        self.learned.demand = Demand(challenge)
        wanted = parse_scopes(challenge.parameters.get("scope", ""))
        is_refuted = before is not None and before.is_assumed and not _is_same(before.challenge, challenge)
        if challenge.parameters.get("error") == "insufficient_scope" and cover(scopes, wanted) and not is_refuted:
            return None
        return scopes | wanted

    async def _authorization(self, scopes: Scopes) -> str | None:
        demand = self.learned.demand
        if demand is None:
            return None
        try:
            return await self.tokens.authorization(demand, self._widened(scopes))
        except (CredentialError, ProtocolViolation, ResponseError) as error:
            if not await self._is_refuted(demand, error):
                raise
        return await self._authorization(scopes)

    async def _is_refuted(self, demand: Demand, error: AcrError) -> bool:
        """Whether the registry wants something else than was assumed, as it may mean that it gives no token.

        A regional host, say, has its tokens issued for the registry's own name.
        """
        cause = error.__cause__ if isinstance(error, CredentialError) else error
        is_refusal = isinstance(cause, ProtocolViolation) or (isinstance(cause, ResponseError) and cause.status < 500)
        if not (demand.is_assumed and is_refusal):
            return False
        if self.learned.demand is demand:
            await self._discovery.join(_REGISTRY, self._discover_anew)
        real = self.learned.demand
        return real is None or not _is_same(demand.challenge, real.challenge)

    def _widened(self, scopes: Scopes) -> Scopes:
        """The scopes to get a token for: to look at what is written to next takes no token of its own."""
        return frozenset(
            one for scope in scopes for one in (push(scope.name) if self._will_push(scope) else frozenset({scope}))
        )

    def _will_push(self, scope: Scope) -> bool:
        return scope.kind == "repository" and scope.actions == {"pull"} and is_written(self, scope.name)


def _is_same(one: Challenge, other: Challenge) -> bool:
    """Whether two challenges lead to the same tokens."""
    names = ("realm", "service")
    return one.scheme == other.scheme and [one.parameters.get(n) for n in names] == [
        other.parameters.get(n) for n in names
    ]


def _may_lead_on(request: Request) -> bool:
    """Whether a redirect is followed: of what is read from OCI's API. Nothing that changes something goes elsewhere."""
    return request.method in ("GET", "HEAD") and request.target.startswith("/v2/")


def _is_page(reply: Response) -> bool:
    """Whether an answer is HTML: of a login page, a proxy or a portal, and never of a registry's API."""
    return reply.body.lstrip()[:1] == b"<" and essence(reply.headers.get("content-type", "")) == "text/html"


def _usable(refusal: Unauthorized) -> Challenge:
    """The challenge of a 401 that this client can answer."""
    challenges = parse_challenges(refusal.challenge or "")
    for scheme in ("bearer", "basic"):
        for challenge in challenges:
            if challenge.scheme == scheme:
                return challenge
    refusal.hint = None  # it speaks of a request with a token
    if refusal.challenge is None:
        raise ProtocolViolation(
            f"{refusal}; without a challenge (WWW-Authenticate) the client cannot know which credential is wanted: a"
            " firewall, a proxy or a login page may stand before the registry"
        )
    named = ", ".join(sorted({challenge.scheme for challenge in challenges}))[:200] or "none"
    raise ProtocolViolation(f"{refusal}; expected a Bearer or Basic challenge, got {named}")
