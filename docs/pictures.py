"""Take the pictures of the console's rooms for docs/pictures, light and dark, from the replayed year of the example.

`python docs/pictures.py [PROJECT]` (default: examples/flights, replayed); needs Chromium. BATON_BROWSER names another browser.
"""

import base64
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
HERE = ROOT / "docs" / "pictures"
WIDE, HIGH, SMALLER = 1280, 860, 0.75
ROOMS = {
    "loop": "/",
    "inbox": "/inbox?whose=all",
    "data": "/data",
    "features": "/features/weather_temp",
    "models": "/models/6",
    "releases": "/releases?at=2023-05-16T12:00:00Z",
    "monitoring": "/monitoring",
    "incidents": "/incidents",
    "team": "/team",
    "ledger": "/ledger",
    "product": "/product",
    "analysis": "/analysis",
}


def main() -> None:
    """Start a console on the project, and photograph every room twice."""
    project = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "examples" / "flights"
    HERE.mkdir(exist_ok=True)
    baton = [sys.executable, "-m", "baton.cli", "--project", str(project)]
    console = subprocess.Popen([*baton, "console", "--port", "0"], stderr=subprocess.PIPE, text=True)
    try:
        assert console.stderr is not None
        next(line for line in console.stderr if "the console: " in line or "/sign-in" in line)
        told = subprocess.run([*baton, "console", "--link"], capture_output=True, text=True, check=True)
        link = re.findall(r"http://\S+/sign-in\?once=\S+", told.stdout + told.stderr)[0]
        with sync_playwright() as started:
            place = shutil.which(os.environ.get("BATON_BROWSER", "chromium"))
            browser = started.chromium.launch(executable_path=place, args=["--no-sandbox"])
            _tour(browser, link)
            browser.close()
    finally:
        console.terminate()
        console.wait(30)


def _tour(browser: Browser, link: str) -> None:
    state = None
    for scheme in ("light", "dark"):
        context = browser.new_context(
            color_scheme="dark" if scheme == "dark" else "light", viewport={"width": WIDE, "height": HIGH}, storage_state=state
        )
        page = context.new_page()
        if state is None:
            page.goto(link)
            state = context.storage_state()
        for name, path in ROOMS.items():
            page.goto(link.partition("/sign-in")[0] + path)
            page.wait_for_load_state("load")
            page.wait_for_timeout(2500)  # what is seen first may be fetched after the page
            _photograph(page, HERE / f"{name}-{scheme}.webp")
        context.close()


def _photograph(page: Page, path: Path) -> None:
    clip = {"x": 0, "y": 0, "width": WIDE, "height": HIGH, "scale": SMALLER}
    told = page.context.new_cdp_session(page).send("Page.captureScreenshot", {"format": "webp", "quality": 80, "clip": clip})
    path.write_bytes(base64.b64decode(told["data"]))
    print(path.relative_to(ROOT), f"{path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
