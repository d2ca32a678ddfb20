"""The strict reading of a contest's TOML."""

from collections.abc import Iterable, Mapping
from typing import Any

from gpu_metrics.contests.contest import (
    SCHEMA,
    BoardInput,
    Constant,
    Contest,
    Gate,
    GivenInput,
    Invitation,
    JuryRules,
    Phase,
    Place,
    Rate,
    Share,
)
from gpu_metrics.errors import ProfileError
from gpu_metrics.profiles.checks import check_choice, check_keys, check_kind, check_name, check_text
from gpu_metrics.profiles.document import parse_assignments, read_document
from gpu_metrics.profiles.scoreboard import parse_columns, parse_ranking

_TABLES = ["inputs", "formula", "ranking"]
_OPTIONAL = ["invited", "gates", "across", "jury", "constants", "columns", "awards"]
_PHASE = {"phase": "a string", "profile": "a string"}
_CONSTANT = {"value": "a number", "low": "a number", "high": "a number"}
_JURY = {
    "gives": "a string",
    "score": "a string",
    "best": "a whole number",
    "scenes": "a whole number",
    "dimensions": "a list of strings",
    "pooling": "a string",
    "ties": "a string",
    "unseen": "a string",
}
_LINE = r"\S(.*\S)?"


def parse_contest(text: str, *, where: str) -> Contest:
    """Read a contest from TOML text; `where`, usually the file, opens every error message."""
    document = read_document(text, _TABLES, _OPTIONAL, schema=SCHEMA, where=where)

    def table(name: str) -> tuple[Mapping[str, Any], str]:
        return document.get(name, {}), f"{where}, [{name}]"

    inputs = _inputs(*table("inputs"))
    across = _across(*table("across"), inputs)
    constants = _constants(*table("constants"), [*inputs, *across])
    known = [*inputs, *across, *constants]
    rules, place = table("formula")
    formula = parse_assignments(rules, known, where=place)
    jury = _jury(*table("jury"), inputs, formula)
    for name, rule in across.items():
        if isinstance(rule, Rate) and (jury is None or jury.gives != rule.of):
            raise ProfileError(
                f'{where}, [across] {name}: endpoints = "possible" is for what a [jury] gives'
            )
    rules, place = table("ranking")
    ranking = parse_ranking(rules, formula, where=place)
    rules, place = table("columns")
    return Contest(
        name=document["name"],
        version=document["version"],
        title=document["title"].strip(),
        source=document["source"].strip(),
        notes=document["notes"].strip(),
        inputs=inputs,
        invitation=_invitation(*table("invited")),
        gates=_gates(*table("gates"), inputs),
        across=across,
        jury=jury,
        constants=constants,
        formula=formula,
        ranking=ranking,
        columns=parse_columns(rules, [*known, *formula], inputs, ranking, where=place),
        awards=_awards(*table("awards")),
        text=text,
    )


def _inputs(table: Mapping[str, Any], where: str) -> dict[str, BoardInput | GivenInput]:
    if not table:
        raise ProfileError(f"{where}: no input; name at least one")
    inputs: dict[str, BoardInput | GivenInput] = {}
    for name, entry in table.items():
        place = f"{where} {name}"
        check_name(name, ["team", "scene"], where=where)
        check_kind(entry, "a table", where=place)
        if "given" in entry:
            check_keys(entry, {"given": "a string"}, {}, where=place)
            inputs[name] = GivenInput(entry["given"])
        else:
            check_keys(entry, _PHASE | {"value": "a string"}, {"pick": "a string"}, where=place)
            inputs[name] = BoardInput(_phase(entry, where=place), entry["value"])
    return inputs


def _phase(entry: Mapping[str, Any], *, where: str) -> Phase:
    check_text("phase", entry["phase"], _LINE, where=where)
    pick = entry.get("pick", "best")
    check_choice("pick", pick, ["best", "last"], where=where)
    return Phase(entry["phase"], entry["profile"], pick)


def _invitation(table: Mapping[str, Any], where: str) -> Invitation | None:
    if not table:
        return None
    check_keys(table, _PHASE | {"top": "a whole number"}, {"pick": "a string"}, where=where)
    if table["top"] < 1:
        raise ProfileError(f"{where}: top must be 1 or more, got {table['top']}")
    return Invitation(_phase(table, where=where), table["top"])


def _gates(table: Mapping[str, Any], where: str, inputs: Iterable[str]) -> tuple[Gate, ...]:
    gates = []
    for name, text in table.items():
        check_kind(text, "a string", where=f"{where} {name}")
        gate = Gate.parse(text, where=f"{where} {name}")
        check_choice("input", gate.name, inputs, where=f"{where} {name}")
        gates.append(gate)
    return tuple(gates)


def _across(
    table: Mapping[str, Any], where: str, inputs: Iterable[str]
) -> dict[str, Place | Share | Rate]:
    across: dict[str, Place | Share | Rate] = {}
    for name, entry in table.items():
        place = f"{where} {name}"
        check_name(name, inputs, where=where)
        check_kind(entry, "a table", where=place)
        rules = {"of": "a string", "as": "a string"}
        if entry.get("as") == "share":
            across[name] = _share(entry, rules | {"endpoints": "a string"}, where=place)
        else:
            check_keys(entry, rules | {"higher_is_better": "true or false"}, {}, where=place)
            check_choice("as", entry["as"], ["place", "share"], where=place)
            across[name] = Place(entry["of"], entry["higher_is_better"])
        check_choice("input", entry["of"], inputs, where=place)
    return across


def _share(entry: Mapping[str, Any], rules: dict[str, str], *, where: str) -> Share | Rate:
    endpoints = entry.get("endpoints", "observed")
    check_choice("endpoints", endpoints, ["observed", "possible"], where=where)
    if endpoints == "possible":
        check_keys(entry, rules, {}, where=where)
        return Rate(entry["of"])
    optional = {"endpoints": rules.pop("endpoints")}
    check_keys(entry, rules | {"equal": "a number"}, optional, where=where)
    return Share(entry["of"], float(entry["equal"]))


def _jury(
    table: Mapping[str, Any],
    where: str,
    inputs: Mapping[str, BoardInput | GivenInput],
    formula: Iterable[str],
) -> JuryRules | None:
    if not table:
        return None
    check_keys(table, _JURY, {}, where=where)
    given = [name for name, source in inputs.items() if isinstance(source, GivenInput)]
    check_choice("gives", table["gives"], given, where=where)
    check_choice("score", table["score"], formula, where=where)
    for key in ("best", "scenes"):
        if table[key] < 1:
            raise ProfileError(f"{where}: {key} must be 1 or more, got {table[key]}")
    for number, dimension in enumerate(table["dimensions"]):
        check_text("a dimension", dimension, _LINE, where=where)
        if dimension in table["dimensions"][:number]:
            raise ProfileError(f"{where}: dimensions: {dimension!r} comes twice")
    check_choice("pooling", table["pooling"], ["ballots", "scenes"], where=where)
    check_choice("ties", table["ties"], ["share", "all", "none"], where=where)
    check_choice("unseen", table["unseen"], ["scaled", "ignored"], where=where)
    return JuryRules(**{**table, "dimensions": tuple(table["dimensions"])})


def _constants(table: Mapping[str, Any], where: str, taken: Iterable[str]) -> dict[str, Constant]:
    constants = {}
    for name, entry in table.items():
        place = f"{where} {name}"
        check_name(name, taken, where=where)
        check_kind(entry, "a table", where=place)
        check_keys(entry, _CONSTANT, {}, where=place)
        if not entry["low"] <= entry["value"] <= entry["high"]:
            raise ProfileError(f"{place}: expected low <= value <= high")
        constants[name] = Constant(*(float(entry[key]) for key in _CONSTANT))
    return constants


def _awards(table: Mapping[str, Any], where: str) -> dict[str, int]:
    for award, count in table.items():
        check_text("the name of an award", award, _LINE, where=where)
        check_kind(count, "a whole number", where=f"{where} {award}")
        if count < 1:
            raise ProfileError(f"{where} {award}: expected 1 or more, got {count}")
    return dict(table)
