"""Who picked whom: the votes of a jury as arrays."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool


@dataclass(frozen=True, slots=True)
class Jury:
    """Votes of jurors on the scenes they saw.

    `shown` says which teams a juror saw in a scene, none where there is no vote; `picked` which
    of these were among the juror's best.
    """

    jurors: tuple[str, ...]
    scenes: tuple[str, ...]
    teams: tuple[str, ...]
    shown: Bool[np.ndarray, "jurors scenes teams"]
    picked: Bool[np.ndarray, "jurors scenes teams"]
