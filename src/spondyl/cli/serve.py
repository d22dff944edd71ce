"""``spondyl serve``: the server with its page."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter, validators

__all__ = ["serve"]


def serve(  # noqa: PLR0913 - options of a command
    *,
    data: Path,
    host: str = "127.0.0.1",
    port: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535))] = 8000,
    token: str | None = None,
    token_file: Path | None = None,
    allow_host: tuple[str, ...] = (),
    force: Annotated[bool, Parameter(negative=())] = False,
    max_upload_mb: Annotated[int, Parameter(validator=validators.Number(gte=1))] = 2048,
    max_memory_gb: Annotated[float | None, Parameter(validator=validators.Number(gt=0))] = None,
    model: Path | None = None,
    engine: Literal["auto", "openvino", "onnxruntime", "torch"] = "auto",
    threads: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
) -> None:
    """Serve the page and the API on this machine until Ctrl-C.

    Scans, results and corrections are kept in the data folder until they are deleted. Only this machine
    can reach the server, unless --host says otherwise; then a token is needed.

    Args:
        data: Folder of the cases; made when missing.
        host: Address to listen on.
        port: Port to listen on.
        token: Secret that requests must carry, at least 16 characters. Who else works on this machine
            can see it in the list of processes.
        token_file: File that holds it instead.
        allow_host: A further name that the server is called by, such as scans.example.org.
        force: Listen beyond this machine without a token.
        max_upload_mb: Largest upload.
        max_memory_gb: Memory of the worker (default: three quarters of the machine's).
        model: Model folder (default: the one that comes with Spondyl).
        engine: What runs the networks.
        threads: CPU threads of the worker (default: all).
    """
    import sys

    from spondyl.models import default_model_folder, read_model
    from spondyl.server import Settings
    from spondyl.server import serve as run

    settings = Settings.checked(
        data=data,
        host=host,
        port=port,
        token=token if token_file is None else token_file.read_text(encoding="utf-8").strip(),
        allowed_hosts=allow_host,
        force=force,
        max_upload_mb=max_upload_mb,
        max_memory_gb=max_memory_gb,
        model=model,
        engine=engine,
        threads=threads,
    )
    read_model(settings.model or default_model_folder())  # a wrong one is told now, not with every scan
    run(settings, lambda address: print(f"Spondyl (Ctrl-C stops it): {address}", file=sys.stderr, flush=True))
