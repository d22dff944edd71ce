"""Other applications for a node to talk to: a real Orthanc, a picky archive, a sender."""

import json
import os
import random
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing, contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import psutil
import pytest
from node_fakes import SEG, SR
from pydicom import Dataset, dcmread
from pynetdicom import AE, build_context, evt
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode
from pynetdicom.sop_class import CTImageStorage, Verification

from spondyl.dicom.node import NodeConfig
from spondyl.dicom.node.queue import StudyQueue
from spondyl.dicom.node.sockets import Connections, calling_handlers
from spondyl.dicom.node.study import State
from spondyl.dicom.node.upkeep import list_studies

PLUGINS = Path("/usr/share/orthanc/plugins")


def free_port() -> int:
    """A port to listen on later. Not one of those that systems give to outgoing connections meanwhile."""
    while True:
        port = random.randrange(11_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def kill(program: subprocess.Popen[bytes]) -> None:
    """SIGKILL to a node alone; whatever it started must end by itself."""
    children = psutil.Process(program.pid).children(recursive=True)
    program.kill()
    program.wait()
    psutil.wait_procs(children, timeout=20)
    assert not [child for child in children if child.is_running()]


def states(config: NodeConfig) -> list[State]:
    """Of the studies of a node that another program runs."""
    with closing(StudyQueue(config.store / "queue.sqlite")) as queue:
        return [study.state for study in list_studies(queue)]


def wait_until(ready: Callable[[], Any], what: str, timeout_s: float = 60) -> Any:
    """What ``ready`` gives, once it gives something."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if found := ready():
            return found
        time.sleep(0.02)
    pytest.fail(f"waited in vain: {what}")


class Orthanc:
    """An Orthanc with DICOMweb on loopback, in a folder of its own."""

    title = "ORTHANC"

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder, self.port, self.http = folder, free_port(), free_port()
        self.web = f"http://127.0.0.1:{self.http}/dicom-web"
        self._running: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "orthanc.json").write_text(
            json.dumps(
                {
                    "StorageDirectory": str(folder / "storage"),
                    "IndexDirectory": str(folder / "storage"),
                    "HttpPort": self.http,
                    "DicomPort": self.port,
                    "DicomAet": self.title,
                    "DicomCheckCalledAet": True,
                    "DicomAlwaysAllowFind": True,
                    "DicomAlwaysAllowGet": True,
                    "DicomAlwaysAllowMove": True,
                    "RemoteAccessAllowed": False,
                    "AuthenticationEnabled": False,
                    "Plugins": [str(PLUGINS / "libOrthancDicomWeb.so")],
                    "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
                    **settings,
                }
            )
        )

    def start(self) -> None:
        log = (self.folder / "log").open("ab")
        self._running = subprocess.Popen(["Orthanc", self.folder / "orthanc.json"], stdout=log, stderr=log)
        log.close()
        wait_until(self._answers, "Orthanc starts")

    def stop(self) -> None:
        if self._running is not None:
            self._running.kill()  # it takes seconds to end by itself, and its database outlives this
            self._running.wait()
            self._running = None

    def _answers(self) -> bool:
        try:
            return bool(self.get("/system"))
        except OSError:
            return False

    def get(self, path: str) -> Any:
        return json.loads(self.read(path))

    def read(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=10) as answer:
            return answer.read()

    def send(self, path: str, data: Any, method: str = "POST") -> Any:
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", data=body, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def know(self, title: str, port: int, *, tls: bool = False) -> None:
        modality = {"AET": title, "Host": "127.0.0.1", "Port": port, "UseDicomTls": tls}
        self.send(f"/modalities/{title.lower()}", modality, "PUT")

    def instances(self, study: str, modality: str) -> list[str]:
        """Orthanc's own numbers of the objects of a modality in a study."""
        query = {"Level": "Instance", "Query": {"StudyInstanceUID": study, "Modality": modality}}
        return json.loads(self.send("/tools/find", query))


def read_back(orthanc: Orthanc, study: str, modality: str) -> Dataset:
    """The only object of a modality in a study, once it is there."""
    (number,) = wait_until(lambda: orthanc.instances(study, modality), f"{modality} in Orthanc")
    return dcmread(BytesIO(orthanc.read(f"/instances/{number}/file")))


class Archive:
    """Takes what it is sent; in the way that a test wants."""

    title = "ARCHIVE"

    def __init__(
        self,
        answer: Callable[[int], int] = lambda count: 0x0000,
        port: int | None = None,
        takes: tuple[str, ...] = (SEG, SR),
    ) -> None:
        self.port, self.got, self._takes = port or free_port(), [], takes
        self._answer, self._lock = answer, threading.Lock()

    @contextmanager
    def listening(self, ssl_context: ssl.SSLContext | None = None):
        ae = AE(ae_title=self.title)
        for uid in self._takes:
            ae.add_supported_context(uid)
        server = ae.start_server(
            ("127.0.0.1", self.port),
            block=False,
            ssl_context=ssl_context,
            evt_handlers=[*Connections(60).handlers(), (evt.EVT_C_STORE, self._store)],
        )
        try:
            yield self
        finally:
            server.shutdown()
            ae.shutdown()

    def _store(self, event: Any) -> int:
        with self._lock:
            self.got.append(str(event.request.AffectedSOPInstanceUID))
            count = len(self.got)
        return self._answer(count)


@contextmanager
def calling(
    port: int,
    *,
    title: str = "SENDER",
    called: str = "SPONDYL",
    contexts: Any = None,
    ssl_context: ssl.SSLContext | None = None,
):
    """An association with a node; what is given back may not be established."""
    ae = AE(ae_title=title)
    ae.requested_contexts = contexts or [build_context(uid) for uid in (CTImageStorage, Verification)]
    tls = (ssl_context, "127.0.0.1") if ssl_context else None
    association = ae.associate(
        "127.0.0.1", port, ae_title=called, evt_handlers=calling_handlers(), tls_args=tls
    )
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def send(port: int, slices: list[Dataset], **more: Any) -> list[Dataset]:
    """Send objects in one association; gives the answers."""
    with calling(port, **more) as association:
        assert association.is_established
        return [association.send_c_store(slice_) for slice_ in slices]


def announce(association: Any, slice_: Dataset, *, uid: str = "", raw: bytes = b"") -> Any:
    """C-STORE with a request that does not fit, or with raw bytes as data set."""
    request = C_STORE()
    request.MessageID, request.Priority = 1, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = CTImageStorage, uid or slice_.SOPInstanceUID
    context = association._get_valid_context(CTImageStorage, "", "scu")
    syntax = context.transfer_syntax[0]
    request.DataSet = BytesIO(raw or encode(slice_, syntax.is_implicit_VR, syntax.is_little_endian))
    association._reactor_checkpoint.clear()
    while not association._is_paused:
        time.sleep(0.001)
    association.dimse.send_msg(request, context.context_id)
    _, answer = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    return answer


def program(name: str) -> str | None:
    """Where a program of the system is; pynetdicom puts scripts of the same names beside every Python."""
    found = (shutil.which(name, path=place) for place in os.get_exec_path())
    return next((file for file in found if file and not is_script(file)), None)


def is_script(file: str) -> bool:
    with Path(file).open("rb") as stream:
        return stream.read(2) == b"#!"


def dcmtk(name: str, *words: object) -> subprocess.CompletedProcess[str]:
    """Run one of dcmtk's programs."""
    command = [str(program(name)), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skip, with a clear word, where programs are missing."""
    missing = [name for name in programs if program(name) is None]
    return pytest.mark.skipif(
        bool(missing), reason=f"not installed: {', '.join(missing)} (Debian: orthanc orthanc-dicomweb dcmtk)"
    )
