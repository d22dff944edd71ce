"""Measurements of real scans against published ranges: the table of docs/measurements.md.

``python benchmarks/bench_ranges.py RESULTS...`` reads what ``spondyl predict`` wrote for a folder of scans.
A range is the published mean plus and minus two standard deviations (the widest of the groups given), or
as published. Nothing is fitted to these scans: the table shows what they give.
"""

import argparse
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from spondyl.anatomy import ORDER, RANK, label_of
from spondyl.outputs import result_folders
from spondyl.result import read_result

EGWU = "Egwu 2019"  # J Anat Soc India 68: 110; 208 dry vertebrae
COOK = "Cook 2021"  # Int J Spine Surg 15: 1072; CT of 196 patients
MASHARAWI = "Masharawi 2010"  # Eur Spine J 19: 768; 240 skeletons
FLETCHER = "Fletcher 2015"  # Eur Spine J, doi:10.1007/s00586-015-3925-y; CT of 128 deceased
IDH = "IDH 2018"  # J Orthop Surg Res 13: 34; MRI of 169 volunteers
JANG = "Jang 2019"  # Radiology 291: 360; CT of 20 374
YUKAWA = "Yukawa 2019"  # Asian Spine J 13: 663; 627 volunteers, lying, T12 to S1
AIS = "controls 2018"  # Scoliosis Spinal Disord, doi:10.1186/s13013-018-0156-0; 69 adolescents, standing


class Row(NamedTuple):
    """What is compared: where (vertebrae, discs by their lower vertebra, or the spine), and the range."""

    title: str
    names: str
    value: str
    low: float | None = None
    high: float | None = None
    source: str = ""


ROWS = (
    Row("height, anterior (mm)", "T2-T9", "height_anterior", 13.8, 21.9, EGWU),
    Row("height, posterior (mm)", "T2-T9", "height_posterior", 14.7, 26.6, EGWU),
    Row("height, anterior (mm)", "L5-L5", "height_anterior", 26.5, 34.1, COOK),
    Row("height, posterior (mm)", "L5-L5", "height_posterior", 22.5, 30.1, COOK),
    Row("depth (mm)", "L5-L5", "depth", 28.7, 42.7, COOK),
    Row("wedge of the body (deg)", "T9-T12", "body_wedge", 2.6, 5.4, MASHARAWI),
    Row("wedge of the body (deg)", "L1-L1", "body_wedge", 2.6, 4.1, MASHARAWI),
    Row("wedge of the body (deg)", "L3-L3", "body_wedge", -1.1, 1.3, MASHARAWI),
    Row("wedge of the body (deg)", "L5-L5", "body_wedge", -7.8, -4.6, MASHARAWI),
    Row("disc, anterior (mm)", "T3-T12 disc", "height_anterior", 1.0, 6.8, FLETCHER),
    Row("disc, posterior (mm)", "T3-T12 disc", "height_posterior", 1.5, 5.4, FLETCHER),
    Row("disc L1/L2, middle (mm)", "L2-L2 disc", "height_middle", 6.25, 10.99, IDH),
    Row("disc L2/L3, middle (mm)", "L3-L3 disc", "height_middle", 6.97, 12.08, IDH),
    Row("disc L3/L4, middle (mm)", "L4-L4 disc", "height_middle", 7.42, 13.3, IDH),
    Row("disc L4/L5, middle (mm)", "L5-L5 disc", "height_middle", 7.76, 14.57, IDH),
    Row("disc L5/S1, middle (mm)", "S1-S1 disc", "height_middle", 7.11, 13.12, IDH),
    Row("density (HU)", "L1-L1", "trabecular_hu", 13, 314, JANG),
    Row("density (HU)", "T4-L5", "trabecular_hu"),
    Row("volume (ml)", "T4-T9", "volume"),
    Row("volume (ml)", "L1-L5", "volume"),
    Row("height loss (%)", "T4-L4", "height_loss"),
    Row("kyphosis T4-T12 (deg)", "spine", "thoracic_kyphosis_t4_t12", 7.5, 67.9, AIS),
    Row("lordosis L1-S1 (deg)", "spine", "lumbar_lordosis_l1_s1", 10.4, 63.2, YUKAWA),
    Row("lordosis L1-L5 (deg)", "spine", "lumbar_lordosis_l1_l5", 27.8, 64.2, AIS),
    Row("coronal Cobb angle (deg)", "spine", "coronal_cobb", 0, 10, "no scoliosis"),
)


def body_wedge(values):
    """Angle between the endplates' chords, positive where the front is lower; ``None`` if refused."""
    front, back, depth = (
        values[name].value if name in values else None
        for name in ("height_anterior", "height_posterior", "depth")
    )
    if front is None or back is None or depth is None:
        return None
    return float(np.degrees(np.arctan((back - front) / (0.84 * depth))))


def values_of(folders):
    """Values by (kind, label or None, name), and refusals by (kind, name) and code."""
    values, refused = defaultdict(list), defaultdict(Counter)

    def add(kind, label, named):
        for name, found in named.items():
            refused[kind, name]["measured" if found.refused is None else found.refused.code] += 1
            if found.value is not None:
                values[kind, label, name].append((100 if name == "height_loss" else 1) * found.value)

    for folder in folders:
        measured = read_result(folder).measurements
        if measured is None:
            continue
        for row in measured.vertebrae:
            add("vertebra", row.label, row.values)
            wedge = body_wedge(row.values)
            if wedge is not None:
                values["vertebra", row.label, "body_wedge"].append(wedge)
        for disc in measured.discs:
            add("disc", disc.lower, disc.values)
        add("spine", None, measured.angles)
    return values, refused


def chosen(row, values):
    """All values of a row."""
    if row.names == "spine":
        return values["spine", None, row.value]
    span, _, kind = row.names.partition(" ")
    first, last = (RANK[label_of(name)] for name in span.split("-"))
    labels = ORDER[first : last + 1]
    return [value for label in labels for value in values[kind or "vertebra", label, row.value]]


def print_ranges(values):
    print("| measurement | where | n | median | 5 to 95 % | published | inside | source |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |")
    for row in ROWS:
        found = np.array(chosen(row, values))
        where = row.names.removesuffix(" disc").replace("-", " to ") if row.names != "spine" else ""
        where = "" if "disc L" in row.title else " to ".join(dict.fromkeys(where.split(" to ")))
        if not len(found):
            print(f"| {row.title} | {where} | 0 | | | | | {row.source} |")
            continue
        low, middle, high = np.percentile(found, (5, 50, 95))
        published = inside = ""
        if row.low is not None:
            published = f"{row.low:g} to {row.high:g}"
            if row.source == MASHARAWI:  # means of women and of men
                published = "means " + published
            else:
                inside = f"{((found >= row.low) & (found <= row.high)).mean():.0%}"
        print(
            f"| {row.title} | {where} | {len(found)} | {middle:.1f} | {low:.1f} to {high:.1f} "
            f"| {published} | {inside} | {row.source} |"
        )


def print_refusals(refused):
    print("\n| measurement | measured | refused, by reason |")
    print("| --- | ---: | --- |")
    for (kind, name), codes in refused.items():
        reasons = ", ".join(f"{code} {n}" for code, n in codes.most_common() if code != "measured")
        print(f"| {kind}: {name} | {codes['measured']} of {sum(codes.values())} | {reasons} |")


def print_outside(folders):
    """Which scan every value outside its range belongs to."""
    print()
    for folder in folders:
        own, _ = values_of([folder])
        for row in ROWS:
            if row.low is None or row.source == MASHARAWI:
                continue
            out = [value for value in chosen(row, own) if not row.low <= value <= row.high]
            if out:
                print(f"{folder.name}: {row.title} {row.names}: {', '.join(f'{value:.1f}' for value in out)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="+", type=Path)
    parser.add_argument("--outside", action="store_true", help="list values outside their range, by scan")
    arguments = parser.parse_args()
    folders = [folder for place in arguments.results for folder in result_folders(place)]
    values, refused = values_of(folders)
    found = sum(len(read_result(folder)) for folder in folders)
    print(f"{len(folders)} scans, {found} vertebrae\n")
    print_ranges(values)
    print_refusals(refused)
    if arguments.outside:
        print_outside(folders)


if __name__ == "__main__":
    main()
