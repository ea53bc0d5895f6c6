"""A picture of a chart of a page of ours: `python docs/picture.py report.html markouts picture.png [HEIGHT]`.

Needs Chromium. The page is taken as it is, in its light scheme, with all but the chart hidden.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

#: Pixels.
WIDTH, HEIGHT = 860, 480


def picture(page: Path, chart: str, to: Path, height: int = HEIGHT) -> None:
    """Draw the chart `chart` of a page."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        sys.exit("Chromium is not installed")
    here = f"#chart-{chart}"
    html = page.read_text(encoding="utf-8")
    if f'id="{here[1:]}"' not in html:
        sys.exit(f"{page} has no chart {chart}")
    hidden = (
        f"header, main > :not(:has({here})), section > :not(:has({here})):not({here}), .charts > :not({here})"
        "{display:none !important} .charts {display:block !important} body {color-scheme: light}"
        "main, section, figure {margin:0 !important; padding:4px !important; border:0 !important}"
    )
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder) / "alone.html"
        alone.write_text(html.replace("</head>", f"<style>{hidden}</style></head>", 1), encoding="utf-8")
        words = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        words += [f"--window-size={WIDTH},{height}", "--virtual-time-budget=8000"]
        subprocess.run([*words, f"--screenshot={to}", alone.as_uri()], check=True, capture_output=True)


if __name__ == "__main__":
    picture(
        Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else HEIGHT
    )
