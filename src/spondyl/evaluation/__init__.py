"""How good are predictions? Every published metric, named and defined, from one matching table."""

from spondyl.evaluation.matching import match

__all__ = ["match"]
