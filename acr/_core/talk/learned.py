"""Learned: what a client has learned of its registry from its answers. It begins with nothing, and is never complete.

All calls of a client share one, in all their threads. Whoever writes last counts: each field is written as a whole, and
a registry that contradicts itself makes a client try once more, and no mistake.
"""

from __future__ import annotations

import attrs

from acr._core.talk.challenge import Challenge
from acr._core.talk.chunking import Chunking
from acr._core.talk.cutting import Cutting
from acr._core.talk.throttle import Throttles
from acr._core.talk.token_exchanges import Authority
from acr._core.talk.warnings import Warnings


@attrs.define
class Demand:
    """How a registry wants its clients to say who they are.

    Args:
        challenge: what it answered, with 401.
        authority: who issues the tokens, read off the challenge when it is first needed. It names a host, and a client
            that sends that host nothing secret may not care whether it is one.
        is_assumed: the registry has not been asked; all of its make want this.
    """

    challenge: Challenge
    authority: Authority | None = None
    is_assumed: bool = False


@attrs.define
class Learned:
    """What a client has learned of its registry.

    Args:
        is_met: whether the registry was asked for its challenge. It may have none.
        demand: how it wants to be authenticated to; None if it has not asked for that.
        chunking: how it takes the chunks of uploads.
        cutting: how large blobs are cut into ranges. Nothing of it is learned yet; tests make it small.
        throttles: how much at once it bears, and how much the places do that it leads to.
        mounts: whether its last mount was of use.
        tells_by_mount: whether it says of a mount from the same repository that the blob is there, or else opens an
            upload session; None if nobody has seen it mount anything.
        warnings: what it has warned of.
    """

    is_met: bool = False
    demand: Demand | None = None
    chunking: Chunking = attrs.field(factory=Chunking)
    cutting: Cutting = attrs.field(factory=Cutting)
    mounts: bool = True
    tells_by_mount: bool | None = None
    throttles: Throttles = attrs.field(factory=Throttles)
    warnings: Warnings = attrs.field(factory=Warnings)
