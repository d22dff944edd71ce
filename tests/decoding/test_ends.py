"""Ends of the spine that the border of the scan cuts."""

import numpy as np
import pytest
from test_anatomical import candidates, run_of

from spondyl.anatomy import label_of
from spondyl.decoding.anatomical import Candidate, decode
from spondyl.decoding.ends import border_mm, trim_ends
from spondyl.volume import Grid


def scan_from(top_mm: float, bottom_mm: float) -> Grid:
    """A wide scan between two heights, 1 mm voxels."""
    affine = np.eye(4)
    affine[:3, 3] = (-100, -100, bottom_mm + 0.5)
    return Grid((200, 200, round(top_mm - bottom_mm)), affine)


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
    grid = scan_from(30, found[-1].centroid_mm[2] - 30)
    assert trim_ends(decoded, found, grid).labels == decoded.labels


@pytest.mark.parametrize(("end", "name"), [("top", "T6"), ("bottom", "T12")])
def test_a_vertebra_pulled_in_from_beyond_the_border_goes(end, name):
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
    trimmed = trim_ends(decoded, found, scan_from(top, bottom))
    assert label_of(name) not in trimmed.labels
    assert len(trimmed.labels) == len(trimmed.chosen) == len(trimmed.probabilities) == 6
    assert all(len(other.labels) == 6 for other in trimmed.alternatives)


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


def test_distance_to_the_border():
    grid = scan_from(10, -10)
    assert border_mm(np.array([0.0, 0.0, 4.0]), grid) == pytest.approx(6)
    assert border_mm(np.array([0.0, 0.0, 12.0]), grid) == pytest.approx(-2)
