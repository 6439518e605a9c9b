"""Delete tags, manifests, or a repository.

`acr rm REPO:TAG` deletes the tag alone. `acr rm REPO@DIGEST` deletes the manifest, unless something needs it: it
refuses a manifest that has other tags, is part of an index, or has something attached to it, and names them. Name them
as well, and they go together. It reads the repository once more just before it deletes. `acr rm --repository REPO`
deletes all of a repository, after its name was typed or passed to `--confirm`.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

import acr
from acr.cli._actions import COLUMNS as ACTIONS, Action, Changed, Outcome, perform
from acr.cli._asking import confirm, confirm_name
from acr.cli._commands.untag import removal, tag_now
from acr.cli._context import Context
from acr.cli._exits import DONE, CommandError, Usage
from acr.cli._graph import Graph
from acr.cli._output.words import counted, listed
from acr.cli._parsing import add_common, add_danger, add_output
from acr.cli._references import Place

EXAMPLES = (
    "acr rm team/app:v1.0 --yes",
    "acr rm team/app:v1.1 --dry-run -o json",
    "acr rm --repository team/old --confirm team/old",
)

COLUMNS = ACTIONS
_NAMED: Final = 10
"""Tags that a hint names."""


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("references", nargs="*", metavar="REF", help="[HOST/]REPO:TAG or [HOST/]REPO@DIGEST")
    parser.add_argument("--repository", metavar="REPO", help="delete this repository, with all that is in it")
    parser.add_argument("--confirm", metavar="REPO", help="the name of the repository, if nobody can be asked for it")
    parser.add_argument(
        "--ignore-unlisted",
        action="store_true",
        help="delete a manifest though the registry counts more than it lists, so a hidden one may need it",
    )
    add_danger(parser)
    add_output(parser)
    add_common(parser)


def run(context: Context) -> int:
    """Delete."""
    options = context.options
    if options.repository is not None:
        if options.references:
            raise Usage("--repository deletes a whole repository: name no other references")
        return _repository(context, options.repository)
    if not options.references:
        raise Usage("what is to be deleted?", hint="write REPO:TAG, REPO@sha256:… or --repository REPO")
    if options.confirm is not None:
        raise Usage("--confirm is for --repository; tags and manifests take --yes")
    places = [context.names.exactly(text, "rm") for text in dict.fromkeys(options.references)]
    context.clients.expect(*(place.host for place in places))
    return _references(context, places)


def _references(context: Context, places: Sequence[Place]) -> int:
    tags = [(place, tag_now(context, place)) for place in places if place.tag is not None]
    scenes = _scenes(context, places)
    manifests = [one for scene in scenes for one in scene.manifests()]
    for scene in scenes:
        scene.refuse_what_is_needed()
    going = {str(one.digest) for one in manifests}
    bare = [whole for place, digest in tags if (whole := _bare(context, place, digest, going)) is not None]
    if not context.options.dry_run:
        named = [*(str(place) for place, _ in tags), *(str(place) for place in manifests)]
        confirm(context, f"Delete {counted(len(named), 'item')} ({listed(named)})?")
        for scene in scenes:
            scene.look_again()
    actions = [removal(context, place, digest) for place, digest in tags]
    actions += [action for scene in scenes for action in scene.actions()]
    code = perform(context, actions)
    if code == DONE:  # else the tag may be there still
        for whole in bare:
            context.terminal.note(f"{whole} stays, without a tag; `acr rm {whole}` deletes it")
    return code


def _bare(context: Context, place: Place, digest: acr.Digest, going: set[str]) -> str | None:
    """The manifest, if it stays and loses its last tag: many take it for deleted then."""
    if digest in going:
        return None
    left = [tag for tag in context.clients.repository(place).manifest(digest).properties().tags if tag != place.tag]
    return None if left else place.named(digest)


def _scenes(context: Context, places: Sequence[Place]) -> list[_Scene]:
    by_repository: defaultdict[tuple[str, str], list[Place]] = defaultdict(list)
    for place in places:
        by_repository[place.host, place.repository].append(place)
    found = [_Scene(context, some) for some in by_repository.values() if any(place.digest for place in some)]
    for scene in found:
        scene.graph.read()
    return found


class _Scene:
    """The manifests of one repository that are to be deleted.

    Args:
        context: of the command.
        places: all that the user has named of the repository, tags as well.
    """

    def __init__(self, context: Context, places: Sequence[Place]) -> None:
        self._places = places
        self._repository = context.clients.repository(places[0])
        self._going = {str(place.reference) for place in places}
        self._before: dict[acr.Digest, acr.ManifestProperties] = {}
        self.graph = Graph(self._repository, ignores_unlisted=context.options.ignore_unlisted)

    def manifests(self) -> list[Place]:
        """Those that were named by digest."""
        return [place for place in self._places if place.digest is not None]

    def refuse_what_is_needed(self) -> None:
        """See that nothing needs them.

        Raises:
            CommandError: one is missing, or something needs it; the text names that.
        """
        for place in self.manifests():
            digest = _digest(place)
            if digest not in self.graph.manifests:
                raise CommandError(f"there is no manifest {place}", hint="nothing was done")
            self._before[digest] = self.graph.manifests[digest]
            obstacles = list(self.graph.obstacles(digest, self._going))
            if obstacles:
                tags = [tag for tag in self.graph.manifests[digest].tags if tag not in self._going]
                raise CommandError(
                    f"{place} is needed: {listed(obstacles, 10, apart='; ')}", hint=_hint(place, tags, len(obstacles))
                )

    def look_again(self) -> None:
        """Read the repository again, because time has passed since it was read.

        Raises:
            CommandError: as of `refuse_what_is_needed`.
        """
        before = dict(self._before)
        self.graph.read()
        self.refuse_what_is_needed()
        for digest, was in before.items():
            if set(self._before[digest].tags) - self._going != set(was.tags) - self._going:
                raise Changed(f"{digest} has other tags than before", hint="nothing was done")
        self._before = before

    def actions(self) -> Iterator[Action]:
        """Their deletion: what lists others, and what is attached, goes before what it needs."""
        places = {_digest(place): place for place in self.manifests()}
        done: set[acr.Digest] = set()

        def visit(digest: acr.Digest, way: frozenset[acr.Digest]) -> Iterator[Action]:
            if digest in done or digest in way:
                return
            for other in self.graph.needers(digest):
                if other in places:
                    yield from visit(other, way | {digest})
            done.add(digest)
            yield Action("delete", str(places[digest]), digest, partial(self._delete, places[digest]))

        for digest in places:
            yield from visit(digest, frozenset())

    def _delete(self, place: Place) -> Outcome:
        digest = _digest(place)
        manifest = self._repository.manifest(digest)
        try:
            now = manifest.properties()
        except acr.NoMetadataApi:
            raise
        except acr.NotFound:
            return Outcome(skipped="it was gone already")
        new = sorted(set(now.tags) - self._going)
        loses_tags = not self._going.isdisjoint(self._before[digest].tags)  # the registry may take that for an update
        if new or now.locked or (now.updated != self._before[digest].updated and not loses_tags):
            if now.locked:
                raise CommandError("it is locked", hint=f"unlock it with `acr unlock {place}`")
            tags = f": it has the tags {', '.join(new)}" if new else ""
            raise Changed(f"it has changed since it was looked at, so it was left{tags}")
        manifest.delete(missing_ok=True)
        return Outcome()


def _hint(place: Place, tags: Sequence[str], obstacles: int) -> str:
    """What to do if something needs a manifest. All of its tags are one obstacle."""
    names = " ".join(place.named(tag) for tag in tags[:_NAMED])
    more = f" and the like for {counted(len(tags) - _NAMED, 'more tag')}" if len(tags) > _NAMED else ""
    untag = [f"`acr untag {names}`{more} takes its tags off"] if tags else []
    others = ["name what needs it as well, and they go together"] if obstacles > len(untag) else []
    return "; ".join(["nothing was done", *untag, *others])


def _digest(place: Place) -> acr.Digest:
    return acr.Digest(place.digest or "")


def _repository(context: Context, text: str) -> int:
    place = context.names.repository(text)
    repository = context.clients.repository(place)
    before = repository.properties()
    if not context.options.dry_run:
        what = f"{counted(before.tag_count, 'tag')} and {counted(before.manifest_count, 'manifest')}"
        confirm_name(context, f"Delete the repository {place} with {what}?", place.repository)

    def delete() -> Outcome:
        now = repository.properties()
        if (now.tag_count, now.manifest_count, now.updated) != (
            before.tag_count,
            before.manifest_count,
            before.updated,
        ):
            raise Changed("the repository has changed since it was looked at, so it was left")
        try:
            repository.delete()
        except acr.Locked as error:
            hint = f"`acr locks {place}` lists what is locked, and `acr unlock` unlocks it"
            raise CommandError("something in it is locked", hint=hint) from error
        return Outcome()

    return perform(context, [Action("delete", str(place), None, delete)])
