"""The commands. Each has a module here, which is imported when the command is used.

A module has `EXAMPLES`, three command lines that end the help and are run by tests; `add`, which fills a parser; and
`run`, which does the work and returns an exit code. If it prints a listing, it has `COLUMNS`, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple


class Command(NamedTuple):
    """A command, as far as the overview needs it.

    Args:
        module: its file here.
        group: the heading under which the overview has it.
        summary: what it does, in one line.
        alias: another name of it.
        reads: it only reads, so it may end silently if nobody wants to know more.
    """

    module: str
    group: str
    summary: str
    alias: str | None = None
    reads: bool = False


_LOOK, _CHANGE, _MOVE, _CLEAN = "Look", "Change and delete", "Push, pull and copy", "Clean up"
_SIGN = "Sign in and set up"

COMMANDS: Final[dict[str, Command]] = {
    "ls": Command("ls", _LOOK, "list repositories, or the tags of one", reads=True),
    "tags": Command("tags", _LOOK, "list tags with digest, time, size and locks", reads=True),
    "digest": Command("digest", _LOOK, "print the digest of an image", reads=True),
    "show": Command("show", _LOOK, "show an image: config, labels, platforms, sizes, locks", "inspect", reads=True),
    "tree": Command("tree", _LOOK, "show platforms, referrers and signatures as a tree", reads=True),
    "locks": Command("locks", _LOOK, "list what is locked", reads=True),
    "du": Command("du", _LOOK, "say what uses the storage: total, shared, and what deletion frees", reads=True),
    "fsck": Command("fsck", _LOOK, "find what is broken: missing parts, orphans, missing blobs", reads=True),
    "manifest": Command("manifest", _LOOK, "print a manifest", reads=True),
    "cp": Command("cp", _MOVE, "copy images within and between registries, layouts and tars"),
    "push": Command("push", _MOVE, "push files, folders or a layout"),
    "pull": Command("pull", _MOVE, "pull the files of an artifact, or an image into a layout"),
    "attach": Command("attach", _MOVE, "attach files to an image, such as an SBOM"),
    "index": Command("index", _CHANGE, "make an image of several platforms: acr index create"),
    "tag": Command("tag", _CHANGE, "give an image more tags"),
    "untag": Command("untag", _CHANGE, "delete tags; what they point to stays"),
    "rm": Command("rm", _CHANGE, "delete tags, manifests, or a repository"),
    "lock": Command("lock", _CHANGE, "forbid to change and delete a tag or manifest"),
    "unlock": Command("unlock", _CHANGE, "allow it again"),
    "purge plan": Command("purge_plan", _CLEAN, "decide by a policy what goes, and why; delete nothing", reads=True),
    "purge apply": Command("purge_apply", _CLEAN, "carry a plan out"),
    "purge explain": Command("purge_explain", _CLEAN, "say why something goes or stays", reads=True),
    "purge test": Command("purge_test", _CLEAN, "try the examples of a policy", reads=True),
    "trash": Command("trash", _CLEAN, "list what was deleted and can be had again", reads=True),
    "restore": Command("restore", _CLEAN, "bring it back"),
    "login": Command("login", _SIGN, "store a credential, as docker login does, without docker"),
    "logout": Command("logout", _SIGN, "remove a stored credential"),
    "token": Command("token", _SIGN, "print a token for another program", reads=True),
    "whoami": Command("whoami", _SIGN, "say who you are to a registry, and what you may do", reads=True),
    "doctor": Command("doctor", _SIGN, "find out why a registry cannot be used", reads=True),
    "emulator": Command("emulator", _SIGN, "run a local registry for tests, until Ctrl-C"),
    "completion": Command("completion", _SIGN, "print a script that completes commands in your shell", reads=True),
}

GROUPS: Final = {"purge": "clean up by a policy: plan, apply, explain, test"}
"""First words of commands that have two."""

INSTEAD: Final = {
    "purge": "write a policy (docs/cleanup.md), look with `acr purge plan POLICY --out PLAN`, and delete with "
    "`acr purge apply PLAN`; acr-cli's own options do nothing here",
    "annotate": "this is acr-cli's command: here, attach files with `acr attach REF FILE --artifact-type TYPE`",
    "cssc": "this is acr-cli's command, and there is none like it here",
    "version": "use `acr --version`",
    "repository": "use `acr ls`, `acr tags REPO`, `acr show REF`, `acr untag REF`, `acr rm REF`, `acr lock REF`",
    "repo": "use `acr ls`, `acr tags REPO` or `acr rm --repository REPO`",
    "catalog": "use `acr ls`",
    "list-tags": "use `acr tags REPO`",
    "delete": "use `acr rm REF`, or `acr untag REF` for the tag alone",
    "copy": "use `acr cp SOURCE TARGET`",
    "import": "use `acr cp SOURCE TARGET`: the bytes pass through this machine",
    "export": "use `acr cp REF oci:FILE.tar`",
    "images": "use `acr ls`, or `acr tags REPO`",
    "resolve": "use `acr digest REF`",
    "discover": "use `acr tree REF`",
    "image": "use `acr show REF`, `acr cp SOURCE TARGET`, `acr digest REF`",
    "check-health": "use `acr doctor`",
    "serve": "use `acr emulator`",
    "auth": "use `acr login`, `acr logout` or `acr token`",
    "show-usage": "use `acr du --by registry`",
    "check": "use `acr fsck`",
    "list-deleted": "use `acr trash REPO`",
    "list-deleted-tags": "use `acr trash REPO --kind tag`",
    "list": "use `acr ls` or `acr tags REPO`",
}
"""What people type who know another program, and what to use instead. None of these does anything."""

OF_ACR_CLI: Final = {
    ("tag", "list"): "use `acr tags REPO`",
    ("tag", "ls"): "use `acr tags REPO`",
    ("tag", "delete"): "use `acr untag REPO:TAG`",
    ("manifest", "list"): "use `acr tags REPO`, or `acr tags REPO --untagged`",
    ("manifest", "delete"): "use `acr rm REPO@sha256:…`",
    ("manifest", "show"): "use `acr manifest REF` or `acr show REF`",
    ("manifest", "list-metadata"): "use `acr tags REPO -o json`",
    ("manifest", "list-referrers"): "use `acr tree REF`",
    ("manifest", "index"): "use `acr index create REF SOURCE…`",
    ("manifest", "list-deleted"): "use `acr trash REPO --kind manifest`",
    ("manifest", "list-deleted-tags"): "use `acr trash REPO --kind tag`",
    ("manifest", "restore"): "use `acr restore REF`",
    ("index", "list"): "use `acr show REF`",
    ("index", "append"): "use `acr index create REF SOURCE…`: of a SOURCE that is an index it takes what that lists",
    ("index", "add"): "use `acr index create REF SOURCE…`: of a SOURCE that is an index it takes what that lists",
}
"""Forms of acr-cli and az acr with two words that are commands here, and what to use instead."""


def find(words: Sequence[str]) -> tuple[str, Command, Sequence[str]] | None:
    """The command that some words begin with, by its name or alias, and the words after it."""
    for count in (2, 1):
        name = " ".join(words[:count])
        for own, command in COMMANDS.items():
            if name in (own, command.alias):
                return own, command, words[count:]
    return None
