"""What participants read: pages of a competition, and the starting kit's, told from a profile."""

from string import Template

from gpu_metrics import __version__
from gpu_metrics.profiles import WHOLE_IMAGE, Measure, Profile

_PAIRING = {
    "first-three-digits": "by the first three digits in its name: `001.png` and `001_restored.png` "
    "are both image 001",
    "stem": "by its name without the ending",
    "manifest": "by its whole name, folders included",
}

_EVALUATION = Template("""\
# Evaluation

Images are scored one by one by $engine, version $version, under the profile `$name` $rules.

| measure | of | where | better |
|---|---|---|---|
$measures

Means over all images enter the formula, in this order:

```
$formula
```

`$by` ranks: $better is better.

$notes
""")

_SUBMISSION = Template("""\
# Submission

Hand in one zip file with $count, each as large as the input image, as $endings. A file is paired
with its reference $pairing. Missing, surplus and damaged images are refused, and the detailed
results say which and why.

Beside the images a `readme.txt` may say:

```
runtime per image [s] : 10.43
CPU[1] / GPU[0] : 0
Extra Data [1] / No Extra Data [0] : 0
Other description : what you did
```

The starting kit holds a sample submission, the profile, and a scorer that gives the same digits at
home.
""")

KIT = """\
# Starting kit

`sample_submission.zip` is a submission in the right form: grey images of the right names and sizes.

    pip install -r requirements.txt

    # is everything there, and readable? needs no ground truth
    gpu-metrics validate my_submission.zip --names names.txt --profile profile.toml

    # the scores that the server would give, where you have ground truth: gt/ and mask/ in a folder
    python local_scorer.py my_submission.zip FOLDER
"""

LOCAL_SCORER = '''\
"""Score images as the server does: python local_scorer.py SUBMISSION REFERENCE [OPTION...]

SUBMISSION is a zip file or a folder of images, REFERENCE a folder with gt/ and mask/.
"""

import sys
from pathlib import Path

from gpu_metrics.cli import main

if len(sys.argv) < 3:
    sys.exit(__doc__)
submission, reference, *options = sys.argv[1:]
profile = Path(__file__).with_name("profile.toml")
sys.argv = ["gpu-metrics", "score", submission, "--reference", reference]
sys.argv += ["--profile", str(profile), *options]
main()
'''

SCORING = '''\
"""The scoring program: python3 scoring.py INPUT OUTPUT [OPTION...], in a worker's container."""

import os
import sys
from pathlib import Path

try:
    from gpu_metrics.cli import main
except ImportError as error:
    sys.exit(f"{error}; the hosts of this challenge have to name a docker image with gpu-metrics")

here = Path(__file__).resolve().parent
arguments = ["codabench", "score", *sys.argv[1:], "--profile", str(here / "profile.toml")]
if (here / "weights").is_dir():
    arguments += ["--weights", str(here / "weights")]
sys.argv = ["gpu-metrics", *arguments]
try:
    main()
except SystemExit as ended:
    # everything is written, and a thread that hangs is not waited for
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ended.code if isinstance(ended.code, int) else 0)
'''

REQUIREMENTS = f"gpu-metrics=={__version__}\n"

TERMS = """\
# Terms

Participants take part under the rules that the hosts of this competition publish. Submissions are
kept and scored for the competition, and scores are shown on its leaderboard.
"""


def overview(profile: Profile, description: str) -> str:
    """The first page."""
    source = f"\n\nRules: {profile.source}" if profile.source else ""
    return f"# {profile.title}\n\n{description or profile.title}{source}\n"


def evaluation(profile: Profile) -> str:
    """How submissions are scored."""
    return _EVALUATION.substitute(
        engine="gpu-metrics",
        version=__version__,
        name=profile.name,
        rules=f"{profile.version} (digest `{profile.digest[:12]}`)",
        measures="\n".join(_measure(profile, measure) for measure in profile.measures.values()),
        formula="\n".join(f"{name} = {e.text}" for name, e in profile.formula.items()),
        by=profile.ranking.by,
        better="higher" if profile.ranking.higher_is_better else "lower",
        notes=profile.notes,
    )


def submission(profile: Profile, images: int) -> str:
    """What a submission must look like; 0 images are a number that is not known yet."""
    return _SUBMISSION.substitute(
        count=f"{images} images" if images else "all images",
        endings=", ".join(f"`{ending}`" for ending in profile.images.extensions),
        pairing=_PAIRING[profile.images.pairing],
    )


def _measure(profile: Profile, measure: Measure) -> str:
    metric = measure.catalogued
    region = measure.region
    where = "the whole image" if region == WHOLE_IMAGE else f"`{profile.regions[region]}`"
    better = "higher" if metric.higher_is_better else "lower"
    options = ", ".join(f"{key} {value}" for key, value in measure.options.items())
    return f"| `{measure.name}` | {measure.metric} ({options}) | {where} | {better} |"
