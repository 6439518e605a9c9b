"""How an emulator behaves: one value, with a name for each thing that can be set.

The defaults are what ACR does, as far as its recorded traffic, its documents or its makers tell; docs/emulator.md has
the evidence of each. What is guessed has a name here, too, and is off.
"""

import time
from collections.abc import Callable, Iterable
from typing import Final

import attrs

from acr._values.home import public_in

AUDIENCES: Final = (
    "https://containerregistry.azure.net",
    "https://management.azure.com",
    "https://management.core.windows.net",
)
"""Of Entra tokens that ACR exchanges: its own in every cloud, and those of Azure Resource Manager."""


_LONGEST: Final = 100 * 365 * 86_400


def _all_of(audiences: Iterable[str]) -> tuple[str, ...]:
    return tuple(audiences)


def _seconds(default: float) -> float:
    """A field for a lifetime: up to a hundred years, so that no clock runs over."""
    lifetime: float = attrs.field(default=default, validator=[attrs.validators.ge(0), attrs.validators.le(_LONGEST)])
    return lifetime


@public_in("acr.emulator")
@attrs.frozen(kw_only=True)
class Settings:
    """What `Emulator` takes beside its place on this machine. Lifetimes are in seconds.

    Args:
        anonymous_pull: whether anyone may pull and list.
        audiences: the audiences of Entra tokens that are exchanged.
        strict_entra: whether `/oauth2/exchange` refuses a token of another maker that is no JWT, is for another
            audience or has expired. If not, it takes any text. No signature but the emulator's own is ever verified.
        basic_on_api: whether the API takes the admin's name and password (Basic), as the token endpoint does.
        access_token_as_password: whether an access token is good as the password of the user
            00000000-0000-0000-0000-000000000000, for what it grants. A refresh token always is.
        refresh_lifetime: of a refresh token.
        access_lifetime: of an access token.
        anonymous_lifetime: of an access token for anonymous pull.
        redirect_lifetime: of the signed URL that a blob GET is redirected to.
        mount_challenge: whether a mount is refused until the token may also pull from the source. It is a guess. If
            not, a mount that the token does not allow opens an upload.
        newest_tags_by_number: whether tags, newest first, are paged by `last=NUMBER&NAME`. Then a name alone gives the
            first page.
        oldest_tags_by_number: the same of tags, oldest first. It is a guess.
        manifests_by_number: the same of manifests in either order of time, with the digest for the name. It is a guess.
        null_pages: whether a page of ACR's own API without tags or manifests has null in place of an empty list.
        orderby_in_v2_links: whether the links to next pages of `/v2/_catalog` and `/v2/NAME/tags/list` carry an empty
            `orderby=`, as those of `/acr/v1` do.
        lock_refusals_as_seen: whether the refusal of a locked item has an empty `detail`, and on `/acr/v1` no
            X-Ms-Request-Id.
        referrers_follow_subject: whether what is attached to a manifest is deleted with it.
        clock: the time, in seconds since the epoch; give another one to test expiry.
    """

    anonymous_pull: bool = False
    audiences: tuple[str, ...] = attrs.field(default=AUDIENCES, converter=_all_of)
    strict_entra: bool = False
    basic_on_api: bool = True
    access_token_as_password: bool = True
    refresh_lifetime: float = _seconds(11_700)
    access_lifetime: float = _seconds(4_500)
    anonymous_lifetime: float = _seconds(1_200)
    redirect_lifetime: float = _seconds(1_200)
    mount_challenge: bool = False
    newest_tags_by_number: bool = True
    oldest_tags_by_number: bool = False
    manifests_by_number: bool = False
    null_pages: bool = True
    orderby_in_v2_links: bool = True
    lock_refusals_as_seen: bool = True
    referrers_follow_subject: bool = True
    clock: Callable[[], float] = time.time
