# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real browser without a screen: how a page looks in it, and what it complains about."""

from __future__ import annotations

import base64
import fcntl
import itertools
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from ..servers.errors import SandboxError
from ..servers.packages import apt_install
from ..servers.waiting import HANGS

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_COMPLAINTS = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")

# Every text that is seen, with how much its colour differs from that of what is behind it (WCAG 2.2, "contrast ratio"), and the size of its letters.
_TEXTS = """
(() => {
  const channels = (colour) => (colour.match(/[\\d.]+/g) || []).map(Number);
  const linear = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const luminance = ([red, green, blue]) => 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const found = channels(getComputedStyle(element).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const texts = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || element.closest("svg, script, style") || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const [light, dark] = [luminance(channels(style.color)), luminance(behind(element))].sort((one, other) => other - one);
    texts.push({text: node.data.trim().slice(0, 60), contrast: (light + 0.05) / (dark + 0.05), size: parseFloat(style.fontSize)});
  }
  return {texts, width: document.documentElement.scrollWidth, background: luminance(behind(document.body))};
})()
"""


@dataclass(frozen=True)
class Seen:
    """How a page looks.

    `complaints` is what the browser has written to its console. `width` is how wide it is (pixels), `background` how light (0 to 1); `texts` are the
    texts that are seen, each with its `contrast` and the `size` of its letters. `picture` is a PNG.
    """

    complaints: tuple[str, ...]
    width: int
    background: float
    texts: tuple[dict[str, Any], ...]
    picture: bytes


class Browser:
    """A Chromium that is told what to do over a pipe. Use it as a context manager."""

    def __init__(self) -> None:
        self._program = _program()
        self._directory = tempfile.mkdtemp(prefix="dbha-browser-")
        self._numbers = itertools.count(1)
        self._rest = b""
        self._events: list[dict[str, Any]] = []
        theirs, self._to = _pipe()
        self._from, their_answer = _pipe()
        # It reads from 3 and writes to 4.
        command = [self._program, "--headless=new", "--remote-debugging-pipe", f"--user-data-dir={self._directory}", "--no-first-run", "--disable-gpu"]
        command += ["--disable-dev-shm-usage", "--hide-scrollbars", *(["--no-sandbox"] if os.geteuid() == 0 else []), "about:blank"]
        shell = ["bash", "-c", f'exec "$0" "$@" 3<&{theirs} 4>&{their_answer}', *command]
        self._process = subprocess.Popen(shell, pass_fds=(theirs, their_answer), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs)
        os.close(their_answer)

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._to)
        os.close(self._from)
        shutil.rmtree(self._directory, ignore_errors=True)

    def look_at(self, page: Path, *, width: int, dark: bool) -> Seen:
        """Open a page in a window of that width, on a screen that is dark or light."""
        target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        self._events.clear()
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable", {}, session)
        self._call("Emulation.setDeviceMetricsOverride", {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}, session)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", {"features": [scheme]}, session)
        self._call("Page.navigate", {"url": page.absolute().as_uri()}, session)
        while not any(event["method"] == "Page.loadEventFired" for event in self._events):
            self._events.append(self._read())
        found = self._call("Runtime.evaluate", {"expression": _TEXTS, "returnByValue": True}, session)["result"]["value"]
        picture = self._call("Page.captureScreenshot", {"captureBeyondViewport": True}, session)["data"]
        complaints = tuple(json.dumps(event["params"]) for event in self._events if event["method"] in _COMPLAINTS)
        self._call("Target.closeTarget", {"targetId": target})
        return Seen(complaints, found["width"], found["background"], tuple(found["texts"]), base64.b64decode(picture))

    def _call(self, method: str, parameters: dict[str, Any], session: str | None = None) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") != number:
                self._events.append(answer)
                continue
            if "error" in answer:
                raise SandboxError(f"{self._program} does not {method}: {answer['error']}")
            result: dict[str, Any] = answer["result"]
            return result

    def _read(self) -> dict[str, Any]:
        deadline = time.monotonic() + HANGS
        while b"\0" not in self._rest:
            ready, _writing, _failed = select.select([self._from], [], [], max(0, deadline - time.monotonic()))
            more = os.read(self._from, 1 << 16) if ready else b""
            if not more:
                raise SandboxError(f"{self._program} does not answer.")
            self._rest += more
        message, _zero, self._rest = self._rest.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer


def _pipe() -> tuple[int, int]:
    """Return a pipe that is neither 3 nor 4, which the browser takes for its own."""
    ends = os.pipe()
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return moved[0], moved[1]


def _program() -> str:
    """Return a browser; install one where there is none."""
    for _attempt in ("look", "install"):
        found = next(filter(None, map(shutil.which, _NAMES)), None)
        if found is not None:
            return found
        apt_install("A browser", "chromium", "fonts-dejavu-core")
    raise SandboxError("There is no browser, although chromium is installed.")
