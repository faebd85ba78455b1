"""The site settings (TOML): what a cluster wants to be told, judged and as plain data."""

import dataclasses
import os
import pathlib
import re
import tomllib

from .errors import WorkflowError
from .workflow_file import LARGEST_RANKS, WALL_TIME, nearest

FILE_NAME = "site.toml"
# A word that stands on a #SBATCH line: no blank, quote, backslash, '#' or control character.
PLAIN_WORD = re.compile(r"[A-Za-z0-9_.,:;=@%+/|&*()\[\]^-]+")
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MODULE_NAME = re.compile(r"[A-Za-z0-9_.+@%=~/-]+")
LAUNCHERS = {"srun": "--ntasks", "mpirun": "-n"}
KEYS = {"": ("slurm", "launch", "environment", "programs"),
        "slurm": ("partition", "account", "qos", "constraint", "time", "memory-per-core", "cores-per-node", "signal-seconds",
                  "array-throttle", "restarts", "extra-options"),
        "launch": ("launcher", "launcher-options", "modules"),
        "programs": ("time", "memory-per-core")}


@dataclasses.dataclass(frozen=True)
class SiteSettings:
    """Words are plain enough for a #SBATCH line; "" = not told to Slurm."""

    partition: str = ""
    account: str = ""
    qos: str = ""
    constraint: str = ""
    time: str = "04:00:00"
    memory_per_core: str = ""
    cores_per_node: int = 1
    signal_seconds: int = 180
    array_throttle: int = 32
    restarts: int = 50
    extra_options: tuple = ()
    launcher: str = "srun"
    launcher_options: tuple = ()
    modules: tuple = ()
    environment: tuple = ()  # of (name, value)
    programs: tuple = ()  # of (program, time, memory a core)

    def time_of(self, stage):
        """Wall time of a stage's job: the stage's own, its program's, the site's."""
        own = next((time for name, time, _ in self.programs if name == stage.program), "")
        return stage.time or own or self.time

    def memory_of(self, program):
        """Memory for each core of a program's job."""
        return next((memory for name, _, memory in self.programs if name == program), "") or self.memory_per_core

    def mpi_launcher(self):
        """The words before the number of ranks."""
        return [self.launcher, *self.launcher_options, LAUNCHERS[self.launcher]]


def find_site_file(given, jobs_folder):
    """--site, $MESOGLASS_SITE, the user's, the installed one."""
    if given:
        return pathlib.Path(given)
    if os.environ.get("MESOGLASS_SITE"):
        return pathlib.Path(os.environ["MESOGLASS_SITE"])
    own = pathlib.Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "mesoglass" / FILE_NAME
    return own if own.is_file() else pathlib.Path(jobs_folder) / FILE_NAME


class _Reader:
    def __init__(self, path):
        self.path = path

    def wrong(self, problem, remedy):
        return WorkflowError(f"{self.path}: {problem}: {remedy}")

    def table(self, content, name):
        table = content.get(name, {})
        if not isinstance(table, dict):
            raise self.wrong(f"'{name}' is no table", f"write [{name}] and lines under it")
        return table

    def check_keys(self, table, known, where):
        for key in table:
            if key not in known:
                raise self.wrong(f"unknown key '{key}' in {where}{nearest(key, known)}", f"known are {', '.join(known)}")

    def word(self, table, key, pattern=PLAIN_WORD, default=""):
        value = table.get(key, default)
        if value == "" or isinstance(value, str) and pattern.fullmatch(value):
            return value
        raise self.wrong(f"{key} = {value!r} is no plain word", "write it without blanks, quotes and shell characters")

    def words(self, table, key, pattern=PLAIN_WORD):
        value = table.get(key, [])
        if not isinstance(value, list):
            raise self.wrong(f"{key} = {value!r} is no list of words", f'write {key} = ["a", "b"]')
        return tuple(self.word({key: item}, key, pattern) for item in value)

    def number(self, table, key, default, low, high):
        value = table.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.wrong(f"{key} = {value!r} is out of range", f"allowed is {low} to {high}")
        return value

    def time(self, table, default):
        value = table.get("time", default)
        if value == "" or isinstance(value, str) and WALL_TIME.fullmatch(value):
            return value
        raise self.wrong(f"time = {value!r} is no wall time", 'write it as "HH:MM:SS" or "D-HH:MM:SS"')


def read_site_settings(path):
    """The judged settings of a file. Throws WorkflowError."""
    try:
        with open(path, "rb") as file:
            content = tomllib.load(file)
    except OSError as cause:
        raise WorkflowError(f"{path}: the site settings cannot be read ({cause.strerror}): give --site FILE; jobs/site.toml "
                            "is one to begin with") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
        raise WorkflowError(f"{path}: is no TOML text ({cause}): see docs/running.md") from None
    reader = _Reader(path)
    reader.check_keys(content, KEYS[""], "the file")
    slurm, launch = reader.table(content, "slurm"), reader.table(content, "launch")
    reader.check_keys(slurm, KEYS["slurm"], "[slurm]")
    reader.check_keys(launch, KEYS["launch"], "[launch]")
    launcher = launch.get("launcher", "srun")
    if launcher not in LAUNCHERS:
        raise reader.wrong(f"launcher = {launcher!r}{nearest(launcher, LAUNCHERS)} is not known", "use srun or mpirun")
    environment = []
    for name, value in reader.table(content, "environment").items():
        if not VARIABLE_NAME.fullmatch(name) or not isinstance(value, str) or "\0" in value:
            raise reader.wrong(f"{name} = {value!r} in [environment] is no variable", 'write NAME = "text"')
        environment.append((name, value))
    programs = []
    for program, table in reader.table(content, "programs").items():
        if not isinstance(table, dict):
            raise reader.wrong(f"'{program}' in [programs] is no table", f"write [programs.{program}] and lines under it")
        reader.check_keys(table, KEYS["programs"], f"[programs.{program}]")
        programs.append((program, reader.time(table, ""), reader.word(table, "memory-per-core")))
    options = reader.words(slurm, "extra-options")
    for option in options:
        if not option.startswith("-"):
            raise reader.wrong(f"'{option}' in extra-options is no option of sbatch", 'write it as "--name=value"')
    return SiteSettings(
        reader.word(slurm, "partition"), reader.word(slurm, "account"), reader.word(slurm, "qos"),
        reader.word(slurm, "constraint"), reader.time(slurm, SiteSettings.time), reader.word(slurm, "memory-per-core"),
        reader.number(slurm, "cores-per-node", 1, 1, LARGEST_RANKS),
        reader.number(slurm, "signal-seconds", SiteSettings.signal_seconds, 1, 65535),
        reader.number(slurm, "array-throttle", SiteSettings.array_throttle, 1, LARGEST_RANKS),
        reader.number(slurm, "restarts", SiteSettings.restarts, 0, LARGEST_RANKS), options, launcher,
        reader.words(launch, "launcher-options"), reader.words(launch, "modules", MODULE_NAME), tuple(environment),
        tuple(programs))
