"""Files as answers."""

import asyncio
from contextlib import suppress

from spondyl.server.context import stream_file


def test_a_file_is_closed_though_nobody_takes_it(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"x" * 3_000_000)
    answer = stream_file(path, "image/png")

    async def gone(_message):
        raise OSError("the other side has left")

    async def waiting():
        await asyncio.sleep(60)

    with suppress(Exception):
        asyncio.run(answer({"type": "http", "asgi": {"spec_version": "2.4"}}, waiting, gone))
    assert answer._stream.closed
