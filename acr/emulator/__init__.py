"""A local Azure Container Registry, for tests of code that talks to one. Needs the extra `emulator`.

It speaks ACR's own API and the OCI distribution API over HTTP on this machine, with ACR's tokens, challenges, paging,
redirects, locks and errors, so that what works here works there. Start one and point a client at it:

    from acr.emulator import Emulator

    with Emulator() as registry:
        client = SomeClient(registry.url, registry.credential())

Nothing is kept unless a folder is given: `Emulator(Path("data"))`. `python -m acr.emulator` runs one by itself, and
pytest gets it as the fixture `acr_emulator`. `Emulator.fail` makes the next requests go wrong on purpose, and
`Emulator.requests` is what arrived.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from acr.emulator.extra import HINT, is_missing

if TYPE_CHECKING:
    from acr.emulator.emulator import Emulator
    from acr.emulator.entra import AccessToken, AsyncEntraCredential, EntraCredential
    from acr.emulator.faults import Fault
    from acr.emulator.records import RequestRecord

__all__ = ["AccessToken", "AsyncEntraCredential", "Emulator", "EntraCredential", "Fault", "RequestRecord"]

_HOMES = {
    "AccessToken": "entra",
    "AsyncEntraCredential": "entra",
    "Emulator": "emulator",
    "EntraCredential": "entra",
    "Fault": "faults",
    "RequestRecord": "records",
}


if not TYPE_CHECKING:  # or every name would do for a type checker

    def __getattr__(name: str) -> object:
        # Imported on first use: pytest imports this package in every run (for the fixture), whether or not it is used.
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        try:
            return getattr(import_module(f"{__name__}.{home}"), name)
        except ModuleNotFoundError as error:
            if is_missing(error):
                raise ModuleNotFoundError(HINT, name=error.name) from None
            raise
