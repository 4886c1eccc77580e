"""A failure's timeline as somebody uses it: timeline.py TIMELINE.html.

The page is about a server that sends under its lock, and a client that stops reading. Each step that holds is printed;
the first that does not ends the script.
"""

import sys

from chromium import chromium, console, media, size
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from steps import fits, holds, is_alone, load, one, press

# What is chosen, as the page tells it.
TOLD = """
const facts = [...document.querySelectorAll(".details dt")].map((name) => [name.textContent, name.nextElementSibling.textContent]);
return { name: document.querySelector(".details h3")?.textContent, ...Object.fromEntries(facts) };
"""

CLICK = """
const one = [...document.querySelectorAll(arguments[0])].find((one) => one.getAttribute("aria-label").includes(arguments[1]));
one.dispatchEvent(new MouseEvent("click", { bubbles: true }));
return one.getAttribute("aria-label");
"""


def count(page, selector):
    return len(page.find_elements(By.CSS_SELECTOR, selector))


def told(page):
    return page.execute_script(TOLD)


def click(page, selector, words):
    return page.execute_script(CLICK, selector, words)


def seen(page):
    """The time that is shown, in seconds."""
    begin, end = one(page, ".range").text.split(" to ")
    return float(begin.split()[0]), float(end.split()[0])


def lanes(page):
    names = page.execute_script("return [...document.querySelectorAll('.lane-name')].map((lane) => lane.dataset.lane)")
    clients = [name for name in names if name.startswith("client ")]
    holds("healthy clients have lanes", len(clients) >= 2, names)
    holds("so have the lock, the server and the victim, in order", names == [*clients, "table", "server", "victim-0"], names)


def failure(page):
    failing = page.find_elements(By.CSS_SELECTOR, ".operation.failing")
    holds("one operation is the failing one", len(failing) == 1, len(failing))
    label = failing[0].get_attribute("aria-label")
    holds("it is said to be wrong", label.endswith("it never ended"), label)
    holds("it is in sight at once", failing[0].is_displayed())
    who = label.split(":")[0]
    sentence = one(page, ".verdict").text
    holds("the sentence is about it", sentence.startswith(f"wedged: {who}'s "), sentence)
    holds("the sentence names who held the lock", "for victim-0 (it stops reading since " in sentence, sentence)
    fault = one(page, ".fault")
    holds("the fault is shaded", fault.get_attribute("aria-label") == "fault: victim-0: it stops reading")
    holds("the lock is seen held", count(page, ".claim .held") > 0 and count(page, ".claim .queued") > 0)
    holds("so is the send without room", count(page, ".wait") > 0)


def message(page):
    clicked = click(page, ".message", "client 0 to server: ")
    facts = told(page)
    holds("a click on a message shows it", facts["name"] == clicked, facts)
    holds("its messages are decoded", any(word in facts["Messages"] for word in ("get key=", "set key=", "incr")), facts)
    holds("its bytes are shown", facts["First bytes"].startswith("0000  80 "), facts)
    holds("its times are shown", facts["Sent"].endswith(" s") and ", after 0.0" in facts["Read"], facts)
    chosen = page.execute_script("return document.querySelector('svg').getAttribute('aria-activedescendant')")
    holds("it is the chosen one", one(page, ".chosen").get_attribute("id") == chosen, chosen)
    real = one(page, ".fault rect")
    real.click()
    holds("a real click chooses as well", told(page)["name"] == "fault: victim-0: it stops reading", told(page))


def keys(page):
    # The picture's own focus, as by the tabulator.
    page.execute_script("document.querySelector('.stage svg').focus()")
    click(page, ".operation.failing", "")
    at_first = told(page)
    press(page, Keys.ARROW_LEFT)
    before = told(page)
    holds("left goes back in the lane", before != at_first and at_first["Who"] in before["name"], before)
    press(page, Keys.ARROW_RIGHT)
    holds("right comes again", told(page) == at_first, told(page))
    press(page, Keys.ARROW_DOWN)
    below = told(page)
    holds("down goes to another lane", below["name"].split(":")[0] != at_first["name"].split(":")[0], below)
    start = seen(page)
    press(page, "+")
    closer = seen(page)
    holds("plus shows less time", closer[1] - closer[0] < (start[1] - start[0]) * 0.6, (start, closer))
    press(page, ".")
    holds("a full stop goes on", seen(page)[0] > closer[0], seen(page))
    press(page, "0")
    whole = seen(page)
    holds("0 shows the whole run", whole[0] == 0 and whole[1] > 10, whole)
    holds("what was chosen is still told", told(page) == below)
    press(page, "f")
    holds("f shows the failure again", seen(page) == start, seen(page))


def buttons(page):
    start = seen(page)
    for button in page.find_elements(By.CSS_SELECTOR, ".tools button"):
        before = seen(page)
        button.click()
        holds(f"the button {button.text!r} works", seen(page) != before, seen(page))
    holds("the last one shows the failure", seen(page) == start, seen(page))


def names_for_everybody(page):
    tree = page.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    nodes = [node for node in tree if not node["ignored"] and node["role"]["value"] in {"button", "application", "img", "image"}]
    nameless = [node["role"]["value"] for node in nodes if not node.get("name", {}).get("value")]
    holds("everything in the picture has a name", len(nodes) > 20 and nameless == [], (len(nodes), nameless))


def without_script(page, file):
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    load(page, file)
    hidden = [one(page, selector).is_displayed() for selector in (".tools", ".stage", ".details", ".legend")]
    holds("without scripts nothing is offered that needs them", hidden == [False] * 4, hidden)
    events = one(page, ".events").text
    holds("without scripts the failure is told", "never answered" in events and "it stops reading" in events, events)
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def main(file):
    with chromium() as page:
        size(page, 1200, 1600)
        media(page, "light")
        is_alone(page, file)
        lanes(page)
        failure(page)
        message(page)
        keys(page)
        buttons(page)
        names_for_everybody(page)
        holds("nothing was complained about", console(page) == [])
        fits(page, 400)
        fits(page, 1200)
        without_script(page, file)


main(*sys.argv[1:])
