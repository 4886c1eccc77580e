"""The report's page as somebody uses it: report.py REPORT.html MATRIX.html.

REPORT.html is about a server that failed some checks, and said HTML and scripts where it could. Each step that holds is
printed; the first that does not ends the script.
"""

import sys

from chromium import chromium, console, media, size
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from steps import PATIENCE, fits, holds, is_alone, load, one, press


def shown(page):
    return page.execute_script("return [...document.querySelectorAll('.case')].filter((one) => one.offsetParent).length")


def counted(page):
    return one(page, "#shown").text


def choose(page, facet, value):
    one(page, f"label:has([name='{facet}'][value='{value}'])").click()


def filters(page):
    total = shown(page)
    holds("all cases are there", counted(page) == f"{total} cases" and total > 20, counted(page))
    choose(page, "verdict", "fail")
    failing = shown(page)
    verdicts = page.execute_script(
        "return [...document.querySelectorAll('.case')].filter((one) => one.offsetParent).map((one) => one.dataset.verdict)"
    )
    holds("the verdict filters", 0 < failing < total and all("fail" in one for one in verdicts), verdicts)
    holds("the count changes", counted(page) == f"{failing} of {total} cases", counted(page))
    choose(page, "level", "must")
    holds("two choices both hold", 0 < shown(page) < failing, shown(page))
    press(page, Keys.ESCAPE)
    holds("Escape shows all", shown(page) == total, shown(page))
    press(page, "/")
    press(page, "memcached/get no-such-word")
    holds("words that nothing has leave nothing", shown(page) == 0 and one(page, ".nothing").is_displayed())
    for _ in "no-such-word":
        press(page, Keys.BACKSPACE)
    found = shown(page)
    holds("words filter", 0 < found < total, found)
    page.refresh()
    holds("the address keeps the filter", shown(page) == found, shown(page))
    press(page, Keys.ESCAPE)


def keys_move(page):
    press(page, "j")
    first = page.switch_to.active_element.text
    press(page, "j")
    second = page.switch_to.active_element.text
    press(page, "k")
    back = page.switch_to.active_element.text
    holds("j and k move from case to case", first and first == back != second, (first, second, back))
    details = page.switch_to.active_element.find_element(By.XPATH, "..")
    before = details.get_attribute("open")
    press(page, Keys.ENTER)
    holds("Enter opens and closes", details.get_attribute("open") != before)
    press(page, Keys.ENTER)


def failure_is_shown(page):
    dump = one(page, "#failures .hexdump")
    holds("a failure's bytes are visible", dump.is_displayed() and dump.text.startswith("0000  80 "), dump.text)
    message = one(page, "#failures .sent .what code")
    holds("a failure's messages are decoded", message.is_displayed() and message.text.startswith("get"), message.text)
    quoted = one(page, "#failures blockquote")
    holds("the requirement is quoted", quoted.is_displayed() and "MCB-" in quoted.text, quoted.text)
    button = one(page, "#failures .copy")
    page.execute_cdp_cmd("Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})
    button.click()
    WebDriverWait(page, PATIENCE).until(lambda _: button.text in ("Copied", "Selected"))
    copied = page.execute_async_script("navigator.clipboard.readText().then(arguments[0], (error) => arguments[0](String(error)))")
    holds("the command is copied", copied.startswith("lockproof check --case memcached/"), copied)


def words_are_words(page):
    inside = page.execute_script(
        "return [document.scripts.length, document.images.length, document.querySelectorAll('marquee').length, window.owned ?? null]"
    )
    holds("a server's words are not elements", inside == [1, 0, 0, None], inside)
    text = page.execute_script("return document.body.textContent")
    holds("a server's words are there as words", "<script>window.owned = 1</script>" in text)
    page.execute_script("document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.owned = 2' }))")
    holds("the policy stops other scripts", page.execute_script("return window.owned ?? null") is None)
    holds("and says so", any("Content Security Policy" in line for line in console(page)))


def names_for_everybody(page):
    tree = page.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = {"button", "checkbox", "searchbox", "link", "DisclosureTriangle"}
    nodes = [node for node in tree if not node["ignored"] and node["role"]["value"] in roles]
    nameless = [node["role"]["value"] for node in nodes if not node.get("name", {}).get("value")]
    holds("everything that can be used has a name", len(nodes) > 20 and nameless == [], nameless)


def paper(page):
    media(page, "dark", "print")
    seen = [one(page, ".search").is_displayed(), one(page, ".summary").is_displayed()]
    ground = page.execute_script("return getComputedStyle(document.body).backgroundColor")
    holds("paper is white and has no filter", seen == [False, True] and ground == "rgb(255, 255, 255)", (seen, ground))
    media(page, "light")


def without_script(page, file):
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    load(page, file)
    hidden = [one(page, selector).is_displayed() for selector in (".search", ".copy")]
    holds("without scripts nothing is offered that needs them", hidden == [False, False], hidden)
    holds("without scripts the failures are there", one(page, "#failures .hexdump").is_displayed())
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def matrix(page, file):
    is_alone(page, file)
    total = shown(page)
    # The first column passes everywhere, so there is nothing to choose in it.
    choose(page, "c1", "fail")
    rows = page.execute_script(
        "return [...document.querySelectorAll('.case')].filter((one) => one.offsetParent).map((one) => one.dataset.columns)"
    )
    holds("a matrix shows where one passes and the other fails", 0 < len(rows) < total and set(rows) == {"pass fail"}, rows)
    press(page, Keys.ESCAPE)
    fits(page, 400)


def main(report_file, matrix_file):
    with chromium() as page:
        size(page, 1200, 900)
        is_alone(page, report_file)
        filters(page)
        keys_move(page)
        failure_is_shown(page)
        names_for_everybody(page)
        fits(page, 400)
        fits(page, 1200)
        paper(page)
        words_are_words(page)
        without_script(page, report_file)
        matrix(page, matrix_file)


main(*sys.argv[1:])
