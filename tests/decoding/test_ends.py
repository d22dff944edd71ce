"""Ends of the spine that the border of the scan cuts."""

from dataclasses import replace

import numpy as np
import pytest
from test_anatomical import candidates, run_of

from spondyl.anatomy import label_of
from spondyl.decoding.anatomical import Candidate, decode
from spondyl.decoding.ends import border_mm, shown_mm, trim_ends
from spondyl.spine import Numbering
from spondyl.volume import Grid, Volume


def scan_from(top_mm: float, bottom_mm: float, blank_mm: float = 0) -> Volume:
    """A wide scan between two heights, 1 mm voxels, ``blank_mm`` of it blank at both ends."""
    affine = np.eye(4)
    affine[:3, 3] = (-100, -100, bottom_mm - blank_mm + 0.5)
    blank = round(blank_mm)
    body = np.full((200, 200, round(top_mm - bottom_mm)), 50, np.int16)
    data = np.pad(body, ((0, 0), (0, 0), (blank, blank)), constant_values=-1024)
    return Volume(data, Grid(data.shape, affine))


def with_presence(found: list[Candidate], place: int, presence: float) -> list[Candidate]:
    one = found[place]
    return [
        *found[:place],
        Candidate(one.centroid_mm, presence, one.level_log_probability),
        *found[place + 1 :],
    ]


def spine() -> list[Candidate]:
    return candidates(run_of("T6", "T12"))


def test_whole_vertebrae_stay():
    found = spine()
    decoded = decode(found)
    scan = scan_from(30, found[-1].centroid_mm[2] - 30)
    assert trim_ends(decoded, found, scan) is decoded


@pytest.mark.parametrize("blank_mm", [0, 40])
@pytest.mark.parametrize(("end", "name"), [("top", "T6"), ("bottom", "T12")])
def test_a_vertebra_pulled_in_from_beyond_the_end_goes(end, name, blank_mm):
    found = spine()
    top, bottom = 30.0, found[-1].centroid_mm[2] - 30
    place = 0 if end == "top" else -1
    border = found[place].centroid_mm[2]
    inwards = -1 if end == "top" else 1
    if end == "top":
        top = border - 3  # the true centre lies 3 mm outside ...
    else:
        bottom = border + 3
    pulled = found[place].centroid_mm + np.array([0, 0, 7 * inwards])  # ... the network sees it 4 mm inside
    found[place] = Candidate(pulled, 0.6, found[place].level_log_probability)
    decoded = decode(found)
    assert label_of(name) in decoded.labels
    trimmed = trim_ends(decoded, found, scan_from(top, bottom, blank_mm))
    assert label_of(name) not in trimmed.labels
    assert len(trimmed.labels) == len(trimmed.chosen) == len(trimmed.probabilities) == 6
    assert all(len(other.labels) == 6 for other in trimmed.alternatives)


def test_numberings_that_differed_beyond_the_end_become_one():
    found = with_presence(spine(), 0, 0.2)
    decoded = decode(found)
    kept = decoded.labels[1:]
    lower = tuple(label + 1 for label in kept)
    others = (
        Numbering((0, *lower), 0.2, "without the one called T6, one level lower"),
        Numbering((decoded.labels[0] - 1, *kept), 0.1, "b"),
        Numbering((decoded.labels[0] + 1, *lower), 0.05, "c"),
    )
    doubtful = replace(decoded, probability=0.6, probabilities=(0.95,) * 7, alternatives=others)
    trimmed = trim_ends(doubtful, found, scan_from(8, found[-1].centroid_mm[2] - 30))
    assert trimmed.labels == kept
    assert trimmed.probability == pytest.approx(0.7)
    assert [(one.labels, one.description) for one in trimmed.alternatives] == [(lower, "one level lower")]
    assert trimmed.alternatives[0].probability == pytest.approx(0.25)


def test_a_hardly_seen_vertebra_at_the_border_goes_but_not_one_in_the_middle():
    found = with_presence(spine(), 0, 0.2)
    decoded = decode(found)
    bottom = found[-1].centroid_mm[2] - 30
    assert trim_ends(decoded, found, scan_from(8, bottom)).labels == decoded.labels[1:]
    assert trim_ends(decoded, found, scan_from(60, bottom)).labels == decoded.labels


def test_three_vertebrae_are_left_alone():
    found = candidates(run_of("L1", "L3"))
    decoded = decode(found)
    assert trim_ends(decoded, found, scan_from(1, -60)) is decoded


def test_all_vertebrae_seen_in_blank_voxels_go():
    found = spine()
    decoded = decode(found)
    bottom = found[4].centroid_mm[2] - 15  # T10's disc; T11 and T12 were made up
    assert trim_ends(decoded, found, scan_from(30, bottom, blank_mm=90)).labels == decoded.labels[:5]


def test_where_the_scan_ends():
    down = np.array([0.0, 0.1, -2.0])
    point = np.array([0.0, 0.0, -4.0])
    for blank_mm in (0, 30):
        assert shown_mm(point, down, scan_from(50, -10, blank_mm)) == pytest.approx(6, abs=1)
        assert shown_mm(point, -down, scan_from(50, -10, blank_mm)) >= (14 if blank_mm else 6)
        assert shown_mm(point, down, scan_from(50, 0, blank_mm)) == pytest.approx(-4, abs=1)


def test_distance_to_the_border():
    grid = scan_from(10, -10).grid
    assert border_mm(np.array([0.0, 0.0, 4.0]), grid) == pytest.approx(6)
    assert border_mm(np.array([0.0, 0.0, 12.0]), grid) == pytest.approx(-2)
