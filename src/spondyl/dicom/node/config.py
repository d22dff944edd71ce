"""What a node is told: who it is, whom it hears, where results go, and its limits."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from spondyl.dicom.node.tls import Tls
from spondyl.errors import InputError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["NodeConfig", "Peer", "read_config"]

_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}

Title = Annotated[str, Field(pattern=r"^[!-\[\]-~](?:[ -\[\]-~]{0,14}[!-\[\]-~])?$")]
"""An application entity title: 1-16 printable ASCII characters, no backslash (DICOM PS3.5, VR AE)."""


class Peer(BaseModel):
    """Another DICOM application, written ``TITLE@HOST:PORT``.

    Attributes:
        title: Its application entity title.
        host: Name or address; an IPv6 address in square brackets.
        port: TCP port.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Title
    host: str = Field(min_length=1)
    port: int = Field(ge=1, le=65535)

    @classmethod
    def parse(cls, text: str) -> Self:
        """A peer from ``TITLE@HOST:PORT``.

        Raises:
            InputError: not written like that.
        """
        found = re.fullmatch(r"([^@]+)@(\[[^\]]+\]|[^@:]+):(\d{1,5})", text.strip())
        title, host, port = found.groups() if found else ("", "", "0")
        try:
            return cls(title=title, host=host.strip("[]"), port=int(port))
        except ValidationError as error:
            raise InputError(f"{text!r} is no DICOM peer; expected TITLE@HOST:PORT") from error

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.title}@{host}:{self.port}"


def _peer(value: Any) -> Any:
    """Let a configuration file write a peer as one word."""
    if not isinstance(value, str):
        return value
    try:
        return Peer.parse(value)
    except InputError as error:
        raise ValueError(str(error)) from error


class NodeConfig(BaseModel):
    """Everything a node needs to know; also the content of its configuration file.

    Attributes:
        store: Folder of the queue and of the studies in it; one node per folder.
        ae_title: Its own title; calls for another one are refused.
        host: Address to listen on; other machines cannot reach the default.
        port: TCP port to listen on.
        allow: Titles that may call. Anybody, if empty, but only on a loopback address.
        others: What to do with objects that are no CT: ``"refuse"`` them when the association is made, or
            ``"drop"`` them, i.e. take and forget them, for routers that only send whole studies.
        send_to: Where results go by C-STORE.
        tls: Which DICOM associations are encrypted, and with what; ``None``: none.
        stow: Where results go by DICOMweb: the address to which ``/studies`` is added.
        stow_headers: HTTP headers for it, e.g. ``Authorization``.
        results: What to make; ``"ct"`` adds the series itself.
        deidentify: Remove the patient's identity from all that leaves.
        deidentify_dates: What becomes of dates then, see :func:`spondyl.dicom.deidentify`.
        model: Model folder (``None``: the one that ships with Spondyl).
        threads: CPU threads for one study (``None``: all).
        quiet_s: A study is complete this long after the association that brought it was released.
        patience_s: The same, if that association was cut or stays open: its sender may come back.
        max_study_mb: A larger study is refused (10^6 bytes).
        max_instances: A study of more instances is refused.
        time_limit_s: Processing one study may take this long.
        min_free_mb: With less free space on the store's disk nothing is received or begun.
        processing_tries: A study that fails is given up after so many tries.
        sending_tries: The same for sending its results.
        retry_first_s: Wait before the second try; doubled for each further one.
        retry_longest_s: The longest wait between two tries.
        keep_hours: Files of a finished study are deleted after this long.
        remember_days: Files of a study that was given up, and all records, are deleted after this long.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    store: Path
    ae_title: Title = "SPONDYL"
    host: str = "127.0.0.1"
    port: int = Field(default=11112, ge=1, le=65535)
    allow: tuple[Title, ...] = ()
    others: Literal["refuse", "drop"] = "refuse"
    send_to: Annotated[Peer, BeforeValidator(_peer)] | None = None
    tls: Tls | None = None
    stow: str | None = Field(default=None, pattern=r"^https?://", repr=False)
    stow_headers: Mapping[str, str] = Field(default_factory=dict, repr=False)
    results: tuple[Literal["seg", "sr", "rtstruct", "ct"], ...] = ("seg", "sr")
    deidentify: bool = False
    deidentify_dates: Literal["remove", "shift", "keep"] = "remove"
    model: Path | None = None
    threads: int | None = Field(default=None, ge=1)
    quiet_s: float = Field(default=30, gt=0)
    patience_s: float = Field(default=300, gt=0)
    max_study_mb: int = Field(default=4000, ge=1)
    max_instances: int = Field(default=10_000, ge=1)
    time_limit_s: float = Field(default=1800, gt=0)
    min_free_mb: int = Field(default=2000, ge=0)
    processing_tries: int = Field(default=3, ge=1)
    sending_tries: int = Field(default=60, ge=1)
    retry_first_s: float = Field(default=30, gt=0)
    retry_longest_s: float = Field(default=3600, gt=0)
    keep_hours: float = Field(default=24, ge=0)
    remember_days: float = Field(default=30, gt=0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.send_to is not None and self.stow is not None:
            raise ValueError("give either send_to or stow, not both")
        if not self.allow and self.host not in _LOOPBACK:
            raise ValueError(
                f"host {self.host} can be reached by other machines: allow must say who may call"
            )
        return self

    def wait_s(self, tries: int) -> float:
        """Seconds to wait after so many tries have failed (1 or more)."""
        return min(self.retry_first_s * 2.0 ** min(tries - 1, 40), self.retry_longest_s)


def read_config(path: Path | None = None, **given: Any) -> NodeConfig:
    """Read a configuration file (YAML or JSON); what is given besides goes first.

    Args:
        path: The file, or ``None``.
        given: Fields of :class:`NodeConfig`; ``None`` and ``()`` mean not given.

    Raises:
        InputError: the file cannot be read, or a setting is unknown, missing or wrong.
    """
    settings: Any = {}
    place = path or "node settings"
    if path is not None:
        try:
            settings = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except yaml.MarkedYAMLError as error:  # its own words quote the line, in which a password may stand
            mark = error.problem_mark or error.context_mark
            line = f" in line {mark.line + 1}" if mark else ""
            raise InputError(f"{path}: not a readable YAML or JSON file: {error.problem}{line}") from None
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InputError(f"{path}: not a readable YAML or JSON file: {error}") from error
        if not isinstance(settings, dict):
            raise InputError(f"{path}: expected settings as 'name: value' lines")
    try:
        return NodeConfig(**{**settings, **{k: v for k, v in given.items() if v not in (None, ())}})
    except ValidationError as error:
        raise InputError(f"{place}: {'; '.join(map(_words, error.errors()))}") from error


def _words(mistake: "ErrorDetails") -> str:
    """A mistake as a sentence that says what to do."""
    setting = ".".join(map(str, mistake["loc"]))
    if mistake["type"] == "missing":
        return f"{setting} is missing; give --{setting}, or write it into the file of --config"
    if mistake["type"] == "extra_forbidden":
        known = [*NodeConfig.model_fields, *(f"tls.{name}" for name in Tls.model_fields)]
        near = get_close_matches(setting, known, 1)
        return f"{setting} is no setting" + "".join(f"; did you mean {name}?" for name in near)
    if mistake["type"] == "model_type":
        return f"{setting}: expected settings of its own as 'name: value' lines below it"
    return ": ".join(filter(None, [setting, mistake["msg"].removeprefix("Value error, ")]))
