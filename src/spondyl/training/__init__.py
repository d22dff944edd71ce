"""Training. Importing a module of this package imports torch."""

__all__: list[str] = []
