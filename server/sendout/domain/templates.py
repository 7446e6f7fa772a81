"""Texts with variables: `{{name}}` stands for what each recipient's "name" is.

Who comes in: `composing`, for sends and previews. What is between two pairs of braces is a name as typed, blanks around
it left out; a value is put in as it is and is not looked at for variables again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sendout.domain.errors import SendoutError, field_invalid
from sendout.domain.limits import MAX_VARIABLE_NAME, MAX_VARIABLE_VALUE, MAX_VARIABLES

_VARIABLE = re.compile(rf"\{{\{{[ \t]*([^{{}}\s](?:[^{{}}\n]{{0,{MAX_VARIABLE_NAME - 2}}}[^{{}}\s])?)[ \t]*\}}\}}")


class Template:
    """A text cut at its variables. `names` are those it mentions, each once, in their order."""

    def __init__(self, text: str) -> None:
        self._pieces = _VARIABLE.split(text)  # literal, name, literal, name … literal
        self.names = tuple(dict.fromkeys(self._pieces[1::2]))

    def missing(self, values: Mapping[str, str]) -> list[str]:
        """The names without a value."""
        return [name for name in self.names if name not in values]

    def fill(self, values: Mapping[str, str]) -> str:
        """The text with each variable's value in its place. KeyError where one is missing."""
        pieces = list(self._pieces)
        pieces[1::2] = [values[name] for name in pieces[1::2]]
        return "".join(pieces)


def check_variables(place: int, values: Mapping[str, str]) -> None:
    """Raise FIELD_INVALID where the variables of the recipient at this place break a limit of the contract."""
    if len(values) > MAX_VARIABLES:
        raise _invalid(place, f"{len(values)} variables", f"At most {MAX_VARIABLES} variables.")
    for name, value in values.items():
        if not 0 < len(name) <= MAX_VARIABLE_NAME:
            raise _invalid(place, name, f"The name of a variable has 1 to {MAX_VARIABLE_NAME} characters.")
        if len(value) > MAX_VARIABLE_VALUE:
            # Not the value: it may be personal, and it is long.
            raise _invalid(place, name, f"The value has {len(value)} characters; at most {MAX_VARIABLE_VALUE}.")


def _invalid(place: int, typed: str, problem: str) -> SendoutError:
    return field_invalid(f"recipients[{place}].variables", typed, problem)
