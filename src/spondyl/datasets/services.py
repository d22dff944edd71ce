"""Asking Zenodo and Hugging Face which files a data set consists of."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from spondyl.datasets.fetch import fetch_json
from spondyl.datasets.registry import HuggingFace, Zenodo
from spondyl.errors import DownloadError

__all__ = ["RemoteFile", "list_repository", "newest_archive"]


@dataclass(frozen=True)
class RemoteFile:
    """A file a service offers.

    Attributes:
        path: File name, or path below the part's folder.
        url: Where it lies.
        checksum: ``"sha256:..."`` or ``"md5:..."``, if the service tells.
    """

    path: str
    url: str
    checksum: str | None


def newest_archive(zenodo: Zenodo, page: str) -> RemoteFile:
    """The zip archive of the newest version of a Zenodo record.

    Args:
        zenodo: Which record; its number may be that of any version.
        page: Web page named in errors.

    Raises:
        DownloadError: the service is not reachable, or offers no such archive.
    """
    record, _ = fetch_json(f"{zenodo.api}/records/{zenodo.record}", page=page)
    newest = _get(record, "links", "latest")
    if newest:
        record, _ = fetch_json(newest, page=page)
    archives = [
        file
        for file in _get(record, "files") or []
        if file["key"].lower().startswith(zenodo.prefix) and file["key"].lower().endswith(".zip")
    ]
    if not archives:
        raise DownloadError(
            f"{zenodo.api}: record {zenodo.record} holds no archive {zenodo.prefix}*.zip any more. "
            f"To fetch it by hand, open {page}"
        )
    file = max(archives, key=lambda entry: int(entry["size"]))
    checksum = file.get("checksum")
    return RemoteFile(file["key"], file["links"]["self"], checksum if ":" in (checksum or "") else None)


def list_repository(service: HuggingFace, part: str, page: str) -> list[RemoteFile]:
    """The files of one part of a Hugging Face data set, sorted by path.

    Args:
        service: Which repository and folders.
        part: Name of the part.
        page: Web page named in errors.

    Raises:
        DownloadError: the service is not reachable, or the folder is empty.
    """
    files = []
    for pattern, local in service.folders:
        folder = pattern.format(part=part)
        for entry in _tree(service, folder, page):
            path = str(entry["path"])
            sha256 = _get(entry, "lfs", "oid")
            url = f"{service.host}/datasets/{service.repository}/resolve/main/{quote(path)}"
            inside = path.removeprefix(folder).strip("/")
            if ".." in inside.split("/"):
                raise DownloadError(f"{url}: refused: it would be written outside the target folder")
            files.append(RemoteFile(f"{local}/{inside}", url, f"sha256:{sha256}" if sha256 else None))
    if not files:
        raise DownloadError(f"{service.host}: {service.repository} holds no files of {part}; open {page}")
    return sorted(files, key=lambda file: file.path)


def _tree(service: HuggingFace, folder: str, page: str) -> list[dict[str, Any]]:
    """All files below a folder of the repository, page by page."""
    url: str | None = (
        f"{service.host}/api/datasets/{service.repository}/tree/main/{quote(folder)}?recursive=true"
    )
    entries: list[dict[str, Any]] = []
    while url:
        content, url = fetch_json(url, page=page)
        entries += [entry for entry in content if entry.get("type") == "file"]
    return entries


def _get(tree: Any, *keys: str) -> Any:
    """A nested value, or ``None`` where a level is missing."""
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree
