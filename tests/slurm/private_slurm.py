"""A Slurm of its own for a test: munged, slurmctld and slurmd on the loopback, started and stopped here.

Needs no root, no systemd and no configuration of the machine; everything that it writes is in one new folder in the
system's temporary folder (munge's socket path must be short).
"""

import ctypes
import getpass
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time

# Debian keeps daemons out of a plain user's path.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/local/sbin"])
# A busy machine may take long to start a daemon.
START_SECONDS = 60

CONFIGURATION = """\
ClusterName=mesoglass
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
# A requeued job waits for as long as its last credential lives.
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
# Plug-ins that want neither control groups nor a /sys.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=0
ReturnToService=2
KillWait=5
MinJobAge=600
SlurmctldTimeout=300
SlurmdTimeout=300
MessageTimeout=60
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} State=UNKNOWN
PartitionName=test Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


PR_SET_PDEATHSIG = 1  # <sys/prctl.h>


def _end_with_parent():
    # Daemons must not outlive a test that is killed.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class SlurmMissing(Exception):
    """The packages slurm-wlm and munge are not installed."""


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class PrivateSlurm:
    """One node with `cores` cores; `environment` is what Slurm's commands and mesoglass need to find it."""

    def __init__(self, cores):
        self.tools = {name: shutil.which(name, path=SEARCH_PATH)
                      for name in ("munged", "munge", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel")}
        missing = [name for name, path in self.tools.items() if path is None]
        if missing:
            raise SlurmMissing(f"{', '.join(missing)} not found: install slurm-wlm and munge")
        self.cores = cores
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mg-slurm-"))
        self.host = socket.gethostname().split(".")[0]
        self.processes = []
        self.environment = os.environ | {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def start(self):
        """All daemons run and the node takes jobs when this returns; what they said is raised otherwise."""
        # slurmd starts jobs as their users and wants to reach the folder; munged wants its own folder to itself.
        self.folder.chmod(0o755)
        for name in ("state", "spool"):
            (self.folder / name).mkdir(mode=0o755)
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o600)
        self._start("munged", "--foreground", "--force", "--num-threads=2", f"--socket={self.folder}/munge.socket",
                    f"--key-file={key}", f"--log-file={self.folder}/munged.log", f"--pid-file={self.folder}/munged.pid",
                    f"--seed-file={self.folder}/munged.seed")
        self._until(lambda: self._works("munge", "--no-input", f"--socket={self.folder}/munge.socket"), "munged answers")
        # Nothing here uses cgroups; without this, slurmd wants them mounted, which a container may not have.
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(
            host=self.host, folder=self.folder, user=getpass.getuser(), cores=self.cores,
            controller_port=_free_port(), node_port=_free_port()))
        self._start("slurmctld", "-D", "-i")
        self._until(lambda: self._works("scontrol", "ping"), "slurmctld answers")
        self._start("slurmd", "-D", "-N", self.host)
        self._until(lambda: "State=IDLE" in self.run("scontrol", "show", "node", check=False), "the node is idle")

    def stop(self):
        """Ends what start() began, and the jobs left on it; removes the folder."""
        if self.processes:
            self.run("scancel", f"--user={getpass.getuser()}", check=False)
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes = []
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, tool, *arguments, check=True):
        """What a Slurm command prints."""
        result = subprocess.run([self.tools[tool], *arguments], env=self.environment, capture_output=True, text=True,
                                timeout=120, check=False)
        if check and result.returncode != 0:
            raise RuntimeError(f"{tool} {arguments}: {result.stdout}{result.stderr}{self.logs()}")
        return result.stdout

    def logs(self):
        """The end of every daemon's log, for a message."""
        text = ""
        for path in sorted([*self.folder.glob("*.log"), *self.folder.glob("*.out")]):
            text += f"\n--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-25:])
        return text

    def _start(self, tool, *arguments):
        with open(self.folder / f"{tool}.out", "wb") as output:
            self.processes.append(subprocess.Popen([self.tools[tool], *arguments], env=self.environment,
                                                   stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                                   preexec_fn=_end_with_parent))

    def _works(self, tool, *arguments):
        return subprocess.run([self.tools[tool], *arguments], env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=60, check=False).returncode == 0

    def _until(self, condition, what):
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            if time.monotonic() > deadline or self.processes[-1].poll() is not None:
                message = f"waited in vain until {what}{self.logs()}"
                self.stop()
                raise RuntimeError(message)
            time.sleep(0.1)
