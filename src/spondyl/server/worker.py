"""The process that finds vertebrae: it can be killed at any time, and takes its memory with it.

It speaks lines of JSON: a job on the standard input; ``{"progress":, "step":}`` and at last
``{"done": true}`` or ``{"failed": "why"}`` on the standard output, with ``"leaving": true`` if it ends
after this job. When the server dies, the input ends and so does this process, in the middle of whatever
it does.
"""

import json
import logging
import os
import queue
import re
import resource
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TextIO

from spondyl.errors import SpondylError
from spondyl.inference import Pipeline, load_pipeline
from spondyl.outputs import write_outputs
from spondyl.server.display import write_display_image, write_display_mask
from spondyl.server.intake import read_upload
from spondyl.server.layout import CaseFiles
from spondyl.server.settings import Settings
from spondyl.server.strips import write_strips

__all__ = ["main", "process"]

logger = logging.getLogger(__name__)

Tell = Callable[[float, str], None]

_GROWN_KB: Final = 4_000_000
"""A worker that once needed this much ends after its job, and a small one takes its place."""


def process(files: CaseFiles, name: str, pipeline: Pipeline, settings: Settings, tell: Tell) -> None:
    """Everything that is done about one upload; the result comes last.

    Args:
        files: Of the case.
        name: Of the scan, for the record.
        pipeline: What finds vertebrae.
        settings: Limits.
        tell: Called with how far it is (0-1), and what is done next.

    Raises:
        SpondylError: the scan cannot be used.
    """
    files.clean()
    tell(0.02, "reading")
    volume = read_upload(files, settings)
    tell(0.1, "finding vertebrae")
    spine = pipeline(volume, progress=lambda done, total: tell(0.1 + 0.6 * done / total, "finding vertebrae"))
    tell(0.72, "writing")
    write_strips(volume, spine, files)
    write_display_image(volume, files, settings.max_display_voxels)
    tell(0.92, "writing")
    result = write_outputs(spine, volume, files.result, file=files.upload / name, preview=False)
    write_display_mask(files, result, settings.max_display_voxels)


def main() -> None:
    """Serve jobs until the standard input ends; the first line of it holds the settings."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # whatever a library prints must not be taken for an answer
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # sent to all of a service; the server ends us
    settings = Settings.model_validate_json(sys.stdin.readline())
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: worker: %(message)s")
    _bound_memory(settings)
    jobs: queue.SimpleQueue[dict[str, str]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()
    pipeline: Pipeline | None = None
    leaving = False
    while not leaving:
        job = jobs.get()
        files = CaseFiles(Path(job["folder"]))
        try:
            if pipeline is None:
                _say(out, progress=0.0, step="loading the model")
                pipeline = load_pipeline(
                    settings.model,
                    engine=settings.engine,
                    threads=settings.threads,
                    precision=settings.precision,
                )
            process(
                files, job["name"], pipeline, settings, lambda part, step: _say(out, progress=part, step=step)
            )
            last: dict[str, Any] = {"done": True}
        except SpondylError as error:
            last = {"failed": _told(str(error), files, job["name"])}
        except MemoryError:
            last = {"failed": "not enough memory for this scan; crop it to the spine"}
        except Exception as error:  # one strange scan must not end the others
            logger.exception("%s failed unexpectedly", job["folder"])
            last = {"failed": f"failed unexpectedly: {type(error).__name__}: {error}"}
        leaving = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > _GROWN_KB
        _say(out, **last, leaving=leaving)  # else the next job would be sent to a process that ends


def _listen(jobs: "queue.SimpleQueue[dict[str, str]]") -> None:
    for line in sys.stdin:
        jobs.put(json.loads(line))
    os._exit(0)  # the server is gone; nobody waits for what is being done


def _say(out: TextIO, **message: Any) -> None:
    out.write(json.dumps(message) + "\n")
    out.flush()


def _bound_memory(settings: Settings) -> None:
    """Let a scan that is too large fail alone, rather than have the machine choose a victim."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    most = int(settings.max_memory_gb * 1e9) if settings.max_memory_gb else machine * 3 // 4
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (most if hard < 0 else min(most, hard), hard))


def _told(message: str, files: CaseFiles, name: str) -> str:
    """An error in the sender's names; the server's folders are nobody's business."""
    for sent in files.upload.iterdir():
        ours = rf"(?<![\w.]){re.escape(sent.name)}(?!\w|\.\w)"  # not "00000" in 1000000
        message = re.sub(ours, lambda _: name, message.replace(str(sent), name))
    for folder in (files.unpacked, files.upload, files.folder):
        message = message.replace(f"{folder}/", "").replace(str(folder), name)
    return message


if __name__ == "__main__":
    main()
