"""How good are predictions? Every published metric, named and defined, from one matching table."""

from spondyl.evaluation.evaluate import compare, evaluate
from spondyl.evaluation.matching import MatchingTable, match
from spondyl.evaluation.metrics import METRICS
from spondyl.evaluation.result import Evaluation

__all__ = ["METRICS", "Evaluation", "MatchingTable", "compare", "evaluate", "match"]
