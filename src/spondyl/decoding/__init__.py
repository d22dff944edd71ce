"""From what the networks say to named vertebrae."""
