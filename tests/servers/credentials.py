"""Credentials that the servers let in, as users give them in the environment, and certificates."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography import x509

KEY, SECRET = "octomed-key", "planted-secret-key"
TOKEN = "hf_planted_token"


def environment(kind: str, url: str, folder: Path) -> dict[str, str]:
    """Return how a user of such a server names it and the credentials for it."""
    if kind in {"s3", "proxy"}:
        return {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    if kind == "gcs":
        return {"STORAGE_EMULATOR_HOST": url, "GOOGLE_APPLICATION_CREDENTIALS": str(_account(folder, url))}
    if kind == "azure":
        secret = base64.b64encode(SECRET.encode()).decode()
        names = ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_ACCOUNT_ACCESS_KEY")
        return {"AZURE_STORAGE_ENDPOINT": url, **dict.fromkeys(names, secret)}
    return {"HF_ENDPOINT": url, "HF_TOKEN": TOKEN} if kind == "hub" else {}


def _account(folder: Path, url: str) -> Path:
    """Write the file of an account of Google's, whose tokens come from the server itself."""
    path = folder / "google.json"
    if not path.exists():
        from cryptography.hazmat.primitives.asymmetric import rsa

        account = {
            "type": "service_account",
            "project_id": "octomed",
            "private_key_id": "1",
            "private_key": _pem(rsa.generate_private_key(65537, 2048)),
            "client_email": "octomed@example.org",
            "client_id": "1",
            "token_uri": f"{url}/token",
        }
        path.write_text(json.dumps(account))
    return path


def _pem(key: object) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    text: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined]
    return text.decode()


def certificate(folder: Path, authority: Path) -> Path:
    """Write a certificate for this machine with its key, and that of the authority that vouches for it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding

    own, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer, subject = _name("octomed tests: authority"), _name("octomed tests")
    places = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    made = _builder(issuer, issuer, 1).public_key(own.public_key())
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    authority.write_bytes(made.sign(own, hashes.SHA256()).public_bytes(Encoding.PEM))
    made = _builder(issuer, subject, 2).public_key(key.public_key())
    made = made.add_extension(x509.SubjectAlternativeName(places), critical=False)
    path = folder / "server.pem"
    path.write_bytes(_pem(key).encode() + made.sign(own, hashes.SHA256()).public_bytes(Encoding.PEM))
    return path


def _name(text: str) -> x509.Name:
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _builder(issuer: x509.Name, subject: x509.Name, number: int) -> x509.CertificateBuilder:
    from cryptography import x509

    now, day = datetime.datetime.now(datetime.timezone.utc), datetime.timedelta(days=1)
    builder = x509.CertificateBuilder().issuer_name(issuer).subject_name(subject).serial_number(number)
    return builder.not_valid_before(now - day).not_valid_after(now + 30 * day)


def trusting(authority: Path) -> ssl.SSLContext:
    """Return what trusts an authority."""
    return ssl.create_default_context(cafile=str(authority))
