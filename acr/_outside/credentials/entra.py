"""Entra: the default credential of azure-identity, which is imported only if a program uses it."""

from __future__ import annotations

from acr._values.home import public_in
from acr.protocols import TokenCredential


@public_in("acr")
def default_credential() -> TokenCredential:
    """Make azure-identity's `DefaultAzureCredential`: environment, workload or managed identity, `az login`, and so on.

    Pass it to `Registry` or `AsyncRegistry`. `AsyncRegistry` calls it in a thread, so it needs no async HTTP library.

    Example:
        with Registry("my.azurecr.io", default_credential()) as registry:
            print(list(registry.repositories()))
    """
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()
