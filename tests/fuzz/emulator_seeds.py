"""Valid inputs of the emulator's parsers. What is mutated begins with them."""

from __future__ import annotations

import json
from typing import Any, Final

from acr import media_types
from acr._values.digest import Digest

NAME: Final = "team/app"
BLOBS: Final = (b"layer", b'{"architecture":"amd64","os":"linux"}', b"{}")
LAYER, CONFIG, EMPTY = (str(Digest.of(blob)) for blob in BLOBS)
SUBJECT: Final = str(Digest.of(b"subject"))


def _json(*values: Any) -> tuple[bytes, ...]:
    return tuple(json.dumps(value).encode() for value in values)


_IMAGE: Final[dict[str, Any]] = {
    "schemaVersion": 2,
    "mediaType": media_types.OCI_MANIFEST,
    "config": {"mediaType": media_types.OCI_CONFIG, "digest": CONFIG, "size": 37},
    "layers": [{"mediaType": media_types.OCI_LAYER, "digest": LAYER, "size": 5, "annotations": {"a": "b"}}],
    "annotations": {"org.opencontainers.image.created": "2024-01-01T00:00:00Z", "n": "1"},
}
_FOREIGN: Final = {"mediaType": "application/x", "digest": SUBJECT, "size": 9, "urls": ["https://elsewhere.example/x"]}

MANIFESTS: Final = _json(
    _IMAGE,
    {**_IMAGE, "mediaType": media_types.DOCKER_MANIFEST, "layers": [*_IMAGE["layers"], _FOREIGN]},
    {
        **_IMAGE,
        "config": {"mediaType": media_types.OCI_EMPTY, "digest": EMPTY, "size": 2},
        "artifactType": "application/spdx+json",
        "subject": {"mediaType": media_types.OCI_MANIFEST, "digest": SUBJECT, "size": 1},
        "layers": [],
    },
    {"schemaVersion": 2, "mediaType": media_types.OCI_INDEX, "manifests": [], "annotations": {}},
    {"schemaVersion": 2, "manifests": None},
    {"anything": ["else", 1, None]},
)
IMAGE: Final = MANIFESTS[0]
CONFIGS: Final = _json(
    {"architecture": "arm64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [LAYER]}},
    {"architecture": "amd64", "os": "windows", "os.version": "10.0.20348.2762", "config": {"Cmd": ["a"]}},
)
CHANGES: Final = _json(
    {"deleteEnabled": False},
    {"deleteEnabled": True, "writeEnabled": True, "readEnabled": True, "listEnabled": None},
    {"writeEnabled": False, "quarantineState": "Passed", "quarantineDetails": "{}"},
)
FORMS: Final = (
    b"grant_type=refresh_token&service=registry.test&refresh_token=REFRESH&scope=repository%3Aa%3Apull",
    b"grant_type=password&service=registry.test&username=admin&password=PASSWORD&scope=registry%3Acatalog%3A%2A",
    b"service=registry.test&scope=repository:a:pull%20repository:b:pull&grant_type=password",
    b"grant_type=password&service=registry.test&scope=x&username=00000000-0000-0000-0000-000000000000&password=REFRESH",
)
LOGINS: Final = (
    b"login admin:PASSWORD",
    b"login 00000000-0000-0000-0000-000000000000:REFRESH",
)
ENTRA: Final = tuple(
    b'{"alg":"RS256","typ":"JWT","kid":"x"}\n' + claims
    for claims in _json(
        {"aud": "https://containerregistry.azure.net", "exp": 1_800_000_000, "iss": "https://sts.windows.net/x/"},
        {"aud": ["https://management.azure.com/"], "exp": 1_800_000_000, "tid": "x", "roles": ["a"], "oid": None},
    )
)
LISTINGS: Final = (
    b"n=1",
    b"n=2&last=v1",
    b"n=1&orderby=timedesc&api-version=2021-07-01",
    b"last=7525288236854775807%26v1&n=1&orderby=timedesc",
    b"last=638355968000000000%26sha256%3A00&n=3&orderby=timeasc",
    b"artifactType=application%2Fspdx%2Bjson&digest=sha256%3A00",
)
NUMBERS: Final = (b"8586163895140836946&12.04", b"1&2.71.7", b"637208141713938861&sha256:0000", b"0&")
SCOPES: Final = (
    b"repository:library/hello-world:pull,push",
    b"registry:catalog:*",
    b"repository:a:pull repository:b:metadata_read,delete",
    b"repository:*:*",
)
CHUNKS: Final = (b"0-9", b"00-09", b"0-000000009", b"0-4095", b"000-1234")
UPLOAD_QUERIES: Final = (
    f"STATE&digest={LAYER}".encode(),
    f"digest={LAYER.replace(':', '%3A')}&STATE".encode(),
    f"a=b&STATE&digest={LAYER}&c=%20".encode(),
)
MOUNTS: Final = (
    f"mount={LAYER}&from={NAME}".encode(),
    f"from=team%2Fapp&mount={CONFIG.replace(':', '%3A')}".encode(),
    f"mount={LAYER}&from={NAME}&mode=resumable".encode(),
)
PATHS: Final = (
    b"v2/",
    b"v2/_catalog",
    b"acr/v1/_catalog",
    b"v2/team/app/tags/list",
    b"v2/team%2Fapp/manifests/v1",
    f"v2/team/app/blobs/{LAYER}".encode(),
    f"v2/team/app/referrers/{LAYER.replace(':', '%3A')}".encode(),
    b"acr/v1/team%2Fapp/_tags/v1",
    b"acr/v1/team/app/_manifests",
    b"v2/team/app/blobs/uploads/",
)
HOSTS: Final = (b"registry.test", b"127.0.0.1:5000", b"[::1]:5000", b"localhost:80", b"my.azurecr.io")
ACCEPTS: Final = (
    media_types.OCI_MANIFEST.encode(),
    f"application/json, {media_types.OCI_MANIFEST};q=0.5, */*".encode(),
    ", ".join(media_types.ANY_MANIFEST).encode(),
)
STORED: Final = (b"SIGNED\nbytes=0-3", b"SIGNED\nbytes=2-", b"SIGNED\nbytes=0-0,2-3", b"SIGNED&x=%20\n")
RECIPES: Final = (
    b"""[[image]]
repository = "team/app"
tags = ["1.0", "latest"]
platforms = ["linux/amd64", "linux/arm64/v8"]
age = "90d"
size = 4096

[[layout]]
repository = "team/base"
path = "layouts/base"
age = "2w"
""",
    b"""# untagged
[[image]]
repository = "library/hello-world"
age = "12h"

[[image]]
repository = "a"
tags = ['v1']
""",
)
LAYOUTS: Final = _json(
    {
        "schemaVersion": 2,
        "manifests": [
            {
                "mediaType": media_types.OCI_INDEX,
                "digest": LAYER,
                "size": 5,
                "annotations": {"org.opencontainers.image.ref.name": "registry.example/app:v1"},
            },
            {"mediaType": media_types.OCI_MANIFEST, "digest": CONFIG, "size": 37, "platform": {"os": "linux"}},
        ],
    },
    {"schemaVersion": 2, "manifests": [{"mediaType": "application/x", "digest": EMPTY, "size": 2}]},
)
