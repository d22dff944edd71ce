"""What a server is told when it starts."""

import ipaddress
import socket
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spondyl.errors import InputError

__all__ = ["Settings", "host_name"]

_LEAST_TOKEN: Final = 16


class Settings(BaseModel):
    """Everything that can be chosen; nothing is read from anywhere else."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Path = Field(description="Folder of the cases; made when missing.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0: any free one.")
    token: str | None = Field(None, min_length=_LEAST_TOKEN, description="Secret that requests must carry.")
    force: bool = Field(False, description="Listen beyond this machine without a token.")
    allowed_hosts: tuple[str, ...] = Field((), description="Further names this server is called by.")
    max_upload_mb: int = Field(2048, ge=1, description="Largest upload.")
    max_unpacked_mb: int = Field(8192, ge=1, description="Largest content of a zip archive.")
    max_files: int = Field(10_000, ge=1, description="Most files in one upload, archives included.")
    max_display_voxels: int = Field(
        100_000_000, ge=1_000, description="Larger scans are shown reduced, so that a browser survives."
    )
    max_memory_gb: float | None = Field(
        None, gt=0, description="Memory of the worker; by default three quarters of the machine's."
    )
    model: Path | None = Field(None, description="Model folder; by default the one that ships.")
    engine: Literal["auto", "openvino", "onnxruntime", "torch"] = "auto"
    precision: Literal["f32", "bf16"] = "f32"
    threads: int | None = Field(None, ge=1, description="Threads of the worker; by default all.")

    @classmethod
    def checked(cls, **values: Any) -> "Settings":
        """Settings that are safe to start with.

        Raises:
            InputError: a value is out of its range, or others could reach the server without a token.
        """
        try:
            settings = cls(**values)
        except ValidationError as error:
            first = error.errors()[0]
            raise InputError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
        if not settings.is_loopback and settings.token is None and not settings.force:
            raise InputError(
                f"{settings.host}: other machines could reach this server and read every scan; give a token"
                f" of at least {_LEAST_TOKEN} characters, or --force where something else guards it"
            )
        return settings

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def knows_host(self, host: str) -> bool:
        """Whether a request's ``Host`` header names this server.

        A page of a stranger that points its own name at this machine (DNS rebinding) is not heard.
        Addresses cannot be pointed elsewhere, so they are all fine.
        """
        name = host_name(host)
        try:
            ipaddress.ip_address(name)
        except ValueError:
            known = {"localhost", self.host.lower(), socket.gethostname().lower()}
            return name in known | {other.lower() for other in self.allowed_hosts}
        return True


def host_name(host: str) -> str:
    """The name or address in a ``Host`` header, without port and brackets, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()
