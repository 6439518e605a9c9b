"""The trash, as values: repositories, tags and manifests that were deleted while soft delete was on."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import attrs

from acr._text import counted, printable
from acr._values.digest import Digest
from acr._values.home import public_in
from acr._values.plain import Plain


@public_in("acr")
@attrs.frozen(kw_only=True)
class TrashedRepository(Plain):
    """A deleted repository.

    Args:
        name: name of the repository.
        deleted: when it was deleted.
        created: when it was created; None if the registry does not say.
    """

    name: str
    deleted: datetime
    created: datetime | None


@public_in("acr")
@attrs.frozen(kw_only=True)
class TrashedTag(Plain):
    """A deleted tag. The trash may have several of one name.

    Args:
        repository: name of the repository.
        name: name of the tag.
        digest: digest of the manifest that it pointed to.
        deleted: when it was deleted.
        created: when it was created; None if the registry does not say.
    """

    repository: str
    name: str
    digest: Digest
    deleted: datetime
    created: datetime | None


@public_in("acr")
@attrs.frozen(kw_only=True)
class TrashedManifest(Plain):
    """A deleted manifest.

    Args:
        repository: name of the repository.
        digest: digest of the manifest.
        deleted: when it was deleted.
        created: when it was pushed; None if the registry does not say.
    """

    repository: str
    digest: Digest
    deleted: datetime
    created: datetime | None


@public_in("acr")
@attrs.frozen(kw_only=True)
class Restored(Plain):
    """What came of `AsyncRepository.restore`.

    Args:
        repository: name of the repository.
        reference: the tag or digest that was asked for.
        digest: digest of the manifest that was asked for. It is there now.
        was_live: whether what was asked for was there already. Then only what belongs to it can be back.
        in_trash: the manifest that the trash has under this tag, if the tag is live elsewhere: `force=True` brings it.
        tags: the tags that are there again.
        manifests: the manifests that are there again.
        missing: what belongs to it and is not there, with the reason, by tag or digest.
        unknown: manifests in the trash of which nobody knows what they are. Some of them may have been attached to it.
    """

    repository: str
    reference: str
    digest: Digest
    was_live: bool
    in_trash: Digest | None
    tags: Sequence[str]
    manifests: Sequence[Digest]
    missing: Mapping[str, str]
    unknown: Sequence[Digest]

    @property
    def is_whole(self) -> bool:
        """Whether all that it lists is there, and nothing in the trash may be attached to it unseen."""
        return not (self.missing or self.unknown)

    def __str__(self) -> str:
        back = f"{counted(len(self.manifests), 'manifest')} and {counted(len(self.tags), 'tag')} came back"
        if not self.manifests and not self.tags:
            back = "nothing was restored"
        name = self.reference if self.reference == self.digest else f"{self.reference} at {self.digest}"
        lines = [f"{self.repository}: {name}{' was live' if self.was_live else ''}; {back}"]
        lines += [f"in the trash: {self.in_trash}; force=True brings it"] if self.in_trash else []
        lines += [f"missing: {name} ({why})" for name, why in self.missing.items()]
        lines += (
            [f"unknown: {counted(len(self.unknown), 'manifest')} in the trash may belong to it"] if self.unknown else []
        )
        return "\n".join(map(printable, lines))
