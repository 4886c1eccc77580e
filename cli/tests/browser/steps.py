"""Steps that every page's test takes. Each that holds is printed; the first that does not ends the script."""

import pathlib

from chromium import console, media, requests, size
from selenium.webdriver.common.by import By

PATIENCE = 60


def holds(step, fact, seen=""):
    if not fact:
        raise SystemExit(f"{step}: does not hold; seen: {seen!r}")
    print(step)


def load(page, file):
    page.get(pathlib.Path(file).resolve().as_uri())


def one(page, selector):
    return page.find_element(By.CSS_SELECTOR, selector)


def press(page, keys):
    page.switch_to.active_element.send_keys(keys)


def is_alone(page, file):
    requests(page), console(page)  # what was before is not this page's
    load(page, file)
    wanted = [pathlib.Path(file).resolve().as_uri()]
    asked = requests(page)
    holds("a page asks for nothing but itself", asked == wanted, asked)
    holds("the console is empty", console(page) == [], console(page))


def fits(page, width):
    for scheme in ("light", "dark"):
        size(page, width, 900)
        media(page, scheme)
        wide = page.execute_script("return document.scrollingElement.scrollWidth")
        holds(f"{scheme}, {width} pixels: nothing sticks out", wide <= width, wide)
