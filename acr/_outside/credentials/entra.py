"""Entra: the default credential of azure-identity, imported only when it is asked for."""

from __future__ import annotations

from acr._values.home import public_in
from acr.protocols import TokenCredential


@public_in("acr")
def default_credential() -> TokenCredential:
    """Azure-identity's `DefaultAzureCredential`: environment, workload or managed identity, `az login`, and so on.

    It serves `Registry` and `AsyncRegistry` alike: the latter runs it in a thread, so that no async HTTP library is
    needed for it.

    Example:
        with Registry("my.azurecr.io", default_credential()) as registry:
            print(list(registry.repositories()))
    """
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()
