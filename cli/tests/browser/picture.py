"""Photographs a page: picture.py PAGE.html PICTURE.png [--width N] [--height N] [--dark] [--open CASE]."""

import argparse
import base64
import pathlib

from chromium import chromium, media, size

OPEN = """
for (const one of document.querySelectorAll(".case details"))
  one.open = one.querySelector("summary code").textContent === arguments[0];
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("picture", type=pathlib.Path)
    parser.add_argument("--width", type=int, default=1120)
    parser.add_argument("--height", type=int, default=1400)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--open", help="the one case that is open")
    wanted = parser.parse_args()
    with chromium() as page:
        size(page, wanted.width, wanted.height, scale=2 if wanted.width < 600 else 1)
        media(page, "dark" if wanted.dark else "light")
        page.get(wanted.page.resolve().as_uri())
        if wanted.open:
            page.execute_script(OPEN, wanted.open)
        shot = page.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        wanted.picture.write_bytes(base64.b64decode(shot["data"]))


main()
