"""DICOM objects made from a spine: SEG, SR and RT structure set."""

__all__: list[str] = []
