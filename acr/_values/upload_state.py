"""Upload states: what another process needs to continue an upload session."""

from typing import Any

import attrs

from acr._values.digest import Digest, Hasher, received_digest
from acr._values.fields import integer, object_of, optional_text, text
from acr._values.home import public_in
from acr.errors import ProtocolViolation


def _shown(location: str) -> str:
    """A location without its query. The query is a capability: anybody who has it can write to the upload."""
    return repr(location.partition("?")[0])


@public_in("acr")
@attrs.frozen(kw_only=True)
class UploadState:
    """Where an upload session is, and how far it got. Keep it secret: anybody who has it can write to the session.

    Args:
        registry: login server of the registry.
        repository: repository of the session.
        location: path and query of the session.
        offset: bytes that the registry has confirmed.
        algorithm: algorithm of the digest, `sha256` or `sha512`.
        digest: digest of the whole blob, if it is known.
        size: size of the whole blob in bytes, if it is known.
        min_chunk_size: size in bytes that each chunk but the last must have; 0 if the registry asks for none.

    >>> state = UploadState(registry="my.azurecr.io", repository="app", location="/v2/app/blobs/uploads/1?_state=x",
    ...                     offset=4)
    >>> UploadState.from_json(state.to_json()) == state
    True
    >>> state.location[-2:], "_state" in repr(state)
    ('=x', False)
    """

    registry: str
    repository: str
    location: str = attrs.field(repr=_shown)
    offset: int
    algorithm: str = "sha256"
    digest: Digest | None = None
    size: int | None = None
    min_chunk_size: int = 0

    @classmethod
    def from_json(cls, value: object) -> "UploadState":
        """Read a state that `to_json` wrote.

        Args:
            value: parsed JSON.

        Raises:
            ProtocolViolation: the value has another form.
            UnsupportedDigest: the algorithm is unknown.
        """
        where = "the upload state"
        data = object_of(value, where)
        digest = optional_text(data, "digest", where)
        state = cls(
            registry=text(data, "registry", where),
            repository=text(data, "repository", where),
            location=text(data, "location", where),
            offset=integer(data, "offset", where),
            algorithm=Hasher(text(data, "algorithm", where)).algorithm,
            digest=None if digest is None else received_digest(digest, where),
            size=None if data.get("size") is None else integer(data, "size", where),
            min_chunk_size=integer(data, "min_chunk_size", where) if "min_chunk_size" in data else 0,
        )
        if min(state.offset, state.size or 0, state.min_chunk_size) < 0:
            raise ProtocolViolation(f"{where}: offset or size is negative")
        return state

    def to_json(self) -> dict[str, Any]:
        """The state as a JSON object. Store it where nobody else can read it."""
        return attrs.asdict(self)
