"""What Codabench refuses of a bundle: the rules of its unpacker, as far as bundles reach them."""

from datetime import datetime
from pathlib import Path

import yaml

REQUIRED = ["title", "image", "terms", "pages", "tasks", "phases", "leaderboards"]
KNOWN = {
    *REQUIRED,
    *("version", "description", "registration_auto_approve", "docker_image", "queue"),
    *("enable_detailed_results", "show_detailed_results_in_submission_panel", "fact_sheet"),
    *("show_detailed_results_in_leaderboard", "auto_run_submissions", "contact_email", "reward"),
    *("can_participants_make_submissions_public", "make_programs_available", "forum_enabled"),
    *("make_input_data_available", "competition_type", "solutions"),
}
TASK = {
    *("index", "key", "name", "description", "scoring_program", "reference_data", "input_data"),
    *("ingestion_program", "ingestion_only_during_scoring"),
}
PHASE = {
    *("index", "name", "description", "start", "end", "tasks", "max_submissions"),
    *("max_submissions_per_day", "auto_migrate_to_this_phase", "execution_time_limit"),
    *("hide_output", "hide_prediction_output", "hide_score_output", "starting_kit"),
    *("public_data", "accepts_only_result_submissions"),
}
COLUMN = {"title", "key", "index", "sorting", "computation", "computation_indexes", "precision"}
COLUMN |= {"hidden"}
RULES = {"Add", "Add_And_Delete", "Add_And_Delete_Multiple", "Force_Last", "Force_Best"}
RULES |= {"Force_Latest_Multiple"}


def described(folder: Path) -> dict:
    """What a bundle says of its competition."""
    return yaml.safe_load((folder / "competition.yaml").read_text("utf-8"))


def refused(folder: Path) -> list[str]:
    """Why Codabench would not make a competition from a bundle; nothing where it would."""
    content = described(folder)
    problems = [f"no {key}" for key in REQUIRED if not content.get(key)]
    problems += _unknown("competition", content, KNOWN)
    if content.get("version") != 2:
        problems.append(f"version {content.get('version')!r}")
    if len(content["title"]) > 256:
        problems.append("title of more than 256 characters")
    files = [content["image"], content["terms"], *(page["file"] for page in content["pages"])]
    problems += [f"{name} is missing or empty" for name in files if not _filled(folder / name)]
    problems += [f"page without a title: {page}" for page in content["pages"] if not page["title"]]
    for task in content["tasks"]:
        problems += _task(folder, task)
    problems += _phases(folder, content)
    for board in content["leaderboards"]:
        problems += _board(board)
    return problems


def _task(folder: Path, task: dict) -> list[str]:
    problems = _unknown("task", task, TASK)
    if "scoring_program" not in task:
        problems.append("task without a scoring program")
    for kind in ("scoring_program", "reference_data", "input_data", "ingestion_program"):
        if kind in task and not (folder / task[kind]).exists():
            problems.append(f"{kind} {task[kind]} is missing")
    metadata = yaml.safe_load((folder / task["scoring_program"] / "metadata.yaml").read_text())
    if not isinstance(metadata.get("command"), str):
        problems.append("scoring program without a command")
    return problems


def _phases(folder: Path, content: dict) -> list[str]:
    problems = []
    phases = sorted(content["phases"], key=lambda phase: phase.get("index", 0))
    tasks = {task["index"] for task in content["tasks"]}
    for phase in phases:
        problems += _unknown("phase", phase, PHASE)
        if not phase["name"] or len(phase["name"]) > 256:
            problems.append(f"name of phase {phase['name']!r}")
        if not phase["tasks"] or not set(phase["tasks"]) <= tasks:
            problems.append(f"tasks of phase {phase['name']!r}")
        for kind in ("starting_kit", "public_data"):
            if kind in phase and not (folder / phase[kind]).exists():
                problems.append(f"{kind} {phase[kind]} is missing")
        for number in ("max_submissions", "max_submissions_per_day", "execution_time_limit"):
            if type(phase.get(number, 1)) is not int or phase.get(number, 1) < 0:
                problems.append(f"{number} of phase {phase['name']!r}")
    for phase, following in zip(phases, phases[1:], strict=False):
        if "end" not in phase or _time(following["start"]) <= _time(phase["end"]):
            problems.append(f"phase {phase['name']!r} does not end before the next")
    return problems


def _board(board: dict) -> list[str]:
    columns = board["columns"]
    problems = [] if columns else ["leaderboard without columns"]
    if len(board["title"]) > 64 or len(board["key"]) > 36:
        problems.append("title or key of the leaderboard is too long")
    if board.get("submission_rule", "Add") not in RULES:
        problems.append(f"submission_rule {board['submission_rule']!r}")
    for column in columns:
        problems += _unknown("column", column, COLUMN)
        problems += [f"{k} {column[k]!r}" for k in ("title", "key") if not 0 < len(column[k]) <= 36]
        if column.get("sorting", "desc") not in ("asc", "desc"):
            problems.append(f"sorting {column['sorting']!r}")
        if type(column.get("precision", 2)) is not int or column.get("precision", 2) < 0:
            problems.append(f"precision {column['precision']!r}")
    for key in ("index", "key"):
        if len({column[key] for column in columns}) != len(columns):
            problems.append(f"columns with the same {key}")
    if not any(column["index"] == board.get("primary_index", 0) for column in columns):
        problems.append("no primary column")
    return problems


def _unknown(what: str, table: dict, known: set[str]) -> list[str]:
    return [f"{what}: nothing reads {key!r}" for key in table.keys() - known]


def _filled(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _time(value: object) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value
