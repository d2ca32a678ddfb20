"""What the documents of a study have in common: strict, frozen, and read with a sentence."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from gpu_metrics.errors import InputError
from gpu_metrics.results import write_atomically

D = TypeVar("D", bound="Document")


class Document(BaseModel):
    """Plain data of a study: every key required and no other allowed, never changed once made."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @classmethod
    def parse(cls: type[D], text: str | bytes, *, where: str) -> D:
        """Read JSON; InputError, opened by `where`, tells the first thing that does not fit."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first, *others = error.errors(include_url=False, include_input=False)
            place = ".".join(map(str, first["loc"]))
            more = f" (and {len(others)} more)" if others else ""
            raise InputError(
                f"{where}{place and ', '}{place}: {first['msg'].lower()}{more}"
            ) from error

    @classmethod
    def load(cls: type[D], path: str | Path) -> D:
        """Read a file; InputError where it is none or does not fit."""
        try:
            return cls.parse(Path(path).read_bytes(), where=str(path))
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from error

    def to_json(self) -> str:
        """The document as JSON text; the same document is always the same text."""
        return self.model_dump_json(indent=1) + "\n"

    def save(self, path: str | Path) -> None:
        """Write the document, whole or not at all."""
        write_atomically(Path(path), self.to_json())
