"""An authority and certificates, made by openssl."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from spondyl.dicom.node.tls import Tls


class Certificates:
    """Certificates of loopback, each as ``NAME.crt`` and ``NAME.key``, and the authority that signed them."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("not installed: openssl")
        self.folder, self.authority = folder, folder / "authority.crt"
        folder.mkdir(parents=True, exist_ok=True)
        self._openssl("req", "-x509", *self._new("authority"))

    def make(self, name: str, host: str = "IP:127.0.0.1") -> tuple[Path, Path]:
        """A signed certificate and its key; made if it is not there."""
        certificate, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        if not certificate.exists():
            self._openssl("req", *self._new(name, "csr"))
            (self.folder / "host").write_text(f"subjectAltName={host}\n")
            signer = ("-CA", "authority.crt", "-CAkey", "authority.key", "-CAcreateserial")
            files = ("-in", f"{name}.csr", "-extfile", "host", "-out", f"{name}.crt")
            self._openssl("x509", "-req", "-days", "2", *signer, *files)
        return certificate, key

    def tls(self, name: str = "node", **more) -> Tls:
        """Settings with such a certificate."""
        certificate, key = self.make(name)
        return Tls(**{"certificate": certificate, "key": key, "authorities": self.authority, **more})

    def listening(self, name: str = "pacs") -> ssl.SSLContext:
        """For a peer that listens and wants a certificate; not made by Spondyl."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.authority)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(*self.make(name))
        return context

    def calling(self, name: str = "") -> ssl.SSLContext:
        """For a caller, with a certificate or without; not made by Spondyl."""
        context = ssl.create_default_context(cafile=self.authority)
        if name:
            context.load_cert_chain(*self.make(name))
        return context

    def encrypt(self, key: Path) -> Path:
        """The same key with a passphrase."""
        file = self.folder / f"{key.stem}.secret.key"
        self._openssl("pkey", "-in", key, "-aes256", "-passout", "pass:hunter2", "-out", file)
        return file

    @staticmethod
    def _new(name: str, ending: str = "crt") -> tuple[str, ...]:
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key")
        return (*key, "-subj", f"/CN={name}", "-out", f"{name}.{ending}")

    def _openssl(self, *words: object) -> None:
        subprocess.run(["openssl", *map(str, words)], cwd=self.folder, check=True, capture_output=True)
