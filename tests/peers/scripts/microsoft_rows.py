"""Microsoft's column of docs/from-azure-containerregistry.md, row by row; prints the values of some rows, as JSON.

microsoft_rows.py URL CERTIFICATE < ROWS

ROWS is `{"rows": […], "answers": [numbers of rows], "untagged": DIGEST}`. It runs in an environment of its own.
"""

# pyright: reportMissingImports=false
from __future__ import annotations

import json
import sys
import time
from typing import Any

from azure.containerregistry import ArtifactTagOrder, ContainerRegistryClient  # type: ignore[import-untyped]
from azure.core.credentials import AccessToken


class Credential:
    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        return AccessToken("a token of Entra", int(time.time()) + 3600)


def main(url: str, certificate: str) -> None:
    told = json.load(sys.stdin)
    names: dict[str, Any] = {
        "ContainerRegistryClient": lambda _, credential: ContainerRegistryClient(
            url, credential, connection_verify=certificate
        ),
        "DefaultAzureCredential": Credential,
        "ArtifactTagOrder": ArtifactTagOrder,
        "untagged": told["untagged"],
    }
    found = {}
    for number, row in enumerate(told["rows"], 1):
        if number in told["answers"]:
            value = eval(row, names)  # noqa: S307 - our own page
            found[number] = value.decode() if isinstance(value, bytes) else value
        else:
            exec(row, names)  # noqa: S102 - our own page
    sys.stdout.write(json.dumps(found))


main(*sys.argv[1:])
