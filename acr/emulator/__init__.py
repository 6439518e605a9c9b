"""A local Azure Container Registry, for tests of code that talks to one. It needs the extra `emulator`.

It serves ACR's own API and the OCI distribution API over HTTP on this machine. It has ACR's tokens, challenges, paging,
redirects, locks and errors, so that code which works here works there. Start one and point a client at it:

    from acr.emulator import Emulator

    with Emulator() as registry:
        client = SomeClient(registry.url, registry.credential())

It keeps its content in memory, or in a folder: `Emulator("data")`. `python -m acr.emulator` runs one as a command.
Pytest has the fixtures `acr_emulator` and `acr_emulator_session`. `Emulator.fail` makes the next requests go wrong on
purpose, and `Emulator.requests` lists what arrived. `Settings` has all that can be set about its behaviour.
"""

from typing import TYPE_CHECKING

# Each name stands here twice, as in `acr`.
if TYPE_CHECKING:
    from acr.emulator._access.entra import (
        AccessToken as AccessToken,
        AsyncEntraCredential as AsyncEntraCredential,
        EntraCredential as EntraCredential,
    )
    from acr.emulator._emulator import Emulator as Emulator
    from acr.emulator._server.faults import Fault as Fault
    from acr.emulator._server.records import RequestRecord as RequestRecord
    from acr.emulator._settings import Settings as Settings
    from acr.emulator._store.collecting import Stored as Stored
else:
    # Imported on first use: pytest imports this package in every run (for the fixture), whether or not it is used.
    _HOMES = {
        "AccessToken": "_access.entra",
        "AsyncEntraCredential": "_access.entra",
        "Emulator": "_emulator",
        "EntraCredential": "_access.entra",
        "Fault": "_server.faults",
        "RequestRecord": "_server.records",
        "Settings": "_settings",
        "Stored": "_store.collecting",
    }
    __all__ = sorted(_HOMES)  # noqa: PLE0605 - they are told once, in _HOMES

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        from acr.emulator._extra import HINT, is_missing

        try:
            return getattr(import_module(f"{__name__}.{home}"), name)
        except ModuleNotFoundError as error:
            if is_missing(error):
                raise ModuleNotFoundError(HINT, name=error.name) from None
            raise

    def __dir__() -> list[str]:
        return __all__
