"""Data sets on disk: finding cases in the usual layouts, loading them, splitting, downloading.

>>> from spondyl.datasets import find_cases
>>> for case in find_cases("training_dataset"):     # doctest: +SKIP
...     volume, spine = case.load()
"""

from spondyl.datasets.case import Case
from spondyl.datasets.find import find_cases
from spondyl.datasets.splits import folds, patient_of, split

__all__ = ["Case", "find_cases", "folds", "patient_of", "split"]
