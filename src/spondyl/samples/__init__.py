"""Training samples of the reference system: made from annotated scans, kept as ``.npy`` pairs."""

from spondyl.samples.files import SamplePair, find_samples, write_sample
from spondyl.samples.making import ScanOutcome

__all__ = ["SamplePair", "ScanOutcome", "find_samples", "write_sample"]
