"""One table holds every option; command line, configuration files, --help and --dump-config all come from it."""

import dataclasses
import difflib
import math
import pathlib
import textwrap

from .errors import InputError


@dataclasses.dataclass(frozen=True)
class Option:
    """One row: `kind` is flag, integer, real, text or list (repeatable); None as default means unset."""

    group: str
    name: str
    kind: str
    text: str
    default: object = None
    unit: str = ""
    lowest: float = -math.inf
    highest: float = math.inf
    required: bool = False

    def allowed_text(self):
        """What --help and errors name as allowed."""
        if math.isfinite(self.lowest) and math.isfinite(self.highest):
            return f"{self.lowest:g} to {self.highest:g}"
        if math.isfinite(self.lowest):
            return f"at least {self.lowest:g}"
        return ""

    def parse(self, typed, origin):
        """The value of a text as typed."""
        if self.kind == "flag":
            if typed in ("true", "yes", "on", "1"):
                return True
            if typed in ("false", "no", "off", "0"):
                return False
            raise InputError(f"--{self.name} = '{typed}' ({origin}) is neither true nor false: give one of them")
        if self.kind in ("text", "list"):
            if not typed:
                raise InputError(f"--{self.name} ({origin}) is empty: give a value")
            return typed
        try:
            value = float(typed)
            if not math.isfinite(value) or (self.kind == "integer" and value != math.floor(value)):
                raise ValueError
        except ValueError:
            wanted = "a whole number" if self.kind == "integer" else "a finite number"
            raise InputError(f"--{self.name} = '{typed}' ({origin}) is not {wanted}: allowed is "
                             f"{self.allowed_text() or 'any'}{' in ' + self.unit if self.unit else ''}") from None
        if not self.lowest <= value <= self.highest:
            raise InputError(f"--{self.name} = '{typed}' ({origin}) is out of range: allowed is "
                             f"{self.allowed_text()}{' in ' + self.unit if self.unit else ''}")
        return int(value) if self.kind == "integer" else value

    def facts(self):
        """Unit, range and default in brackets."""
        facts = [self.unit, self.allowed_text(), "required" if self.required else ""]
        if self.default is not None and self.kind != "flag":
            facts.append(f"default {self.default}")
        return "; ".join(fact for fact in facts if fact)


VALUE_WORD = {"integer": "INTEGER", "real": "NUMBER", "text": "TEXT", "list": "TEXT (repeatable)"}


class OptionTable:
    """The program's rows in the order of the help."""

    def __init__(self, rows):
        self.rows = list(rows)
        self._by_name = {row.name: row for row in self.rows}

    def find(self, name, origin):
        """The row of a name; an unknown one is refused with the nearest that exists."""
        if name in self._by_name:
            return self._by_name[name]
        near = difflib.get_close_matches(name, self._by_name, 1, 0.5)
        hint = f"perhaps '{near[0]}' is meant; " if near else ""
        raise InputError(f"unknown option '{name}' ({origin}): {hint}--help lists them all")

    def parse(self, words):
        """name -> value from the command line, then --config files (later over earlier), then the defaults."""
        given = self._command_line(words)
        for file_name in reversed(given.get("config", [])):
            from_file = self._configuration_file(pathlib.Path(file_name))
            given = {**from_file, **given}
        values = {row.name: given.get(row.name, [] if row.kind == "list" else row.default) for row in self.rows}
        for row in self.rows:
            if row.kind == "flag":
                values[row.name] = bool(values[row.name])
        return values

    def check_required(self, values):
        """Separate from parse, so that --help works without them."""
        for row in self.rows:
            if row.required and values[row.name] is None:
                raise InputError(f"--{row.name} is missing: {row.text}")

    def _add(self, given, name, typed, origin):
        row = self.find(name, origin)
        value = row.parse(typed, origin)
        if row.kind == "list":
            given.setdefault(name, []).append(value)
        elif name in given:
            raise InputError(f"--{name} ({origin}) is given twice: keep one")
        else:
            given[name] = value

    def _command_line(self, words):
        given = {}
        words = list(words)
        while words:
            word = words.pop(0)
            if not word.startswith("--"):
                raise InputError(f"'{word}' (command line) is not an option: options begin with --, see --help")
            name, equals, typed = word[2:].partition("=")
            row = self.find(name, "command line")
            if not equals and row.kind == "flag":
                typed = "true"
            elif not equals:
                if not words:
                    raise InputError(f"--{name} (command line) needs a value: give --{name} {VALUE_WORD[row.kind]}")
                typed = words.pop(0)
            self._add(given, name, typed, "command line")
        return given

    def _configuration_file(self, path):
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as cause:
            raise InputError(f"{path}: cannot be read ({cause}): give a configuration file of 'name = value' "
                             "lines") from None
        given = {}
        for number, line in enumerate(text.splitlines(), 1):
            line = line.split("#", 1)[0].strip()
            if not line:
                continue
            name, equals, typed = (part.strip() for part in line.partition("="))
            if not equals:
                raise InputError(f"{path}, line {number}: '{line}' is no 'name = value' line: write one, or a comment "
                                 "after #")
            self._add(given, name, typed, f"{path}, line {number}")
        return given

    def help(self, program, purpose, description, examples):
        """The text of --help."""
        lines = [f"{program} - {purpose}", "", f"Usage: {program} [--option value ...]", "",
                 textwrap.fill(description, 100)]
        for group in dict.fromkeys(row.group for row in self.rows):
            lines += ["", f"{group}:"]
            for row in self.rows:
                if row.group != group:
                    continue
                lines.append(f"  --{row.name} {VALUE_WORD.get(row.kind, '')}".rstrip())
                lines.append(textwrap.fill(row.text, 100, initial_indent=" " * 6, subsequent_indent=" " * 6))
                if row.facts():
                    lines.append(f"      [{row.facts()}]")
        lines += ["", "Examples:", *(f"  {example}" for example in examples)]
        return "\n".join(lines)

    def configuration(self, program, purpose):
        """The text of --dump-config: a valid --config file."""
        lines = [f"# {program}: {purpose}", "# Every option with its default; lines that begin with '#' are comments."]
        for group in dict.fromkeys(row.group for row in self.rows):
            lines += ["", f"# ---- {group} ----"]
            for row in self.rows:
                if row.group != group or row.name in ("help", "version", "config", "dump-config"):
                    continue
                lines += ["", *textwrap.wrap(row.text, 108, initial_indent="# ", subsequent_indent="# ")]
                if row.facts():
                    lines.append(f"# [{row.facts()}]")
                default = row.default if row.kind != "flag" else "false"
                lines.append(f"# {row.name} =" if default is None else f"{row.name} = {default}")
        return "\n".join(lines)
