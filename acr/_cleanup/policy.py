"""Policy: rules that say what may go from a registry. It is read from TOML, and makes plans."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from acr._cleanup.examples import ExampleFailure, failures
from acr._cleanup.plan import Plan
from acr._cleanup.planning import make_plan
from acr._inventory.inventory import Inventory, tables_of
from acr._policy.protection import protect_all
from acr._policy.reading import read_rules
from acr._text import counted
from acr._values.arguments import check_text
from acr._values.home import public_in
from acr._values.reference import Reference
from acr.errors import InvalidInput, InvalidPolicy


@public_in("acr")
class Policy:
    """Rules that say which tags and manifests may go. `load_policy` reads one from a file.

    Args:
        text: the policy, in TOML. docs/cleanup.md has its grammar.
        source: the name of its file, for errors.
        files: the content of the files that `protect_from` and `pulled_from` name.

    Raises:
        InvalidPolicy: it has a mistake. The error names the line.

    Example:
        from acr import Policy

        policy = Policy('''
        [[purge.rule]]
        tags = { glob = ["pr-*"] }
        older_than = "7d"
        ''')
        print(policy.plan(registry.inventory()))
    """

    __slots__ = ("_hashes", "_rules", "_source", "_text")

    def __init__(self, text: str, *, source: str = "policy", files: Mapping[str, str] | None = None) -> None:
        given = {} if files is None else files

        def read(name: str) -> str:
            if name not in given:
                raise InvalidInput(f"there is no such file among files={sorted(given)}")
            return given[name]

        if check_text("text", text) is None:
            raise InvalidInput("text: expected a policy in TOML")
        self._source = source
        self._text = text
        self._rules = read_rules(text, source, read)
        contents = {source: text, **self._rules.files}
        self._hashes = {name: hashlib.sha256(content.encode()).hexdigest() for name, content in contents.items()}

    @property
    def rules(self) -> Sequence[str]:
        """The names of its rules, in their order."""
        return tuple(self._rules.lines)

    @property
    def files(self) -> Mapping[str, str]:
        """The files that it was read from, with the sha256 of each."""
        return dict(self._hashes)

    def test(self) -> Sequence[ExampleFailure]:
        """Try the examples of the policy, without a registry.

        Returns:
            The items that would not become of what the examples say; none if all is well.
        """
        return tuple(failures(self._rules))

    def plan(self, inventory: Inventory, *, protect: Iterable[str | Reference] = ()) -> Plan:
        """Decide what goes and what stays. Nothing is sent, and nothing is deleted.

        Args:
            inventory: what is in the registry. Ages count to the time when its reading began.
            protect: references and digests that stay, too, with all that they need: what a reviewer takes off a plan.

        Raises:
            InvalidPolicy: an example of the policy says something else than its rules.
            InvalidInput: an entry of `protect` is no reference.
        """
        if isinstance(protect, str | Reference):
            protect = [protect]
        for failure in failures(self._rules):
            raise InvalidPolicy(f"an example fails: {failure}", source=self._source, line=failure.line)
        rules = attrs.evolve(self._rules, protected=[*self._rules.protected, *protect_all(protect)])
        return make_plan(tables_of(inventory), rules, self._hashes)

    def __getstate__(self) -> dict[str, Any]:
        return {"text": self._text, "source": self._source, "files": dict(self._rules.files)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        made = type(self)(**state)
        for name in Policy.__slots__:
            setattr(self, name, getattr(made, name))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Policy) and self._hashes == other.files

    def __hash__(self) -> int:
        return hash(tuple(sorted(self._hashes.items())))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._source}: {counted(len(self._rules.lines), 'rule')}>"
