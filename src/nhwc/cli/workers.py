"""The process of one peer of `bench --compare`: asked by lines of JSON, stopped in between, replaced when it fails."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

OURS = "nhwc"
PATIENCE = 40.0  # seconds for one order, after which a peer hangs
_LIVES = 3  # processes of a peer, after which the rest of the layers goes without it
# A process group of its own ends together with whatever the peer has started.
_GROUP: dict = {}
if hasattr(os, "killpg"):
    _GROUP = {"process_group": 0} if sys.version_info >= (3, 11) else {"start_new_session": True}
_COUNTS = ("OMP", "MKL", "OPENBLAS", "TF_NUM_INTRAOP", "TF_NUM_INTEROP", "NUMEXPR")


class Worker:
    """One peer, or this library, on a number of threads. Call `start` first, `ask` for each order, `close` at the end.

    The process is stopped whenever it is not asked, because idle threads of many libraries spin.
    """

    def __init__(self, peer: str, python: str, threads: int, algorithm: str):
        self._lives = _LIVES
        self._why = ""
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self._env = _environment(peer, threads, algorithm)
        # The package `peers` stands alone: an interpreter without nhwc can import it. Last, it shadows nothing.
        self._command = [
            python,
            "-c",
            f"import os, sys; sys.path.append({str(Path(__file__).parent)!r}); "
            "pin = getattr(os, 'sched_setaffinity', None); "
            f"pin and pin(0, sorted(os.sched_getaffinity(0))[:{threads}]); "
            f"from peers.worker import main; main({'ours' if peer == OURS else peer!r}, {threads})",
        ]
        self._process: subprocess.Popen | None = None

    def start(self) -> dict:
        """Start the process: its `version`, or why it `failed`."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._log}
        try:
            self._process = subprocess.Popen(self._command, **pipes, **_GROUP, env=self._env, text=True)
        except OSError as error:
            self._lives, self._why = 0, str(error)
            return {"failed": self._why}
        return self._exchange(order="start")

    def ask(self, **message) -> dict:
        """The answer to one order; `failed` if the process ends or hangs over it, and another then takes its place."""
        if self._process is None and self._lives:
            self.start()
        return self._exchange(**message) if self._process else {"failed": self._why}

    def _exchange(self, **message) -> dict:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._signal("SIGCONT")
        hung, answer = threading.Event(), ""
        watch = threading.Timer(PATIENCE, self._give_up, (hung,))
        watch.start()
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except OSError:
            pass  # it has ended
        finally:
            watch.cancel()
        if answer.endswith("\n"):
            self._signal("SIGSTOP")
            return json.loads(answer)
        self._end()
        self._why = f"no answer within {PATIENCE:g} s" if hung.is_set() else f"the process ended: {self._last_words()}"
        self._lives -= 1
        return {"failed": self._why}

    def _give_up(self, hung: threading.Event) -> None:
        hung.set()
        self._signal("SIGKILL")

    def close(self) -> None:
        """End the process."""
        if self._process:
            self._end()
        self._log.close()

    def _end(self) -> None:
        assert self._process is not None
        self._signal("SIGKILL")
        with contextlib.suppress(OSError):
            self._process.communicate()
        self._code, self._process = self._process.returncode, None

    def _signal(self, name: str) -> None:
        """Send a signal to the process and all that it has started; where there are none, kill it or wait."""
        assert self._process is not None
        if hasattr(os, "killpg"):
            number = getattr(signal, name)
            with contextlib.suppress(ProcessLookupError, PermissionError):  # the group is gone
                os.killpg(self._process.pid, number)
        elif name == "SIGKILL":
            self._process.kill()
        elif name == "SIGSTOP":
            time.sleep(0.25)  # let its threads fall asleep

    def _last_words(self) -> str:
        """The last line that the process wrote to standard error, or how it ended."""
        self._log.seek(0)
        lines = self._log.read().decode("utf-8", "replace").strip().splitlines()
        self._log.seek(0)
        self._log.truncate()
        if lines:
            return lines[-1][:300]
        with contextlib.suppress(ValueError):
            return signal.Signals(-self._code).name
        return f"exit code {self._code}"


def _environment(peer: str, threads: int, algorithm: str) -> dict[str, str]:
    """Environment variables that hold every library to this number of threads."""
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
    env.update({f"{name}_{'THREADS' if 'TF' in name else 'NUM_THREADS'}": str(threads) for name in _COUNTS})
    env.update(TF_NUM_INTEROP_THREADS="1", NHWC_BENCH_ALGORITHM=algorithm)
    if peer == OURS:
        root = str(Path(__file__).parent.parent.parent)
        env["PYTHONPATH"] = os.pathsep.join([root, *filter(None, [env.get("PYTHONPATH")])])
    return env
