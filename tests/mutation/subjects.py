"""What is mutated, and which tests have to notice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs


@attrs.frozen
class Subject:
    """Code that belongs together.

    Args:
        functions: what mutmut mutates: patterns of its names, which are the module, `x_` and the function, or `xǁ`, the
            class, `ǁ` and the method.
        files: what cosmic-ray mutates: each file whose constants, patterns, class bodies or decorated functions decide
            something. mutmut leaves those out.
        tests: what is run for a mutant of a function. Of these mutmut runs those that call the function.
        file_tests: what is run for a mutant of a file, the quickest first: all of them, or up to the first failure.
        decorated: functions that cosmic-ray mutates besides, as `file::function`: a decorator hides them from mutmut.
        strict: no mutant may survive without an explanation.
    """

    functions: tuple[str, ...]
    files: tuple[str, ...]
    tests: tuple[str, ...]
    file_tests: tuple[str, ...]
    decorated: tuple[str, ...] = ()
    strict: bool = True


SUBJECTS: Final[Mapping[str, Subject]] = {
    "digests": Subject(
        functions=(
            "acr._values.digest.*",
            "acr._core.listed.manifest_metadata.x_digest_of__*",
            "acr._core.listed.manifests.x_get__*",
            "acr._core.listed.manifests.x_put__*",
            "acr._core.listed.manifests.x__announced__*",
            "acr._core.listed.manifests.x__verified__*",
            "acr._core.blobs.upload_sessions.x*ǁcomplete__*",
            "acr._core.blobs.manual_uploads.x*ǁ_checked__*",
            "acr._core.blobs.transfer.x*ǁ_hashed__*",
            "acr._outside.verifying.*",
        ),
        files=("acr/_values/digest.py",),
        tests=(
            "acr/_values/digest.py",
            "tests/values/test_digest.py",
            "acr/_outside/verifying.py",
            "tests/outside/test_verifying.py",
            "tests/client/test_answers.py",
            "tests/client/test_manifests.py",
            "tests/client/test_trash.py::test_a_push_of_what_is_in_the_trash_names_restore",
            "tests/client/test_metadata.py",
            "tests/client/test_needed_scopes.py",
            "tests/client/test_upload_sessions.py",
            "tests/makes/test_again.py::test_a_tag_that_names_it_already_is_set_whatever_is_locked",
            "tests/makes/test_again.py::test_what_is_attached_under_a_locked_tag_is_not_noted_once_more",
            "tests/client/test_uploads.py::test_a_source_of_another_digest_is_not_stored",
            "tests/client/test_blobs.py::test_a_stream_tells_its_progress_and_is_done_when_it_was_verified",
            "tests/client/test_blobs.py::test_wrong_bytes_of_a_stream_are_an_error_at_its_end",
        ),
        file_tests=(
            "acr/_values/digest.py",
            "tests/values/test_digest.py",
            "tests/client/test_answers.py",
            "tests/client/test_manifests.py",
            "tests/client/test_blobs.py",
            "tests/makes/test_blobs.py",
        ),
        decorated=(
            "acr/_core/listed/manifests.py::head",
            "acr/_core/blobs/downloads.py::_verified",
        ),
    ),
    "locks": Subject(
        functions=(
            "acr._core.listed.locks.*",
            "acr._core.listed.permissions.*",
            "acr._core.listed.manifests.x__is_immutable__*",
            "acr._core.listed.manifests.x__is_there__*",
            "acr._core.talk.failures.x__kind__*",
        ),
        files=("acr/_values/properties.py", "acr/_core/listed/locks.py", "acr/_core/listed/permissions.py"),
        tests=(
            "tests/core/test_failures.py",
            "tests/client/test_locks.py",
            "tests/client/test_wrong_kinds.py::test_an_option_of_the_wrong_kind_is_refused_before_any_request",
            "tests/client/test_said.py::test_a_lock_says_which_flag_of_which_item",
            "tests/client/test_said.py::test_a_lock_that_cannot_be_read_hides_no_error",
            "tests/makes/test_again.py",
            "tests/makes/test_reading.py::test_locks_that_are_null_are_none",
            "tests/makes/test_reading.py::test_a_change_that_is_answered_with_nothing_was_made",
        ),
        file_tests=(
            "tests/values/test_properties.py",
            "tests/client/test_locks.py",
            "tests/makes/test_again.py",
            "tests/makes/test_reading.py",
        ),
        decorated=(
            "acr/_core/listed/catalog.py::update",
            "acr/_core/listed/manifest_metadata.py::update",
            "acr/_core/listed/referrers.py::push",
            "acr/_core/listed/tags.py::update",
        ),
    ),
    "scopes": Subject(
        functions=(
            "acr._core.talk.scopes.*",
            "acr._core.talk.session.x*ǁ_learn__*",
            "acr._core.talk.tokens.x*ǁ_live__*",
            "acr._core.talk.token_calls.x__scopes__*",
            "acr._core.talk.token_exchanges.x__texts__*",
        ),
        files=("acr/_core/talk/scopes.py",),
        tests=(
            "acr/_core/talk/scopes.py",
            "tests/core/test_scopes.py",
            "tests/core/test_tokens.py",
            "tests/client/test_needed_scopes.py",
            "tests/client/test_auth.py",
        ),
        file_tests=(
            "acr/_core/talk/scopes.py",
            "tests/core/test_scopes.py",
        ),
    ),
    "deletion": Subject(
        functions=(
            "acr._core.listed.*.x_delete__*",
            "acr._core.blobs.calls.x_delete__*",
            "acr._core.blobs.upload_sessions.x*ǁcancel__*",
            "acr._core.talk.answers.*",
        ),
        files=("acr/_core/talk/answers.py",),
        tests=(
            "tests/client/test_deletion.py",
            "tests/client/test_locks.py",
            "tests/client/test_needed_scopes.py",
            "tests/client/test_size_limits.py",
            "tests/makes/test_believed.py",
        ),
        file_tests=(
            "tests/client/test_deletion.py",
            "tests/client/test_locks.py",
            "tests/makes/test_believed.py",
            "tests/makes/test_blobs.py",
        ),
    ),
    "paging": Subject(
        functions=(
            "acr._core.talk.paging.*",
            "acr._core.talk.links.*",
            "acr._core.talk.unlinked.*",
            "acr._core.listed.catalog.x__is_of_another_make__*",
            "acr._core.listed.catalog.x_repositories__*",
            "acr._core.listed.catalog.x__names__*",
            "acr._core.listed.tags.x_order_on_wire__*",
            "acr._core.listed.tags.x_tags__*",
            "acr._core.listed.tags.x_names__*",
            "acr._core.listed.tags.x__names__*",
            "acr._core.listed.manifest_metadata.x_manifests__*",
            "acr._values.properties.x_check_page_size__*",
        ),
        files=("acr/_core/talk/links.py", "acr/_core/talk/paging.py", "acr/_core/talk/unlinked.py"),
        tests=(
            "acr/_core/talk/links.py",
            "tests/core/test_links.py",
            "tests/makes/test_listings.py",
            "tests/makes/test_attached.py",
            "tests/client/test_listing.py",
        ),
        file_tests=(
            "acr/_core/talk/links.py",
            "tests/core/test_links.py",
            "tests/client/test_listing.py",
            "tests/makes/test_listings.py",
            "tests/makes/test_attached.py",
        ),
        decorated=("acr/_core/listed/catalog.py::pages", "acr/_core/listed/referrers.py::pages"),
        strict=False,
    ),
    "retries": Subject(
        functions=("acr._core.talk.attempts.*", "acr._values.options.x*ǁdelay__*"),
        files=("acr/_core/talk/attempts.py",),
        tests=("tests/core/test_attempts.py",),
        file_tests=("tests/core/test_attempts.py", "tests/client/test_failures.py"),
    ),
    "way-back": Subject(
        functions=("acr._core.blobs.way_back.*", "acr._core.blobs.chunk_size.*"),
        files=("acr/_core/blobs/way_back.py",),
        tests=(
            "acr/_core/blobs/way_back.py",
            "acr/_core/blobs/chunk_size.py",
            "tests/core/test_way_back.py",
            "tests/core/test_chunk_size.py",
        ),
        file_tests=("tests/core/test_way_back.py",),
    ),
    "uploads": Subject(
        functions=(
            "acr._core.blobs.transfer.*",
            "acr._core.blobs.one_chunk.*",
            "acr._core.blobs.manual_uploads.*",
            "acr._core.blobs.upload_sessions.*",
        ),
        files=("acr/_core/blobs/upload_sessions.py",),
        tests=(
            "acr/_core/blobs/upload_sessions.py",
            "tests/client/test_answers.py",
            "tests/client/test_upload_statuses.py",
            "tests/client/test_upload_sessions.py",
            "tests/client/test_upload_faults.py",
            "tests/client/test_upload_claims.py",
            "tests/client/test_upload_checkpoints.py",
            "tests/client/test_uploads.py",
            "tests/makes/test_uploads.py",
        ),
        file_tests=(
            "acr/_core/blobs/upload_sessions.py",
            "tests/client/test_upload_statuses.py",
            "tests/client/test_upload_sessions.py",
            "tests/client/test_upload_faults.py",
        ),
        decorated=("acr/_core/blobs/manual_uploads.py::write", "acr/_core/blobs/manual_uploads.py::commit"),
    ),
    "tokens": Subject(
        functions=("acr._core.talk.tokens.*",),
        files=("acr/_core/talk/tokens.py",),
        tests=(
            "tests/core/test_tokens.py",
            "tests/core/test_exchanges.py",
            "tests/client/test_challenges.py",
            "tests/client/test_auth.py",
        ),
        file_tests=("tests/core/test_tokens.py", "tests/client/test_auth.py"),
    ),
}

EXCLUDED_OPERATORS: Final = (
    "core/ReplaceBinaryOperator_.*",  # these files have `|` in annotations, and calculate nothing
    "core/ReplaceComparisonOperator_(Eq|NotEq|Lt|Gt|LtE|GtE)_Is(Not)?",  # the same, for interned values
    "core/ReplaceComparisonOperator_Is_Eq",  # the same, for None
    "core/ReplaceComparisonOperator_IsNot_NotEq",
    "core/RemoveDecorator",  # a class without `public_in`: tests/house finds that
)
"""Of cosmic-ray, as patterns."""


@attrs.frozen
class Explained:
    """A mutant that survives, because no test could notice it.

    Args:
        file: where it is.
        after: the changed line, or the changed lines, each without its indentation and joined by a space.
        reason: why it changes nothing.
    """

    file: str
    after: str
    reason: str


EXPLAINED: Final[tuple[Explained, ...]] = (
    *(
        Explained(
            f"acr/_core/talk/{file}.py", 'T = TypeVar("XXTXX")', "the name of a type variable is for type checkers"
        )
        for file in ("answers", "attempts")
    ),
    Explained(
        "acr/_values/options.py",
        "min(self.cap, self.base * 2.0 ** min(attempt, 65)) * (self.jitter or random.random)()",
        "both are above any cap, and below what a float holds",
    ),
    *(
        Explained(
            "acr/_core/talk/tokens.py",
            after,
            "a shortcut past hundreds of tokens: the loop behind it finds the same token, or one that covers it",
        )
        for after in ("exact = None", "exact = self._access.get(None)")
    ),
    *(
        Explained(
            "acr/_core/talk/tokens.py",
            after,
            "a look before the flight, or another in it: either finds the token, and both are needed only if a thread"
            " comes in between",
        )
        for after in (
            "kept = None",
            "kept = self._live(None, scopes)",
            "kept = self._refresh.get(None)",
            "live = None",
            "live = self._live(None, scopes)",
        )
    ),
    *(
        Explained("acr/_core/blobs/upload_sessions.py", after, "only whether it is true is asked, and None is not")
        for after in ("self.says_created: bool = None", "self.took_nothing: bool = None")
    ),
    Explained(
        "acr/_core/blobs/manual_uploads.py",
        "while self.session.offset != end:",
        "the offset comes to the end, and never beyond it: `send` and `_agreed` raise an error if it would",
    ),
    *(
        Explained("acr/_core/talk/tokens.py", after, "only a thread that drops it at the same time would notice")
        for after in ("self._access.pop(key, )", "self._refresh.pop(authority, )")
    ),
    *(
        Explained(
            "acr/_core/talk/tokens.py",
            f"found = self._looked_up or await self._lookup_flight.join({key}, look_up)",
            "the flight has one key, whatever it is",
        )
        for key in ("None", '"XXkeyringXX"', '"KEYRING"')
    ),
    *(
        Explained(
            "acr/_core/talk/tokens.py",
            f"scheme, _, token = (authorization or {after}",
            "a token has no space, and no header at all has no scheme that is known either",
        )
        for after in ('"").rpartition(" ")', '"XXXX").partition(" ")')
    ),
    *(
        Explained("acr/_core/blobs/transfer.py", after, "a flag that is only tested: None is as good as False")
        for after in (
            "return await self._upload.status(repeatable=None)",
            "self._is_on_trust = self._is_resumed = None",
            "self._is_resumed = None",
        )
    ),
    *(
        Explained("acr/_core/blobs/transfer.py", after, "another one takes its place before anything looks at it")
        for after in ("self._tried = None", "self._tried = _Tried(None)", "self._tried = _Tried(1)")
    ),
)
"""What may survive in a strict subject. `make mutate` tells which of them it has not met."""
