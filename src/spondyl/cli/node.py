"""``spondyl node``: a node of a PACS, and the queue of its studies."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

if TYPE_CHECKING:
    from spondyl.dicom.node.queue import StudyQueue
    from spondyl.dicom.node.store import Store

__all__ = ["node"]

node = App(name="node", help="Receive CTs by DICOM, send SEG and SR back.")
queue = App(name="queue", help="The studies of a node: look, retry, drop.")
node.command(queue)

_Ids = Annotated[tuple[int, ...], Parameter(negative=())]


@node.default
def run(  # noqa: PLR0913 - options of a command
    *,
    config: Path | None = None,
    store: Path | None = None,
    ae_title: str | None = None,
    host: str | None = None,
    port: int | None = None,
    allow: tuple[str, ...] = (),
    send_to: str | None = None,
    stow: str | None = None,
    deidentify: Annotated[bool | None, Parameter(negative=())] = None,
    model: Path | None = None,
    log: Path | None = None,
) -> None:
    """Run a node until it gets SIGTERM or Ctrl-C.

    Receives CT objects by C-STORE, finds the vertebrae of every complete study, and sends SEG and SR.
    All settings can stand in a configuration file; options go before it.

    Args:
        config: Settings as YAML or JSON, see the documentation.
        store: Folder of the queue and of the studies in it.
        ae_title: Application entity title of the node [default: SPONDYL].
        host: Address to listen on [default: 127.0.0.1, this machine only].
        port: Port to listen on [default: 11112].
        allow: Application entity title that may call; repeat the option for several.
        send_to: Where results go: TITLE@HOST:PORT.
        stow: Where results go by DICOMweb: a URL, to which /studies is added.
        deidentify: Remove the patient's identity from all that leaves.
        model: Model folder (default: the one that comes with Spondyl).
        log: File for the log (default: the standard error).
    """
    import signal

    from spondyl.cli._node_log import log_without_patients
    from spondyl.dicom.node import Node, read_config
    from spondyl.models import default_model_folder, read_model

    settings = read_config(
        config,
        store=store,
        ae_title=ae_title,
        host=host,
        port=port,
        allow=allow,
        send_to=send_to,
        stow=stow,
        deidentify=deidentify,
        model=model,
    )
    read_model(settings.model or default_model_folder())  # a wrong one is told now, not with every study
    log_without_patients(log)
    worker = Node(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.ask_to_stop())
    with worker:
        worker.wait()


@queue.command(name="list")
def list_(
    *states: Literal["received", "queued", "processing", "sending", "done", "failed", "dead"],
    store: Path,
    json_: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Show the studies of a node, without patients. Exit code 1 if any was given up.

    Args:
        states: Only studies in these states.
        store: Folder of the node.
        json_: Print JSON for programs.
    """
    import json
    from dataclasses import asdict

    from spondyl.dicom.node.study import State
    from spondyl.dicom.node.upkeep import counts, list_studies

    _, waiting = _open(store)
    studies = list_studies(waiting, [State(state) for state in states])
    number = counts(waiting)
    if json_:
        summary = {"counts": number, "studies": [asdict(study) for study in studies]}
        sys.stdout.write(json.dumps(summary, indent=2) + "\n")
    else:
        from spondyl.cli._node_log import study_lines

        sys.stdout.writelines(f"{line}\n" for line in study_lines(studies, number))
    return 1 if number[State.DEAD] else 0


@queue.command
def retry(
    *ids: int, store: Path, all_: Annotated[bool, Parameter(name="--all", negative=())] = False
) -> None:
    """Try studies again, at once: failed, given up, or finished ones whose files are still there.

    Args:
        ids: Numbers of studies.
        store: Folder of the node.
        all_: All that failed or were given up.
    """
    from spondyl.dicom.node.study import Stage, State
    from spondyl.dicom.node.upkeep import list_studies
    from spondyl.dicom.node.upkeep import retry as retry_study
    from spondyl.errors import InputError

    place, waiting = _open(store)
    if not (ids or all_):
        raise InputError("name studies by their numbers, or give --all")
    failed = list_studies(waiting, [State.FAILED, State.DEAD]) if all_ else []
    for number in [*ids, *(study.id for study in failed if study.stage != Stage.REFUSED)]:
        try:
            retry_study(waiting, place, number)
        except InputError as error:
            if number in ids:
                raise
            sys.stderr.write(f"{error}\n")  # one of all; the others are tried nevertheless
        else:
            sys.stdout.write(f"study {number}: will be tried again\n")


@queue.command
def drop(*ids: int, store: Path) -> None:
    """Delete studies and all that is known about them. Sent again, they are new ones.

    Args:
        ids: Numbers of studies.
        store: Folder of the node.
    """
    from spondyl.dicom.node.upkeep import drop as drop_study
    from spondyl.errors import InputError

    place, waiting = _open(store)
    if not ids:
        raise InputError("name studies by their numbers")
    for number in ids:
        drop_study(waiting, place, number)
        sys.stdout.write(f"study {number}: dropped\n")


def _open(store: Path) -> "tuple[Store, StudyQueue]":
    """The queue of a node, which may be running.

    Raises:
        InputError: the folder holds none.
    """
    from spondyl.dicom.node.queue import StudyQueue
    from spondyl.dicom.node.store import Store
    from spondyl.errors import InputError

    if not (store / "queue.sqlite").is_file():
        raise InputError(f"{store}: expected the folder of a node (queue.sqlite), found none")
    place = Store(store)
    return place, StudyQueue(place.queue)
