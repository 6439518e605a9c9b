"""Remote: a repository of a registry, as the core sees it: the client's session, and a name that is right."""

from __future__ import annotations

import attrs

from acr._core.talk.session import Session
from acr._values.reference import check_repository


@attrs.frozen
class Remote:
    """A repository of a registry. Its name was checked when this was made, so nobody checks it again.

    Args:
        session: the client's way to the registry.
        name: of the repository.

    Raises:
        InvalidReference: the name is malformed.
    """

    session: Session
    name: str = attrs.field(converter=check_repository)

    def __str__(self) -> str:
        return f"{self.session.registry.netloc}/{self.name}"
