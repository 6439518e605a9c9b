"""What is to be written for one operation: the arguments of its builder, and what its parser reads."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .kinds import Kind

_SEPARATORS: Final = {"csv": ",", "ssv": " ", "tsv": "\t", "pipes": "|"}


@dataclass(frozen=True)
class Argument:
    """An argument of build_request."""

    place: str  # path, query, header or form
    name: str  # on the wire
    python: str
    kind: Kind
    required: bool
    default: Any
    joined: str
    text: str

    @property
    def annotation(self) -> str:
        """The type; an enum takes a text of a newer registry, too."""
        kind = self.kind
        if kind.item:
            return (
                f"Sequence[{kind.item.annotation} | str]"
                if kind.item.what == "enum"
                else f"Sequence[{kind.item.annotation}]"
            )
        return f"{kind.annotation} | str" if kind.what == "enum" else kind.annotation

    @property
    def declaration(self) -> str:
        """Name, type and default."""
        if self.default is not None:
            return f"{self.python}: {self.annotation} | None = {literal(self.default)}"
        return (
            f"{self.python}: {self.annotation}" if self.required else f"{self.python}: {self.annotation} | None = None"
        )

    @property
    def optional(self) -> bool:
        """Whether it may be None."""
        return not self.required or self.default is not None

    @property
    def value(self) -> str:
        """The expression for a query or a form."""
        separator = _SEPARATORS.get(self.joined)
        return f"types.joined({self.python}, {literal(separator)})" if separator else self.python

    @property
    def header(self) -> str:
        """The expression for a header."""
        if self.kind.annotation == "str" or self.kind.what == "enum":
            return self.python
        return (
            f"None if {self.python} is None else types.text({self.python})"
            if self.optional
            else f"types.text({self.python})"
        )

    @property
    def segment(self) -> str:
        """The expression for the path. Names of repositories have slashes."""
        value = self.python if self.kind.annotation == "str" else f"types.text({self.python})"
        return f"types.path_value({value}, safe='/')" if self.name == "name" else f"types.path_value({value})"


@dataclass(frozen=True)
class Body:
    """The body of a request.

    Attributes:
        what: json, form, parts, document (of any media type) or blob (bytes of a fixed one).
    """

    what: str
    media_type: str
    required: bool
    text: str
    kind: Kind
    form: list[Argument]


@dataclass(frozen=True)
class Answer:
    """What one status brings: the kind of its JSON, or a document."""

    status: int
    json: Kind | None
    document: bool


@dataclass(frozen=True)
class Operation:
    """An operation. What endpoint_module.py.jinja says follows from this alone."""

    route: str
    id: str
    package: str
    module: str
    text: str
    arguments: list[Argument]
    body: Body | None
    answers: list[Answer]
    headers: dict[str, tuple[str, bool]]  # name -> Python name, and whether it is a number
    accept: str
    raw: dict[str, Any]
    imports: list[tuple[str, str]]  # module and class of what annotations use
    answer_imports: list[tuple[str, str]]  # of what the parser uses
    scopes: list[str]  # what a token must allow, with names of parameters in braces
    veiled: set[str]  # the headers whose values repr leaves out

    @property
    def method(self) -> str:
        """GET, PUT and so on."""
        return self.route.split()[0]

    @property
    def path(self) -> str:
        """The path, as the description has it."""
        return self.route.split()[1]

    def of(self, place: str) -> list[Argument]:
        """The arguments for one place of the request."""
        return [item for item in self.arguments if item.place == place]

    @property
    def keywords(self) -> list[Argument]:
        """What build_request takes by keyword, but for the body."""
        return [*(self.body.form if self.body else ()), *self.of("query"), *self.of("header")]

    @property
    def declarations(self) -> list[str]:
        """The arguments of build_request: those of the path, then a star, then the rest."""
        body = []
        match self.body:
            case Body(what="json", required=True):
                body = [f"body: {self.body.kind.annotation}"]
            case Body(what="json"):
                body = [f"body: {self.body.kind.annotation} | None = None"]
            case Body(what="document"):
                body = ["content: Content", "content_type: str"]
            case Body(what="blob", required=True):
                body = ["content: Content"]
            case Body(what="blob"):
                body = ["content: Content | None = None"]
        keywords = body + [item.declaration for item in self.keywords]
        return [item.declaration for item in self.of("path")] + (["*", *keywords] if keywords else [])

    @property
    def request_headers(self) -> list[tuple[str, str, bool]]:
        """Name, expression, and whether that can be None."""
        result = [(item.name.title(), item.header, item.optional) for item in self.of("header")]
        given = {name for name, _, _ in result}
        if self.accept and "Accept" not in given:
            result.insert(0, ("Accept", literal(self.accept), False))
        if self.body and "Content-Type" not in given:
            media_type, missing = literal(self.body.media_type), "body" if self.body.what == "json" else "content"
            if self.body.what in ("document", "parts"):
                result.append(("Content-Type", "content_type", False))
            elif self.body.required or self.body.what == "form":
                result.append(("Content-Type", media_type, False))
            else:
                result.append(("Content-Type", f"None if {missing} is None else {media_type}", True))
        return result

    @property
    def scope_values(self) -> list[tuple[str, str]]:
        """Name and expression of what stands in the scopes. The link of an upload says which repository it is of."""
        arguments = {item.name: item for item in self.arguments}
        wanted = dict.fromkeys(re.findall(r"\{([^{}]*)\}", " ".join(self.scopes)))
        found = [(name, arguments[name].python) for name in wanted if name in arguments]
        if "name" in wanted and "name" not in arguments and self._link:
            found.append(("name", f"types.repository_in({self._link})"))
        return found

    @property
    def _link(self) -> str:
        """The argument that is the whole path; empty if none is."""
        is_link = re.fullmatch(r"/\{[^{}]*\}", self.path)
        return self.of("path")[0].python if is_link else ""

    @property
    def content(self) -> str:
        """The expression for the body of the request."""
        body = self.body
        if body is None or body.what == "form":
            return ""
        if body.what != "json":
            return "content"
        value = (
            "types.json_bytes(body.to_dict())"
            if body.kind.what == "model"
            else "types.json_bytes(types.json_value(body))"
        )
        return value if body.required else f"None if body is None else {value}"

    @property
    def path_expression(self) -> str:
        """The path, as an f-string or as a call."""
        if self._link:
            return f"types.link({self._link})"
        arguments = {item.name: item for item in self.of("path")}
        parts = re.split(r"\{([^{}]*)\}", self.path)
        parts[1::2] = [f"{{{arguments[name].segment}}}" for name in parts[1::2]]
        parts[::2] = [part.replace("{", "{{").replace("}", "}}") if arguments else part for part in parts[::2]]
        return f'{"f" if arguments else ""}"{"".join(parts)}"'

    @property
    def statuses(self) -> list[int]:
        """The statuses that are no failure."""
        return [answer.status for answer in self.answers]

    @property
    def bodies(self) -> dict[str, tuple[Kind, list[int]]]:
        """The kinds of the JSON answers, by their decoder, with the statuses of each."""
        result: dict[str, tuple[Kind, list[int]]] = {}
        for answer in self.answers:
            if answer.json:
                result.setdefault(answer.json.whole, (answer.json, []))[1].append(answer.status)
        return result

    @property
    def body_annotation(self) -> str:
        """The type of the body of a Result; empty if it has none."""
        kinds = list(dict.fromkeys(kind.annotation for kind, _ in self.bodies.values()))
        always = sum(len(statuses) for _, statuses in self.bodies.values()) == len(self.answers)
        nothing = (
            [] if not kinds or (always and not any(kind.nullable for kind, _ in self.bodies.values())) else ["None"]
        )
        return "Any" if "Any" in kinds else " | ".join(kinds + nothing)

    @property
    def body_expression(self) -> str:
        """How the body of an answer is read."""
        parts, left = [], len(self.answers)
        for decode, (kind, statuses) in self.bodies.items():
            left -= len(statuses)
            read = (
                f"types.parse_body(OPERATION_ID, response, {f'types.nullable({decode})' if kind.nullable else decode})"
            )
            test = f"== {statuses[0]}" if len(statuses) == 1 else f"in {statuses}"
            parts.append(f"{read} if response.status {test} else ")
        if left:
            return "".join(parts) + "None"
        return "".join(parts[:-1]) + parts[-1].partition(" if response.status ")[0]

    @property
    def documents(self) -> bool:
        """Whether an answer is a document."""
        return any(answer.document for answer in self.answers)


def literal(value: Any) -> str:
    """A value as Python source."""
    return json.dumps(value, ensure_ascii=True) if isinstance(value, str) else repr(value)
