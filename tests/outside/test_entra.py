"""The default credential of azure-identity. It is made here and not used: that would take a login."""

from __future__ import annotations

import pytest

import acr
from acr._outside.credentials.entra import default_credential
from acr.protocols import TokenCredential


def test_the_default_credential_is_the_one_of_azure_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_TOKEN_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    credential = default_credential()
    assert isinstance(credential, TokenCredential)
    assert type(credential).__name__ == "DefaultAzureCredential"
    acr.Registry("my.azurecr.io", credential).close()
