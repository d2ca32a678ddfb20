"""The scorer: built once for a reference set, then asked for one submission after another."""

import math
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from gpu_metrics.errors import EngineError, InputError
from gpu_metrics.images import Picture
from gpu_metrics.kernels.launch import Paths, recorded
from gpu_metrics.measuring import Target, finish, measure
from gpu_metrics.metrics.trunk import Network
from gpu_metrics.pairing import Folders
from gpu_metrics.precision import repeatable
from gpu_metrics.profiles import Profile, load_profile
from gpu_metrics.provenance import provenance
from gpu_metrics.reference import Reference
from gpu_metrics.results import Count, ImageRow, ProfileStamp, Rejection, Run
from gpu_metrics.score import compose, means
from gpu_metrics.submissions import Candidate, Submission, decoded, open_submission, title
from gpu_metrics.weights import Say, find_weights

OnProgress = Callable[[int, int], None]

# pixels computed at once: on a CPU one image keeps its maps near the cache, a GPU wants more
_BATCH_MEGAPIXELS = {"cpu": 1.0, "cuda": 32.0}
_MOST_THREADS = 16


@dataclass(frozen=True, slots=True)
class _Loaded:
    target: Target
    file: str
    picture: Picture


class Scorer:
    """Scores submissions against one reference set by one profile.

    Building it decodes and checks the whole reference and loads the networks; `score` may then be
    called any number of times, from any number of threads.

    Args:
        profile: A profile, its name, or the path of its TOML file.
        reference: Folder with `gt/` and `mask/`, or `Folders`.
        device: "auto" (a GPU where there is one), "cpu", "cuda" or "cuda:1".
        weights: File or folder with the networks' weights; see `find_weights`.
        batch_megapixels: Pixels computed at once; moves memory and speed, never a digit.
        threads: Decoding threads; one per core by default, at most 16.
        say: Called with a sentence for each thing that has to be fetched.

    Raises:
        ReferenceSetError: Ground truth or masks do not fit; all faults are listed.
        ProfileError, InputError, WeightsError, EngineError: As their names say.
    """

    def __init__(
        self,
        profile: Profile | str | Path,
        reference: str | Path | Folders,
        *,
        device: str = "auto",
        weights: str | Path | None = None,
        batch_megapixels: float | None = None,
        threads: int | None = None,
        say: Say = lambda text: None,
    ) -> None:
        self.profile = profile if isinstance(profile, Profile) else load_profile(profile)
        self.device = choose_device(device)
        for what, given in (("batch_megapixels", batch_megapixels), ("threads", threads)):
            if given is not None and not given > 0:
                raise InputError(f"{what}: expected more than 0, got {given}")
        self._threads = threads or min(os.cpu_count() or 1, _MOST_THREADS)
        self._batch_pixels = 1e6 * (batch_megapixels or _BATCH_MEGAPIXELS[self.device.type])
        source = reference if isinstance(reference, Folders) else Path(reference)
        self.reference = Reference.load(source, self.profile, threads=self._threads)
        self._targets = {
            id_: Target.prepare(image, self.profile) for id_, image in self.reference.images.items()
        }
        measures = self.profile.measures.values()
        nets = {str(item.options["net"]) for item in measures if item.metric == "lpips"}
        self._weights = {net: find_weights(net, path=weights, say=say) for net in sorted(nets)}
        self._networks = {
            net: Network.build(found, device=self.device) for net, found in self._weights.items()
        }
        self._device_lock = threading.Lock()

    def score(
        self,
        submission: Submission,
        *,
        name: str | None = None,
        on_progress: OnProgress = lambda done, total: None,
    ) -> Run:
        """The record of one submission.

        Args:
            submission: A folder of images; or, from id to pixels, uint8 RGB arrays `(H, W, 3)` or
                tensors `(3, H, W)`.
            name: What the record calls it; the folder's name by default.
            on_progress: Called with the number of images done and their total.

        Raises:
            SubmissionError: Images are missing, too many or ambiguous; nothing was scored. Images
                that cannot be decoded or differ in size do not raise: the others are scored, the
                record lists them as rejected and is partial, without a score.
        """
        candidates, remarks = open_submission(submission, self.reference, self.profile.images)
        rows: list[ImageRow] = []
        rejected: list[Rejection] = []
        files: dict[str, dict[str, str]] = {}
        with repeatable(), recorded() as kernels:
            for batch in self._batches(candidates, rejected):
                rows += self._measure(batch)
                for item in batch:
                    entry = {"file": item.file, "sha256": item.picture.sha256}
                    files[item.target.image.id] = entry
                on_progress(len(rows) + len(rejected), len(candidates))
        on_progress(len(candidates), len(candidates))
        return self._record(name or title(submission), rows, rejected, remarks, kernels, files)

    def _batches(
        self, candidates: list[Candidate], rejected: list[Rejection]
    ) -> Iterator[list[_Loaded]]:
        """Decoded images in runs of one shape; what cannot be scored goes to `rejected`."""
        batch: list[_Loaded] = []
        for candidate, picture in decoded(candidates, threads=self._threads):
            id_ = candidate.target.id
            if isinstance(picture, str):
                rejected.append(Rejection(id_, candidate.file, picture))
                continue
            _, height, width = shape = picture.pixels.shape
            full = (len(batch) + 1) * height * width > self._batch_pixels
            if batch and (full or batch[0].picture.pixels.shape != shape):
                yield batch
                batch = []
            batch.append(_Loaded(self._targets[id_], candidate.file, picture))
        if batch:
            yield batch

    def _measure(self, batch: list[_Loaded]) -> list[ImageRow]:
        """Rows of a batch; one that does not fit into memory is halved, which moves no digit."""
        try:
            with self._device_lock:
                numbers = self._numbers(batch)
        except torch.OutOfMemoryError:
            # while the error lives, its frames hold the memory of what failed
            numbers = None
        if numbers is not None:
            pairs = zip(batch, numbers, strict=True)
            return [self._row(item.target, values) for item, values in pairs]
        if len(batch) > 1:
            half = len(batch) // 2
            return self._measure(batch[:half]) + self._measure(batch[half:])
        image = batch[0].target.image
        raise EngineError(
            f"{image.id}: one image of {image.size} does not fit into the memory of "
            f"{self.device}; free some, or use the device 'cpu'"
        )

    def _numbers(self, batch: list[_Loaded]) -> list[list[float]]:
        targets = [item.target for item in batch]
        x = torch.stack([item.picture.pixels for item in batch]).to(self.device)
        y = torch.stack([target.image.pixels for target in targets]).to(self.device)
        masks = [target.image.mask for target in targets if target.image.mask is not None]
        mask = torch.stack(masks).to(self.device) if masks else None
        values = measure(x, y, mask, targets, self.profile, self._networks)
        numbers: list[list[float]] = values.cpu().tolist()
        return numbers

    def _row(self, target: Target, numbers: list[float]) -> ImageRow:
        measures = self.profile.measures.values()
        values = {m.name: finish(m, v) for m, v in zip(measures, numbers, strict=True)}
        for name, value in values.items():
            absent = value is None
            if absent != (name in target.undefined) or not (absent or math.isfinite(value or 0)):
                raise EngineError(f"{target.image.id}: {name} came out as {value}; this is a bug")
        return ImageRow(target.image.id, values, target.pixels)

    def _record(
        self,
        name: str,
        rows: list[ImageRow],
        rejected: list[Rejection],
        remarks: Sequence[str],
        kernels: Paths,
        files: Mapping[str, Mapping[str, str]],
    ) -> Run:
        averaged = means(self.profile, [(row.id, row.values, row.pixels) for row in rows])
        scores = compose(self.profile, averaged.values)
        undefined = [
            f"{row.id}: {measure} is not scored: {reason}"
            for row in rows
            for measure, reason in self._targets[row.id].undefined.items()
        ]
        counts = {
            measure: Count(averaged.scored[measure], averaged.not_scored[measure])
            for measure in averaged.values
        }
        return Run(
            profile=ProfileStamp(self.profile.name, self.profile.version, self.profile.digest),
            submission=name,
            status="partial" if rejected else "complete",
            scores=dict.fromkeys(scores) if rejected else scores,
            means=averaged.values,
            counts=counts,
            images=tuple(sorted(rows, key=lambda row: row.id)),
            rejected=tuple(rejected),
            warnings=(*remarks, *undefined),
            provenance=provenance(
                self.device,
                self._weights,
                kernels=kernels,
                reference_sha256=self.reference.sha256,
                files=files,
            ),
        )


def choose_device(name: str) -> torch.device:
    """The device that "auto", "cpu", "cuda" or "cuda:1" stands for; EngineError if absent."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if re.fullmatch(r"cpu|cuda(:[0-9]+)?", name) is None:
        raise InputError(f"device: expected 'auto', 'cpu', 'cuda' or 'cuda:N', got {name!r}")
    if name == "cpu":
        return torch.device(name)
    count, index = torch.cuda.device_count(), name.partition(":")[2]
    if int(index or 0) >= count:
        raise EngineError(f"device {name!r} is not there; CUDA devices found: {count}")
    # threads have current devices of their own; one scorer stays on one
    return torch.device("cuda", int(index or torch.cuda.current_device()))
