"""A tab of headless Chromium, driven over its debugging pipe: opens a page, waits, and keeps every complaint."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


class Tab:
    """One tab. `complaints` has the errors of its pages, what did not load, and what they asked of other hosts."""

    def __init__(self, profile: Path):
        self.complaints: list[str] = []
        words = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
        words += [f"--user-data-dir={profile}", "--window-size=1300,1600", "about:blank"]
        # Chromium reads orders from file descriptor 3 and answers on 4; a message ends with a zero byte.
        self._process = subprocess.Popen(
            ["sh", "-c", 'exec "$@" 3<&0 4>&1 < /dev/null > /dev/null', "sh", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._in, self._out, self._rest = self._process.stdout.fileno(), self._process.stdin.fileno(), b""
        self._numbers = itertools.count(1)
        self._session: dict = {}
        target = self._order("Target.createTarget", url="about:blank")["targetId"]
        self._session = {"sessionId": self._order("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._order(f"{domain}.enable")

    def open(self, url: str, ready: str, seconds: float = 20.0) -> None:
        """Go to a page and wait until a JavaScript expression is true.

        Raises
        ------
        TimeoutError
            If it does not become true, with the complaints.
        """
        self._order("Page.navigate", url="about:blank")  # another fragment alone would not load the page again
        self._order("Page.navigate", url=url)
        end = time.monotonic() + seconds
        while self.value(ready) is not True:
            if time.monotonic() > end:
                raise TimeoutError(f"{url}: {ready} is not true; {self.complaints}")
            time.sleep(0.1)
        time.sleep(0.3)  # whatever goes wrong just after

    def value(self, expression: str):
        """What a JavaScript expression yields in the page; None where it throws."""
        result = self._order("Runtime.evaluate", expression=expression, returnByValue=True)
        return result["result"].get("value")

    def screenshot(self, path: Path) -> None:
        """Write what the window shows as a PNG."""
        answer = self._order("Page.captureScreenshot")
        path.write_bytes(base64.b64decode(answer["data"]))

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._process.kill()
        self._process.communicate()

    def _order(self, method: str, **params) -> dict:
        number = next(self._numbers)
        order = {"id": number, "method": method, "params": params, **self._session}
        os.write(self._out, json.dumps(order).encode() + b"\0")
        while True:
            message = self._message()
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self._note(message.get("method"), message.get("params", {}))

    def _message(self) -> dict:
        while b"\0" not in self._rest:
            if not select.select([self._in], [], [], 30)[0]:
                raise TimeoutError("Chromium is silent")
            read = os.read(self._in, 1 << 16)
            if not read:
                raise RuntimeError(f"Chromium ended with code {self._process.wait()}")
            self._rest += read
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)

    def _note(self, method: str | None, params: dict) -> None:
        """Keep a complaint."""
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert", "warning"):
            self.complaints.append(json.dumps(params["args"])[:500])
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            url = params["request"]["url"]
            if not url.startswith(("http://127.0.0.1:", "data:", "about:", "blob:")):
                self.complaints.append(f"asks for {url}")
