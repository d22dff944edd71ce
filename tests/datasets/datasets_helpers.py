"""A server on this machine that can be told to misbehave, and tiny data sets."""

import hashlib
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nibabel as nib
import numpy as np


@dataclass
class FakeFile:
    """What the server does when asked for a path."""

    body: bytes
    ranges: bool = True
    etag: str | None = '"one"'
    content_type: str = "application/zip"
    status: int = 200
    break_after: list[int] = field(default_factory=list)  # bytes sent before hanging up, per request
    busy: int = 0  # requests answered with 503 first
    redirect: str | None = None
    link: str | None = None
    ignore_start: bool = False  # answers 206 with a range that was not asked for


class LocalServer:
    """``files`` maps paths to behaviour; ``requests`` lists ``(path, Range header)`` as they come."""

    def __init__(self) -> None:
        self.files: dict[str, FakeFile] = {}
        self.requests: list[tuple[str, str | None]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_GET(self):
                server.requests.append((self.path, self.headers.get("Range")))
                self.close_connection = True
                server.answer(self, server.files.get(self.path.partition("?")[0]))

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def answer(self, handler: BaseHTTPRequestHandler, file: FakeFile | None) -> None:
        if file is None or file.status >= 400:
            handler.send_error(404 if file is None else file.status)
            return
        if file.busy:
            file.busy -= 1
            handler.send_error(503)
            return
        if file.redirect:
            handler.send_response(302)
            handler.send_header("Location", file.redirect)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        start = self._start(handler, file)
        if start >= len(file.body) > 0 and start:
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(file.body)}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        self._send(handler, file, start)

    @staticmethod
    def _start(handler: BaseHTTPRequestHandler, file: FakeFile) -> int:
        wanted = handler.headers.get("Range")
        if not (wanted and file.ranges):
            return 0
        if handler.headers.get("If-Range") not in (None, file.etag):
            return 0
        return int(wanted.removeprefix("bytes=").partition("-")[0])

    @staticmethod
    def _send(handler: BaseHTTPRequestHandler, file: FakeFile, start: int) -> None:
        body = file.body[start:]
        handler.send_response(206 if start else 200)
        if start:
            named = 0 if file.ignore_start else start
            handler.send_header("Content-Range", f"bytes {named}-{len(file.body) - 1}/{len(file.body)}")
        if file.etag:
            handler.send_header("ETag", file.etag)
        if file.link:
            handler.send_header("Link", file.link)
        handler.send_header("Content-Type", file.content_type)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[: file.break_after.pop(0)] if file.break_after else body)
        handler.wfile.flush()


def zip_of(path: Path, members: dict[str, bytes]) -> bytes:
    """Write a zip archive; its bytes are returned."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in members.items():
            bundle.writestr(name, content)
    return path.read_bytes()


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def write_nifti(path: Path, data: np.ndarray, affine: np.ndarray | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, np.eye(4) if affine is None else affine), path)
    return path


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
