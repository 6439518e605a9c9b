"""Collecting: what is stored, and the end of blobs that nothing leads to."""

import attrs

from acr._values.digest import Digest
from acr._values.home import public_in
from acr.emulator._store import manifests
from acr.emulator._store.content import Content
from acr.emulator._store.metadata import Metadata


@public_in("acr.emulator")
@attrs.frozen
class Stored:
    """What an emulator stores. A content counts once, however many repositories have it.

    Args:
        blobs: bytes of all blobs.
        manifests: bytes of all manifests.
    """

    blobs: int
    manifests: int


def stored(metadata: Metadata, content: Content) -> Stored:
    """Count the bytes. What is in the trash counts, too."""
    blobs = {digest for _, digest in metadata.blobs()}
    everything = (*metadata.contents(), *metadata.trash.contents())
    found = {digest: len(body) for _, digest, body in everything}
    return Stored(sum(content.size(digest) or 0 for digest in blobs), sum(found.values()))


def collect(metadata: Metadata, content: Content) -> int:
    """Take out of each repository the blobs that none of its manifests names. Return the bytes that are free then."""
    named: dict[str, set[Digest]] = {}
    for repository, _, body in (*metadata.contents(), *metadata.trash.contents()):
        named.setdefault(repository, set()).update(manifests.leads_to(body))
    freed = 0
    for repository, digest in metadata.blobs():
        if digest not in named.get(repository, ()) and metadata.remove_blob(repository, digest):
            freed += content.size(digest) or 0
            content.remove(digest)
    return freed
