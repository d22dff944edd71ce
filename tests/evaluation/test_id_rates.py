"""Every definition of the id rate, worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from spondyl.anatomy import NAMES, ORDER, label_of
from spondyl.evaluation import METRICS, evaluate, match
from spondyl.spine import Spine, Vertebra

KEYS = ("id_rate", "id_rate_verse_code", "id_rate_reference", "mean_scan_id_rate", "all_correct_rate")


def spine(**heights):
    """A straight spine from name to height in mm, or to a point."""
    points = {label_of(n): p if isinstance(p, tuple) else (0, 0, p) for n, p in heights.items()}
    return Spine.from_centroids(points)


def rates(*pairs):
    scans = [(f"scan{i}", truth, predicted) for i, (truth, predicted) in enumerate(pairs)]
    summary = evaluate(scans, resamples=0).summary
    return tuple(summary[key].value for key in KEYS)


def value(key, *pairs):
    return evaluate([(str(i), *pair) for i, pair in enumerate(pairs)], resamples=0).summary[key].value


L123 = spine(L1=90, L2=60, L3=30)


@pytest.mark.parametrize(
    ("truth", "predicted", "expected"),
    [
        pytest.param(L123, L123, (1, 1, 1, 1, 1), id="perfect"),
        pytest.param(L123, spine(), (0, 0, 0, 0, 0), id="nothing predicted"),
        # L2 moved by 14: still nearest to the true L2 (16 from L3); found by every definition.
        pytest.param(L123, spine(L1=90, L2=46, L3=30), (1, 1, 1, 1, 1), id="inside the limit"),
        # L2 moved by 16: the closest true centroid is L3's, 14 away. Seen from the true L2, the nearest
        # prediction is still L2, so the reference counts it.
        pytest.param(
            L123, spine(L1=90, L2=44, L3=30), (2 / 3, 2 / 3, 1, 2 / 3, 0), id="closer to a neighbour"
        ),
        # L3 is not predicted, so in the VerSe code it does not compete for the predicted L2.
        pytest.param(
            L123, spine(L1=90, L2=44), (1 / 3, 2 / 3, 2 / 3, 1 / 3, 0), id="competitor not predicted"
        ),
        # All names one level too low: T12 -> L1 ... everything wrong, though each is exactly found.
        pytest.param(L123, L123.shifted(1), (0, 0, 0, 0, 0), id="all wrong by one"),
        # 30 mm apart; moved by one level and a half: labels in both meet 30 mm away.
        pytest.param(L123, spine(L2=90, L3=60, L4=30), (0, 0, 0, 0, 0), id="shifted by one position"),
        # All right, and one invented: only the all-correct rate minds.
        pytest.param(L123, spine(L1=90, L2=60, L3=30, L4=0), (1, 1, 1, 1, 0), id="one invented"),
    ],
)
def test_by_hand(truth, predicted, expected):
    assert rates((truth, predicted)) == pytest.approx(expected)


@pytest.mark.parametrize(("moved", "counts"), [(19.999, True), (20.0, True), (20.001, False)])
def test_limit_of_20_mm_is_inclusive(moved, counts):
    truth, predicted = spine(L1=0), spine(L1=moved)
    assert rates((truth, predicted)) == (counts,) * 5


def test_limit_can_be_set():
    scan = ("a", spine(L1=0), spine(L1=12))
    assert evaluate([scan], limit_mm=10, resamples=0).summary["id_rate"].value == 0
    assert evaluate([scan], limit_mm=12, resamples=0).summary["id_rate"].value == 1


def test_ties_are_decided_for_the_label_itself():
    # The predicted L1 lies midway between the true L1 and L2; the true L1 midway between two predictions.
    assert rates((spine(L1=20, L2=0), spine(L1=10, L2=0)))[:2] == (1, 1)
    assert rates((spine(T12=10), spine(T12=20, L1=0)))[2] == 1
    assert rates((spine(L1=10), spine(T12=20, L1=0)))[2] == 1


def test_pooled_and_per_scan_differ():
    """Four of four right and none of one right: pooled 4/5, per scan (1 + 0) / 2."""
    four = spine(L1=90, L2=60, L3=30, L4=0)
    wrong = (spine(C2=0), spine(C3=0))
    assert rates((four, four), wrong) == pytest.approx((0.8, 0.8, 0.8, 0.5, 0.5))


def test_scan_without_vertebrae():
    """Nothing there and nothing predicted says nothing; something predicted is a mistake."""
    four = spine(L1=90, L2=60, L3=30, L4=0)
    assert rates((four, four), (spine(), spine())) == (1, 1, 1, 1, 1)
    assert rates((four, four), (spine(), spine(L1=0))) == (1, 1, 1, 1, 0.5)


def test_missing_prediction_counts_as_missed_and_is_named():
    result = evaluate([("a", L123, L123), ("b", L123, None)], resamples=0)
    assert result.summary["id_rate"].value == 0.5
    assert result.summary["not_found"].value == 3
    assert result.missing_scans == ("b",)
    assert result.worst_scans(1) == ("b",)
    assert result.summary["precision"].value == 1  # nothing was predicted in b, so nothing wrongly


def test_localization_error():
    truth = spine(L1=90, L2=60, L3=30)
    predicted = spine(L1=93, L2=(0, 4, 60), T12=120)
    assert value("localization_mean", (truth, predicted)) == pytest.approx(3.5)
    assert value("localization_std", (truth, predicted)) == pytest.approx(0.5)  # population
    assert value("localization_median", (truth, predicted)) == pytest.approx(3.5)
    assert value("not_found", (truth, predicted)) == 1
    wrong_name = value("localization_mean", (truth, spine(L1=30)))
    assert wrong_name == pytest.approx(60)  # no limit: the full distance


def test_precision_and_recall():
    truth = spine(L1=90, L2=60, L3=30)
    predicted = spine(L1=90, L3=60, S1=-90)  # one right, one misnamed, one invented
    assert value("precision", (truth, predicted)) == pytest.approx(1 / 3)
    assert value("detection_precision", (truth, predicted)) == pytest.approx(2 / 3)
    assert value("detection_recall", (truth, predicted)) == pytest.approx(2 / 3)
    assert value("invented", (truth, predicted)) == 1


def test_pairs_are_one_to_one_and_as_many_as_possible():
    """Greedy pairing would take the 2 mm pair and leave one vertebra of each side alone."""
    truth, predicted = spine(L1=10, L2=-6), spine(T11=8, T12=26)
    table = match(truth, predicted)
    assert [(NAMES[r.label], NAMES[r.partner]) for r in table.true] == [("L1", "T12"), ("L2", "T11")]


def test_regions_and_levels():
    truth = spine(C7=400, T1=380, L1=90, L2=60)
    predicted = spine(C7=400, T1=384, L2=60, L3=95)
    result = evaluate([("a", truth, predicted)], resamples=0)
    assert list(result.regions) == ["cervical", "thoracic", "lumbar"]
    assert list(result.levels) == ["C7", "T1", "L1", "L2", "L3"]
    assert result.regions["lumbar"]["id_rate"].value == 0.5
    assert result.regions["cervical"]["all_correct_rate"].value == 1
    assert result.regions["lumbar"]["all_correct_rate"].value == 0
    assert result.levels["T1"]["localization_mean"].value == pytest.approx(4)
    assert result.levels["L3"]["id_rate"].value is None
    assert result.levels["L3"]["id_rate"].n == 0


# A second opinion on random scans: definitions typed again from their sentences, in plain Python.


def naive(truth, predicted, limit=20.0):
    """Hits per definition, and the localization errors, by loops over dictionaries."""
    true = {v.label: np.array(v.centroid_mm) for v in truth}
    found = {v.label: np.array(v.centroid_mm) for v in predicted}
    common = sorted(set(true) & set(found))
    glocker = verse = reference = 0
    for label in common:
        for competitors in (list(true), common):
            distances = {k: np.linalg.norm(found[label] - true[k]) for k in competitors}
            hit = min(distances, key=distances.get) == label and distances[label] <= limit
            if competitors is common:
                verse += hit
            else:
                glocker += hit
    for label, point in true.items():
        distances = {k: np.linalg.norm(point - q) for k, q in found.items()}
        near = [k for k in distances if distances[k] <= limit]
        reference += bool(near) and min(near, key=distances.get) == label
    errors = [np.linalg.norm(true[k] - found[k]) for k in common]
    return glocker, verse, reference, errors


def random_pair(seed):
    rng = np.random.default_rng(seed)
    first, count = rng.integers(0, 20), rng.integers(0, 9)
    labels = ORDER[first : first + count]
    truth = {x: (*rng.normal(0, 5, 2), -18.0 * i) for i, x in enumerate(labels)}
    predicted = {
        ORDER[min(ORDER.index(x) + rng.integers(-1, 2) * (rng.random() < 0.2), 27)]: p + rng.normal(0, 9, 3)
        for x, p in truth.items()
        if rng.random() < 0.85
    }
    return Spine.from_centroids(truth), Spine.from_centroids(predicted)


pairs = st.integers(0, 10**6).map(random_pair)


@settings(deadline=None, max_examples=60)
@given(st.lists(pairs, min_size=1, max_size=4))
def test_against_naive_loops(scans):
    hits = [naive(*scan) for scan in scans]
    count = sum(len(truth) for truth, _ in scans)
    errors = [e for *_, some in hits for e in some]
    summary = evaluate([(str(i), *scan) for i, scan in enumerate(scans)], resamples=0).summary
    for place, key in enumerate(KEYS[:3]):
        expected = sum(hit[place] for hit in hits) / count if count else None
        assert summary[key].value == pytest.approx(expected)
    for key, function in (("mean", np.mean), ("std", np.std), ("median", np.median)):
        expected = function(errors) if errors else None
        assert summary[f"localization_{key}"].value == pytest.approx(expected)


@settings(deadline=None, max_examples=30)
@given(pairs)
def test_nearest_against_a_kd_tree(scan):
    truth, predicted = scan
    if not len(truth) or not len(predicted):
        return
    distance, index = cKDTree(predicted.centroids_mm).query(truth.centroids_mm)
    rows = match(truth, predicted).true
    assert [r.nearest_predicted_mm for r in rows] == pytest.approx(list(distance))
    assert [r.nearest_predicted for r in rows] == [predicted.labels[i] for i in index]


@settings(deadline=None, max_examples=30)
@given(pairs, st.integers(0, 2**32 - 1))
def test_rigid_motion_and_order_change_nothing(scan, seed):
    rng = np.random.default_rng(seed)
    turn, shift = Rotation.random(random_state=seed).as_matrix(), rng.normal(0, 300, 3)

    def moved(spine):
        vertebrae = [Vertebra(v.label, tuple(turn @ v.centroid_mm + shift)) for v in spine]
        rng.shuffle(vertebrae)
        return Spine(tuple(vertebrae))

    before = evaluate([("a", *scan)], resamples=0).summary
    after = evaluate([("a", *map(moved, scan))], resamples=0).summary
    for key in before:
        assert after[key].value == pytest.approx(before[key].value, abs=1e-6)


@settings(deadline=None, max_examples=20)
@given(st.lists(pairs, min_size=2, max_size=5), st.randoms())
def test_order_of_cases_changes_nothing(scans, random):
    named = [(f"scan{i}", *scan) for i, scan in enumerate(scans)]
    shuffled = random.sample(named, len(named))
    assert evaluate(named, resamples=50) == evaluate(shuffled, resamples=50)


def test_every_metric_is_defined_once():
    assert len({metric.key for metric in METRICS}) == len(METRICS)
    assert all(metric.definition.endswith(".") for metric in METRICS)
    assert METRICS[0].key == "id_rate"
