"""Reads and judges a workflow file (TOML): what docs/workflows.md describes, as plain data."""

import dataclasses
import difflib
import itertools
import pathlib
import re
import tomllib

from .errors import WorkflowError

TOP_KEYS = ("title", "folder", "lists", "stage")
STAGE_KEYS = ("name", "for", "program", "ranks", "slices", "time", "config", "options", "inputs", "outputs", "after")
STAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
PROGRAM_NAME = re.compile(r"mg-[a-z0-9-]+")
LIST_NAME = re.compile(r"[a-z][a-z0-9_]*")
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
LARGEST_RANKS = 1_000_000
LARGEST_SLICES = 10_000
# Slurm's forms: minutes, MM:SS, HH:MM:SS, D-HH, D-HH:MM, D-HH:MM:SS.
WALL_TIME = re.compile(r"\d+|\d+:\d\d|\d+:\d\d:\d\d|\d+-\d+(:\d\d){0,2}")


@dataclasses.dataclass(frozen=True)
class Stage:
    """One run of one program. Paths are absolute, except outputs: relative to the results folder."""

    name: str
    program: str
    ranks: int
    arguments: tuple
    inputs: tuple
    outputs: tuple
    after: tuple
    slices: int = 1  # jobs of a Slurm array that share an ensemble's runs
    time: str = ""  # wall time of its job; "" = the site's


def slice_of(stage, index):
    """What computes slice `index` of an ensemble stage: its runs only, no output of the stage."""
    return dataclasses.replace(stage, name=f"{stage.name}[{index}]", outputs=(),
                               arguments=(*stage.arguments, f"--slice={index}/{stage.slices}"))


def slices_collector(stage):
    """What collects the slices of an ensemble stage."""
    arguments = list(stage.arguments)
    arguments[arguments.index("--action=run")] = "--action=collect"
    return dataclasses.replace(stage, arguments=tuple(arguments), ranks=1)


@dataclasses.dataclass(frozen=True)
class Workflow:
    """A judged workflow; stages stand in an order in which they could run one by one."""

    path: pathlib.Path
    title: str
    folder: pathlib.Path
    stages: tuple


def nearest(word, names):
    """" (perhaps 'x' is meant)" or ""."""
    found = difflib.get_close_matches(str(word), list(names), 1, 0.5)
    return f" (perhaps '{found[0]}' is meant)" if found else ""


class _Reader:
    def __init__(self, path):
        self.path = path

    def wrong(self, problem, remedy):
        return WorkflowError(f"{self.path}: {problem}: {remedy}")

    def check_keys(self, table, known, where):
        for key in table:
            if key not in known:
                raise self.wrong(f"unknown key '{key}' in {where}{nearest(key, known)}", f"known are {', '.join(known)}")

    def text(self, table, key, where, default=None):
        value = table.get(key, default)
        if value is None:
            raise self.wrong(f"{where} has no '{key}'", "give one")
        if not isinstance(value, str) or not value or any(ord(character) < 32 for character in value):
            raise self.wrong(f"{key} = {value!r} in {where} is no text of one line", "write it between quotes")
        return value

    def texts(self, table, key, where):
        value = table.get(key, [])
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, list):
            raise self.wrong(f"{key} = {value!r} in {where} is no list of texts", f'write {key} = ["a", "b"]')
        return [self.text({key: item}, key, where) for item in value]


def _filled(text, values, reader, where):
    # Only {name} of a known name is replaced, once: a value is never looked at again, and nothing is evaluated.
    def value_of(match):
        name = match.group(1)
        if name not in values:
            raise reader.wrong(f"'{match.group(0)}' in {where} is no known name{nearest(name, values)}",
                               f"known are {', '.join(values)}; a list's name needs for = \"{name}\" in the stage, or "
                               f"{{each {name}}} in a list")
        return values[name]
    return PLACEHOLDER.sub(value_of, text)


def _expanded(text, lists, values, reader, where):
    # "{each glass}" makes one text for each member of the list glass.
    wanted = [name[5:].strip() for name in PLACEHOLDER.findall(text) if name.startswith("each ")]
    for name in wanted:
        if name not in lists:
            raise reader.wrong(f"'{{each {name}}}' in {where} names no list{nearest(name, lists)}",
                               f"known lists are {', '.join(lists) or 'none'}")
    wanted = list(dict.fromkeys(wanted))
    return [_filled(text, values | {f"each {name}": member for name, member in zip(wanted, members)}, reader, where)
            for members in itertools.product(*(lists[name] for name in wanted))]


def _option_texts(name, value, fill, reader, where):
    # The words "--name=value" of one option; a list repeats the option.
    if isinstance(value, bool):
        return [f"--{name}={'true' if value else 'false'}"]
    if isinstance(value, (int, float)):
        return [f"--{name}={value!r}"]
    if isinstance(value, str):
        return [f"--{name}={text}" for text in fill(value)]
    if isinstance(value, list) and value:
        return [word for item in value for word in _option_texts(name, item, fill, reader, where)]
    raise reader.wrong(f"option {name} = {value!r} in {where} is no text, number, true, false or list of them",
                       "write one")


def _stage(table, values, lists, reader):
    name = _filled(table["name"], values, reader, "a stage's name")
    where = f"stage '{name}'"
    if not STAGE_NAME.fullmatch(name):
        raise reader.wrong(f"the stage name '{name}' is not made of letters, digits, '.', '_' and '-'", "rename it")

    def fill(text):
        return _expanded(text, lists, values, reader, where)

    program = reader.text(table, "program", where)
    if not PROGRAM_NAME.fullmatch(program):
        raise reader.wrong(f"program = '{program}' in {where} is no mesoglass program", "name one, such as mg-analyze")
    ranks = table.get("ranks", 1)
    if isinstance(ranks, bool) or not isinstance(ranks, int) or not 1 <= ranks <= LARGEST_RANKS:
        raise reader.wrong(f"ranks = {ranks!r} in {where} is out of range", f"allowed is 1 to {LARGEST_RANKS}")
    slices = table.get("slices", 1)
    if isinstance(slices, bool) or not isinstance(slices, int) or not 1 <= slices <= LARGEST_SLICES:
        raise reader.wrong(f"slices = {slices!r} in {where} is out of range", f"allowed is 1 to {LARGEST_SLICES}")
    time = reader.text(table, "time", where, "0") if "time" in table else ""
    if time and not WALL_TIME.fullmatch(time):
        raise reader.wrong(f"time = '{time}' in {where} is no wall time", "write it as HH:MM:SS or D-HH:MM:SS")
    options = table.get("options", {})
    if not isinstance(options, dict):
        raise reader.wrong(f"options = {options!r} in {where} is no table", "write [stage.options] and lines under it")
    config = [text for item in reader.texts(table, "config", where) for text in fill(item)]
    arguments = [f"--config={text}" for text in config]
    for option, value in options.items():
        if not re.fullmatch(r"[a-z][a-z0-9-]*", option):
            raise reader.wrong(f"option '{option}' in {where} is no option name", "write it without the leading --")
        if option in ("overwrite", "resume", "dry-run", "summary", "config"):
            raise reader.wrong(f"option '{option}' in {where} is the launcher's own", "leave it out"
                               if option != "config" else "use config = [...] of the stage")
        arguments += _option_texts(option, value, fill, reader, where)
    outputs = [text for item in reader.texts(table, "outputs", where) for text in fill(item)]
    if not outputs:
        raise reader.wrong(f"{where} has no outputs", 'name the files it writes, outputs = ["a.h5"]')
    for output in outputs:
        if pathlib.PurePath(output).is_absolute() or ".." in pathlib.PurePath(output).parts:
            raise reader.wrong(f"the output '{output}' of {where} leaves the results folder",
                               "give a path inside it, without '..'")
    if slices > 1 and "--action=run" not in arguments:
        raise reader.wrong(f"slices = {slices} in {where}, which is no mg-ensemble with action = [\"run\", DESIGN]",
                           "only an ensemble's runs can be cut into slices: leave it out")
    return Stage(name, program, ranks, tuple(arguments),
                 tuple(config + [text for item in reader.texts(table, "inputs", where) for text in fill(item)]),
                 tuple(outputs), tuple(text for item in reader.texts(table, "after", where) for text in fill(item)),
                 slices, time)


def _stages_of(table, number, base, lists, reader):
    if not isinstance(table, dict):
        raise reader.wrong("'stage' is no list of tables", "begin each stage with [[stage]]")
    where = f"stage {number}"
    reader.check_keys(table, STAGE_KEYS, f"stage '{table.get('name', number)}'")
    reader.text(table, "name", where)
    repeated = reader.texts(table, "for", where)
    for name in repeated:
        if name not in lists:
            raise reader.wrong(f"for = '{name}' in stage '{table['name']}' names no list{nearest(name, lists)}",
                               f"known lists are {', '.join(lists) or 'none'}")
    return [_stage(table, base | dict(zip(repeated, members)), lists, reader)
            for members in itertools.product(*(lists[name] for name in repeated))]


def _in_running_order(stages, reader):
    # A stage comes after those it names and after those whose outputs it reads.
    by_name, maker = {}, {}
    for stage in stages:
        if stage.name in by_name:
            raise reader.wrong(f"two stages are named '{stage.name}'",
                               "rename one; with 'for', the name must hold {name of the list}")
        by_name[stage.name] = stage
        for output in stage.outputs:
            if output in maker:
                raise reader.wrong(f"'{output}' is an output of '{maker[output]}' and of '{stage.name}'",
                                   "give each stage its own")
            maker[output] = stage.name
    complete = []
    for stage in stages:
        for name in stage.after:
            if name not in by_name:
                raise reader.wrong(f"'{stage.name}' is after '{name}', which is no stage{nearest(name, by_name)}",
                                   "name a stage of this file")
        # An option that names another stage's output ("--mro=x0.h5", "--mro=x0=x0.h5") makes it an input.
        values = [argument.split("=", 1)[1] for argument in stage.arguments]
        used = [path for value in values for path in (value, value.partition("=")[2])
                if path in maker and path not in stage.outputs]
        inputs = tuple(dict.fromkeys([*stage.inputs, *used]))
        after = tuple(dict.fromkeys([*stage.after, *(maker[path] for path in inputs if path in maker)]))
        complete.append(dataclasses.replace(stage, inputs=inputs, after=after))
    ordered, placed, waiting = [], set(), complete
    while waiting:
        ready = [stage for stage in waiting if placed.issuperset(stage.after)]
        if not ready:
            names = ", ".join(f"'{stage.name}'" for stage in waiting)
            raise reader.wrong(f"the stages {names} wait for each other", "break the circle")
        ordered += ready
        placed |= {stage.name for stage in ready}
        waiting = [stage for stage in waiting if stage.name not in placed]
    return tuple(ordered)


def read_workflow(path, folder=None):
    """The judged workflow of a file; `folder` replaces the file's results folder. Throws WorkflowError."""
    path = pathlib.Path(path)
    try:
        with open(path, "rb") as file:
            content = tomllib.load(file)
    except OSError as cause:
        raise WorkflowError(f"{path}: cannot be read ({cause.strerror}): give a workflow file, for example "
                            "inputs/demo.workflow") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
        raise WorkflowError(f"{path}: is no TOML text ({cause}): see docs/workflows.md") from None
    reader = _Reader(path)
    reader.check_keys(content, TOP_KEYS, "the file")
    lists = content.get("lists", {})
    if not isinstance(lists, dict):
        raise reader.wrong("'lists' is no table", 'write [lists] and lines such as glass = ["x0", "x1"]')
    for name in lists:
        if not LIST_NAME.fullmatch(name) or name in ("here", "cores"):
            raise reader.wrong(f"'{name}' in [lists] is no list name", "use lower-case letters, digits and '_'")
    lists = {name: [str(item) if isinstance(item, int) and not isinstance(item, bool)
                    else reader.text({name: item}, name, "[lists]") for item in members]
             if isinstance(members, list) and members else [reader.text({name: members}, name, "[lists]")]
             for name, members in lists.items()}
    tables = content.get("stage", [])
    if not isinstance(tables, list) or not tables:
        raise reader.wrong("has no stage", "begin each stage with [[stage]]")
    base = {"here": str(path.resolve().parent)}
    stages = [stage for number, table in enumerate(tables, 1)
              for stage in _stages_of(table, number, base, lists, reader)]
    wanted = folder if folder is not None else reader.text(content, "folder", "the file", f"{path.stem}-results")
    return Workflow(path.resolve(), reader.text(content, "title", "the file", path.stem),
                    pathlib.Path(wanted).expanduser().absolute(), _in_running_order(stages, reader))
