"""``spondyl export``: results in the formats of other programs."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

__all__ = ["export"]


def export(
    results: Path,
    /,
    *,
    to: str,
    output: Annotated[Path | None, Parameter(name=["-o", "--output"])] = None,
    series: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Write results in the formats of other programs.

    Formats: mask, nrrd, totalsegmentator, centroids, mrk, csv, lml, stl, ply, gltf, preview, html,
    pdf, dicom-seg, dicom-labelmap, dicom-sr, rtstruct. Several are separated by commas.

    Args:
        results: The result of one scan, or a folder of results.
        to: Formats to write.
        output: Folder to write to (default: beside each result; a later correction then rewrites
            these files too).
        series: Folder, archive or file of the DICOM series that DICOM objects refer to (default: where
            the scan was when it was predicted).
        overwrite: Replace files that are there already.
    """
    from rich.console import Console

    from spondyl.export import chosen_formats
    from spondyl.export.convert import export_result
    from spondyl.outputs import result_folders

    kinds = chosen_formats(to)
    folders = result_folders(results)
    for folder in folders:
        target = output if output is None or folder == results else output / folder.name
        for path in export_result(folder, kinds, target, series=series, overwrite=overwrite).values():
            Console().print(str(path), highlight=False, soft_wrap=True)
