"""What the help of each command offers works: formats, fields, and the choices of each option."""

from __future__ import annotations

from argparse import Action
from collections.abc import Iterator

import pytest

import acr
from acr.cli._commands import COMMANDS
from acr.cli._parsing import module_of, parser_of
from acr.emulator import Emulator
from tests.cleanup.aged import Clock
from tests.cli import test_every_command
from tests.cli.conftest import Acr
from tests.cli.test_every_command import CODES, LINES

scene = test_every_command.scene
OTHERS = {**LINES, "du": "du", "fsck": "fsck", "untag": "untag team/app:v1.1"}
"""The line of each command. What `--sort` takes in `du` depends on `--by`."""


@pytest.fixture
def acr_emulator(aged: tuple[Emulator, Clock]) -> Emulator:
    return aged[0]


def option(action: Action) -> str:
    return action.option_strings[-1]


def offers(name: str) -> Iterator[list[str]]:
    """The choices of each option of a command, and some of its fields in each format that has fields."""
    actions = [action for action in parser_of(name)._actions if action.option_strings]
    formats: list[str] = []
    for action in actions:
        choices = [str(choice) for choice in action.choices or ()]
        yield from ([option(action), choice] for choice in choices)
        formats = choices if option(action) == "--output" else formats
    if any(option(action) == "--fields" for action in actions):
        keys = [column.key for column in module_of(COMMANDS[name]).COLUMNS if not column.optional]
        yield from (["--output", choice, "--fields", f"{keys[-1]},{keys[0]}"] for choice in formats)


def words_of(name: str) -> list[str]:
    """A line of the command that changes nothing, so that it can be run again and again."""
    is_dry = any(option(action) == "--dry-run" for action in parser_of(name)._actions if action.option_strings)
    return [*OTHERS[name].split(), *["--dry-run"] * is_dry]


def test_what_help_offers_works(scene: acr.Registry, acr_here: Acr) -> None:
    for name in LINES:
        words = words_of(name)
        for more in offers(name):
            done = acr_here(*words, *more)
            assert done.code == CODES.get(name, 0), (name, more, done.err)
            assert done.out or more[0] == "--kind", (name, more)


def test_a_tree_offers_no_fields(acr_here: Acr, app: acr.Repository) -> None:
    shown = acr_here("tree", "--help").out
    assert "{table,json,name}" in shown
    assert "--fields" not in shown
    assert acr_here("tree", "team/app:v1.0", "-o", "csv").code == 2
