"""Torch networks, their losses and metrics. Importing a module of this package imports torch."""

__all__: list[str] = []
