"""``spondyl report``: results as pages and paper."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

__all__ = ["report"]


def report(
    *results: Path,
    pdf: Annotated[bool, Parameter(negative=())] = False,
    image: Path | None = None,
) -> int:
    """Write reports that need no network: one page per scan, and one for a folder of results.

    Writes report.html beside each result (and report.pdf with --pdf), which a later correction rewrites,
    and index.html into a folder of results: a table to sort, what needs a look first.
    Exit code 0: all results reported; 1: some could not be used; 2: none could.

    Args:
        results: Results of one scan, and folders of results.
        pdf: Write report.pdf as well.
        image: The scan of one result, if it has moved.
    """
    from rich.console import Console

    from spondyl.cli._results import for_each_result
    from spondyl.errors import InputError
    from spondyl.export.convert import export_result
    from spondyl.outputs import result_folders
    from spondyl.report.cohort import renew_cohort, write_cohort

    if not results:
        raise InputError("name the result of a scan, or a folder of results")
    kinds = ("html", "pdf") if pdf else ("html",)
    written: list[Path] = []
    found = {place: result_folders(place) for place in results}
    for place, folders in found.items():
        if image is not None and len(folders) > 1:
            raise InputError(f"{place}: --image names the scan of one result, and here are {len(folders)}")
    code = for_each_result(
        [folder for folders in found.values() for folder in folders],
        lambda folder: written.extend(export_result(folder, kinds, image=image).values()),
    )
    for place, folders in found.items():
        if folders == [place]:
            renew_cohort(place.absolute().parent)
        else:
            written.append(write_cohort(place))
    for path in written:
        Console().print(str(path), markup=False, highlight=False, soft_wrap=True)
    return code
