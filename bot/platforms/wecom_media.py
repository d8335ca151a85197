"""Files to and from the platform, which keeps them for three days."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import aiohttp

from bot.errors import Refused, Unavailable, Undeliverable
from bot.platforms.wecom_client import MEDIA_TIMEOUT, WeComClient

MEBIBYTE = 1 << 20
PIECE = 20 * MEBIBYTE
"""The platform gives no more than this at once."""
_LEAST = 6
_MOST = {"image": 10 * MEBIBYTE, "file": 20 * MEBIBYTE}
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
_UNFIT = re.compile(r'[\x00-\x1f\x7f"\\/:*?<>|]+')
_RANGE = re.compile(r"bytes \d+-\d+/(\d+)")


@dataclass(frozen=True, slots=True)
class WeComMedia:
    client: WeComClient

    async def upload(self, kind: Literal["image", "file"], name: str, path: str) -> str:
        """The media id of the file at `path`. Raises `Undeliverable` when it is gone or would be refused."""
        data = await asyncio.to_thread(_readable, kind, path)
        return await self.client.authorised(partial(self._upload, kind, _UNFIT.sub("_", name)[-100:] or kind, data))

    async def download(self, media_id: str, limit: int = PIECE) -> bytes:
        """What a person sent us, in as many pieces as it takes. Raises `Refused` (413) above `limit` bytes and
        `Undeliverable` when the platform has it no longer.
        """
        data, total = await self.client.authorised(partial(self._piece, media_id, 0, limit))
        while len(data) < total:
            piece, _ = await self.client.authorised(partial(self._piece, media_id, len(data), limit))
            if not piece:
                raise Unavailable("media/get stopped half-way")
            data += piece
        return data

    async def _upload(self, kind: str, name: str, data: bytes, token: str) -> str:
        # Unquoted, because the platform takes the name as it stands: percent signs and all.
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("media", data, filename=name, content_type="application/octet-stream")
        params = {"access_token": token, "type": kind}
        async with self.client.request("POST", "media/upload", params, data=form, timeout=MEDIA_TIMEOUT) as response:
            answer = await self.client.payload("media/upload", response)
        if not answer.get("media_id"):
            raise Unavailable("media/upload answered without an id")
        return str(answer["media_id"])

    async def _piece(self, media_id: str, start: int, limit: int, token: str) -> tuple[bytes, int]:
        """The bytes from `start` on and how many there are in all."""
        params = {"access_token": token, "media_id": media_id}
        headers = {"Range": f"bytes={start}-{start + PIECE - 1}"}
        async with self.client.request("GET", "media/get", params, headers=headers, timeout=MEDIA_TIMEOUT) as response:
            if "json" in response.content_type and "Content-Disposition" not in response.headers:
                await self.client.payload("media/get", response)
                raise Unavailable("media/get answered without a file")
            found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if (response.status == 206) != bool(found) or (start and not found):
                raise Unavailable("media/get answered another range")
            if found and int(found[1]) > limit:
                raise Refused(413, "the media is too large")
            data = await _read(response, limit - start)
            return data, int(found[1]) if found else len(data)


def _readable(kind: str, path: str) -> bytes:
    file = Path(path)
    try:
        size = file.stat().st_size
        data = file.read_bytes() if _LEAST <= size <= _MOST[kind] else b""
    except OSError:
        raise Undeliverable("the file is gone", remedy="wecom_file_gone") from None
    if not data:
        raise Undeliverable(f"{size} bytes are too many or too few", remedy="wecom_file_size")
    if kind == "image" and not data.startswith(_PICTURES):
        raise Undeliverable("neither PNG nor JPEG", remedy="wecom_file_type")
    return data


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    data = bytearray()
    async for chunk in response.content.iter_chunked(1 << 16):
        data += chunk
        if len(data) > limit:
            raise Refused(413, "the media is too large")
    return bytes(data)
