"""Running the server until it is stopped."""

import socket
from collections.abc import Callable
from importlib.util import find_spec

from spondyl.errors import InputError, MissingDependencyError
from spondyl.server.settings import Settings

__all__ = ["serve"]


def serve(settings: Settings, ready: Callable[[str], None] = lambda _: None) -> None:
    """Answer requests until the process is interrupted.

    Args:
        settings: See :class:`~spondyl.server.settings.Settings`.
        ready: Called with the address, once it can be asked.

    Raises:
        MissingDependencyError: the extra ``web`` is not installed.
        InputError: another server uses the data folder, or the address.
        OutputError: the data folder cannot be used.
    """
    missing = [name for name in ("fastapi", "uvicorn", "python_multipart", "PIL") if find_spec(name) is None]
    if missing:
        raise MissingDependencyError(
            f"the server needs {', '.join(missing)}; install it with: pip install 'spondyl[web]'"
        )
    import uvicorn

    from spondyl.server.app import create_app

    with _listening(settings) as listening:
        app = create_app(settings)
        ready(_address(settings.host, listening.getsockname()[1]))
        config = uvicorn.Config(
            app, log_level="warning", server_header=False, proxy_headers=False, timeout_graceful_shutdown=3
        )
        uvicorn.Server(config).run(sockets=[listening])


def _listening(settings: Settings) -> socket.socket:
    """A socket at the address.

    Raises:
        InputError: somebody else has it, or it is not this machine's.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        raise InputError(
            f"{settings.host}, port {settings.port}: cannot listen there: {error.strerror or error};"
            " --port chooses another"
        ) from error


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
