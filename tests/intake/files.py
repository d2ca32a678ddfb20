"""Image files of every kind, whole and broken, made from pixels."""

import struct
import zlib
from collections.abc import Iterable

import cv2
import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
END = struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}

# TIFF header and one entry: orientation (0x0112), a short, 1 value, 6 = rotated by a quarter
ORIENTATION_6 = b"MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, 6, 0, 0)

_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2))


def photo(height: int = 24, width: int = 32, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Smooth plus noise, uint8 `(H, W, C)`, neither symmetric nor square."""
    random = np.random.Generator(np.random.PCG64(seed))
    slope = np.add.outer(np.arange(height) * 8, np.arange(width) * 2)[..., None] % 230
    noise = random.integers(0, 25, (height, width, channels))
    return (slope + noise).astype(np.uint8)


def chunk(kind: bytes, body: bytes = b"", *, checksum: int | None = None) -> bytes:
    """A chunk of a PNG, its checksum right unless another is given."""
    checksum = zlib.crc32(kind + body) if checksum is None else checksum
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def header(width: int, height: int, depth: int = 8, color: int = 2, interlaced: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced))


def packed(samples: np.ndarray, depth: int) -> list[bytes]:
    """Rows of samples `(H, W, C)` as a PNG packs them; samples of 16 bits come as uint16."""
    if depth == 16:
        return [row.astype(">u2").tobytes() for row in samples]
    if depth == 8:
        return [row.tobytes() for row in samples]
    bits = np.unpackbits(samples.reshape(*samples.shape[:2], 1), axis=2)[..., 8 - depth :]
    return [row.tobytes() for row in np.packbits(bits.reshape(len(samples), -1), axis=1)]


def filtered(rows: list[bytes], bytes_per_pixel: int, kinds: Iterable[int]) -> bytes:
    """Rows behind their filter bytes, filtered as the standard says."""
    out, above = bytearray(), bytes(len(rows[0]) if rows else 0)
    for row, kind in zip(rows, kinds, strict=False):
        x = np.frombuffer(row, np.uint8).astype(int)
        up = np.frombuffer(above, np.uint8).astype(int)
        left, corner = (np.r_[[0] * bytes_per_pixel, v][: len(x)] for v in (x, up))
        guess = (0 * x, left, up, (left + up) // 2, _paeth(left, up, corner))[kind]
        out += bytes([kind]) + ((x - guess) % 256).astype(np.uint8).tobytes()
        above = row
    return bytes(out)


def image_data(
    samples: np.ndarray, depth: int = 8, *, interlaced: bool = False, kinds: Iterable[int] = ()
) -> bytes:
    """Filtered rows of all passes, before they are compressed. Filter None unless told."""
    passes = [*_ADAM7, (1, 0, 2, 1)] if interlaced else [(0, 0, 1, 1)]
    pixel = max(1, depth * samples.shape[2] // 8)
    parts = (samples[top::down, left::right] for top, left, down, right in passes)
    kinds = list(kinds) or [0]
    return b"".join(
        filtered(packed(part, depth), pixel, (kinds[i % len(kinds)] for i in range(len(part))))
        for part in parts
        if part.size
    )


def png(
    samples: np.ndarray,
    depth: int = 8,
    color: int = 2,
    *,
    interlaced: bool = False,
    kinds: Iterable[int] = (),
    level: int = 6,
    piece: int = 1 << 20,
    extra: bytes = b"",
) -> bytes:
    """A PNG of samples `(H, W, C)`, its image data cut into chunks of `piece` bytes."""
    rows = image_data(samples, depth, interlaced=interlaced, kinds=kinds)
    compressed = zlib.compress(rows, level)
    pieces = [compressed[i : i + piece] for i in range(0, len(compressed), piece)]
    height, width = samples.shape[:2]
    return assembled(header(width, height, depth, color, interlaced), *pieces, extra=extra)


def assembled(first: bytes, *pieces: bytes, extra: bytes = b"") -> bytes:
    """A PNG of a header, other chunks and compressed image data."""
    return SIGNATURE + first + extra + b"".join(chunk(b"IDAT", p) for p in pieces) + END


def with_chunk(data: bytes, kind: bytes, body: bytes, *, checksum: int | None = None) -> bytes:
    """A PNG with one more chunk behind its header."""
    return data[:33] + chunk(kind, body, checksum=checksum) + data[33:]


def encoded(ending: str, rgb: np.ndarray, *options: int) -> bytes:
    """As OpenCV encodes RGB or grey in the format of that ending."""
    done, data = cv2.imencode(ending, rgb if rgb.ndim == 2 else rgb[..., ::-1], list(options))
    assert done
    return data.tobytes()


def jpeg_with_exif(data: bytes) -> bytes:
    """A JPEG turned by a quarter through its EXIF orientation."""
    body = b"Exif\0\0" + ORIENTATION_6
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


def opencv(data: bytes) -> np.ndarray | None:
    """What the organisers' decoder makes of a file, RGB."""
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return None if bgr is None else bgr[..., ::-1]


def _paeth(left: np.ndarray, up: np.ndarray, corner: np.ndarray) -> np.ndarray:
    guess = left + up - corner
    a, b, c = abs(guess - left), abs(guess - up), abs(guess - corner)
    return np.where((a <= b) & (a <= c), left, np.where(b <= c, up, corner))
