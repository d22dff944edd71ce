"""Condense tables of real vertebra centroids into ``src/spondyl/anatomy_statistics.json``.

Usage::

    python tools/condense_centroids.py LANDMARKS.csv [LANDMARKS.csv ...] > src/spondyl/anatomy_statistics.json

The tables are those of the VerSe challenge as collected for landmark models: one scan per row, a
name, then x, y, z in mm per level in the order C1..C7, T1..T12, L1..L6 and, in newer tables, T13.
x runs from side to side, y grows towards the back, z towards the head (checked on the data: the
lordotic lumbar spine has its smallest y at L3, the kyphotic thoracic one its largest at T7).
Scans that occur in two tables count once.
"""

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.float64]

NAMES = [*(f"C{i}" for i in range(1, 8)), *(f"T{i}" for i in range(1, 13)), *(f"L{i}" for i in range(1, 7))]
LONGEST_STEP_MM = 46.0  # anything longer has skipped a vertebra (a T13 that the older table cannot hold)
SOURCE = (
    "VerSe 2019 and VerSe 2020 centroid annotations (Sekuboyina et al. 2021, CC BY-SA 4.0), means and "
    "standard deviations over scans; L5-S1 and S1-S2 from a handful of hand-marked lumbar CTs"
)
SACRAL = {  # VerSe marks no sacrum: measured on seven CTs that show it
    "L5": {"n": 7, "length_mm": [35.9, 3.0], "tilt_deg": [35.0, 6.0], "lean_deg": 3.0},
    "S1": {"n": 5, "length_mm": [27.2, 2.8], "tilt_deg": [55.0, 8.0], "lean_deg": 2.0},
}


def read(paths: list[str]) -> dict[str, Table]:
    """``{scan name: (levels, 3) array}`` with NaN where a level is not marked."""
    scans = {}
    for path in paths:
        with Path(path).open(newline="") as stream:
            for name, *values in csv.reader(stream):
                points = np.array(values, float).reshape(-1, 3)
                scans[name.split("_")[0] if name.startswith("verse") else name] = points
    return scans


def steps_of(scans: dict[str, Table]) -> Table:
    """Steps from each level to the next, ``(scans, 24, 3)``: towards right, front, head."""
    table = np.full((len(scans), 24, 3), np.nan)
    for row, points in enumerate(scans.values()):
        table[row] = np.diff(points[:25], axis=0) * (1, -1, 1)
    table[np.linalg.norm(table, axis=2) > LONGEST_STEP_MM] = np.nan
    return table


def neighbour_correlation(values: Table) -> float:
    """Mean correlation of a quantity at neighbouring levels."""
    found = []
    for a, b in zip(values.T, values.T[1:], strict=False):
        both = np.isfinite(a) & np.isfinite(b)
        if both.sum() > 15:
            found.append(np.corrcoef(a[both], b[both])[0, 1])
    return float(np.mean(found))


def condense(scans: dict[str, Table]) -> dict[str, Any]:
    """The table that goes to JSON."""
    steps = steps_of(scans)
    length = np.linalg.norm(steps, axis=2)
    tilt = np.degrees(np.arctan2(-steps[..., 1], -steps[..., 2]))  # 0 straight down, + towards the back
    lean = np.degrees(np.arctan2(steps[..., 0], -steps[..., 2]))  # + towards one side
    levels = {}
    for i, name in enumerate(NAMES[:23]):
        ok = np.isfinite(length[:, i])
        levels[name] = {
            "n": int(ok.sum()),
            "length_mm": [round(float(f(length[ok, i])), 2) for f in (np.mean, np.std)],
            "tilt_deg": [round(float(f(tilt[ok, i])), 1) for f in (np.mean, np.std)],
            "lean_deg": round(float(np.std(lean[ok, i])), 2),
        }
    levels["L5"], levels["S1"] = SACRAL["L5"], SACRAL["S1"]
    ratio = length / np.nanmean(length, axis=0)
    size = np.nanmean(ratio, axis=1)
    many = np.isfinite(ratio).sum(axis=1) >= 4
    points = np.stack(
        [np.pad(p, ((0, 26 - len(p)), (0, 0)), constant_values=np.nan)[:26] for p in scans.values()]
    )
    seen = np.isfinite(points[..., 0])
    return {
        "source": SOURCE,
        "scans": len(scans),
        "step_to_next_level": levels,
        "patient_size_std": round(float(np.std(size[many])), 3),
        "step_residual_std": round(float(np.nanstd((ratio / size[:, None])[many])), 3),
        "tilt_neighbour_correlation": round(neighbour_correlation(tilt), 2),
        "lean_neighbour_correlation": round(neighbour_correlation(lean), 2),
        "scans_with": {
            "L5": int(seen[:, 23].sum()),
            "L6": int(seen[:, 24].sum()),
            "T11_and_L1": int((seen[:, 17] & seen[:, 19]).sum()),
            "no_T12": int((seen[:, 17] & ~seen[:, 18] & seen[:, 19]).sum()),
            "T13": int(seen[:, 25].sum()),
        },
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(condense(read(sys.argv[1:])), indent=1) + "\n")
