"""Photographs a page: picture.py PAGE.html PICTURE.png [--width N] [--height N] [--dark] [--open CASE] [--choose NAME]."""

import argparse
import base64
import pathlib

from chromium import chromium, media, size

OPEN = """
for (const one of document.querySelectorAll(".case details"))
  one.open = one.querySelector("summary code").textContent === arguments[0];
"""


CHOOSE = """
const named = [...document.querySelectorAll(".item")].filter((one) => one.getAttribute("aria-label").includes(arguments[0]));
named[0].dispatchEvent(new MouseEvent("click", { bubbles: true }));
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("picture", type=pathlib.Path)
    parser.add_argument("--width", type=int, default=1120)
    parser.add_argument("--height", type=int, default=1400)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--open", help="the one case that is open")
    parser.add_argument("--choose", help="what is chosen in a timeline: a part of its name")
    wanted = parser.parse_args()
    with chromium() as page:
        size(page, wanted.width, wanted.height, scale=2 if wanted.width < 600 else 1)
        media(page, "dark" if wanted.dark else "light")
        page.get(wanted.page.resolve().as_uri())
        if wanted.open:
            page.execute_script(OPEN, wanted.open)
        if wanted.choose:
            page.execute_script(CHOOSE, wanted.choose)
        shot = page.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        wanted.picture.write_bytes(base64.b64decode(shot["data"]))


main()
