"""``spondyl morphometry``: measurements of one scan from a result or a mask."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from spondyl.morphometry import Measurement, Morphometry
    from spondyl.spine import Spine
    from spondyl.volume import Grid, Volume

__all__ = ["morphometry"]


def morphometry(
    scan: Path,
    result: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["-o", "--output"])] = None,
    endplates: Literal["hu", "mask"] = "hu",
) -> None:
    """Measure vertebrae, discs and curves: heights, height loss, density, volume, angles.

    Prints one line per vertebra and disc; what cannot be measured is named with its reason.

    Args:
        scan: The CT that was predicted.
        result: Folder that 'spondyl predict' wrote for it, or a mask with VerSe numbers.
        output: File for all values with uncertainties and reasons, .json or .csv.
        endplates: What places them: the compact bone seen in the CT, or the mask's surface.
    """
    from spondyl.errors import OutputError
    from spondyl.morphometry import measure

    if output is not None and output.suffix not in (".json", ".csv"):
        raise OutputError(f"{output}: expected a name that ends in .json or .csv")
    volume = _read_scan(scan, result)
    found = measure(volume, _read_spine(result, volume.grid), edge=endplates)
    sys.stdout.write("\n".join(_lines(found)) + "\n")
    if output is not None:
        (found.to_json if output.suffix == ".json" else found.to_csv)(output)


def _read_scan(scan: Path, result: Path) -> "Volume":
    """The scan; of several series in one place that of the result."""
    from spondyl.outputs import one_result
    from spondyl.result import Result
    from spondyl.result_scan import read_scan

    document = one_result(result) / "result.json" if result.is_dir() else result
    series = Result.read(document).scan.series if document.suffix == ".json" else None
    return read_scan(scan, series)


def _read_spine(result: Path, grid: "Grid") -> "Spine":
    """The spine of a result folder, or of a mask alone."""
    from spondyl.result import read_result

    if result.is_dir() or result.suffix == ".json":
        return read_result(result, mask=True)
    from spondyl.datasets.centres import body_centres
    from spondyl.io import read_mask
    from spondyl.spine import Spine

    mask = read_mask(result, grid)
    return Spine.from_centroids(body_centres(mask), mask)


def _lines(found: "Morphometry") -> list[str]:
    """One line per structure: its values, then what was refused and why."""
    lines: dict[str, list[str]] = {}
    refused: dict[str, dict[str, list[str]]] = {}
    for structure, name, measurement in found.rows():
        words = lines.setdefault(structure, [])
        if measurement.value is not None:
            words.append(_words(name, measurement))
        elif measurement.refused is not None:
            refused.setdefault(structure, {}).setdefault(measurement.refused.message, []).append(name)
    for structure, reasons in refused.items():
        for reason, names in reasons.items():
            lines[structure].append(f"({', '.join(names)}: {reason})")
    return [f"{structure}: {'; '.join(words)}" for structure, words in lines.items()]


def _words(name: str, measurement: "Measurement") -> str:
    """A value as people write it."""
    unit = "" if measurement.unit in ("1", "grade") else f" {measurement.unit}"
    sd = "" if measurement.uncertainty is None else f" ± {measurement.uncertainty:.2g}"
    return f"{name} {measurement.value:.3g}{sd}{unit}"
