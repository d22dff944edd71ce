"""From what the networks say to named vertebrae."""

__all__: list[str] = []
