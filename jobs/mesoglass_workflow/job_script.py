"""Fills the templates beside this package: one sbatch script a job. Values are words, quoted where a shell reads them."""

import pathlib
import re
import shlex

from .errors import WorkflowError

PLACEHOLDER = re.compile(r"\{\{([A-Z_]+)\}\}")
# Programs with a template of their own; every other uses stage.sbatch.
TEMPLATES = {"mg-analyze": "analysis", "mg-catalog": "catalog", "mg-report": "report"}
STAGE, SLICES, COLLECT = "stage", "slices", "collect"
# Module systems define their command where login shells read it.
MODULE_SETUP = """\
if ! command -v module >/dev/null; then
  for file in /etc/profile.d/modules.sh /etc/profile.d/lmod.sh /etc/profile.d/z00_lmod.sh; do
    if [ -r "$file" ]; then . "$file"; fi
  done
fi"""


def template_of(stage, part):
    """The name of a job's template."""
    if part == SLICES:
        return "ensemble-array"
    if part == COLLECT:
        return "collect"
    return TEMPLATES.get(stage.program, "stage")


def site_options(site, program):
    """The #SBATCH lines that a site wants in every job."""
    named = (("partition", site.partition), ("account", site.account), ("qos", site.qos), ("constraint", site.constraint),
             ("mem-per-cpu", site.memory_of(program)))
    return "\n".join([f"#SBATCH --{name}={value}" for name, value in named if value]
                     + [f"#SBATCH {option}" for option in site.extra_options])


def settings_text(site, job_command, templates_folder):
    """The part of a script that a shell runs."""
    modules = [MODULE_SETUP, f"module load {' '.join(shlex.quote(name) for name in site.modules)}"] if site.modules else []
    environment = [f"export {name}={shlex.quote(value)}" for name, value in site.environment]
    return _filled(_template("settings.part", templates_folder), {
        "MODULES": "\n".join(modules), "ENVIRONMENT": "\n".join(environment),
        "JOB_COMMAND": " ".join(shlex.quote(word) for word in job_command)}).rstrip("\n")


def job_script(stage, part, site, job_command, templates_folder):
    """The sbatch script of a stage, its slices or their collection."""
    ranks = 1 if part == COLLECT or stage.program == "mg-report" else stage.ranks
    throttle = min(site.array_throttle, stage.slices)
    return _filled(_template(f"{template_of(stage, part)}.sbatch", templates_folder), {
        "STAGE": stage.name, "PROGRAM": stage.program, "JOB_NAME": stage.name,
        "SIGNAL_SECONDS": str(site.signal_seconds), "TIME": site.time_of(stage), "RANKS": str(ranks),
        "NODES": str(-(-ranks // site.cores_per_node)), "SLICES": str(stage.slices),
        "LAST_SLICE": str(stage.slices - 1), "THROTTLE": str(throttle),
        "SITE_OPTIONS": site_options(site, stage.program), "SETTINGS": settings_text(site, job_command, templates_folder)})


def scaling_script(ranks, site, command, templates_folder):
    """The sbatch script of a scaling study over up to so many ranks."""
    return _filled(_template("scaling.sbatch", templates_folder), {
        "RANKS": str(ranks), "NODES": str(-(-ranks // site.cores_per_node)), "TIME": site.time,
        "SITE_OPTIONS": site_options(site, "scaling"), "SETTINGS": settings_text(site, command, templates_folder)})


def _template(name, folder):
    path = pathlib.Path(folder) / name
    try:
        return path.read_text(encoding="utf-8")
    except OSError as cause:
        raise WorkflowError(f"{path}: the job template cannot be read ({cause.strerror}): install mesoglass again") from None


def _filled(text, values):
    # In one pass: a value that looks like a placeholder stays as it is. A line that holds only an empty value goes.
    lines = []
    for line in text.splitlines():
        alone = PLACEHOLDER.fullmatch(line)
        if alone is None or values[alone.group(1)]:
            lines.append(PLACEHOLDER.sub(lambda match: values[match.group(1)], line))
    return "\n".join(lines) + "\n"
