"""Tokens: what an identity may do, and the JWTs that say so.

The refresh token stands for the identity, the access token for the scopes it was granted.
"""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

import attrs
import jwt

from acr.emulator._access.secrets import Secrets
from acr.emulator._settings import Settings

ANONYMOUS: Final = "acr_anon_pull"
NOBODY: Final = "00000000-0000-0000-0000-000000000000"
"""User name whose password is a token of ACR's: what `az acr login --expose-token` tells people to use."""

_ALGORITHM: Final = "HS256"
_REFRESH: Final = "refresh_token"
_ACCESS: Final = "access_token"
_ENTRA: Final = "entra"
_EVERYTHING: Final = "*"
ENTRA_USER: Final = "entra-user"

Trouble = Literal["insufficient_scope", "invalid_token"]


class InvalidToken(Exception):
    """Not one of ours, of another kind, or expired."""


@attrs.frozen
class Access:
    """Actions on one resource: an entry of a token, or a scope in the words of the token endpoint."""

    type: str
    name: str
    actions: tuple[str, ...]

    @classmethod
    def parse(cls, scope: str) -> Access | None:
        """Read `type:name:action,action`; None if it is no scope. A name may end in `*`, for all that begin so.

        >>> Access.parse("repository:library/*:pull,push")
        Access(type='repository', name='library/*', actions=('pull', 'push'))
        """
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        if not (kind and name and actions):
            return None
        return cls(kind, name, tuple(actions.split(",")))

    def allows(self, kind: str, name: str, action: str) -> bool:
        """Whether this entry covers one action on one resource."""
        covers = name.startswith(self.name[:-1]) if self.name.endswith("*") else name == self.name
        return kind == self.type and covers and (action in self.actions or _EVERYTHING in self.actions)

    @property
    def has_wildcard(self) -> bool:
        """Whether it is for several repositories."""
        return self.type == "repository" and "*" in self.name

    @property
    def is_catalog(self) -> bool:
        """Whether it is for the list of repositories."""
        return (self.type, self.name) == ("registry", "catalog")

    def __str__(self) -> str:
        return f"{self.type}:{self.name}:{','.join(self.actions)}"


def parse_scopes(texts: Iterable[str]) -> tuple[Access, ...]:
    """Read scopes that come one per text, or several in one with spaces between.

    What is no scope is skipped, as Docker's token server does: the API refuses it later.
    """
    parsed = (Access.parse(scope) for text in texts for scope in text.split())
    return tuple(access for access in parsed if access is not None)


@attrs.frozen
class Identity:
    """Somebody the registry knows.

    Args:
        subject: its name.
        grants: what it may do; None for everything.
        until: when what it signed in with expires, in seconds since the epoch; None for never.
    """

    subject: str
    grants: tuple[Access, ...] | None = None
    until: float | None = None

    def granted(self, asked: Sequence[Access]) -> tuple[Access, ...]:
        """The part of `asked` that the identity may have: fewer actions, or no entry at all."""
        grants = self.grants
        if grants is None:
            return tuple(asked)
        found = []
        for access in asked:
            actions = tuple(
                action for action in access.actions if any(g.allows(access.type, access.name, action) for g in grants)
            )
            if actions:
                found.append(Access(access.type, access.name, actions))
        return tuple(found)


@attrs.frozen
class Bearer:
    """Who sent an access token, and what it is good for."""

    subject: str
    access: tuple[Access, ...]

    def allows(self, kind: str, name: str, action: str) -> bool:
        """Whether the token covers one action on one resource."""
        if any(entry.allows(kind, name, action) for entry in self.access):
            return True
        if self.subject != ANONYMOUS or not self.access:
            return False
        # The anonymous token is for `repository:*:pull` and no more, yet it lists repositories and reads metadata
        # (go anonymousAccess: 200 on the catalog; js and python anonymous clients list tags).
        return action == "metadata_read" or (kind, name) == ("registry", "catalog")


class Tokens:
    """Issues and reads tokens, and knows who may sign in with a password."""

    def __init__(self, settings: Settings, secret: Secrets, service: str) -> None:
        self._settings = settings
        self._secret = secret
        self._service = service
        self._passwords: dict[str, tuple[str, Identity]] = {}

    def add_password(self, name: str, password: str, scopes: Iterable[str] | None) -> None:
        """Let `name` sign in; None as scopes is for everything."""
        grants = None if scopes is None else parse_scopes(scopes)
        self._passwords[name] = (password, Identity(name, grants))

    def sign_in(self, name: str, password: str) -> Identity | None:
        """The identity of a name and a password; None if they are wrong."""
        expected, identity = self._passwords.get(name, ("", None))
        return identity if hmac.compare_digest(expected.encode(), password.encode()) else None

    def refresh(self, identity: Identity) -> str:
        """A refresh token for an identity."""
        return self._encode(
            identity.subject,
            self._settings.refresh_lifetime,
            grant_type=_REFRESH,
            appid=str(uuid.UUID(int=0)),
            permissions={"Actions": ["read", "write", "delete", "deleted/read", "deleted/restore/action"]},
            grants=_written(identity.grants),
            **({"aad_identity": identity.subject} if self._is_limited(identity) else {}),
        )

    def _is_limited(self, identity: Identity) -> bool:
        """Whether ABAC counts for an identity. The admin and repository-scoped tokens have no roles."""
        return self._settings.abac and identity.subject == ENTRA_USER

    def read_refresh(self, token: str) -> Identity:
        """The identity behind a refresh token.

        Raises:
            InvalidToken: it is none.
        """
        claims = self._decode(token, _REFRESH)
        return Identity(claims["sub"], _read(claims["grants"]))

    def by_own_token(self, token: str) -> Identity:
        """The identity that a refresh token stands for, or an access token, which gives no more and lives no longer.

        Raises:
            InvalidToken: it is neither; or it is an access token, and those are no passwords here.
        """
        try:
            return self.read_refresh(token)
        except InvalidToken:
            if not self._settings.access_token_as_password:
                raise
        claims = self._decode(token, _ACCESS)
        return Identity(claims["sub"], _entries(claims), claims["exp"])

    def access(self, identity: Identity, asked: Sequence[Access]) -> str:
        """An access token for what the identity may have of what was asked: it may be for nothing."""
        lifetime = self._settings.access_lifetime
        if identity.until is not None:
            lifetime = min(lifetime, identity.until - self._settings.clock())
        if self._is_limited(identity):
            asked = [one for one in asked if not one.has_wildcard and not (identity.grants is None and one.is_catalog)]
        return self._access_token(identity.subject, identity.granted(asked), lifetime)

    def anonymous_access(self) -> str:
        """The access token that anybody gets, whatever was asked."""
        granted = (Access("repository", "*", ("pull",)),) if self._settings.anonymous_pull else ()
        return self._access_token(ANONYMOUS, granted, self._settings.anonymous_lifetime)

    def read_access(self, token: str) -> Bearer:
        """What an access token is good for.

        Raises:
            InvalidToken: it is none.
        """
        claims = self._decode(token, _ACCESS)
        return Bearer(claims["sub"], _entries(claims))

    def read_basic(self, name: str, password: str) -> Bearer | None:
        """Who sends a name and a password to the API itself: the admin, and no repository-scoped token (acr#466)."""
        identity = self.sign_in(name, password) if self._settings.basic_on_api else None
        if identity is None or identity.grants is not None:
            return None
        return Bearer(identity.subject, (Access("repository", "*", ("*",)), Access("registry", "*", ("*",))))

    def entra(self, audience: str, grants: tuple[Access, ...] | None, expires: float) -> str:
        """An Entra token of the emulator's own make."""
        claims = {"aud": audience, "sub": ENTRA_USER, "exp": int(expires), "grant_type": _ENTRA}
        return jwt.encode({**claims, "grants": _written(grants)}, self._secret.key, _ALGORITHM)

    def read_entra(self, token: str) -> Identity:
        """The identity behind an Entra token. One of another maker is anybody's: nobody's signature is asked for.

        Raises:
            InvalidToken: it is of our make, and for another audience or expired; or it is an ACR token; or it is of
                another maker, and is no JWT for an audience (`strict_entra`).
        """
        try:
            claims = self._claims(token)
        except InvalidToken:
            if self._settings.strict_entra:
                self._check_audience(_unverified(token))
            return Identity(ENTRA_USER)
        if claims.get("grant_type") != _ENTRA:
            raise InvalidToken
        self._check_audience(claims)
        return Identity(claims["sub"], _read(claims["grants"]))

    def _check_audience(self, claims: dict[str, Any]) -> None:
        """See that an Entra token is for us and has not expired. `aud` is a text or several (RFC 7519, 4.1.3)."""
        given, expires = claims.get("aud"), claims.get("exp")
        audiences = given if isinstance(given, list) else [given]
        accepted = {audience.rstrip("/") for audience in self._settings.audiences}
        if not any(isinstance(audience, str) and audience.rstrip("/") in accepted for audience in audiences):
            raise InvalidToken
        if not (isinstance(expires, int | float) and expires > self._settings.clock()):
            raise InvalidToken

    def _access_token(self, subject: str, granted: Sequence[Access], lifetime: float) -> str:
        entries = [{"type": a.type, "name": a.name, "actions": list(a.actions)} for a in granted]
        return self._encode(subject, lifetime, access=entries, roles=[], grant_type=_ACCESS)

    def _encode(self, subject: str, lifetime: float, **more: object) -> str:
        now = int(self._settings.clock())
        claims = {
            "jti": str(uuid.uuid4()),
            "sub": subject,
            "nbf": now,
            "exp": now + int(lifetime),
            "iat": now,
            "iss": "Azure Container Registry",
            "aud": self._service,
            "version": "1.0",
            "rid": self._secret.registry_id,
        }
        return jwt.encode({**claims, **more}, self._secret.key, _ALGORITHM)

    def _decode(self, token: str, grant_type: str) -> dict[str, Any]:
        claims = self._claims(token)
        if claims.get("grant_type") != grant_type or claims["exp"] <= self._settings.clock():
            raise InvalidToken
        return claims

    def _claims(self, token: str) -> dict[str, Any]:
        # Times are compared with our own clock, which a test may turn. The audience is not compared: a restart may
        # have changed the port in it, and the key is this registry's alone.
        unchecked: Any = {f"verify_{name}": False for name in ("exp", "nbf", "iat", "aud")}
        try:
            return jwt.decode(token, self._secret.key, [_ALGORITHM], unchecked)
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            raise InvalidToken from None


def _unverified(token: str) -> dict[str, Any]:
    try:
        return jwt.decode(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        raise InvalidToken from None


def _entries(claims: dict[str, Any]) -> tuple[Access, ...]:
    """What an access token is good for."""
    return tuple(Access(entry["type"], entry["name"], tuple(entry["actions"])) for entry in claims["access"])


def _written(grants: tuple[Access, ...] | None) -> list[str] | None:
    return None if grants is None else [str(grant) for grant in grants]


def _read(grants: list[str] | None) -> tuple[Access, ...] | None:
    return None if grants is None else parse_scopes(grants)
