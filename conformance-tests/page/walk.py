#!/usr/bin/env python3
"""Walks through the page of a real server as a practice does: the software asks for a ticket, a browser without certificate opens it.

    cargo run --example patients -- patients           (the synthetic patients as CDA)
    walk.py patients --program target/debug/passerelle --axe axe.min.js --out shots

Needs Python 3 and Chromium alone. Screenshots and prints are left in `--out`; `--only NAME` takes some of the patients."""

import argparse
import json
import pathlib
import sys
import time

from browser import SCREENS, Browser, Report, looks, printed, shot
from practice import GP, Practice, practitioner

# Of whom each patient is shown by, beside the general practitioner.
VIEWS = {"diabete-cardio": "cardiologist", "nourrisson": "paediatrician", "grossesse": "midwife", "contradictions": "pharmacist"}
LOCUM, STRANGER, EMERGENCY = practitioner("899700000101"), practitioner("899700000102"), practitioner("899700000103")
# Milliseconds until the first byte and until all is shown.
FIRST_MS, SHOWN_MS = 100, 500

TEXT = "document.body.innerText"


def home(browser):
    return browser.run("location.origin") + "/consult/"


def status(browser):
    return browser.run("performance.getEntriesByType('navigation')[0].responseStatus")


def opened(browser, launched):
    """The ticket in the browser, which goes on to the page."""
    browser.go(launched["url"])
    browser.until("location.pathname === '/consult/' && document.readyState === 'complete'")


def submitted(browser, action):
    """The answer to a form of the page."""
    browser.follow(f"document.querySelector('form[action$=\"{action}\"] button').click()")


def refused_then_consent(browser, practice, of, axe, out, report):
    """A record that is closed says so; the patient's consent opens it; the notice is told once."""
    patient, traits = of
    opened(browser, practice.launch(patient, traits, GP))
    report(status(browser) == 403 and "Ce dossier ne vous est pas ouvert" in browser.run(TEXT), "a record without consent is refused, in words")
    looks(browser, home(browser), "closed", axe, out, report)
    submitted(browser, "consent")
    report(status(browser) == 200 and browser.run("!!document.getElementById('s1')"), "the consent for this consultation opens it")
    report(len(practice.events(patient, "consult")) >= 1, "the opening is traced")
    report("Votre accès est enregistré" in browser.run(TEXT), "the notice is shown at first")
    submitted(browser, "notice")
    report("Votre accès est enregistré" not in browser.run(TEXT), "«J'ai compris» takes it away")
    opened(browser, practice.launch(patient, traits, GP))
    report("Votre accès est enregistré" not in browser.run(TEXT), "and it stays away at the next opening")


def glass(browser, practice, of, axe, out, report):
    """Bris de glace asks for a reason, opens, says so, and is traced."""
    patient, traits = of
    opened(browser, practice.launch(patient, traits, EMERGENCY))
    browser.run("document.querySelector('form[action$=\"break-glass\"] button').click()")
    report(status(browser) == 403 and browser.run("document.querySelectorAll('textarea:invalid').length") == 1, "bris de glace is not sent without a reason")
    browser.run("document.getElementById('reason').value = 'Patient inconscient, détresse respiratoire'")
    submitted(browser, "break-glass")
    report(status(browser) == 200 and "Accès en bris de glace" in browser.run(TEXT), "with a reason it opens, and the page says in which mode")
    report(len(practice.events(patient, "break-glass")) == 1, "bris de glace is traced")
    looks(browser, home(browser), "glass", axe, out, report, {"desk": SCREENS["desk"]})


def tickets(browser, practice, of, late, report):
    """A ticket used twice, or late, is refused and traced."""
    patient, traits = of
    launched = practice.launch(patient, traits, GP)
    opened(browser, launched)
    before = [e["outcome"] for e in practice.events(patient, "consult")]
    browser.go(launched["url"])
    report(status(browser) == 403 and "déjà servi" in browser.run(TEXT), "a ticket used twice is refused")
    browser.go(home(browser))
    report(status(browser) == 200, "and the session that it began goes on")
    outcomes = [e["outcome"] for e in practice.events(patient, "consult")]
    report(len(outcomes) == len(before) + 1 and outcomes[0] != "0", "a ticket used twice is traced", str(outcomes))
    time.sleep(max(0.0, late["at"] + late["seconds"] + 1 - time.time()))
    browser.go(late["url"])
    report(status(browser) == 403 and "n'est plus valable" in browser.run(TEXT).replace("’", "'"), "a late ticket is refused")
    outcomes = [e["outcome"] for e in practice.events(patient, "consult")]
    report(len(outcomes) == len(before) + 2 and outcomes[0] != "0", "a late ticket is traced", str(outcomes))
    shot(browser, OUT / "late-desk.png", False)
    browser.go(launched["url"].split("/consult/")[0] + "/fhir/metadata")
    report(status(browser) == 403, "nothing of the API is on the page's listener")


def identity(browser, practice, of, out, report):
    """Other traits than those of the record: a warning before anything else, and nothing is confirmed as seen."""
    patient, traits = of
    launched = practice.launch(patient, traits | {"birthDate": "1944-04-04"}, GP)
    opened(browser, launched)
    first = browser.run("document.querySelector('main > :first-child').innerText")
    report(launched["mismatch"] and first.startswith("Identité à vérifier") and not browser.run("!!document.getElementById('seen')"), "an identity that differs is told first, nothing is confirmed", first)
    report("04/04/1944" in browser.run("document.querySelector('.who').innerText"), "the band shows the traits of the software, not those of the record")
    browser.size(*SCREENS["desk"])
    shot(browser, out / "mismatch-desk.png", False)


SOURCES = """(async most => {
  const links = [...new Set([...document.querySelectorAll('a.source')].map(a => a.href))], pages = new Map(), wrong = [];
  for (const href of links.slice(0, most)) {
    const at = new URL(href), anchor = decodeURIComponent(at.hash.slice(1));
    at.hash = '';
    if (!pages.has(at.href)) pages.set(at.href, fetch(at).then(async a => a.ok ? new DOMParser().parseFromString(await a.text(), 'text/html') : null));
    const page = await pages.get(at.href);
    const place = page && anchor && page.getElementById(anchor);
    if (!place || !place.textContent.trim()) wrong.push(href.slice(-60));
  }
  return [links.length, wrong];
})"""


def sources(browser, name, report, most=400):
    """Every line's sources lead to words that are there; one is followed."""
    number, wrong = browser.run(f"{SOURCES}({most})")
    report(number == 0 or not wrong, f"{name}: {min(number, most)} of {number} sources are found at their place", f"{len(wrong)}: {wrong[:3]}")
    if number:
        browser.follow("document.querySelector('a.source').click()")
        place = browser.run("(() => { const t = document.querySelector(':target'); if (!t) return null; const r = t.getBoundingClientRect(); return [r.top >= 0 && r.top < innerHeight, getComputedStyle(t).backgroundColor, t.innerText.slice(0, 80)]; })()")
        shot(browser, OUT / f"{name}-source.png", False)
        report(bool(place) and place[0] and place[1] != "rgba(0, 0, 0, 0)", f"{name}: a source opens at the marked words", str(place))
        report(not browser.complaints(), f"{name}: the source is shown without anything refused", str(browser.complaints()))
        browser.follow("document.querySelector('.back a').click()")
        report(browser.run("location.pathname") == "/consult/" and status(browser) == 200, f"{name}: and leads back to the record")


def keyboard(browser, name, report):
    browser.size(*SCREENS["desk"])
    browser.go(home(browser))
    browser.key("/", "Slash")
    report(browser.run("document.activeElement.id") == "f-text", f"{name}: / goes to the text filter")
    browser.run("document.activeElement.blur()")
    at = []
    for digit in "123456789":
        browser.key(digit, f"Digit{digit}")
        at.append(browser.run("document.activeElement.id"))
    there = browser.run("[...document.querySelectorAll('section[id^=s]')].map(s => s.id).filter(id => /^s[1-9]$/.test(id))")
    report(sorted(set(at)) == sorted(there), f"{name}: 1 to 9 go to their sections", f"{at} {there}")


def filters(browser, name, report):
    """A filter leaves some documents, is in the address, and goes by one click."""
    browser.go(home(browser) + "?window=all")
    all_of_them = browser.run("Number(document.getElementById('found').dataset.total)")
    browser.run("(() => { const f = document.getElementById('f-type'); f.selectedIndex = 1; f.dispatchEvent(new Event('input')); })()")
    browser.until("document.querySelector('#chips button')")
    kind = browser.run("document.getElementById('f-type').value")
    left = browser.run("[...document.querySelectorAll('#documents > li')].filter(l => !l.hidden).length")
    report(0 < left < all_of_them and "type=" in browser.run("location.search"), f"{name}: a filter by type leaves {left} of {all_of_them}", kind)
    browser.follow("location.reload()")
    again = browser.run("Number.parseInt(document.getElementById('found').textContent.replace(/\\u00a0/g, ''))")
    report(again == left, f"{name}: the server filters the same when the page is loaded anew", f"{again}, {left}")
    browser.run("document.querySelector('#chips button').click()")
    browser.until("!document.querySelector('#chips button') && !location.search.includes('type=')")
    shown = browser.run("[...document.querySelectorAll('#documents > li')].filter(l => !l.hidden).length")
    report(shown == all_of_them, f"{name}: taken away, all are shown again", f"{shown}, {all_of_them}")


def import_and_why(browser, practice, launched, report):
    """Three identifiers, told to the page and to the software; a document that is not there is explained."""
    browser.go(home(browser))
    browser.run("document.querySelector('#documents button').click()")
    browser.until("document.querySelector('dialog[open] dl')")
    shown = browser.run("[...document.querySelectorAll('dialog[open] code')].map(c => c.textContent)")
    told = practice.told("GET", f"/launch/{launched['consultation']}", who=GP)["imports"]
    report(len(shown) == 3 and len(told) == 1 and shown == [told[0]["uniqueId"], told[0]["entryUuid"], told[0]["logicalId"]], "an import gives three identifiers, to the page and to the software", f"{shown} {told}")
    shot(browser, OUT / "import-desk.png", False)
    browser.go(home(browser))
    browser.run("document.querySelector('details.missing summary').click(), document.getElementById('w-id').value = 'inconnu-1'")
    browser.follow("document.querySelector('details.missing button').click()")
    report(status(browser) == 200 and len(browser.run(TEXT)) > 40, "«pourquoi ne puis-je pas le voir» answers in words", browser.run(TEXT)[:120])
    shot(browser, OUT / "why-desk.png", False)
    browser.go(f"{home(browser)}why?section=pregnancy")
    report("matrice d'habilitation" in browser.run(TEXT), "and of a section that is closed to a profession too")


def export(browser, report):
    browser.go(home(browser))
    said = browser.run("fetch('/consult/export?format=ips').then(async a => [a.status, a.headers.get('content-disposition') || '', (await a.json())])")
    of = said[2]
    sections = of.get("entry", [{}])[0].get("resource", {}).get("section", [])
    report(said[0] == 200 and "attachment" in said[1] and (of.get("type"), bool(sections)) == ("document", True), "the export is a document Bundle of the IPS, saved as a file", str(said)[:200])


def new_after(browser, practice, of, report):
    """What was shown is not new again."""
    patient, traits = of
    opened(browser, practice.launch(patient, traits, LOCUM))
    submitted(browser, "consent")
    first = browser.run("document.querySelector('.state').innerText")
    time.sleep(2.6)
    opened(browser, practice.launch(patient, traits, LOCUM))
    again = browser.run("document.querySelector('.state').innerText")
    report("première consultation" in first and "aucune nouveauté" in again and "dernière visite" in again, "a page that was in view for two seconds is a visit", f"{first} | {again}")


TIMES = "(() => { const n = performance.getEntriesByType('navigation')[0]; return [n.responseStart - n.requestStart, n.loadEventEnd, n.decodedBodySize]; })()"


def speed(browser, name, report, strict):
    """The page of a browser that keeps nothing: first byte, loaded, shown (a picture of it taken, which takes its time too), weight."""
    browser.size(*SCREENS["desk"])
    taken = []
    for _ in range(9):
        started = time.monotonic()
        browser.go(home(browser))
        browser("Page.captureScreenshot", format="jpeg", quality=10)
        shown = (time.monotonic() - started) * 1000
        browser.until("performance.getEntriesByType('navigation')[0].loadEventEnd > 0")
        taken.append([*browser.run(TIMES), shown])
    first, load, size, shown = (sorted(one)[len(taken) // 2] for one in zip(*taken))
    print(f"        {name}: first byte {first:.0f} ms, loaded {load:.0f} ms, shown {shown:.0f} ms (medians of 9), {size // 1000} kB")
    report(size < 300_000, f"{name}: the page weighs less than 300 kB", str(size))
    if strict:
        report(first <= FIRST_MS and shown <= SHOWN_MS, f"{name}: first byte within {FIRST_MS} ms, shown within {SHOWN_MS} ms", f"{first:.0f} {shown:.0f}")


def patient(browser, practice, name, of, axe, report, strict):
    """The page of one patient on every screen, for print, as another speciality sees it, and its sources."""
    reference, traits = of
    practice.authorize(reference, GP)
    opened(browser, practice.launch(reference, traits, GP))
    if "Votre accès est enregistré" in browser.run(TEXT):
        submitted(browser, "notice")
    address = home(browser)
    looks(browser, address, name, axe, OUT, report)
    if browser.run("document.querySelectorAll('#documents > li').length"):
        keyboard(browser, name, report)
        filters(browser, name, report)
    if name in VIEWS:
        browser.size(*SCREENS["desk"])
        browser.go(f"{address}?specialty={VIEWS[name]}")
        shot(browser, OUT / f"{name}-{VIEWS[name]}.png", True)
    browser.go(f"{address}print")
    report(browser.run("window.asked"), f"{name}: the print view opens the browser's dialogue")
    sheets = printed(browser, OUT / f"{name}-print.pdf")
    print(f"        {name}: {sheets} sheet(s) of /consult/print")
    speed(browser, name, report, strict)
    browser.go(address)
    sources(browser, name, report)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("patients", type=pathlib.Path)
    options.add_argument("--program", default="target/debug/passerelle")
    options.add_argument("--axe", type=pathlib.Path, help="axe.min.js; without it accessibility is not looked at")
    options.add_argument("--out", type=pathlib.Path, default=pathlib.Path("shots"))
    options.add_argument("--browser", default="chromium")
    options.add_argument("--only", action="append", help="name of a patient; repeatable")
    options.add_argument("--speed", action="store_true", help="fail beyond the limits of time: for a release build on a quiet machine")
    given = options.parse_args()
    global OUT
    OUT = given.out
    OUT.mkdir(parents=True, exist_ok=True)
    axe, report = given.axe.read_text() if given.axe else None, Report()
    practice = Practice(given.program)
    browser = Browser(given.browser)
    try:
        browser.open()
        browser("Page.addScriptToEvaluateOnNewDocument", source="window.print = () => { window.asked = true; };")
        names = [n for n in sorted(p.name for p in given.patients.iterdir()) if not given.only or n in given.only]
        started = time.time()
        people = {name: practice.patient(given.patients / name) for name in names}
        print(f"        {', '.join(names)}: deposited in {time.time() - started:.1f} s")
        if "contradictions" in people:
            steps(browser, practice, people["contradictions"], axe, report)
        for name in names:
            patient(browser, practice, name, people[name], axe, report, given.speed)
    finally:
        practice.end()
        browser.end()
    print(f"{report.made} checks: " + ("all passed" if not report.failed else f"{report.failed} failed"))
    return report.failed > 0


def steps(browser, practice, of, axe, report):
    """What can be done with a page, on one patient."""
    late = practice.launch(*of, GP) | {"at": time.time(), "seconds": 15}
    refused_then_consent(browser, practice, of, axe, OUT, report)
    launched = practice.launch(*of, GP)
    opened(browser, launched)
    import_and_why(browser, practice, launched, report)
    export(browser, report)
    new_after(browser, practice, of, report)
    identity(browser, practice, of, OUT, report)
    glass(browser, practice, of, axe, OUT, report)
    tickets(browser, practice, of, late, report)


if __name__ == "__main__":
    sys.exit(main())
