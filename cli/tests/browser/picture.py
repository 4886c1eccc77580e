"""Photographs a page: picture.py PAGE.html PICTURE.png [WIDTH [HEIGHT [light|dark [FROM]]]]. FROM is pixels from the top."""

import base64
import pathlib
import sys

from chromium import chromium, media, size


def main(page_file, picture_file, width="1120", height="1500", scheme="light", start="0"):
    with chromium() as page:
        size(page, int(width), int(height), scale=2 if int(width) < 600 else 1)
        media(page, scheme)
        page.get(pathlib.Path(page_file).resolve().as_uri())
        page.execute_script("scrollTo(0, arguments[0])", int(start))
        shot = page.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
        pathlib.Path(picture_file).write_bytes(base64.b64decode(shot["data"]))


main(*sys.argv[1:])
