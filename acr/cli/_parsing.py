"""The parser: the options that commands share, the overview, and the parser of one command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Any, Final, NoReturn

import acr
from acr.cli import _filters
from acr.cli._commands import COMMANDS, GROUPS, INSTEAD, OF_ACR_CLI, Command, find
from acr.cli._exits import Usage
from acr.cli._output.rows import FORMATS, Format

_DEFAULTS: Final[dict[str, Any]] = {
    "output": None, "fields": None, "quiet": False, "debug": False, "no_progress": False, "registry": None,
    "username": None, "password_stdin": False, "token_stdin": False, "anonymous": False, "plain_http": False,
    "ca_file": None, "timeout": None, "retries": 4,
}  # fmt: skip
_REQUIRED: Final = "the following arguments are required: "
"""How argparse begins to say what is missing."""

VALUED: Final = ("-r", "--registry", "-u", "--username", "--ca-file", "--timeout", "-o", "--output")
"""Options that may stand before the command, and have a value."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are ours, and which guesses no options from their beginnings."""

    def __init__(self, name: str, about: str, examples: Sequence[str]) -> None:
        shown = "examples:\n" + "\n".join(f"  {example}" for example in examples)
        super().__init__(
            f"acr {name}",
            description=about,
            epilog=shown.replace("%", "%%"),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def read(self, words: Sequence[str], options: argparse.Namespace) -> argparse.Namespace:
        """Parse a command line whose options and arguments may be mixed.

        Args:
            words: the command line, without the command.
            options: what each option is that is left out. It is filled.

        Raises:
            Usage: it is wrong.
        """
        # argparse would name the missing options alone, and the missing arguments only once the options are there.
        required = [action for action in self._actions if action.option_strings and action.required]
        for action in required:
            action.required = False
        missing = ""
        try:
            self.parse_intermixed_args(words, options)
        except Usage as error:
            if not str(error).startswith(_REQUIRED):
                raise
            missing = str(error).removeprefix(_REQUIRED)
        finally:
            for action in required:
                action.required = True
        names = [*filter(None, [missing]), *(one.option_strings[-1] for one in required if not _is_given(one, options))]
        if names:
            self.error(f"{_REQUIRED}{', '.join(names)}")
        return options

    def error(self, message: str) -> NoReturn:
        """Say what is wrong. The program prints it and ends."""
        hint = f"{self._meant(message)}see `{self.prog} --help`"
        if "-p" in message.split() or "--password" in message.replace("=", " ").split():
            hint = "others on this machine can see a password of the command line: pipe it to --password-stdin"
        raise Usage(message, hint=hint)

    def _meant(self, message: str) -> str:
        """The option that is like one that there is not."""
        start, _, words = message.partition("unrecognized arguments: ")
        wrong = next((word for word in words.split() if word.startswith("--")), None)
        if start or wrong is None:
            return ""
        from difflib import get_close_matches  # for typing errors alone

        there = [option for action in self._actions for option in action.option_strings if option.startswith("--")]
        close = get_close_matches(wrong.partition("=")[0], there, n=1)
        return f"did you mean {close[0]}? " if close else ""


def _is_given(option: argparse.Action, options: argparse.Namespace) -> bool:
    return getattr(options, option.dest, None) is not None


def module_of(command: Command) -> ModuleType:
    """The module of a command."""
    return import_module(f"acr.cli._commands.{command.module}")


def parser_of(name: str) -> Parser:
    """The parser of a command, with all that its help says."""
    command = COMMANDS[name]
    module = module_of(command)
    about = (module.__doc__ or "").partition("\n\n")
    parser = Parser(name, "\n\n".join(part for part in (about[0], about[2].strip()) if part), module.EXAMPLES)
    module.add(parser)
    return parser


def parse(arguments: Sequence[str]) -> tuple[Command, argparse.Namespace]:
    """Read a command line.

    Raises:
        Usage: it is wrong.
        SystemExit: help was asked for, and is printed.
    """
    leading, words = _apart(arguments)
    if not words and not {"--version", "-V"}.isdisjoint(leading):
        print(f"acr-client {acr.__version__}")  # noqa: T201 - as argparse prints help
        raise SystemExit(0)
    if words and words[0] == "help":
        words = [*words[1:3], "--help"]
    if not words:
        raise Usage("which command?", hint="`acr --help` lists them")
    if words[0] in ("-h", "--help"):
        print(overview(), end="")  # noqa: T201 - as argparse prints help
        raise SystemExit(0)
    found = find(words)
    if found is None:
        if words[0] in GROUPS:
            _of_group(words)
        raise Usage(f"there is no command {words[0]!r}", hint=_instead(words[0]))
    name, command, rest = found
    if tuple(words[:2]) in OF_ACR_CLI:
        raise Usage(f"there is no `acr {words[0]} {words[1]}`", hint=OF_ACR_CLI[words[0], words[1]])
    namespace = argparse.Namespace(**_DEFAULTS)
    try:
        options = parser_of(name).read([*leading, *rest], namespace)
    except (ValueError, TypeError, RecursionError) as error:  # of argparse itself: such as a lone surrogate
        raise Usage(f"the command line cannot be read: {error}") from None
    return command, options


def _apart(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The options before the command, and the words from it on."""
    words = list(arguments)
    leading: list[str] = []
    while words and words[0].startswith("-") and words[0] not in ("-h", "--help", "-"):
        leading.append(words.pop(0))
        if leading[-1] in VALUED and words:
            leading.append(words.pop(0))
    return leading, words


def _of_group(words: Sequence[str]) -> NoReturn:
    """Say which commands begin with a word, if the word after it is none of theirs."""
    names = [name.partition(" ")[2] for name in COMMANDS if name.startswith(f"{words[0]} ")]
    if words[1:2] in (["-h"], ["--help"]):
        print(f"usage: acr {words[0]} {{{','.join(names)}}} [OPTIONS] …\n")  # noqa: T201 - as argparse prints help
        for name in names:
            print(f"  {words[0]} {name:<8} {COMMANDS[f'{words[0]} {name}'].summary}")  # noqa: T201
        raise SystemExit(0)
    after = repr(words[1]) if len(words) > 1 else "nothing"
    raise Usage(f"`acr {words[0]}` goes on with {', '.join(names)}, and not with {after}", hint=INSTEAD[words[0]])


def overview() -> str:
    """What `acr --help` prints."""
    lines = ["usage: acr COMMAND [OPTIONS] …", "", "Work with Azure Container Registry and other OCI registries."]
    for group in dict.fromkeys(command.group for command in COMMANDS.values()):
        lines += ["", f"{group}:"]
        for name, command in COMMANDS.items():
            if command.group == group:
                alias = f" (also {command.alias})" if command.alias else ""
                lines.append(f"  {name:<13} {command.summary}{alias}")
    lines += [
        "",
        "A reference is [HOST/]REPO[:TAG|@DIGEST]. Without HOST, the registry is that of --registry, ACR_REGISTRY or",
        "your config. `acr COMMAND --help` shows options and examples; `acr --version` prints the version.",
    ]
    return "\n".join(lines) + "\n"


def _instead(word: str) -> str:
    if word in INSTEAD:
        return INSTEAD[word]
    from difflib import get_close_matches  # for typing errors alone

    close = get_close_matches(word, [*COMMANDS, "inspect"], n=1)
    return f"did you mean `acr {close[0]}`? `acr --help` lists all commands" if close else "`acr --help` lists them"


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the options of each command that talks to a registry."""
    group = parser.add_argument_group("registry and credentials")
    group.add_argument("-r", "--registry", metavar="HOST", help="the registry: login server, URL, or short name (my)")
    group.add_argument("-u", "--username", metavar="NAME", help="of a repository-scoped token or the admin user")
    group.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    group.add_argument("--token-stdin", action="store_true", help="read an ACR refresh token from standard input")
    group.add_argument("--anonymous", action="store_true", help="use no credential")
    group.add_argument("--plain-http", action="store_true", help="speak http to a host that is not this machine")
    group.add_argument("--ca-file", metavar="FILE", help="also trust these certificates, in PEM")
    group.add_argument("--timeout", type=_seconds, metavar="SECONDS", help="the longest that one call may take")
    group.add_argument(
        "--retries", type=_filters.number, default=4, metavar="N", help="how often to try again (%(default)s)"
    )
    add_quiet(parser)


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """Add the options about what is said on standard error."""
    group = parser.add_argument_group("what is said")
    group.add_argument("-q", "--quiet", action="store_true", help="say nothing but data, warnings and errors")
    group.add_argument("--debug", action="store_true", help="show each request on standard error, without secrets")
    group.add_argument("--no-progress", action="store_true", help="draw no progress")


def add_output(
    parser: argparse.ArgumentParser,
    *,
    lists: bool = False,
    summary: bool = True,
    formats: Sequence[Format] = FORMATS,
    fields: bool = True,
) -> None:
    """Add the options about the form of the output.

    Args:
        parser: of the command.
        lists: the command prints a listing, which may be long.
        summary: it prints rows, which make a table.
        formats: those that it prints.
        fields: it prints rows of fields, of which some can be chosen.
    """
    group = parser.add_argument_group("output")
    group.add_argument(
        "-o", "--output", choices=formats, help="the default is a table on a terminal, and names in a pipe"
    )
    if fields:
        group.add_argument("--fields", metavar="A,B", help="print these fields alone, in this order")
    if summary:
        group.add_argument("--summary", action="store_true", help="also append a table to $GITHUB_STEP_SUMMARY")
    if lists:
        group.add_argument(
            "--stream", action="store_true", help="in a pipe: write at once what comes, though it may not be whole"
        )


def add_filters(
    parser: argparse.ArgumentParser, *, sorts: Sequence[str], default: str = "by name"
) -> argparse._ArgumentGroup:
    """Add the options that say which items of a listing are meant.

    Args:
        parser: of the command.
        sorts: the orders that there are.
        default: the order without the option.
    """
    group = parser.add_argument_group("filters")
    group.add_argument(
        "--match", type=_filters.glob, action="append", default=[], metavar="GLOB",
        help="names that fit as a whole: * is any text, also with slashes; may be repeated",
    )  # fmt: skip
    group.add_argument("--sort", choices=sorts, help=f"the default is {default}")
    group.add_argument("--limit", type=_filters.count, metavar="N", help="the first N of them")
    return group


def add_ages(group: argparse._ArgumentGroup) -> None:
    """Add the filters by the time of the last update."""
    group.add_argument("--older-than", type=_filters.duration, metavar="AGE", help="such as 30d, 12h or 1w2d")
    group.add_argument("--newer-than", type=_filters.duration, metavar="AGE", help="such as 30d, 12h or 1w2d")


def add_danger(parser: argparse.ArgumentParser, *, asks: bool = True) -> None:
    """Add the options of commands that change a registry.

    Args:
        parser: of the command.
        asks: it asks before it does anything.
    """
    group = parser.add_argument_group("before anything is done")
    group.add_argument("-n", "--dry-run", action="store_true", help="say what would be done, and do nothing")
    if asks:
        group.add_argument("-y", "--yes", action="store_true", help="do not ask; needed if nobody can be asked")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds < 10**9:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number of seconds above 0")
    return seconds


def several(text: str) -> Sequence[str]:
    """Read names with commas between them."""
    return [name.strip() for name in text.split(",") if name.strip()]
