"""Noting: what may go is in the journal before anything goes. What leads to what is learned from the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from acr import media_types
from acr._cleanup.applying.doomed import Doomed, Node, State
from acr._core.talk.remote import Remote
from acr._core.upkeep.links import read_links
from acr._core.upkeep.recorded import Record
from acr._core.upkeep.watching import Watch, leads_to
from acr._values.manifest import Manifest
from acr._values.properties import ManifestProperties

_SLICE: Final = 100
"""Manifests that are in memory at the same time, before they are in the journal."""


class Noting:
    """Notes the lines of one repository.

    Args:
        remote: the repository.
        doomed: the lines of the plan.
        watch: has what is listed.
        record: the journal.
        concurrency: reads at the same time.
    """

    def __init__(self, remote: Remote, doomed: Doomed, watch: Watch, record: Record, concurrency: int) -> None:
        self.remote = remote
        self.doomed = doomed
        self.record = record
        self._watch = watch
        self._concurrency = concurrency
        self._learned: set[str] = set()

    async def run(self) -> None:
        """Note in the journal what may go, and learn what leads to what."""
        await self.recall()
        listed = self._watch.listed
        tags = [(node, listed[node.key]) for node in self.doomed.nodes.values() if self._is_to_note(node, True)]
        await self.record.tags(self.remote.name, tags)
        left = [node for node in self.doomed.manifests() if self._is_to_note(node, False)]
        for first in range(0, len(left), _SLICE):
            await self._fetch(left[first : first + _SLICE])

    async def recall(self) -> None:
        """Learn from the journal what leads to what."""
        for node in self.doomed.manifests():
            noted = await self.record.manifest(self.remote.name, node.digest)
            if noted is not None:
                self._learn(noted)

    def _is_to_note(self, node: Node, is_tag: bool) -> bool:
        return (
            bool(node.name) is is_tag
            and node.state in (State.WAITING, State.HELD)  # what is held may lead to others
            and node.key in self._watch.listed
            and not self.is_noted(node)
        )

    def is_noted(self, node: Node) -> bool:
        """Whether a line is in the journal; of a manifest also whether its bytes can be read there."""
        return self.record.has(self.remote.name, node) and (bool(node.name) or node.key in self._learned)

    async def _fetch(self, nodes: Sequence[Node]) -> None:
        runtime, width = self.remote.session.runtime, self.remote.session.learned.throttles.width
        listed = [self._watch.listed[node.key] for node in nodes]
        tasks = [partial(self._read, one) for one in listed if isinstance(one, ManifestProperties)]
        got = [one for one in await runtime.gather(self._concurrency, tasks, width=width) if one is not None]
        entries = []
        for told, found in got:
            if isinstance(found, Manifest):
                self._learn(found)
                entries.append((found, told))
            else:
                self.doomed.hold_all(f"a doubt: {told.digest} cannot be read: {found}")
        await self.record.manifests(self.remote.name, entries)

    async def _read(self, listed: ManifestProperties) -> tuple[ManifestProperties, Manifest | str] | None:
        found = await self._watch.read(listed)
        return None if found is None else (listed, found)

    def _learn(self, manifest: Manifest) -> None:
        reading = read_links(manifest)
        self._learned.add(str(manifest.digest))
        self.doomed.learn(str(manifest.digest), *leads_to(reading))
        if reading.trouble and manifest.media_type not in media_types.SCHEMA1:
            self.doomed.hold_all(f"a doubt: {manifest.digest} cannot be read: {reading.trouble}")
