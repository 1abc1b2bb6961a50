"""A throw-away deployment of the service in a folder, and the service running on it."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from typing import Iterator

import leak_scan
from authority import Authority

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAMS = pathlib.Path(os.environ.get("KEYSVC_PROGRAMS", ROOT / "build/release/bin"))
KEYSVCD = PROGRAMS / "keysvcd"
KEYSVC = PROGRAMS / "keysvc"
DATA_LOSS = 65  # what a start ends with that finds damage


def in_memory() -> str | None:
    """Where files need no disk, for tests that restart hundreds of times and cut no power."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


# For the end of a launcher that preloads a library. Those of libfiu and libfaketime allocate within
# calls that jemalloc makes itself, which it cannot bear: the C and C++ libraries allocate instead.
WITHOUT_JEMALLOC = ["sh", "-c", 'LD_PRELOAD="$LD_PRELOAD libstdc++.so.6 libc.so.6" exec "$@"', "sh"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Deployment:
    """What deploy/development makes, in a folder of its own, inside `place` or the usual one, that
    goes with the object. Before the folder goes, every file in it is searched for card numbers."""

    def __init__(self, place: str | None = None) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="keysvc-test-", dir=place))
        self.port = free_port()
        self.process: subprocess.Popen | None = None
        # How the service is started: words before the program's own, and more environment.
        self.launcher: list[str | os.PathLike] = []
        self.more_environment: dict[str, str] = {}
        try:
            self.make()
        except BaseException:
            self.remove()
            raise

    def make(self) -> None:
        subprocess.run([ROOT / "deploy/development", self.folder, str(self.port)], check=True,
                       env={**os.environ, "KEYSVCD": str(KEYSVCD)})

    def close(self) -> None:
        self.kill()
        leaks = leak_scan.scan(self.folder)
        self.remove()
        assert not leaks, "\n".join(map(str, leaks))

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> "Deployment":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "SOFTHSM2_CONF": str(self.folder / "softhsm2.conf"),
                **self.more_environment}

    @property
    def server(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def vault(self) -> pathlib.Path:
        path = re.search(r"^store:\n +path: (\S+)$", (self.folder / "config.yaml").read_text(),
                         re.MULTILINE)
        return self.folder / path[1]

    @property
    def log(self) -> pathlib.Path:
        return self.folder / "keysvcd.log"

    def daemon(self, *arguments: str) -> subprocess.CompletedProcess:
        """Runs keysvcd to its end."""
        return subprocess.run([KEYSVCD, "--config", self.folder / "config.yaml", *arguments],
                              env=self.environment, capture_output=True, text=True, check=False,
                              timeout=60)

    def edit(self, name: str, pattern: str, replacement: str) -> None:
        """Replaces the one place of a file that a regular expression fits."""
        path = self.folder / name
        text, times = re.subn(pattern, replacement, path.read_text(), count=1, flags=re.MULTILINE)
        assert times == 1, f"{pattern} is not in {name}"
        path.write_text(text)

    def add_tenant(self, tenant: str) -> None:
        """A tenant with a profile "cards" and one principal, "<tenant>-settlement", who may
        see its cards."""
        name = f"{tenant}-settlement"
        identity = f"spiffe://dev.keysvc.example/payment/{name}"
        self.edit("config.yaml", r"^token_profiles:$",
                  rf"\g<0>\n  - {{tenant: {tenant}, name: cards, number: 1, deterministic: true}}")
        self.edit("policy.yaml", r"^principals:$",
                  rf'\g<0>\n  - {{name: {name}, identity: "{identity}", kind: service, '
                  rf"roles: [{name}]}}")
        self.edit("policy.yaml", r"^rules:$",
                  rf"\g<0>\n  - {{id: {name}, roles: [{name}], actions: [Detokenize], "
                  rf"resources: [tenants/{tenant}/tokenProfiles/*], purposes: [settlement], "
                  rf"reveal: full}}")
        for suffix, content in Authority(self.folder / "pki").issue(identity).items():
            file = name + {"certificate": ".pem", "key": ".key"}[suffix]
            (self.folder / "pki" / file).write_bytes(content)

    def launch(self) -> subprocess.Popen:
        """Starts the service without waiting for anything."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*self.launcher, KEYSVCD, "--config", self.folder / "config.yaml"],
                env=self.environment, stdout=log, stderr=log)
        return self.process

    def start(self, seconds: float = 30) -> None:
        """Starts the service and waits until it takes connections."""
        process = self.launch()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise AssertionError(f"ended with {process.returncode}: {self.last_words()}")
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            time.sleep(0.01)
        raise AssertionError(f"keysvcd does not listen after {seconds} s: {self.last_words()}")

    def refused_start(self, seconds: float = 30) -> str:
        """Starts the service, which must end by itself with an error, and with the status that tells
        a service manager whether to try again; what it said on the way."""
        before = self.log.stat().st_size if self.log.exists() else 0
        status = self.launch().wait(seconds)
        said = self.log.read_bytes()[before:].decode("utf-8", errors="replace")
        damaged = re.search(r"^keysvcd: (INTEGRITY_FAILURE|ROLLBACK_DETECTED): ", said, re.MULTILINE)
        assert status == (DATA_LOSS if damaged else 1), f"keysvcd ended with {status}: {said}"
        return said

    def stop(self) -> int:
        """Ends the service in good order; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""

    def command(self, principal: str | None, *arguments: str | os.PathLike,
                stdin: str = "") -> subprocess.CompletedProcess:
        """Runs the command line, as a principal or (None) as nobody."""
        connection = []
        if principal is not None:
            connection = ["--profile-file", self.folder / f"clients/{principal}.ini"]
        return subprocess.run([KEYSVC, *connection, *arguments], input=stdin, capture_output=True,
                              text=True, errors="surrogateescape", check=False, timeout=60)

    def files(self) -> Iterator[pathlib.Path]:
        return (path for path in self.folder.rglob("*") if path.is_file())
