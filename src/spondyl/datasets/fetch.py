"""One file over HTTP: resumed where it broke off, checked, renamed when complete.

The bytes go to ``NAME.part``; beside it ``NAME.part.json`` remembers the address and the server's
version mark (ETag or date), so that a file that changed meanwhile is begun anew instead of being
pieced together (``If-Range``, RFC 9110 section 13.1.5). pooch cannot resume, hence this.
"""

import hashlib
import http.client
import json
import logging
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import spondyl
from spondyl.datasets.space import check_space
from spondyl.errors import DownloadError, OutputError

__all__ = ["Progress", "fetch", "fetch_json"]

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int | None], None]
"""Called with what is going on, the bytes done, and the bytes in all where known."""

_CHUNK: Final = 1 << 20
_TIMEOUT_S: Final = 60.0
_PATIENCE: Final = 4  # attempts in a row that bring no new byte
_BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_LOGIN: Final = frozenset({401, 403})
_NEXT_PAGE: Final = re.compile(r'<([^>]+)>\s*;\s*rel="?next"?')  # RFC 8288


class _BrokenError(Exception):
    """The connection broke; worth another attempt."""


def fetch(
    url: str,
    target: Path,
    *,
    checksum: str | None = None,
    page: str = "",
    progress: Progress | None = None,
    pause_s: float = 1.0,
) -> Path:
    """Fetch one file, resuming an earlier broken transfer.

    Args:
        url: ``http`` or ``https`` address.
        target: Where the complete file goes; if it is there already nothing is done.
        checksum: ``"sha256:..."`` or ``"md5:..."`` to check.
        page: Web page named in errors as the way to fetch by hand.
        progress: Called as bytes arrive.
        pause_s: Waiting time before the second attempt; doubles with each.

    Returns:
        ``target``.

    Raises:
        DownloadError: unreachable, refused, not the file but a web page, cut short again and again,
            or a wrong checksum. What came so far stays for the next run, except on a wrong checksum.
        OutputError: the disk is full or the folder cannot be written.
    """
    if target.exists():
        return target
    if not url.startswith(("http://", "https://")):
        raise DownloadError(f"{url}: only http and https addresses are fetched")
    transfer = _Transfer(url, target, page, progress)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _persist(transfer, pause_s)
        _verify(transfer, checksum)
        transfer.partial.replace(target)
        transfer.notes.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {error.strerror or error}") from error
    return target


def fetch_json(url: str, *, page: str = "") -> tuple[Any, str | None]:
    """A JSON answer, and the address of its next page if the server names one.

    Raises:
        DownloadError: unreachable, refused, or not JSON.
    """
    try:
        with urllib.request.urlopen(_request(url), timeout=_TIMEOUT_S) as answer:  # noqa: S310
            content = json.load(answer)
            following = answer.headers.get("Link", "")
    except urllib.error.HTTPError as error:
        raise _refused(url, error, page) from error
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(f"{url}: not reachable ({_reason(error)}). {_by_hand(page)}") from error
    except ValueError as error:
        raise DownloadError(f"{url}: expected JSON, found something else. {_by_hand(page)}") from error
    link = _NEXT_PAGE.search(following)
    return content, link[1] if link else None


@dataclass
class _Transfer:
    """The state of fetching one file."""

    url: str
    target: Path
    page: str
    progress: Progress | None

    @property
    def partial(self) -> Path:
        return self.target.with_name(self.target.name + ".part")

    @property
    def notes(self) -> Path:
        return self.target.with_name(self.target.name + ".part.json")

    @property
    def done(self) -> int:
        return self.partial.stat().st_size if self.partial.exists() else 0

    def version(self) -> str | None:
        """The version mark of what is there already, if it came from the same address."""
        try:
            notes = json.loads(self.notes.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return notes.get("version") if notes.get("url") == self.url else None

    def report(self, done: int, total: int | None) -> None:
        if self.progress:
            self.progress(self.target.name, done, total)


def _persist(transfer: _Transfer, pause_s: float) -> None:
    """Attempt until complete, or until ``_PATIENCE`` attempts in a row brought nothing."""
    fruitless = 0
    while True:
        before = transfer.done
        try:
            _attempt(transfer)
        except _BrokenError as error:
            fruitless = 0 if transfer.done > before else fruitless + 1
            if fruitless >= _PATIENCE:
                raise DownloadError(
                    f"{transfer.url}: {error}. {transfer.done} bytes are kept in {transfer.partial}; run the "
                    f"command again to continue there. {_by_hand(transfer.page)}"
                ) from error
            logger.info("%s: %s; trying again", transfer.url, error)
            time.sleep(pause_s * 2 ** (fruitless - 1))
        else:
            return


def _attempt(transfer: _Transfer) -> None:
    """One request; appends to the partial file, or begins it anew.

    Raises:
        _BrokenError: the connection failed or ended early.
        DownloadError: the server refused, or sent a web page.
        OSError: writing failed.
    """
    version = transfer.version()
    start = transfer.done if version else 0
    request = _request(transfer.url)
    if start and version:
        request.add_header("Range", f"bytes={start}-")
        request.add_header("If-Range", version)
    try:
        answer = urllib.request.urlopen(request, timeout=_TIMEOUT_S)  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code == 416 and start:  # nothing left, or a partial file that is too long
            if _length_of_range(error.headers) != start:
                transfer.partial.unlink()
                raise _BrokenError("the partial file did not match the server's") from error
            return
        if error.code in _BUSY:
            raise _BrokenError(f"the server is busy (HTTP {error.code})") from error
        raise _refused(transfer.url, error, transfer.page) from error
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenError(f"not reachable ({_reason(error)})") from error
    with answer:
        _receive(answer, transfer, start)


def _receive(answer: Any, transfer: _Transfer, start: int) -> None:
    """Write one answer to the partial file."""
    if answer.headers.get_content_type() in {"text/html", "application/xhtml+xml"}:
        raise DownloadError(
            f"{transfer.url}: a web page came instead of the file (a login or consent page?). "
            f"{_by_hand(transfer.page)}"
        )
    if answer.status == 206:
        total = _length_of_range(answer.headers)
        if not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            transfer.partial.unlink()
            raise _BrokenError("the server sent another range than asked for")
    else:  # the whole file: no resume on this server, or the file has changed
        start = 0
        length = answer.headers.get("Content-Length")
        total = int(length) if length is not None else None
        version = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        if version and version.startswith("W/"):  # a weak mark does not promise the same bytes
            version = answer.headers.get("Last-Modified")
        transfer.notes.write_text(json.dumps({"url": transfer.url, "version": version}), encoding="utf-8")
    check_space(transfer.target.parent, (total or 0) - start)
    with transfer.partial.open("ab" if start else "wb") as stream:
        done = _copy(answer, stream, transfer, start, total)
    if total is not None and done != total:
        raise _BrokenError(f"the transfer broke off after {done} of {total} bytes")


def _copy(answer: Any, stream: Any, transfer: _Transfer, done: int, total: int | None) -> int:
    """Copy what comes to the stream; returns the bytes in the file."""
    while True:
        try:
            chunk = answer.read1(_CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise _BrokenError(f"the transfer broke off after {done} bytes ({_reason(error)})") from error
        if not chunk:
            return done
        stream.write(chunk)
        done += len(chunk)
        transfer.report(done, total)


def _verify(transfer: _Transfer, checksum: str | None) -> None:
    if checksum is None:
        return
    algorithm, _, expected = checksum.partition(":")
    with transfer.partial.open("rb") as stream:
        found = hashlib.file_digest(stream, algorithm).hexdigest()
    if found != expected.lower():
        transfer.partial.unlink()
        transfer.notes.unlink(missing_ok=True)
        raise DownloadError(
            f"{transfer.url}: damaged on the way or exchanged: expected {algorithm} {expected}, "
            f"found {found}; it has been deleted, run the command again. {_by_hand(transfer.page)}"
        )


def _request(url: str) -> urllib.request.Request:
    return urllib.request.Request(  # noqa: S310
        url, headers={"User-Agent": f"spondyl/{spondyl.__version__}", "Accept-Encoding": "identity"}
    )


def _length_of_range(headers: Any) -> int | None:
    """The whole file's length in ``Content-Range: bytes 10-99/100`` or ``bytes */100``."""
    length = str(headers.get("Content-Range", "")).rpartition("/")[2]
    return int(length) if length.isdigit() else None


def _refused(url: str, error: urllib.error.HTTPError, page: str) -> DownloadError:
    why = (
        "a login is needed"
        if error.code in _LOGIN
        else "nothing there"
        if error.code == 404
        else error.reason
    )
    return DownloadError(f"{url}: the server refused (HTTP {error.code}: {why}). {_by_hand(page)}")


def _by_hand(page: str) -> str:
    return f"To fetch it by hand, open {page}" if page else ""


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return str(getattr(reason, "strerror", None) or reason or type(error).__name__)
