"""From experts' answers and a submission to a run record, as a profile says."""

import platform
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gpu_metrics
from gpu_metrics.errors import EngineError, InputError
from gpu_metrics.names import printable
from gpu_metrics.piqa.answers import LENIENCIES, UNREADABLE, Answer, Choice, read_answer
from gpu_metrics.piqa.endpoint import Endpoint
from gpu_metrics.piqa.experts import load_experts
from gpu_metrics.piqa.judge import Judgement, OnProgress, Reasons, judge, share
from gpu_metrics.piqa.measuring import Given, Measured, Meters
from gpu_metrics.piqa.selection import select
from gpu_metrics.piqa.submission import Responses, Source, load_responses
from gpu_metrics.piqa.verdicts import Verdicts
from gpu_metrics.profiles import Profile, load_profile
from gpu_metrics.results import Count, ImageRow, ProfileStamp, Run
from gpu_metrics.score import compose, means

_PACKAGES = {"sacrebleu": "sacrebleu", "rouge_score": "rouge-score"}


class AnswerScorer:
    """Scores submissions of answers against one set of experts' answers by one profile.

    Args:
        profile: A profile with `[answers]`, its name, or the path of its TOML file.
        experts: File of JSON lines with the experts' answers; see `load_experts`.
        endpoint: The language model that judges, where the profile has a judge. Without one the
            judge's measures are not scored, and nothing that needs them.
        verdicts: File in which its verdicts are kept, so that nothing is asked twice.
        concurrency: Questions to the endpoint that wait for an answer at any time.

    Raises:
        ReferenceSetError: The experts' answers do not fit; all faults are listed.
        ProfileError, InputError, EngineError: As their names say.
    """

    def __init__(
        self,
        profile: Profile | str | Path,
        experts: str | Path,
        *,
        endpoint: Endpoint | None = None,
        verdicts: str | Path = ":memory:",
        concurrency: int = 8,
    ) -> None:
        self.profile = profile if isinstance(profile, Profile) else load_profile(profile)
        self._rules = self.profile.answers
        if endpoint is not None and self._rules.judge is None:
            raise InputError(f"endpoint: {self.profile.name} has no judge to ask")
        if absent := [name for module, name in _PACKAGES.items() if find_spec(module) is None]:
            names = " and ".join(absent)
            raise EngineError(f"reasons need {names}: pip install 'gpu-metrics[piqa]'")
        self.experts = load_experts(experts)
        self._endpoint, self._verdicts, self._concurrency = endpoint, verdicts, concurrency
        self._meters = Meters(self.profile.measures, self.experts.experts)

    def score(
        self,
        submission: Source,
        *,
        name: str | None = None,
        swapped: Source | None = None,
        on_progress: OnProgress = lambda done, total: None,
    ) -> Run:
        """The record of one submission.

        A record where the judge has no verdict on some answer is partial and has no scores; its
        other measures stand. Asking again costs only what is missing, where verdicts are kept.

        Args:
            submission: A file of JSON lines, a zip file or folder of them, or responses by id;
                see `load_responses`.
            name: What the record calls it; the file's name by default.
            swapped: Responses to the same pairs with the two images exchanged, for consistency.
            on_progress: Called with the questions to the judge that are done, and their total.

        Raises:
            SubmissionError: Answers are missing, too many, double or damaged; all are listed.
        """
        responses, answers = self._read(submission)
        others = None if swapped is None else self._read(swapped)[1]
        judged = self._judge(answers, on_progress)
        given = Given(answers, others, self._shares(judged))
        return self._record(
            name or _title(submission),
            responses,
            given,
            self._meters(given),
            judged,
        )

    def _read(self, source: Source) -> tuple[Responses, dict[str, Answer]]:
        responses = load_responses(source, self.experts.experts)
        strict = self._rules.reading == "strict"
        texts = responses.texts
        return responses, {i: read_answer(texts[i], strict=strict) for i in self.experts.experts}

    def _judge(self, answers: Mapping[str, Answer], on_progress: OnProgress) -> Judgement | None:
        if self._rules.judge is None or self._endpoint is None:
            return None
        reasons = {
            id_: Reasons(answers[id_].reason, expert.reason)
            for id_, expert in self.experts.experts.items()
        }
        with Verdicts(self._verdicts) as verdicts:
            return judge(
                reasons,
                self._rules.judge,
                self._endpoint,
                verdicts=verdicts,
                concurrency=self._concurrency,
                on_progress=on_progress,
            )

    def _shares(self, judged: Judgement | None) -> dict[str, float]:
        rules = self._rules.judge
        if judged is None or rules is None:
            return {}
        return {id_: share(scores, rules) for id_, scores in judged.scores.items()}

    def _record(
        self,
        name: str,
        responses: Responses,
        given: Given,
        measured: Mapping[str, Measured],
        judged: Judgement | None,
    ) -> Run:
        rows = tuple(
            ImageRow(id_, {n: m.values[id_] for n, m in measured.items()}, {})
            for id_ in self.experts.experts
        )
        averaged = means(self.profile, [(row.id, row.values, row.pixels) for row in rows])
        scores = compose(self.profile, averaged.values)
        missing = _without_verdict(judged) if self._rules.judge else []
        return Run(
            profile=ProfileStamp(self.profile.name, self.profile.version, self.profile.digest),
            submission=name,
            status="partial" if missing else "complete",
            scores=dict.fromkeys(scores) if missing else scores,
            means=averaged.values,
            counts={n: Count(averaged.scored[n], averaged.not_scored[n]) for n in averaged.values},
            images=rows,
            warnings=(*responses.remarks, *reading_notes(given.answers), *missing),
            provenance=self._provenance(responses, given, measured, judged),
        )

    def _provenance(
        self,
        responses: Responses,
        given: Given,
        measured: Mapping[str, Measured],
        judged: Judgement | None,
    ) -> dict[str, Any]:
        experts, answers = self.experts.experts, given.answers
        swapped = None if given.swapped is None else _choices(given.swapped)
        return {
            "engine": gpu_metrics.__version__,
            "python": platform.python_version(),
            "platform": f"{platform.system()} {platform.machine()}",
            **{package: version(package) for package in _PACKAGES.values()},
            "reference_sha256": self.experts.sha256,
            "answers_sha256": responses.sha256,
            "files": {
                id_: {"file": place, "sha256": responses.sha256_of(id_)}
                for id_, place in responses.places.items()
            },
            "lenient": dict(Counter(key for a in answers.values() for key in a.lenient)),
            "unreadable": dict(Counter(a.unreadable for a in answers.values() if a.unreadable)),
            "selection": asdict(select(_choices(answers), experts, swapped)),
            "corpus": {n: m.corpus for n, m in measured.items() if m.corpus is not None},
            "judge": judged and {**judged.facts, "scores": judged.scores},
            "answers": {
                id_: {
                    "choice": answer.choice,
                    "right": answer.choice == experts[id_].choice,
                    "lenient": answer.lenient,
                }
                for id_, answer in answers.items()
            },
        }


def reading_notes(answers: Mapping[str, Answer]) -> list[str]:
    """What reading answers took, with how many, and which of them have no choice."""
    lenient = Counter(key for answer in answers.values() for key in answer.lenient)
    return [
        *(f"{lenient[key]} of {len(answers)} answers: {LENIENCIES[key]}" for key in lenient),
        *(
            f"{printable(id_)}: no choice: {UNREADABLE[answer.unreadable]}"
            for id_, answer in answers.items()
            if answer.unreadable
        ),
    ]


def _choices(answers: Mapping[str, Answer]) -> dict[str, Choice | None]:
    return {id_: answer.choice for id_, answer in answers.items()}


def _without_verdict(judged: Judgement | None) -> list[str]:
    if judged is None:
        return ["the judge is not scored: no endpoint was given"]
    return [f"{printable(i)}: the judge is not scored: {why}" for i, why in judged.failures.items()]


def _title(submission: Source) -> str:
    if isinstance(submission, Mapping):
        return "answers"
    return printable(Path(submission).resolve().name)
