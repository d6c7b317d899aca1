"""The local SES's own signature on what it tells: as Amazon SNS signs, by a key of this machine.

The key is worth nothing: whoever believes it does so because SES is local. It is short, so that a
laptop signs two records for each message without noticing.
"""

import base64
import hashlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

FILE_NAME = "signing-key.pem"
_BITS = 1024
_VALID_FOR = timedelta(days=3650)
#: In this order; https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
_SIGNED = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn",
           "Type")  # fmt: skip


class Signer:
    """Signs envelopes with the key in a folder, which it makes once."""

    def __init__(self, folder: Path, *, now: datetime) -> None:
        path = folder / FILE_NAME
        if not path.exists():
            _make(path, now=now)
        content = path.read_bytes()
        key = serialization.load_pem_private_key(content, password=None)
        assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101  we made it
        self._key = key
        #: for whoever checks
        self.certificate = content[content.index(b"-----BEGIN CERTIFICATE") :]
        digest = hashlib.sha256(self.certificate).hexdigest()[:32]
        #: as Amazon names its own
        self.certificate_name = f"SimpleNotificationService-{digest}.pem"

    def sign(self, envelope: dict[str, Any], *, version: str = "2") -> None:
        """Put the signature into an envelope."""
        text = "".join(f"{name}\n{envelope[name]}\n" for name in _SIGNED if name in envelope)
        algorithm = hashes.SHA256() if version == "2" else hashes.SHA1()  # noqa: S303  Amazon's
        signature = self._key.sign(text.encode("utf-8", "replace"), padding.PKCS1v15(), algorithm)
        envelope["SignatureVersion"] = version
        envelope["Signature"] = base64.b64encode(signature).decode()


def _make(path: Path, *, now: datetime) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.local")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID_FOR)
        .sign(key, hashes.SHA256())
    )
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
