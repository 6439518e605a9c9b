"""Print a script that completes commands, options and their values in your shell.

For bash: `acr completion bash > ~/.local/share/bash-completion/completions/acr`. For zsh: into a file `_acr` of a
folder of `$fpath`. For fish: `acr completion fish > ~/.config/fish/completions/acr.fish`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from acr.cli._commands import COMMANDS, GROUPS
from acr.cli._context import Context
from acr.cli._parsing import VALUED, parser_of

EXAMPLES = (
    "acr completion bash",
    "acr completion zsh",
    "acr completion fish",
)

_PROGRAMS: Final = ("acr", "acr-client")


class Option(NamedTuple):
    """An option of a command.

    Args:
        names: such as `-o` and `--output`.
        about: its help.
        has_value: it takes a value.
        choices: the values that there are; none if any will do.
    """

    names: Sequence[str]
    about: str
    has_value: bool
    choices: Sequence[str]


def add(parser: argparse.ArgumentParser) -> None:
    """Fill the parser."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="your shell")


def run(context: Context) -> int:
    """Print a script."""
    lines = {"bash": _bash, "zsh": _zsh, "fish": _fish}[context.options.shell]()
    context.terminal.write("\n".join(lines) + "\n")
    return 0


def commands() -> Iterator[tuple[str, str, Sequence[Option], Sequence[str]]]:
    """Each name of a command, with its summary, its options, and the choices of its first argument."""
    for name, command in COMMANDS.items():
        parser = parser_of(name)
        actions = [action for action in parser._actions if action.help != argparse.SUPPRESS]  # noqa: SLF001 - has no other way
        options = [
            Option(
                action.option_strings,
                (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%"),
                action.nargs != 0,
                [str(choice) for choice in action.choices or ()],
            )
            for action in actions
            if action.option_strings
        ]
        first = [str(one) for action in actions if not action.option_strings for one in action.choices or ()]
        for own in (name, command.alias):
            if own is not None:
                yield own, command.summary, options, first


def _firsts() -> dict[str, str]:
    """The first words of commands, each with what it is about."""
    found = {name: summary for name, summary, *_ in commands() if " " not in name}
    return found | GROUPS


def _seconds(group: str) -> dict[str, str]:
    """The second words of the commands that begin with a word."""
    start = f"{group} "
    return {name.removeprefix(start): one.summary for name, one in COMMANDS.items() if name.startswith(start)}


def _bash() -> Iterator[str]:
    found = list(commands())
    names = " ".join(_firsts())
    yield "# completion of acr for bash, made by `acr completion bash`"
    yield "_acr() {"
    yield "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command= word skip="
    yield '    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do'
    yield "        [[ -n $skip ]] && { skip=; continue; }"
    yield f"        case $word in {' | '.join(VALUED)}) skip=1; continue ;; -*) continue ;; esac"
    yield '        command="${command:+$command }$word"'
    yield f"        case $command in {' | '.join(GROUPS)}) ;; *) break ;; esac"
    yield "    done"
    yield "    COMPREPLY=()"
    yield '    case "$command $previous" in'
    for name, _, options, _ in found:
        for option in options:
            if option.has_value:
                labels = " | ".join(f"'{name} {one}'" for one in option.names)
                words = (
                    f'COMPREPLY=($(compgen -W "{" ".join(option.choices)}" -- "$current"))' if option.choices else ""
                )
                files = 'COMPREPLY=($(compgen -f -- "$current"))'
                yield f"        {labels}) {words or files}; return ;;"
    yield "    esac"
    yield "    case $command in"
    yield f'        \'\') COMPREPLY=($(compgen -W "{names} --help --version" -- "$current")) ;;'
    for group in GROUPS:
        yield f'        {group}) COMPREPLY=($(compgen -W "{" ".join(_seconds(group))} --help" -- "$current")) ;;'
    for name, _, options, first in found:
        words = " ".join([*(one for option in options for one in option.names), *first])
        yield f"        '{name}')"
        yield f"            if [[ $current == -* || -n '{' '.join(first)}' ]]; then"
        yield f'                COMPREPLY=($(compgen -W "{words}" -- "$current"))'
        yield "            else"
        yield '                COMPREPLY=($(compgen -f -- "$current"))'
        yield "            fi ;;"
    yield "    esac"
    yield "}"
    yield f"complete -o filenames -F _acr {' '.join(_PROGRAMS)}"


def _zsh() -> Iterator[str]:
    found = list(commands())
    yield f"#compdef {' '.join(_PROGRAMS)}"
    yield "# completion of acr for zsh, made by `acr completion zsh`"
    yield "_acr() {"
    yield "    local -a commands"
    yield "    commands=("
    for name, summary in _firsts().items():
        yield f"        {_quoted(f'{name}:{summary}')}"
    yield "    )"
    yield "    while (( CURRENT > 2 )) && [[ $words[2] == -* ]]; do"  # options before the command
    yield f"        if [[ $words[2] == ({'|'.join(VALUED)}) ]]; then"
    yield "            (( CURRENT > 3 )) || { _default; return; }"
    yield "            words[2]=()"
    yield "            (( CURRENT-- ))"
    yield "        fi"
    yield "        words[2]=()"
    yield "        (( CURRENT-- ))"
    yield "    done"
    yield "    if (( CURRENT == 2 )); then"
    yield "        _describe -t commands command commands"
    yield "        return"
    yield "    fi"
    yield "    local command=$words[2]"
    yield "    shift words"
    yield "    (( CURRENT-- ))"
    for group in GROUPS:
        yield f"    if [[ $command == {group} ]]; then"
        yield f"        if (( CURRENT == 2 )); then compadd {' '.join(_seconds(group))}; return; fi"
        yield '        command="$command $words[2]"'
        yield "        shift words"
        yield "        (( CURRENT-- ))"
        yield "    fi"
    yield "    case $command in"
    for name, _, options, first in found:
        yield f"        {_quoted(name)})"
        specs = [_spec(names, option) for option in options for names in option.names]
        specs.append(_quoted(f"*:argument:({' '.join(first)})" if first else "*:argument:_files"))
        yield "            _arguments -s " + " ".join(specs) + " ;;"
    yield "    esac"
    yield "}"
    yield '_acr "$@"'


def _spec(name: str, option: Option) -> str:
    about = option.about.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")
    value = f":value:({' '.join(option.choices)})" if option.choices else ":value:_files" if option.has_value else ""
    return _quoted(f"*{name}[{about}]{value}")


def _fish() -> Iterator[str]:
    yield "# completion of acr for fish, made by `acr completion fish`"
    for program in _PROGRAMS:
        for name, summary in _firsts().items():
            yield f"complete -c {program} -n __fish_use_subcommand -f -a {name} -d {_quoted(summary)}"
        for group in GROUPS:
            words = _seconds(group)
            seen = _quoted(
                f"__fish_seen_subcommand_from {group}; and not __fish_seen_subcommand_from {' '.join(words)}"
            )
            for name, summary in words.items():
                yield f"complete -c {program} -n {seen} -f -a {name} -d {_quoted(summary)}"
        for name, _, options, first in commands():
            all_seen = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in name.split())
            seen = f"-n {_quoted(all_seen)}"
            if first:
                yield f"complete -c {program} {seen} -f -a {_quoted(' '.join(first))}"
            for option in options:
                names = " ".join(
                    f"-l {one.removeprefix('--')}" if one.startswith("--") else f"-s {one.removeprefix('-')}"
                    for one in option.names
                )
                value = (
                    f" -x -a {_quoted(' '.join(option.choices))}"
                    if option.choices
                    else " -r"
                    if option.has_value
                    else ""
                )
                yield f"complete -c {program} {seen} {names} -d {_quoted(option.about)}{value}"


def _quoted(text: str) -> str:
    r"""A text between single quotes, as all three shells read it.

    >>> print(_quoted("it's"))
    'it'\''s'
    """
    return "'" + text.replace("'", "'\\''") + "'"
