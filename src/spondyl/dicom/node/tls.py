"""Encrypted associations: the certificates of a node, and what becomes of them in Python's ``ssl``.

DICOM PS3.15 B.12 (BCP 195 RFC 8996, 9325 TLS Secure Transport Connection Profile): TLS 1.2 or 1.3, and for
1.2 the suites that RFC 9325 section 4.2 recommends, all with forward secrecy and authenticated encryption.
"""

import ssl
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from spondyl.errors import InputError

__all__ = ["CallingContext", "Tls", "tls_trouble"]

_SUITES_1_2: Final = "ECDHE+AESGCM"

_HANGS_UP: Final = "hangs up during the TLS handshake"
_WORDS: Final = {
    "WRONG_VERSION_NUMBER": "does not speak TLS",
    "HTTP_REQUEST": "does not speak TLS",
    "UNSUPPORTED_PROTOCOL": "speaks no TLS newer than 1.1",
    "TLSV1_ALERT_PROTOCOL_VERSION": "speaks no TLS newer than 1.1",
    "NO_SHARED_CIPHER": "knows none of our cipher suites",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "wants a certificate, or knows none of our cipher suites",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "shows no certificate",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "wants a certificate, and gets none",
    "TLSV1_ALERT_UNKNOWN_CA": "does not know the authority of our certificate",
    "SSLV3_ALERT_BAD_CERTIFICATE": "does not accept our certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "does not accept our certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "says that our certificate has expired",
    "TLSV1_ALERT_DECRYPT_ERROR": "does not accept our certificate",
    "UNEXPECTED_EOF_WHILE_READING": _HANGS_UP,
}
"""OpenSSL's names for what goes wrong."""


class Tls(BaseModel):
    """Which associations are encrypted, and with what.

    Attributes:
        incoming: Callers must speak TLS.
        outgoing: ``send_to`` is called by TLS.
        certificate: PEM file: the node's certificate, then those between it and its authority.
        key: PEM file: the certificate's private key, without a passphrase.
        authorities: PEM file: the authorities (or single certificates) that are believed.
        callers: Whether callers must show a certificate, or may be ``"anybody"``.
        check_host: Whether the certificate of ``send_to`` must bear the name or address that is called.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    incoming: bool = True
    outgoing: bool = True
    certificate: Path | None = None
    key: Path | None = None
    authorities: Path | None = None
    callers: Literal["certificate", "anybody"] = "certificate"
    check_host: bool = True

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not (self.incoming or self.outgoing):
            raise ValueError("incoming and outgoing are both false; leave tls out to encrypt nothing")
        if self.incoming and self.certificate is None:
            raise ValueError("certificate is missing: callers want to see one (or say incoming: false)")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together; one of them is missing")
        if self.authorities is None and (self.outgoing or self.callers == "certificate"):
            raise ValueError("authorities is missing: whose certificates are to be believed?")
        return self

    def check(self) -> None:
        """Use all files once.

        Raises:
            InputError: a file is missing, cannot be read, or does not fit.
        """
        if self.incoming:
            self.listening()
        if self.outgoing:
            self.calling()

    def listening(self) -> ssl.SSLContext:
        """For incoming associations; its sockets leave the handshake to :class:`~.sockets.Connections`.

        Raises:
            InputError: a file is missing, cannot be read, or does not fit.
        """
        context = _ListeningContext(ssl.PROTOCOL_TLS_SERVER)
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.num_tickets = (
            0  # nobody resumes, and some callers take a ticket for the beginning of an answer
        )
        if self.callers == "certificate":
            context.verify_mode = ssl.CERT_REQUIRED
        self._fill(context)
        return context

    def calling(self) -> "CallingContext":
        """For one outgoing association.

        Raises:
            InputError: a file is missing, cannot be read, or does not fit.
        """
        context = CallingContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = self.check_host
        self._fill(context)
        return context

    def _fill(self, context: ssl.SSLContext) -> None:
        """What both directions have in common."""
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_SUITES_1_2)
        # A certificate that is itself in the file of authorities is believed, whoever signed it.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if self.certificate is not None and self.key is not None:
            _load_own(context, self.certificate, self.key)
        if self.authorities is not None:
            _look(self.authorities, "tls.authorities", "CERTIFICATE-----")
            try:
                context.load_verify_locations(self.authorities)
            except (ssl.SSLError, OSError) as error:
                raise InputError(
                    f"tls.authorities {self.authorities}: damaged certificate: {_plain(error)}"
                ) from error


def _load_own(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    _look(certificate, "tls.certificate", "CERTIFICATE-----")
    _look(key, "tls.key", "PRIVATE KEY-----")

    def passphrase() -> str:
        raise InputError(
            f"tls.key {key}: has a passphrase, which nobody could type when the node starts; write the key"
            " without one: openssl pkey -in KEY -out NEW, readable for the node's user alone"
        )

    try:
        context.load_cert_chain(certificate, key, passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise InputError(f"tls.key {key}: is not the key of the certificate {certificate}") from error
        raise InputError(f"tls.certificate {certificate}, tls.key {key}: {_plain(error)}") from error


def _look(file: Path, setting: str, wanted: str) -> None:
    """Tell what OpenSSL does not: which file is missing, or holds something else.

    Raises:
        InputError: the file cannot be read, or holds no PEM of this kind.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"{setting} {file}: cannot be read: {error.strerror or error}") from error
    if wanted.encode() not in content:
        kind = wanted.strip("-").lower()
        raise InputError(f"{setting} {file}: expected a {kind} in PEM form (-----BEGIN ...), found none")


def tls_trouble(error: OSError) -> str:
    """What another application did wrong, or says we did, as the end of a sentence that begins with it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"shows a certificate that is not accepted: {error.verify_message.rstrip('.')}"
    if isinstance(error, TimeoutError):
        return "does not finish the TLS handshake"
    if isinstance(error, ssl.SSLError) and error.reason:
        return _WORDS.get(error.reason, f"ends TLS: {_plain(error)}")
    return _HANGS_UP


def _plain(error: OSError) -> str:
    """OpenSSL's words, without its numbers and places."""
    reason = getattr(error, "reason", None)
    return str(reason).replace("_", " ").lower() if reason else error.strerror or str(error)


class _ListeningContext(ssl.SSLContext):
    """Its sockets begin without a handshake: pynetdicom would wait for each in the thread that takes all."""

    def wrap_socket(self, *words: Any, **more: Any) -> ssl.SSLSocket:
        return super().wrap_socket(*words, **{**more, "do_handshake_on_connect": False})


class _TellingSocket(ssl.SSLSocket):
    """Notes in its context what goes wrong, and does not stay open where no connection comes about."""

    def connect(self, address: Any) -> None:
        try:
            super().connect(address)
        except OSError:
            self.close()
            raise

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError as error:
            self._note(error)
            raise

    def recv(self, *words: Any) -> bytes:
        # With TLS 1.3 only the first answer, or its absence, says that one's certificate was refused.
        try:
            data = super().recv(*words)
        except (ssl.SSLError, ConnectionError) as error:
            self._note(error)
            raise
        if not data:
            self._note(ConnectionAbortedError())
        return data

    def _note(self, error: OSError) -> None:
        if isinstance(self.context, CallingContext):
            self.context.trouble = error


class CallingContext(ssl.SSLContext):
    """Remembers what went wrong: pynetdicom only tells that there is no association.

    Attributes:
        trouble: The last error of TLS.
    """

    sslsocket_class = _TellingSocket
    trouble: OSError | None = None
