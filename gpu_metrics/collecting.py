"""What comes of the images of one submission, and the record that is made of it."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

import torch

from gpu_metrics.errors import SubmissionError
from gpu_metrics.kernels.launch import Paths
from gpu_metrics.pipelines import Measured, Result
from gpu_metrics.profiles import Profile
from gpu_metrics.provenance import provenance
from gpu_metrics.reference import Reference
from gpu_metrics.results import Count, ImageRow, ProfileStamp, Rejection, Run
from gpu_metrics.score import compose, means
from gpu_metrics.submissions import Opened, Origin, Stored, Submission, opened
from gpu_metrics.targets import Target
from gpu_metrics.traffic import Traffic
from gpu_metrics.weights import Weights


@dataclass(frozen=True, slots=True)
class Rules:
    """What all records of a scorer have in common."""

    profile: Profile
    reference: Reference
    targets: Mapping[str, Target]
    device: torch.device
    weights: Mapping[str, Weights]


@dataclass(slots=True)
class Work:
    """A submission that is being scored: what it holds, and what came of its images so far."""

    name: str
    content: Opened
    count: Callable[[], None]
    rows: list[ImageRow] = field(default_factory=list)
    origins: list[Origin] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    stored: int = 0

    def take(self, result: Result, row: Callable[[Measured | Stored], ImageRow]) -> None:
        """Put an image where it belongs."""
        if isinstance(result, Rejection):
            self.rejected.append(result)
        else:
            self.rows.append(row(result))
            self.origins.append(result.origin)
            self.stored += isinstance(result, Stored)
        self.count()

    def record(self, rules: Rules, kernels: Paths) -> Run:
        """The record; `kernels` are the paths that served whatever was measured."""
        profile = rules.profile
        rows = sorted(self.rows, key=lambda row: row.id)
        averaged = means(profile, [(row.id, row.values, row.pixels) for row in rows])
        scores = compose(profile, averaged.values)
        undefined = [
            f"{row.id}: {measure} is not scored: {reason}"
            for row in rows
            for measure, reason in rules.targets[row.id].undefined.items()
        ]
        notes = [f"{origin.file}: {note}" for origin in self.origins for note in origin.notes]
        counts = {
            measure: Count(averaged.scored[measure], averaged.not_scored[measure])
            for measure in averaged.values
        }
        return Run(
            profile=ProfileStamp(profile.name, profile.version, profile.digest),
            submission=self.name,
            status="partial" if self.rejected else "complete",
            scores=dict.fromkeys(scores) if self.rejected else scores,
            means=averaged.values,
            counts=counts,
            images=tuple(rows),
            rejected=tuple(self.rejected),
            warnings=(*self.content.remarks, *notes, *undefined),
            provenance=provenance(
                rules.device,
                rules.weights,
                kernels=kernels if self.stored < len(rows) else {},
                reference_sha256=rules.reference.sha256,
                origins=self.origins,
                cached=self.stored,
                readme=self.content.readme,
            ),
        )


def begin(
    stack: ExitStack, name: str, submission: Submission, rules: Rules, traffic: Traffic
) -> Work | SubmissionError:
    """A submission that stays open as long as `stack`; or why it is refused."""
    try:
        with ExitStack() as own:
            count = own.enter_context(traffic.counted())
            content = own.enter_context(opened(submission, rules.reference, rules.profile.images))
            stack.enter_context(own.pop_all())
    except SubmissionError as error:
        return error
    return Work(name, content, count)
