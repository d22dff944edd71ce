"""Running the server until it is stopped."""

import logging
from importlib.util import find_spec

from spondyl.errors import MissingDependencyError
from spondyl.server.settings import Settings

__all__ = ["serve"]

logger = logging.getLogger(__name__)


def serve(settings: Settings) -> None:
    """Answer requests until the process is interrupted.

    Args:
        settings: See :class:`~spondyl.server.settings.Settings`.

    Raises:
        MissingDependencyError: the extra ``web`` is not installed.
        InputError: another server uses the data folder.
        OutputError: the data folder cannot be used.
    """
    missing = [name for name in ("fastapi", "uvicorn", "python_multipart", "PIL") if find_spec(name) is None]
    if missing:
        raise MissingDependencyError(
            f"the server needs {', '.join(missing)}; install it with: pip install 'spondyl[web]'"
        )
    import uvicorn

    from spondyl.server.app import create_app

    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=3,
    )
