"""How an emulator behaves: one value, with a name for each thing that can be set.

The defaults are what ACR does, according to its recorded traffic, its documents or its makers. docs/emulator.md has the
evidence of each. A guess has a name here, too, and is off.
"""

import time
from collections.abc import Callable, Iterable
from typing import Final, Literal

import attrs

from acr._values.home import public_in
from acr.emulator._arguments import count, function, lifetime, one_of, texts, true_or_false

AUDIENCES: Final = (
    "https://containerregistry.azure.net",
    "https://management.azure.com",
    "https://management.core.windows.net",
)
"""The audiences of Entra tokens that ACR exchanges: its own in each cloud, and those of Azure Resource Manager."""


def _all_of(audiences: Iterable[str]) -> tuple[str, ...]:
    return texts("audiences", audiences)


def _seconds(default: float) -> float:
    """A field for a lifetime."""
    found: float = attrs.field(default=default, validator=lifetime)
    return found


def _switch(*, default: bool) -> bool:
    """A field that is on or off."""
    found: bool = attrs.field(default=default, validator=true_or_false)
    return found


def _count() -> int:
    """A field for a number; 0 sets no limit."""
    found: int = attrs.field(default=0, validator=count)
    return found


@public_in("acr.emulator")
@attrs.frozen(kw_only=True)
class Settings:
    """The behaviour of an `Emulator`. Lifetimes are in seconds.

    Args:
        anonymous_pull: whether anybody may pull and list.
        audiences: the audiences of Entra tokens that the emulator exchanges.
        strict_entra: whether `/oauth2/exchange` refuses a foreign token that is not a JWT, is for another audience, or
            has expired. If not, it accepts any text. The emulator never verifies a foreign signature.
        basic_on_api: whether the API accepts the admin's name and password (Basic), as the token endpoint does.
        access_token_as_password: whether an access token works as the password of the user
            00000000-0000-0000-0000-000000000000, for what it grants. A refresh token always works.
        refresh_lifetime: lifetime of a refresh token.
        access_lifetime: lifetime of an access token.
        anonymous_lifetime: lifetime of an access token for anonymous pull.
        redirect_lifetime: lifetime of the signed URL that the download of a blob is redirected to.
        mount_challenge: whether the emulator refuses a mount until the token may also pull from the source (a guess).
            If not, a mount that the token does not allow opens an upload.
        newest_tags_by_number: whether tags, newest first, are paged by `last=NUMBER&NAME`. Then a name alone gives the
            first page.
        oldest_tags_by_number: the same for tags, oldest first (a guess).
        manifests_by_number: the same for manifests in both orders of time, with the digest as the name (a guess).
        null_pages: whether a page of ACR's own API without tags or manifests has null in place of an empty list.
        orderby_in_v2_links: whether the links to next pages of `/v2/_catalog` and `/v2/NAME/tags/list` have an empty
            `orderby=`, as those of `/acr/v1` do.
        lock_refusals_as_seen: whether the refusal of a locked item has an empty `detail`, and on `/acr/v1` no
            X-Ms-Request-Id.
        referrers_follow_subject: whether the emulator deletes what is attached to a manifest together with it.
        abac: whether role assignments may be limited to repositories (ABAC). Then the refresh token has the claim
            `aad_identity`, scopes with a wildcard (`repository:*:pull`) are ignored, and an Entra credential lists the
            catalog only if its scopes name it.
        quarantine: whether each new manifest is in quarantine, and cannot be pulled, until a PATCH sets its
            `quarantineState` to `Passed` (that a pull is refused by 403 is a guess).
        trash: whether soft delete is on, and in which form: `draft` as in the draft of ACR's description, `az` as the
            Azure CLI reads it; empty if it is off. What is deleted is then listed under `/acr/v1/_deleted`, can be
            restored, and keeps its blobs. A push of a manifest that is in the trash is refused.
        replica_lag: seconds for which a new manifest is listed, and cannot be pulled (a guess).
        catalog_breaks_after: names after which the catalog answers 502; 0 for a catalog that does not break off.
        reads_per_minute: how many reads a minute one identity may send; 0 sets no limit. The others are alike.
        writes_per_minute: pushes and changes.
        deletes_per_minute: deletions.
        referrers_per_minute: lists of referrers. They count as reads, too.
        tokens_per_minute: calls of the token endpoints, of all identities together.
        clock: returns the time, in seconds since the epoch. Tests of expiry pass their own.

    Raises:
        InvalidInput: a value cannot be right.
    """

    anonymous_pull: bool = _switch(default=False)
    audiences: tuple[str, ...] = attrs.field(default=AUDIENCES, converter=_all_of)
    strict_entra: bool = _switch(default=False)
    basic_on_api: bool = _switch(default=True)
    access_token_as_password: bool = _switch(default=True)
    refresh_lifetime: float = _seconds(11_700)
    access_lifetime: float = _seconds(4_500)
    anonymous_lifetime: float = _seconds(1_200)
    redirect_lifetime: float = _seconds(1_200)
    mount_challenge: bool = _switch(default=False)
    newest_tags_by_number: bool = _switch(default=True)
    oldest_tags_by_number: bool = _switch(default=False)
    manifests_by_number: bool = _switch(default=False)
    null_pages: bool = _switch(default=True)
    orderby_in_v2_links: bool = _switch(default=True)
    lock_refusals_as_seen: bool = _switch(default=True)
    referrers_follow_subject: bool = _switch(default=True)
    abac: bool = _switch(default=False)
    quarantine: bool = _switch(default=False)
    trash: Literal["", "draft", "az"] = attrs.field(default="", validator=one_of("", "draft", "az"))
    replica_lag: float = _seconds(0)
    catalog_breaks_after: int = _count()
    reads_per_minute: int = _count()
    writes_per_minute: int = _count()
    deletes_per_minute: int = _count()
    referrers_per_minute: int = _count()
    tokens_per_minute: int = _count()
    clock: Callable[[], float] = attrs.field(default=time.time, validator=function)
