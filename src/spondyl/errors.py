"""Every error Spondyl raises on purpose.

::

    SpondylError
    ├── InputError              something the user handed over cannot be used
    │   ├── ImageError          not a readable 3-D CT
    │   ├── AnnotationError     centroids or masks that cannot be read or do not fit their scan
    │   ├── DatasetError        a folder that holds no usable cases
    │   └── SampleError         training samples that are missing or damaged
    ├── ModelError              a model folder that is damaged or of another version
    ├── DownloadError           a data set that cannot be fetched
    ├── TransferError           a DICOM or DICOMweb peer that cannot be reached, or refuses
    ├── MissingDependencyError  an optional extra is not installed
    ├── WorkerError             processes that should do the work do not stay alive
    └── OutputError             results that cannot be written (no permission, something in the way)
        └── DiskFullError       no space left

A message says which file, what was expected, what was found and what to do.
"""

__all__ = [
    "AnnotationError",
    "DatasetError",
    "DiskFullError",
    "DownloadError",
    "ImageError",
    "InputError",
    "MissingDependencyError",
    "ModelError",
    "OutputError",
    "SampleError",
    "SpondylError",
    "TransferError",
    "WorkerError",
]


class SpondylError(Exception):
    """Base of every error that Spondyl raises on purpose."""


class InputError(SpondylError):
    """Something the user handed over cannot be used."""


class ImageError(InputError):
    """A file that is not a readable three-dimensional CT."""


class AnnotationError(InputError):
    """Centroids or a mask that cannot be read or do not fit their scan."""


class DatasetError(InputError):
    """A folder that holds no usable cases."""


class SampleError(InputError):
    """Training samples that are missing or damaged."""


class ModelError(SpondylError):
    """A model folder that is missing, damaged or of another version."""


class DownloadError(SpondylError):
    """A data set that cannot be fetched."""


class TransferError(SpondylError):
    """A DICOM or DICOMweb peer that cannot be reached, or refuses what it is asked."""


class MissingDependencyError(SpondylError):
    """An optional dependency is not installed; the message names the extra to install."""


class WorkerError(SpondylError):
    """Processes that should do the work cannot be started, or do not stay alive."""


class OutputError(SpondylError):
    """A result that cannot be written; nothing is left half-written."""


class DiskFullError(OutputError):
    """No space left for a result, so that the next one need not be tried."""
