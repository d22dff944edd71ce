"""Numbering candidates that a perfect, noisy or misleading network would give."""

from itertools import combinations, pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.anatomy import LABEL_OF, NAMES, ORDER, label_of
from spondyl.decoding import anatomical
from spondyl.decoding.anatomical import Candidate, DecodingSettings, decode
from spondyl.decoding.moves import slope_score
from spondyl.decoding.paths import best_path, links
from spondyl.statistics import spine_statistics

USUAL = [label for label in ORDER if NAMES[label] not in ("T13", "L6")]


def column(labels: list[int], size: float = 1.0) -> np.ndarray:
    """Centroids of these levels straight down, at their mean distances."""
    z, points = 0.0, []
    for label in labels:
        points.append((0.0, 0.0, z))
        z -= size * spine_statistics().steps.get(label, spine_statistics().steps[24]).length_mm
    return np.array(points)


def evidence(label: int, sure: float = 0.9) -> np.ndarray:
    """Level probabilities with ``sure`` on one level and the rest spread."""
    chance = np.full(28, (1 - sure) / 27)
    chance[label - 1] = sure
    return np.log(chance)


def candidates(labels: list[int], sure: float = 0.9, size: float = 1.0) -> list[Candidate]:
    return [Candidate(p, 0.9, evidence(n, sure)) for p, n in zip(column(labels, size), labels, strict=True)]


def run_of(first: str, last: str) -> list[int]:
    return USUAL[USUAL.index(label_of(first)) : USUAL.index(label_of(last)) + 1]


@settings(max_examples=30, deadline=None)
@given(
    first=st.integers(0, 20),
    length=st.integers(3, 12),
    size=st.floats(0.85, 1.15),
    seed=st.integers(0, 1000),
)
def test_clear_evidence_is_followed_whatever_the_order_and_the_patient(first, length, size, seed):
    labels = USUAL[first : first + length]
    found = candidates(labels, size=size)
    order = np.random.default_rng(seed).permutation(len(found))
    decoded = decode([found[i] for i in order])
    assert list(decoded.labels) == labels
    assert [int(order[i]) for i in decoded.chosen] == list(range(len(labels)))
    assert 0 < decoded.probability <= 1
    assert all(0 <= p <= 1 + 1e-9 for p in decoded.probabilities)


def test_nothing_gives_an_empty_spine():
    decoded = decode([])
    assert decoded.chosen == decoded.labels == decoded.alternatives == ()


def test_one_wrong_level_is_outvoted_by_its_neighbours():
    labels = run_of("T4", "T10")
    found = candidates(labels)
    found[3] = Candidate(found[3].centroid_mm, 0.9, evidence(label_of("T9")))
    assert list(decode(found).labels) == labels


def test_a_false_candidate_between_vertebrae_is_left_out():
    labels = run_of("T8", "L3")
    found = candidates(labels)
    between = (found[2].centroid_mm + found[3].centroid_mm) / 2 + (20, 0, 0)
    decoded = decode([*found, Candidate(between, 0.3, evidence(label_of("T11"), 0.3))])
    assert list(decoded.labels) == labels
    assert len(found) not in decoded.chosen


def test_a_missed_vertebra_leaves_a_gap_in_the_numbering():
    labels = run_of("T5", "T12")
    found = candidates(labels)
    del found[3]
    assert list(decode(found).labels) == labels[:3] + labels[4:]


@pytest.mark.parametrize("rare", ["T13", "L6"])
def test_rare_levels_are_found_when_the_evidence_is_there(rare):
    ladder = [x for x in ORDER if NAMES[x] != ({"T13", "L6"} - {rare}).pop()]
    place = ladder.index(LABEL_OF[rare])
    labels = ladder[place - 4 : place + 3]
    assert list(decode(candidates(labels, sure=0.97)).labels) == labels


def test_an_absent_t12_is_found_when_the_evidence_is_there():
    labels = [*run_of("T7", "T11"), *run_of("L1", "L4")]
    assert list(decode(candidates(labels, sure=0.97)).labels) == labels


def test_unclear_evidence_gives_low_probability_and_the_shift_as_alternative():
    labels = run_of("T4", "T9")
    shifted = run_of("T5", "T10")
    found = []
    for point, a, b in zip(column(labels), labels, shifted, strict=True):
        chance = np.full(28, 0.1 / 26)
        chance[a - 1], chance[b - 1] = 0.46, 0.44
        found.append(Candidate(point, 0.9, np.log(chance)))
    decoded = decode(found)
    assert decoded.probability < 0.8
    best = decoded.alternatives[0]
    assert {decoded.labels, best.labels} == {tuple(labels), tuple(shifted)}
    assert best.description in ("one level lower", "one level higher")
    expected = "lower" if best.labels == tuple(shifted) else "higher"
    assert best.description.endswith(expected)


def test_probabilities_agree_with_enumerating_all_paths_and_numberings():
    """Oracle: the sum over every choice of three candidates and every sequence of levels."""
    rng = np.random.default_rng(3)
    labels = run_of("L2", "L4")
    chances = (0.9, 0.4, 0.7)
    found = [
        Candidate(point, chance, np.log(rng.dirichlet(np.ones(28))))
        for point, chance in zip(column(labels), chances, strict=True)
    ]
    options = DecodingSettings(evidence=1.0)
    decoded = decode(found, options)
    assert decoded.chosen == (0, 1, 2)
    # decode works with the size it estimated; any size gives the same bookkeeping, so use it too
    points = np.array([c.centroid_mm for c in found])
    stops = np.array(
        [anatomical._evidence(c, options) + np.log(c.presence / (1 - c.presence)) for c in found]
    )
    between = links(points, 1.0, options)
    between = links(points, anatomical._size_factor(points, best_path(stops, between), options), options)
    by_label, paths = np.zeros((3, 28)), dict[tuple[int | None, ...], float]()
    best = tuple(ORDER.index(label) for label in decoded.labels)
    for count in (1, 2, 3):
        for places in combinations(range(3), count):
            for levels in product(range(28), repeat=count):
                score = sum(stops[i, r] for i, r in zip(places, levels, strict=True))
                for (i, r), (j, q) in pairwise(zip(places, levels, strict=True)):
                    score += between[i, j][r, q]
                for i, r in zip(places, levels, strict=True):
                    by_label[i, r] += np.exp(score)
                stopped = dict(zip(places, levels, strict=True))
                paths[tuple(stopped.get(i) for i in range(3))] = float(np.exp(score))
    total = sum(paths.values())
    by_label /= by_label.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(decoded.probabilities, by_label[range(3), best], rtol=1e-6)

    def agreeing(*readings):
        return sum(
            chance
            for path, chance in paths.items()
            if all(
                rank in (None, own) for reading in readings for rank, own in zip(path, reading, strict=True)
            )
        )

    assert decoded.probability == pytest.approx(min(agreeing(best) / total, *decoded.probabilities), rel=1e-6)
    clashing = [p for p in paths if any(a not in (None, b) for a, b in zip(p, best, strict=True))]
    second = max(clashing, key=paths.__getitem__)
    (found_second,) = (
        other for other in decoded.alternatives if other.labels == tuple(ORDER[rank] for rank in second)
    )
    expected = (agreeing(second) - agreeing(best, second)) / total
    assert found_second.probability == pytest.approx(expected, rel=1e-6)


def test_the_likeliest_reading_is_the_answer_not_the_best_path():
    """Two paths that agree are one reading, and together they outweigh a better one that stands alone."""
    stops = np.full((3, 28), -100.0)
    stops[0, 5], stops[1, 6], stops[1, 9], stops[2, 7] = np.log([3, 3, 10, 1.1])
    step = np.full((28, 28), -np.inf)
    step[5, 6] = step[6, 7] = 0
    between = {(0, 1): step, (1, 2): step}
    assert best_path(stops, between) == ((1, 9),)
    ranked = anatomical._readings(stops, between, 3)
    assert ranked[0].path == ((0, 5), (1, 6), (2, 7))
    parts = 3 + 1.1  # of both: the first alone, or the last
    two, one = 3 * 3 * 1.1 + 3 * 3 + 3 * 1.1 + 3 + parts, 10 + parts
    expected = np.array([two, one - parts]) / (two + one - parts)
    assert [reading.probability for reading in ranked] == pytest.approx(expected)


def test_one_fewer_is_an_alternative_with_its_chance():
    """A step of 1.4 vertebrae, in its middle something that may be one or not, and names that fit either."""
    labels = run_of("T8", "L3")
    points = column(labels)
    points[4:, 2] -= 0.4 * (points[3, 2] - points[4, 2])
    seen = [
        Candidate(point, 0.95, evidence(label + (place > 3), 0.1 if place else 0.5))
        for place, (point, label) in enumerate(zip(points, labels, strict=True))
    ]
    doubtful = Candidate((points[3] + points[4]) / 2, 0.6, np.log(np.full(28, 1 / 28)))
    decoded = decode([*seen, doubtful])
    assert list(decoded.labels) == run_of("T8", "L4")
    told = {other.description: other.probability for other in decoded.alternatives}
    assert list(told.values()) == sorted(told.values(), reverse=True)
    assert 0.9 < decoded.probability + sum(told.values()) <= 1 + 1e-6
    fewer = "without the one called T12, L1 to L4 one level higher"
    assert told[fewer] > 0.01
    (other,) = (one for one in decoded.alternatives if one.description == fewer)
    assert list(other.labels) == [*run_of("T8", "T11"), 0, *run_of("T12", "L3")]


def test_a_vertebra_too_many_makes_the_names_beyond_it_less_sure():
    """Half a step from its neighbours, something that may be a vertebra or not."""
    labels = run_of("T8", "L3")
    points = column(labels)
    seen = [Candidate(p, 0.95, evidence(label, 0.6)) for p, label in zip(points, labels, strict=True)]
    sure = decode(seen)
    between = Candidate((points[3] + points[4]) / 2, 0.6, evidence(labels[4], 0.3))
    unsure = decode([*seen, between])
    assert min(unsure.probabilities) < min(sure.probabilities)
    assert unsure.probability <= min(unsure.probabilities)


def test_what_lies_beside_the_spine_is_not_taken_into_it():
    spine = candidates(run_of("L1", "L2"))
    beside = Candidate(spine[1].centroid_mm + np.array([0, 38.0, -2.0]), 0.9, evidence(label_of("L3")))
    decoded = decode([*spine, beside])
    assert decoded.chosen == (0, 1)
    below = Candidate(spine[1].centroid_mm + np.array([0, 19.0, -33.0]), 0.9, evidence(label_of("L3")))
    assert decode([*spine, below]).chosen == (0, 1, 2)


def test_steep_steps():
    settings = DecodingSettings()
    for angle, score in ((0, 0), (59, 0), (68, -0.5), (76, -2), (84, -4.5)):
        step = 30 * np.array([np.sin(np.radians(angle)), 0, -np.cos(np.radians(angle))])
        assert slope_score(step, settings) == pytest.approx(score)
        assert slope_score(step[[1, 0, 2]], settings) == pytest.approx(score)
