"""Makes the pictures of the dashboard in README and docs from a real store, light and dark.

    python docs/make_screenshots.py --store sqlite:///selector.db --output docs/images

It starts the dashboard on a free local port, opens it in a headless Chromium, and ends both. Needs the extra
``dev`` (Playwright) and a Chromium; nothing is fetched.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

MAIN = Path(__file__).resolve().parent.parent / "app" / "main.py"
PAGES = {
    "": "dashboard",
    "candidate": "dashboard-candidate",
    "compare": "dashboard-compare",
    "runs": "dashboard-runs",
    "catalog": "dashboard-catalog",
}
"""Path of each page, and its picture's name."""
SECONDS_TO_START = 60.0


def main() -> None:
    """Makes a picture of every page in each theme."""
    arguments = _arguments()
    arguments.output.mkdir(parents=True, exist_ok=True)
    with dashboard(arguments.store) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=arguments.chromium, args=["--no-sandbox", "--disable-background-networking"]
        )
        for page, file in PAGES.items():
            for theme in ("light", "dark"):
                path = arguments.output / f"{file}-{theme}.png"
                picture(browser, f"{url}/{page}{arguments.query}", theme, path, arguments.width, arguments.height)
                print(path)
        browser.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", default="sqlite:///selector.db", help="URL of the store to show")
    parser.add_argument("--output", type=Path, default=MAIN.parent.parent / "docs" / "images", help="folder")
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="the browser's program")
    parser.add_argument("--query", default="", help='what follows the path in the address, e.g. "?run=20261123"')
    parser.add_argument("--width", type=int, default=1440)
    parser.add_argument("--height", type=int, default=1180)
    return parser.parse_args()


@contextlib.contextmanager
def dashboard(store: str) -> Iterator[str]:
    """The dashboard on `store`, running while the block does; its address."""
    from selector.cli.serving import dashboard_command

    port = _free_port()
    process = subprocess.Popen(
        dashboard_command(store, port),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _wait(process, f"http://127.0.0.1:{port}/_stcore/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=10)
        if process.stderr is not None:
            process.stderr.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait(process: subprocess.Popen[str], health: str) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"the dashboard did not start:\n{process.stderr.read() if process.stderr else ''}")
        with contextlib.suppress(OSError), urllib.request.urlopen(health, timeout=1) as answer:
            if answer.status == 200:
                return
        time.sleep(0.2)
    raise SystemExit(f"the dashboard did not answer within {SECONDS_TO_START:g} s")


def picture(browser: Browser, url: str, theme: str, path: Path, width: int, height: int) -> None:
    """One picture of the page in one theme, after everything on it is drawn."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=theme, device_scale_factor=1.5)
    page.goto(url)
    page.wait_for_selector("h2, h1")
    page.wait_for_selector("[data-testid=stStatusWidget]", state="detached")
    page.wait_for_timeout(1_000)
    page.screenshot(path=path)
    page.close()


if __name__ == "__main__":
    main()
