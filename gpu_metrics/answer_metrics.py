"""What profiles may ask of answers to pairs of images: the catalog beside that of images."""

import math

from gpu_metrics.catalog import Metric, Option

_NO_OPTIONS: dict[str, Option] = {}
_SHARE = (0.0, 1.0)

ANSWER_METRICS: dict[str, Metric] = {
    "choice": Metric(
        higher_is_better=True,
        unit="",
        promise="exact",
        domain=_SHARE,
        plausible=_SHARE,
        options=_NO_OPTIONS,
        text="1 where the better image is chosen, else 0; their mean is the accuracy. An answer "
        "in which no choice can be read counts as wrong.",
    ),
    "consistency": Metric(
        higher_is_better=True,
        unit="",
        promise="exact",
        domain=_SHARE,
        plausible=_SHARE,
        options=_NO_OPTIONS,
        text="1 where the same image is chosen when the two change places, else 0; needs the "
        "answers to the swapped pairs.",
    ),
    "bleu": Metric(
        higher_is_better=True,
        unit="",
        promise="repeatable",
        domain=_SHARE,
        plausible=_SHARE,
        options={
            "order": Option(4, low=1.0, high=8.0),
            "tokenizer": Option("13a", choices=("13a", "intl")),
            "smoothing": Option("exp", choices=("exp", "floor", "add-k", "none")),
            "case": Option("kept", choices=("kept", "lowered")),
        },
        text="BLEU of one reason against the expert's, as sacrebleu's sentence_bleu gives it, "
        "over 100: effective order, brevity penalty. An empty reason has 0.",
    ),
    "rouge_l": Metric(
        higher_is_better=True,
        unit="",
        promise="portable",
        domain=_SHARE,
        plausible=_SHARE,
        options={"stemmer": Option("none", choices=("none", "porter"))},
        text="F-measure of the longest common subsequence of words, as rouge-score's rougeL "
        "gives it: lower case, letters a-z and digits alone, lines joined.",
    ),
    "judge": Metric(
        higher_is_better=True,
        unit="",
        promise="repeatable",
        domain=_SHARE,
        plausible=_SHARE,
        options=_NO_OPTIONS,
        text="What a language model says of the reason beside the expert's under the profile's "
        "rubric: mean of both orders, its scale mapped to 0..1. Repeatable through its cache.",
    ),
    "topics_named": Metric(
        higher_is_better=True,
        unit="",
        promise="portable",
        domain=_SHARE,
        plausible=_SHARE,
        options=_NO_OPTIONS,
        text="Share of the regions and attributes in the expert's reason that the answer names.",
    ),
    "topics_contradicted": Metric(
        higher_is_better=False,
        unit="",
        promise="portable",
        domain=_SHARE,
        plausible=_SHARE,
        options=_NO_OPTIONS,
        text="Share of the regions and attributes in the expert's reason in which the answer "
        "prefers the other image.",
    ),
    "topics_invented": Metric(
        higher_is_better=False,
        unit="",
        promise="portable",
        domain=_SHARE,
        plausible=_SHARE,
        options=_NO_OPTIONS,
        text="Share of the regions and attributes in the answer that the expert does not name; 0 "
        "where it names none.",
    ),
    "length_gap": Metric(
        higher_is_better=False,
        unit="",
        promise="portable",
        domain=(0.0, math.inf),
        plausible=(0.0, 3.0),
        options=_NO_OPTIONS,
        text="How far the number of words is from the expert's, as a share of that.",
    ),
    "repetition": Metric(
        higher_is_better=False,
        unit="",
        promise="portable",
        domain=_SHARE,
        plausible=_SHARE,
        options={"order": Option(4, low=1.0, high=8.0)},
        text="Share of runs of `order` words that came before in the same reason.",
    ),
}
