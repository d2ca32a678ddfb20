"""What a camera without flash would have seen: less light, a cast, shot and read noise."""

import numpy as np

from gpu_metrics.demo.filters import wide_blur
from gpu_metrics.demo.light import to_light, to_srgb
from gpu_metrics.demo.photographs import Image
from gpu_metrics.demo.scenes import Scene

# blue, green, red of the light that is left: bulbs indoors, dusk outdoors
CASTS = ((0.55, 0.9, 1.15), (1.2, 0.95, 0.7))


def without_flash(scene: Scene, generator: np.random.Generator) -> Image:
    """The scene 2 to 3 stops darker, and the person, whom the flash missed, a bit more."""
    stops = generator.uniform(2.0, 3.0)
    missing = generator.uniform(0.3, 0.7)
    cast = np.array(CASTS[generator.integers(len(CASTS))]) ** generator.uniform(0.5, 1.0)
    shot = generator.uniform(2e-5, 8e-5)
    read = generator.uniform(2e-4, 6e-4)

    # light falls off smoothly, so the matte's edge must not show in it
    person = wide_blur(scene.matte.astype(np.float32) / 255, 0.04 * scene.matte.shape[0])
    exposure = np.exp2(-stops - missing * person).astype(np.float32)
    light = to_light(scene.truth) * exposure[..., None] * cast.astype(np.float32)
    deviation = np.sqrt(np.float32(shot) * light + np.float32(read**2))
    noise = generator.standard_normal(light.shape, dtype=np.float32)
    return to_srgb(light + deviation * noise)
