"""The strict reading of a profile's TOML: every key is known, every name leads somewhere."""

from collections.abc import Mapping
from typing import Any

from gpu_metrics.answer_metrics import ANSWER_METRICS
from gpu_metrics.catalog import (
    METRICS,
    Metric,
    OptionValue,
    check_metric,
    check_options,
)
from gpu_metrics.errors import ProfileError
from gpu_metrics.profiles.answers import Answers, parse_answers
from gpu_metrics.profiles.checks import check_choice, check_keys, check_kind, check_name, check_text
from gpu_metrics.profiles.document import parse_assignments, read_document
from gpu_metrics.profiles.profile import (
    SCHEMA,
    WHOLE_IMAGE,
    Images,
    Measure,
    Profile,
    Region,
)
from gpu_metrics.profiles.scoreboard import parse_columns, parse_outputs, parse_ranking
from gpu_metrics.profiles.tolerances import parse_tolerances

_TABLES = ["measures", "formula", "ranking", "typical"]
_OPTIONAL = ["images", "answers", "regions", "per_image", "columns", "outputs", "verify"]
_IMAGES = {"pairing": "a string", "extensions": "a list of strings"}
_IMAGES_OPTIONAL = {"decoding": "a string", "skip": "a string"}
# the endings of formats that strict decoding knows
_STRICT = (".png", ".jpg", ".jpeg", ".bmp")


def parse_profile(text: str, *, where: str) -> Profile:
    """Read a profile from TOML text; `where`, usually the file, opens every error message."""
    document = read_document(text, _TABLES, _OPTIONAL, schema=SCHEMA, where=where)
    subject = _subject(document, where=where)
    regions = _regions(document.get("regions", {}), where=f"{where}, [regions]")
    measures = _measures(document["measures"], subject, regions, where=f"{where}, [measures]")
    per_image = parse_assignments(
        document.get("per_image", {}), measures, where=f"{where}, [per_image]"
    )
    formula = parse_assignments(
        document["formula"], [*measures, *per_image], where=f"{where}, [formula]"
    )
    if "total" not in formula:
        raise ProfileError(f"{where}, [formula]: no assignment defines total")
    ranking = parse_ranking(document["ranking"], formula, where=f"{where}, [ranking]")
    named = [*measures, *per_image, *formula]
    profile = Profile(
        name=document["name"],
        version=document["version"],
        title=document["title"].strip(),
        source=document["source"].strip(),
        notes=document["notes"].strip(),
        subject=subject,
        regions=regions,
        measures=measures,
        per_image=per_image,
        formula=formula,
        ranking=ranking,
        typical=_typical(document["typical"], measures, where=f"{where}, [typical]"),
        columns=parse_columns(
            document.get("columns", {}), named, measures, ranking, where=f"{where}, [columns]"
        ),
        outputs=parse_outputs(
            document.get("outputs", {}), named, measures, ranking, where=f"{where}, [outputs]"
        ),
        tolerances=parse_tolerances(
            document.get("verify", {}), ranking, measures, where=f"{where}, [verify]"
        ),
        text=text,
    )
    _check_values(profile)
    return profile


def _subject(document: Mapping[str, Any], *, where: str) -> Images | Answers:
    if ("images" in document) == ("answers" in document):
        raise ProfileError(f"{where}: expected one of the tables [images] and [answers]")
    if "images" in document:
        return _images(document["images"], where=f"{where}, [images]")
    if "regions" in document:
        raise ProfileError(f"{where}, [regions]: answers have no regions; leave the table out")
    return parse_answers(document["answers"], where=where)


def _images(table: Mapping[str, Any], *, where: str) -> Images:
    check_keys(table, _IMAGES, _IMAGES_OPTIONAL, where=where)
    pairings = ["first-three-digits", "stem", "manifest"]
    check_choice("pairing", table["pairing"], pairings, where=where)
    decoding = table.get("decoding", "official")
    check_choice("decoding", decoding, ["official", "strict"], where=where)
    if not table["extensions"]:
        raise ProfileError(f'{where}: extensions is empty; name at least one, such as ".png"')
    for extension in table["extensions"]:
        check_text("extensions", extension, r"\.[a-z0-9]+", where=where)
        if decoding == "strict" and extension not in _STRICT:
            raise ProfileError(
                f"{where}: strict decoding reads {', '.join(_STRICT)}; got {extension!r}"
            )
    if "skip" in table:
        check_text("skip", table["skip"], r"\S(.*\S)?", where=where)
    return Images(table["pairing"], tuple(table["extensions"]), decoding, table.get("skip"))


def _regions(table: Mapping[str, Any], *, where: str) -> dict[str, Region]:
    regions = {}
    for name, text in table.items():
        check_name(name, [WHOLE_IMAGE], where=where)
        check_kind(text, "a string", where=f"{where} {name}")
        regions[name] = Region.parse(text, where=f"{where} {name}")
    return regions


def _measures(
    table: Mapping[str, Any],
    subject: Images | Answers,
    regions: Mapping[str, Region],
    *,
    where: str,
) -> dict[str, Measure]:
    if not table:
        raise ProfileError(f"{where}: no measure; name at least one")
    measures = {}
    for name, entry in table.items():
        check_name(name, [], where=where)
        check_kind(entry, "a table", where=f"{where} {name}")
        if "metric" not in entry:
            raise ProfileError(f"{where} {name}: missing key 'metric'")
        if isinstance(subject, Answers):
            measures[name] = _answer_measure(name, entry, where=f"{where} {name}")
        else:
            measures[name] = _image_measure(name, entry, regions, where=f"{where} {name}")
    if isinstance(subject, Answers):
        judged = any(measure.metric == "judge" for measure in measures.values())
        if judged != (subject.judge is not None):
            raise ProfileError(f"{where}: the metric judge and [answers.judge] need each other")
    return measures


def _image_measure(
    name: str, entry: Mapping[str, Any], regions: Mapping[str, Region], *, where: str
) -> Measure:
    values = _options(entry, METRICS, ["region", "pool"], where=where)
    region, pool = entry.get("region", WHOLE_IMAGE), entry.get("pool", "mean")
    check_choice("region", region, [WHOLE_IMAGE, *regions], where=where)
    check_choice("pool", pool, ["mean", "pixels"], where=where)
    if values.get("mode") == "image" and region != WHOLE_IMAGE:
        raise ProfileError(
            f'{where}: mode = "image" sees the whole image; choose "box" or "map" for a region'
        )
    if pool == "pixels" and values.get("border"):
        raise ProfileError(
            f'{where}: pool = "pixels" weighs by the pixels of the whole region, '
            f"so border must be 0, got {values['border']}"
        )
    return Measure(name, entry["metric"], region, values, pool)


def _answer_measure(name: str, entry: Mapping[str, Any], *, where: str) -> Measure:
    values = _options(entry, ANSWER_METRICS, [], where=where)
    return Measure(name, entry["metric"], WHOLE_IMAGE, values, "mean")


def _options(
    entry: Mapping[str, Any], among: Mapping[str, Metric], others: list[str], *, where: str
) -> dict[str, OptionValue]:
    """The options of a measure; `others` are the keys that it may have beside them."""
    metric, others = entry["metric"], ["metric", *others]
    known = [*others, *check_metric(metric, where=where, among=among).options]
    for key in entry:
        check_choice("key", key, known, where=where)
    given = {key: value for key, value in entry.items() if key not in others}
    return check_options(metric, given, where=where, among=among)


def _typical(
    table: Mapping[str, Any], measures: Mapping[str, Measure], *, where: str
) -> dict[str, float]:
    check_keys(table, dict.fromkeys(measures, "a number"), {}, where=where)
    return {name: float(table[name]) for name in measures}


def _check_values(profile: Profile) -> None:
    """Raise ProfileError unless everything has a value where the measures are typical."""
    values = dict(profile.typical)
    assignments = [profile.per_image, profile.formula, profile.outputs]
    for name, expression in (item for table in assignments for item in table.items()):
        try:
            values[name] = expression.evaluate(values)
        except ProfileError as error:
            raise ProfileError(f"{error}; [typical] must lie where the formula works") from None
