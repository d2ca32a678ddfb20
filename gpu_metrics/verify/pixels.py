"""How far the pixels of two submissions are apart."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from gpu_metrics.errors import InputError
from gpu_metrics.intake.decoding import decode
from gpu_metrics.intake.entries import Entries, open_entries
from gpu_metrics.intake.policy import Policy
from gpu_metrics.pairing import ReferenceFiles, find_submission
from gpu_metrics.profiles import Images
from gpu_metrics.verify.findings import PixelChange


def pixel_changes(
    online: Path,
    reproduced: Path,
    reference: Iterable[ReferenceFiles],
    rules: Images,
    *,
    threads: int = 4,
) -> dict[str, PixelChange]:
    """The change of each image that both submissions have, can decode, and have in one size.

    Args:
        online, reproduced: Folders or zip files.
        reference: The images of the set; masks and pixels are not looked at.
        rules: How files are paired and decoded.
    """
    reference = list(reference)
    with open_entries(online) as before, open_entries(reproduced) as after:
        found = [find_submission(entries.names, reference, rules)[0] for entries in (before, after)]
        ids = sorted(found[0].keys() & found[1].keys())
        policy = Policy(rules.decoding, rules.extensions)
        pairs = [((before, found[0][id_]), (after, found[1][id_])) for id_ in ids]
        with ThreadPoolExecutor(threads) as pool:
            changes = list(pool.map(partial(_change, policy=policy), pairs))
    return {id_: change for id_, change in zip(ids, changes, strict=True) if change is not None}


def _change(
    pair: tuple[tuple[Entries, str], tuple[Entries, str]], policy: Policy
) -> PixelChange | None:
    try:
        before, after = (decode(entries.read(name), policy=policy).pixels for entries, name in pair)
    except InputError:
        # scoring says what is wrong with it
        return None
    if before.shape != after.shape:
        return None
    apart = np.abs(before.astype(np.int16) - after)
    changed = apart.any(axis=2)
    return PixelChange(int(apart.max()), float(apart.mean()), float(changed.mean()))
