"""A certificate of the emulator's own, for clients that insist on TLS. Nobody else signs it: they have to trust it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

# Comes with azure-identity in any case. Imported by those alone that want a certificate made: it takes a while.
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from acr.emulator._access.secrets import write_private

_DAY: Final = timedelta(days=1)
_LIFETIME: Final = 365 * _DAY
_LEFT: Final = 30 * _DAY
"""A certificate that lives no longer is made anew."""


def self_signed(folder: Path, hosts: Iterable[str]) -> tuple[Path, Path]:
    """The files of a certificate and of its key, in PEM: those in the folder, if they are good for a while yet.

    Args:
        folder: where they are kept.
        hosts: names and addresses that it must be for.
    """
    certificate, key = folder / "certificate.pem", folder / "certificate-key.pem"
    names = [_general_name(host) for host in dict.fromkeys(hosts)]
    if not (key.exists() and _is_good(certificate, names)):
        _make(certificate, key, names)
    return certificate, key


def _is_good(path: Path, names: list[x509.GeneralName]) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (FileNotFoundError, ValueError, x509.ExtensionNotFound):
        return False
    return list(found) == names and certificate.not_valid_after_utc > datetime.now(UTC) + _LEFT


def _make(certificate: Path, key: Path, names: list[x509.GeneralName]) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "acr.emulator")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(
            issuer, issuer, private.public_key(), x509.random_serial_number(), now - _DAY, now + _LIFETIME
        )
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    write_private(key, private.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    write_private(certificate, made.public_bytes(pem))


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
