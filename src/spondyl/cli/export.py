"""``spondyl export``: results in the formats of other programs."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

__all__ = ["export"]


def export(
    results: Path,
    /,
    *,
    to: str,
    output: Annotated[Path | None, Parameter(name=["-o", "--output"])] = None,
    series: Path | None = None,
    deidentify: Path | None = None,
    dates: Literal["remove", "shift", "keep"] = "remove",
    overwrite: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Write results in the formats of other programs.

    Exit code 0: all results written; 1: some could not be; 2: none could.
    Formats: mask, nrrd, totalsegmentator, centroids, mrk, csv, lml, stl, ply, gltf, preview, html,
    pdf, dicom-seg, dicom-labelmap, dicom-sr, rtstruct. Several are separated by commas.

    Args:
        results: The result of one scan, or a folder of results.
        to: Formats to write.
        output: Folder to write to (default: beside each result; a later correction then rewrites
            these files too).
        series: Folder, archive or file of the DICOM series that DICOM objects refer to (default: where
            the scan was when it was predicted).
        deidentify: Remove the patient's identity from DICOM objects. File of the secret from which new names
            and UIDs come; made if it is missing. Needs --output.
        dates: What becomes of dates then.
        overwrite: Replace files that are there already.
    """
    from rich.console import Console

    from spondyl.cli._results import for_each_result
    from spondyl.export import chosen_formats
    from spondyl.export.convert import check_deidentified, export_result
    from spondyl.outputs import result_folders

    kinds = chosen_formats(to)
    folders = result_folders(results)
    if deidentify is not None:
        check_deidentified(kinds, output)  # before a secret is made for nothing
    secret = _secret(deidentify)

    def write(folder: Path) -> None:
        target = output if output is None or folder == results else output / folder.name
        written = export_result(
            folder, kinds, target, series=series, secret=secret, dates=dates, overwrite=overwrite
        )
        for path in written.values():
            Console().print(str(path), markup=False, highlight=False, soft_wrap=True)

    return for_each_result(folders, write)


def _secret(file: Path | None) -> bytes | None:
    """The secret in a file, if one is named."""
    if file is None:
        return None
    from spondyl.dicom.identity_files import secret_at

    return secret_at(file)
