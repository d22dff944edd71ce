"""``spondyl pull``: CT series out of an archive."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

if TYPE_CHECKING:
    from spondyl.dicom.node.archive import Archive, FoundStudy

__all__ = ["pull"]


def pull(  # noqa: PLR0913 - options of a command
    *,
    from_: Annotated[str | None, Parameter(name="--from")] = None,
    web: str | None = None,
    study: tuple[str, ...] = (),
    output: Annotated[Path | None, Parameter(name=["-o", "--output"])] = None,
    move_to: str | None = None,
    date: str = "",
    ae_title: str | None = None,
    config: Path | None = None,
    header: tuple[str, ...] = (),
    json_: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """Search an archive for CT studies without patients, or fetch the CT series of studies.

    Without --study: shows the studies that have CT. With it: writes OUTPUT/STUDY/SERIES/OBJECT.dcm, or lets
    the archive send them to a node.

    Args:
        from_: The archive as TITLE@HOST:PORT (C-FIND, C-GET, C-MOVE).
        web: The archive as a DICOMweb URL, to which /studies is added (QIDO-RS, WADO-RS).
        study: Study Instance UID to fetch; repeat the option for several.
        output: Folder for what is fetched.
        move_to: Instead: the title to which the archive is to send the studies, e.g. a node's (C-MOVE).
        date: Search this day only: YYYYMMDD, or days: YYYYMMDD-YYYYMMDD.
        ae_title: Our application entity title, which the archive may have to know [default: SPONDYL].
        config: Settings of a node, whose title and TLS are used for --from.
        header: HTTP header for --web, as "Name: value".
        json_: Print the studies found as JSON.
    """
    import logging

    from spondyl.dicom.node.archive_dicom import DicomArchive
    from spondyl.errors import InputError

    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)  # what goes wrong is said by our own errors
    archive = _archive(from_, web, ae_title, config, header)
    if not study:
        _show(archive.find(date), as_json=json_)
    elif move_to is not None and output is None:
        if not isinstance(archive, DicomArchive):
            raise InputError("--move-to needs --from: DICOMweb cannot send to others")
        for uid in study:
            sys.stdout.write(f"{uid}: {archive.move(uid, move_to)} CT series sent to {move_to}\n")
    elif output is not None and move_to is None:
        for uid in study:
            sys.stdout.write(f"{uid}: {len(archive.fetch(uid, output))} objects in {output / uid}\n")
    else:
        raise InputError("say where the studies go: either --output or --move-to")


def _archive(
    peer: str | None, url: str | None, title: str | None, config: Path | None, headers: tuple[str, ...]
) -> "Archive":
    """The archive that the options name.

    Raises:
        InputError: none or two, settings that are none, or a header that is none.
    """
    from spondyl.dicom.node.archive_dicom import DicomArchive
    from spondyl.dicom.node.archive_web import WebArchive
    from spondyl.dicom.node.config import NodeConfig, Peer, read_config
    from spondyl.errors import InputError

    if peer is not None and url is None:
        node = read_config(config) if config is not None else NodeConfig(store=Path())
        return DicomArchive(Peer.parse(peer), title or node.ae_title, node.tls)
    if url is None or peer is not None:
        raise InputError("name the archive: either --from or --web")
    pairs = [
        (name.strip(), value.strip()) for name, colon, value in (h.partition(":") for h in headers) if colon
    ]
    if len(pairs) < len(headers):
        raise InputError("--header: expected 'Name: value'")
    return WebArchive(url, dict(pairs))


def _show(studies: "list[FoundStudy]", *, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        sys.stdout.write(json.dumps([asdict(study) for study in studies], indent=2) + "\n")
        return
    for study in sorted(studies, key=lambda each: (each.date, each.uid)):
        count = "?" if study.instances is None else study.instances
        sys.stdout.write(f"{study.uid}  {study.date or '-':8}  {'/'.join(study.modalities)}  {count}\n")
    sys.stdout.write(f"{len(studies)} {'study' if len(studies) == 1 else 'studies'}\n")
