"""The scorer: built once for a reference set, then asked for one submission after another."""

import math
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import torch
from torch import Tensor

from gpu_metrics.cache import CachedRow, RowCache, fingerprint, row_key, rules_digest
from gpu_metrics.collecting import Rules, Work, begin
from gpu_metrics.devices import choose_device, cores, default_budget, device_facts
from gpu_metrics.errors import EngineError, InputError, SubmissionError
from gpu_metrics.kernels.launch import recorded
from gpu_metrics.measuring import finish, measure
from gpu_metrics.metrics.trunk import Network
from gpu_metrics.pack import load_reference
from gpu_metrics.pairing import Folders
from gpu_metrics.pipelines import Cores, Measured, OneGpu, Pipeline
from gpu_metrics.profiles import Profile, load_profile
from gpu_metrics.reference import ReferenceImage
from gpu_metrics.resident import Resident
from gpu_metrics.results import ImageRow, Rejection, Run
from gpu_metrics.submissions import (
    Candidate,
    Loaded,
    Stored,
    Submission,
    load,
    opened,
    title,
)
from gpu_metrics.targets import Target
from gpu_metrics.traffic import Traffic
from gpu_metrics.weights import Say, find_weights

OnProgress = Callable[[int, int], None]

# pixels a GPU computes at once; on a CPU each image goes alone
_BATCH_MEGAPIXELS = 32.0
_MOST_DECODERS = 16


class Scorer:
    """Scores submissions against one reference set by one profile.

    Building it decodes and checks the whole reference and loads the networks; `score` may then be
    called any number of times, from any number of threads, which share the device image by image.
    What every submission needs of the reference is computed for the first one and kept.

    Args:
        profile: A profile, its name, or the path of its TOML file.
        reference: Folder with `gt/` and `mask/`, `Folders`, or a file by `gpu-metrics pack`.
        device: "auto" (a GPU where there is one), "cpu", "cuda" or "cuda:1".
        weights: File or folder with the networks' weights; see `find_weights`.
        batch_megapixels: Pixels a GPU computes at once; moves memory and speed, never a digit.
        threads: On a CPU the images in work at once, on a GPU those being decoded; one per core by
            default, beside a GPU at most 16. Moves no digit.
        keep_gigabytes: How much of the reference to keep on the device, in 10^9 bytes; half of a
            GPU's free memory or a quarter of the host's by default. Moves no digit.
        cache: Where rows of images are looked up before they are decoded, and stored as soon as
            they are computed.
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
        keep_gigabytes: float | None = None,
        cache: RowCache | None = None,
        say: Say = lambda text: None,
    ) -> None:
        self.profile = profile if isinstance(profile, Profile) else load_profile(profile)
        self.device = choose_device(device)
        for what, given in (("batch_megapixels", batch_megapixels), ("threads", threads)):
            if given is not None and not given > 0:
                raise InputError(f"{what}: expected more than 0, got {given}")
        if keep_gigabytes is not None and not keep_gigabytes >= 0:
            raise InputError(f"keep_gigabytes: expected 0 or more, got {keep_gigabytes}")
        threads = threads or cores()
        source = reference if isinstance(reference, Folders) else Path(reference)
        self.reference = load_reference(source, self.profile, threads=threads)
        self._targets = {
            id_: Target.prepare(image, self.profile) for id_, image in self.reference.images.items()
        }
        measures = self.profile.measures.values()
        nets = {str(item.options["net"]) for item in measures if item.metric == "lpips"}
        self._weights = {net: find_weights(net, path=weights, say=say) for net in sorted(nets)}
        self._networks = {
            net: Network.build(found, device=self.device) for net, found in self._weights.items()
        }
        budget = default_budget(self.device) if keep_gigabytes is None else 1e9 * keep_gigabytes
        self._known = Resident(self.reference, self._networks, self.device, budget=int(budget))
        self._pipeline: Pipeline = Cores(threads)
        if self.device.type == "cuda":
            pixels = 1e6 * (batch_megapixels or _BATCH_MEGAPIXELS)
            self._pipeline = OneGpu(self.device, min(threads, _MOST_DECODERS), pixels)
        self._cache = cache
        hashes = {net: found.sha256 for net, found in self._weights.items()}
        self._fingerprint = fingerprint(device_facts(self.device), hashes)
        self._rules = rules_digest(self.profile)
        self._common = Rules(
            self.profile, self.reference, self._targets, self.device, self._weights
        )
        self.traffic = Traffic()
        self._process = os.getpid()

    def score(
        self,
        submission: Submission,
        *,
        name: str | None = None,
        on_progress: OnProgress = lambda done, total: None,
    ) -> Run:
        """The record of one submission.

        Args:
            submission: A folder of images or a zip file; the bytes of files by name; or, from id to
                pixels, uint8 RGB arrays `(H, W, 3)` or tensors `(3, H, W)`.
            name: What the record calls it; the name of the folder or file by default.
            on_progress: Called with the number of images done and their total.

        Raises:
            SubmissionError: Images are missing, too many or ambiguous, or an archive is not to be
                trusted; nothing was scored. Images that cannot be decoded or differ in size do not
                raise: the others are scored, the record lists them as rejected and is partial,
                without a score.
            EngineError: The engine cannot do the work, or the scorer was built before a fork.
        """
        [result] = self.score_together([(name or title(submission), submission)], on_progress)
        if isinstance(result, SubmissionError):
            raise result
        return result

    def score_together(
        self,
        submissions: Sequence[tuple[str, Submission]],
        on_progress: OnProgress = lambda done, total: None,
    ) -> list[Run | SubmissionError]:
        """The records of named submissions, or why one is refused, in their order.

        They are measured image by image: the first image of all of them, then the second. What is
        known of a reference image is then computed once for all of them, even where the whole
        reference set does not fit into `keep_gigabytes`; no digit is another than by `score`. All
        are open at once, and none is done before the others.

        Raises:
            EngineError: As for `score`.
        """
        if os.getpid() != self._process:
            raise EngineError("a scorer's threads end at a fork; build another in each process")
        with ExitStack() as stack:
            begun = [
                begin(stack, name, item, self._common, self.traffic) for name, item in submissions
            ]
            works = [work for work in begun if isinstance(work, Work)]
            # each has a candidate for every reference image, in one order
            images = zip(*(work.content.candidates for work in works), strict=True)
            candidates = [candidate for of_one_image in images for candidate in of_one_image]
            kernels = stack.enter_context(recorded())
            if len(works) > 1:
                stack.enter_context(self._known.passing())
            results = self._pipeline.run(candidates, self._load, self._measure)
            stack.enter_context(closing(results))
            for done, result in enumerate(results, start=1):
                works[(done - 1) % len(works)].take(result, self._row)
                on_progress(done, len(candidates))
            on_progress(len(candidates), len(candidates))
        return [
            w if isinstance(w, SubmissionError) else w.record(self._common, kernels) for w in begun
        ]

    @property
    def keeps_reference(self) -> bool:
        """Whether all that submissions need of the reference fits into `keep_gigabytes`.

        Where it does not, `score_together` is faster than `score` after `score`.
        """
        boxes = {
            (id_, str(item.options["net"]), box)
            for id_, target in self._targets.items()
            for item in self.profile.measures.values()
            if item.metric == "lpips" and (box := target.crop(item)) is not None
        }
        return self._known.would_fit(boxes)

    def warm_up(self) -> None:
        """Compute now what the first submission would: the reference's features, as they fit."""
        truth = {id_: image.pixels for id_, image in self.reference.images.items()}

        def anew(candidate: Candidate) -> Loaded | Stored | Rejection:
            return load(candidate, lambda target, sha256: None)

        with opened(truth, self.reference, self.profile.images) as content:
            for _ in self._pipeline.run(content.candidates, anew, self._measure):
                pass

    def _load(self, candidate: Candidate) -> Loaded | Stored | Rejection:
        return load(candidate, self._stored)

    def _stored(self, target: ReferenceImage, sha256: str) -> CachedRow | None:
        if self._cache is None:
            return None
        key = self._key(target, sha256)
        return self._cache.get_many([key]).get(key)

    def _key(self, target: ReferenceImage, sha256: str) -> str:
        return row_key(
            image=sha256,
            reference=target.sha256,
            rules=self._rules,
            fingerprint=self._fingerprint,
        )

    def _measure(self, x: Tensor, batch: Sequence[Loaded]) -> Tensor:
        targets = [self._targets[item.origin.target.id] for item in batch]
        try:
            return measure(x, targets, self._known, self.profile, self._networks)
        except torch.OutOfMemoryError:
            # what is kept can be computed again; a batch is halved first
            if len(batch) > 1 or not self._known.release():
                raise
        return measure(x, targets, self._known, self.profile, self._networks)

    def _row(self, result: Measured | Stored) -> ImageRow:
        target = self._targets[result.origin.target.id]
        if isinstance(result, Stored):
            return ImageRow(target.image.id, result.values, target.pixels)
        pairs = zip(self.profile.measures.values(), result.numbers, strict=True)
        values = {item.name: finish(item, value) for item, value in pairs}
        for name, value in values.items():
            absent = value is None
            if absent != (name in target.undefined) or not (absent or math.isfinite(value or 0)):
                raise EngineError(f"{target.image.id}: {name} came out as {value}; this is a bug")
        if self._cache is not None:
            origin = result.origin
            row = CachedRow(values, origin.decoder, origin.notes)
            self._cache.put({self._key(origin.target, origin.sha256): row})
        return ImageRow(target.image.id, values, target.pixels)
