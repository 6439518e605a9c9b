"""nginx as a registry that is read from: files, by HTTP and by TLS; and one with tokens as ACR has them, by TLS."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs
import jwt

from acr import media_types
from benchmarks import content
from benchmarks.programs import find
from benchmarks.servers import free_ports, running

PAGE_SIZES: Final = (100, 1000)
"""Of listings: ACR's own, and the most that it gives."""

BIG: Final = "big"
"""The repository of a large blob."""
SMALL: Final = "small"
"""The repository with the tag whose properties are asked for."""
MANY: Final = "many"
"""The repository with many tags."""


@attrs.frozen
class Nginx:
    """A running nginx.

    Args:
        http: URL of the registry that asks for no token.
        tls: the same by TLS.
        guarded: one by TLS that sends a challenge to who comes without a token, gives tokens for nothing, and redirects
            downloads of blobs elsewhere.
        certificate: to trust.
        token: one that the guarded registry takes; it takes any.
    """

    http: str
    tls: str
    guarded: str
    certificate: Path
    token: str = attrs.field(repr=False)


@contextmanager
def nginx(folder: Path, files: Path, tls: tuple[Path, Path], tags: int) -> Iterator[Nginx]:
    """Run nginx.

    Args:
        folder: to run in.
        files: what it serves, by path.
        tls: files of a certificate and its key, in PEM.
        tags: how many there are of `MANY`; their pages are made here.
    """
    program = find("nginx")
    ports = free_ports(3)
    token = jwt.encode({"exp": int(time.time()) + 36_000}, "k" * 32)
    links = _write_listing(files, tags)
    _write(files / "acr" / "v1" / SMALL / "_tags" / "v1", {**_OF_REGISTRY, "tag": content.tag_properties("v1")})
    config = folder / "nginx.conf"
    folder.mkdir(parents=True)
    config.write_text(_config(folder, files, tls, ports, token, links))
    with running([program, "-p", folder, "-c", config], folder, port=ports[-1]):
        plain, *secure = (f"127.0.0.1:{port}" for port in ports)
        yield Nginx(f"http://{plain}", f"https://{secure[0]}", f"https://{secure[1]}", tls[0], token)


_OF_REGISTRY: Final = {"registry": "my.azurecr.io", "imageName": SMALL}


def _write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, separators=(",", ":")) + "\n")


def _write_listing(files: Path, count: int) -> dict[str, tuple[str, str]]:
    """Write all pages of tags; gives, by the query's `n/last`, the name of the page's file and its link."""
    found = {}
    for size in PAGE_SIZES:
        for last, names in content.tag_pages(count, size):
            page = {"registry": "my.azurecr.io", "imageName": MANY}
            _write(files / f"page-{size}-{last}", {**page, "tags": [content.tag_properties(name) for name in names]})
            end = f"v{count - 1:07}"
            link = f'</acr/v1/{MANY}/_tags?last={names[-1]}&n={size}&orderby=>; rel=\\"next\\"'
            found[f"{size}/{last}"] = f"page-{size}-{last}", "" if names[-1] == end else link
    found["/"] = found[f"{PAGE_SIZES[0]}/"]  # what there is without an `n`
    return found


def _config(
    folder: Path, files: Path, tls: tuple[Path, Path], ports: list[int], token: str, links: dict[str, tuple[str, str]]
) -> str:
    pages = "\n".join(f'    "{key}" "{page}";' for key, (page, _) in links.items())
    nexts = "\n".join(f'    "{key}" "{link}";' for key, (_, link) in links.items() if link)
    temporary = "\n".join(
        f"  {kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    secure = f"ssl_certificate {tls[0]}; ssl_certificate_key {tls[1]};"
    return f"""
daemon off;
{"user root;" if os.geteuid() == 0 else ""}
worker_processes auto;
pid {folder}/pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 10000000;
  keepalive_timeout 600;
  default_type application/octet-stream;
{temporary}
  map_hash_max_size 65536;
  map_hash_bucket_size 256;
  map "$arg_n/$arg_last" $page {{
    default "none";
{pages}
  }}
  map "$arg_n/$arg_last" $link {{
    default "";
{nexts}
  }}
  map $uri $digest {{ default ""; "~/(?<found>sha256:[0-9a-f]+)$" $found; }}
  map $uri $name {{ default ""; "~^/acr/v1/(?<named>[^/]+)/" $named; }}
  server {{ listen 127.0.0.1:{ports[0]}; {_places(files)} }}
  server {{ listen 127.0.0.1:{ports[1]} ssl; {secure} {_places(files)} }}
  server {{
    listen 127.0.0.1:{ports[2]} ssl; {secure} {_places(files, _guard(ports[2], "$name:metadata_read"))}
    location /v2/{BIG}/blobs/ {{
      {_guard(ports[2], f"{BIG}:pull")} return 307 https://127.0.0.1:{ports[1]}$request_uri;
    }}
    location = /oauth2/exchange {{ {_JSON} return 200 '{json.dumps({"refresh_token": token})}'; }}
    location = /oauth2/token {{ {_JSON} return 200 '{json.dumps({"access_token": token})}'; }}
  }}
}}
"""


_JSON: Final = "default_type application/json;"


def _places(files: Path, guard: str = "") -> str:
    return f"""
    root {files};
    location = /v2/ {{ {_JSON} return 200 '{{}}'; }}
    location /v2/ {{ add_header Docker-Content-Digest $digest; }}
    location ~ ^/v2/[^/]+/manifests/ {{
      default_type {media_types.OCI_MANIFEST}; add_header Docker-Content-Digest $digest;
    }}
    location /acr/v1/ {{ {guard} {_JSON} }}
    location = /acr/v1/{MANY}/_tags {{
      {guard} {_JSON} add_header Link $link; rewrite ^ /$page break;
    }}
"""


def _guard(port: int, needed: str) -> str:
    """What is answered without a token, as ACR does it."""
    host = f"127.0.0.1:{port}"
    challenge = f'Bearer realm="https://{host}/oauth2/token",service="{host}",scope="repository:{needed}"'
    error = {"code": "UNAUTHORIZED", "message": "authentication required", "detail": None}
    return (
        f"if ($http_authorization = '') {{ "
        f"add_header WWW-Authenticate '{challenge}' always; return 401 '{json.dumps({'errors': [error]})}'; }}"
    )
