"""JPEGs with something wrong in their bytes, segments or coded data."""

import re
import struct
from random import Random

import cv2

from tests.fuzz.damage import damaged, rearranged
from tests.intake.files import encoded, jpeg_with_exif, photo

SIZE = (48, 40)
_RGB = photo(40, 48)
_PLAIN = encoded(".jpg", _RGB)

WHOLE = [
    _PLAIN,
    jpeg_with_exif(encoded(".jpg", photo(48, 40))),
    encoded(".jpg", _RGB[..., 0]),
    encoded(".jpg", _RGB, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    encoded(".jpg", _RGB, cv2.IMWRITE_JPEG_OPTIMIZE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
    encoded(
        *(".jpg", _RGB, cv2.IMWRITE_JPEG_QUALITY, 40),
        *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
    ),
]
# the start of a scan takes its coded data with it, up to the next marker
_PART = re.compile(rb"\xff([\xc0-\xcf\xda-\xfe])(?=(..))", re.DOTALL)
_MARKERS = [b"\xff" + bytes([code]) for code in (*range(0xC0, 0xE2), 0xFE, 0x00, 0x01, 0xFF)]


def mutant(random: Random) -> bytes:
    """A JPEG that was whole before one to three things happened to it."""
    parts = _parsed(random.choice(WHOLE))
    for _ in range(random.randrange(3)):
        parts = random.choice([_damage, _damage, _damage, _marker, _sizes, rearranged])(
            parts, random
        )
    data = b"".join(parts)
    return damaged(data, random) if random.random() < 0.4 else data


def _parsed(data: bytes) -> list[bytes]:
    """The start, each segment with what follows it up to the next one, the end."""
    places, position = [0], 2
    while found := _PART.search(data, position):
        places.append(found.start())
        position = found.start() + 2 + struct.unpack(">H", found[2])[0]
    places.append(len(data) - 2)
    return [data[i:j] for i, j in zip(places, [*places[1:], len(data)], strict=True)]


def _damage(parts: list[bytes], random: Random) -> list[bytes]:
    """Damage inside one segment or scan, behind its marker and length."""
    place = random.randrange(len(parts))
    part = parts[place]
    return [*parts[:place], part[:4] + damaged(part[4:], random), *parts[place + 1 :]]


def _marker(parts: list[bytes], random: Random) -> list[bytes]:
    """A marker inside of a part, or in the place of its own."""
    place = random.randrange(len(parts))
    part, inside = parts[place], random.randrange(len(parts[place]))
    changed = part[:inside] + random.choice(_MARKERS) + part[inside + 2 * random.randrange(2) :]
    return [*parts[:place], changed, *parts[place + 1 :]]


def _sizes(parts: list[bytes], random: Random) -> list[bytes]:
    """Another length in front of a segment."""
    place = random.randrange(len(parts))
    length = struct.pack(">H", random.choice([0, 1, 2, 3, 8, 17, 64, 2**15, 2**16 - 1]))
    return [*parts[:place], parts[place][:2] + length + parts[place][4:], *parts[place + 1 :]]
