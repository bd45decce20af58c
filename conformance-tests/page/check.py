#!/usr/bin/env python3
"""Opens the page of every sample view in Chromium under its own policy, tries the keyboard, the filters, the further lines and the
identifiers, looks for accessibility faults with axe-core, and leaves screenshots and a print.

    cargo run --example page -- samples.json pages     (samples.json: samples.py samples.json)
    check.py pages --axe axe.min.js --out shots        (axe.min.js: npm pack axe-core)

Needs Python 3 and Chromium alone: it speaks the DevTools protocol over two pipes."""

import argparse
import re
import urllib.parse
import http.server
import json
import pathlib
import sys
import threading

import samples
from browser import SCREENS, Browser, Report, looks


class Site(http.server.BaseHTTPRequestHandler):
    """The pages under their policy, and the addresses that their script calls."""

    pages, posted = None, []
    asked = {name: of["frame"].get("query", {}) for name, of in samples.samples().items() if "view" in of and "offset" not in of}

    def log_message(self, *_):
        pass

    def answer(self, body, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", (self.pages / "policy.txt").read_text())
        self.end_headers()
        self.wfile.write(body)

    def named(self):
        """The page of an address: by its name, or by the filters that it asks for."""
        path, _, query = self.path.partition("?")
        if path == "/consult/key-info":
            return "more"
        if path == "/consult/documents":
            return "left-all"
        if path.startswith("/consult/"):
            wanted = dict(urllib.parse.parse_qsl(query))
            return next((name for name, of in self.asked.items() if of == wanted and not name.startswith("left-") and name != "all"), "-")
        return path.strip("/")

    def do_GET(self):
        name = self.named()
        file = self.pages / f"{name}.html"
        self.answer(file.read_bytes() if file.is_file() else b"<!DOCTYPE html><title>-</title>", "text/html; charset=utf-8")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.posted.append((self.path, body))
        self.answer(json.dumps({"uniqueId": "urn:oid:1.2.3", "entryUuid": "urn:uuid:4", "logicalId": "5"}).encode(), "application/json")


def works(browser, base, report):
    """Keyboard, filters, further lines, identifiers, confirmation."""
    browser.size(*SCREENS["desk"])
    browser.go(f"{base}/full")
    browser.key("/", "Slash")
    report(browser.run("document.activeElement.id") == "f-text", "/ goes to the text filter")
    browser.run("document.activeElement.blur()")
    browser.key("3", "Digit3")
    report(browser.run("document.activeElement.id") == "s3", "3 goes to the third section")
    browser.run("document.getElementById('keys-off').click()")
    browser.key("4", "Digit4")
    report(browser.run("document.activeElement.id") == "s3", "keys can be switched off")
    browser.run("document.getElementById('keys-off').click()")
    browser.run("(() => { const f = document.getElementById('f-text'); f.value = 'DECOMPENSATION'; f.dispatchEvent(new Event('input')); const t = document.getElementById('f-period'); t.value = 'P1Y'; t.dispatchEvent(new Event('input')); return new Promise(r => setTimeout(r, 300)); })()")
    shown = browser.run("[...document.querySelectorAll('#documents > li')].filter(l => !l.hidden).every(l => l.textContent.includes('décompensation'))")
    told = browser.run("document.getElementById('found').textContent")
    report(shown and " sur 24" in told, "filters choose without case and accents, and the count is told", told)
    report(browser.run("document.querySelectorAll('#chips button').length") == 2, "filters in force are shown")
    report("text=DECOMPENSATION&period=P1Y" in browser.run("location.search"), "filters in force are in the address", browser.run("location.href"))
    kept = browser.run("(() => { const a = document.querySelector('a.button.keeps'); a.addEventListener('click', e => e.preventDefault()); a.click(); return a.href; })()")
    report("/consult/print?" in kept and "text=DECOMPENSATION" in kept and "period=P1Y" in kept, "the print keeps them", kept)
    browser.run("(async () => { while (document.querySelector('#chips button')) { document.querySelector('#chips button').click(); await new Promise(r => setTimeout(r, 50)); } })()")
    report(browser.run("new Promise(r => setTimeout(() => r([...document.querySelectorAll('#documents > li')].every(l => !l.hidden) && !location.search), 100))"), "filters can be removed")
    before = browser.run("document.querySelectorAll('#s5 .line').length")
    browser.run("document.querySelector('#s5 a.more').click(), new Promise(r => setTimeout(r, 500))")
    after = browser.run("document.querySelectorAll('#s5 .line').length")
    ids = browser.run("[...document.querySelectorAll('[id]')].length - new Set([...document.querySelectorAll('[id]')].map(e => e.id)).size")
    report(after > before and ids == 0, "further lines come behind the others", f"{before} → {after}, {ids} ids twice")
    browser.run("document.querySelectorAll('.why summary').forEach(s => s.click())")
    report(browser.run("document.querySelectorAll('.why[open]').length") == 1, "the reasons of one line are open at a time")
    browser.key("Escape", "Escape")
    report(browser.run("document.querySelectorAll('.why[open]').length") == 0, "Escape closes them")
    browser.run("document.querySelector('#documents button').click(), new Promise(r => setTimeout(r, 500))")
    report("urn:oid:1.2.3" in (browser.run("document.querySelector('dialog[open]')?.textContent") or ""), "the identifiers of a document are shown")
    browser.run("new Promise(r => setTimeout(r, 2200))")
    seen = [body for path, body in Site.posted if path == "/consult/seen"]
    report(any("token=sample-token" in body and "generated=2026" in body for body in seen), "what was shown is confirmed, with the token", str(Site.posted)[:200])
    report(not browser.complaints(), "nothing refused or thrown meanwhile", str(browser.complaints()))


FILL = """(query => new Promise(done => {
  const fields = {text: 'f-text', type: 'f-type', practice: 'f-practice', period: 'f-period', author: 'f-author'};
  for (const [name, id] of Object.entries(fields)) {
    const field = document.getElementById(id);
    field.value = query[name] || '';
    field.dispatchEvent(new Event('input'));
  }
  setTimeout(() => done([...document.querySelectorAll('#documents > li')].filter(l => !l.hidden).map(l => l.querySelector('a').id)), 500);
}))"""


def agrees(browser, base, report):
    """The script leaves the documents that the server leaves, of all of them and not of those that were sent first."""
    browser.size(*SCREENS["desk"])
    browser.go(f"{base}/thousand")
    report(browser.run("document.querySelectorAll('#documents > li').length") == 50, "50 of 1,000 documents are sent")
    for number, query in enumerate(samples.QUERIES):
        shown = browser.run(f"{FILL}({json.dumps(query)})")
        left = re.findall(r'<a id="(d\d+)"', (Site.pages / f"left-{number}.html").read_text())
        report(shown == left, f"script and server leave the same documents: {query}", f"{len(shown)} and {len(left)}")
    report(any(samples.QUERIES) and len(browser.run(f"{FILL}({{}})")) == 1000, "without a filter all 1,000 are shown")
    browser.go(f"{base}/thousand")
    browser.run("document.querySelector('a.all').click(), new Promise(r => setTimeout(r, 500))")
    focus = browser.run("[document.querySelectorAll('#documents > li').length, document.activeElement.id, document.querySelectorAll('#others').length]")
    report(focus == [1000, "d50", 0], "the others are shown in place, the first of them has the focus", str(focus))
    report(not browser.complaints(), "nothing refused or thrown meanwhile", str(browser.complaints()))


def without_script(browser, base, report):
    """Everything is there to be read and to be done: filters are a form and links, the other documents a page, what was seen a button."""
    browser("Emulation.setScriptExecutionDisabled", value=True)
    browser.size(*SCREENS["desk"])
    browser.go(f"{base}/full")
    seen = browser.run("[document.querySelectorAll('#documents > li').length, document.getElementById('f-go').checkVisibility(), document.querySelector('#seen button').checkVisibility()]")
    report(seen == [24, True, True], "without the script: documents, a button to filter, a button to confirm", str(seen))
    fill = "document.getElementById('f-text').value = 'genou', document.getElementById('f-type').value = \"CR d'imagerie\", document.getElementById('f-go').click()"
    chips = "[...document.querySelectorAll('.chips .chip')].filter(c => c.checkVisibility()).map(c => c.firstChild.textContent)"
    browser.follow(fill)
    told = browser.run(chips)
    report(told == ["Limite : 2 dernières années", "Mots : « genou »", "Type : CR d'imagerie"], "without the script: the form filters, what is in force is shown", str(told))
    browser.follow("[...document.querySelectorAll('.chip')].find(c => c.textContent.startsWith('Mots')).click()")
    told = browser.run(chips)
    report(told == ["Limite : 2 dernières années", "Type : CR d'imagerie"], "without the script: one click takes one filter away", str(told))
    browser.go(f"{base}/full")
    browser.follow("[...document.querySelectorAll('.chip')].find(c => c.textContent.startsWith('Limite')).click()")
    told = browser.run("[...document.querySelectorAll('.chips > a')].map(c => c.textContent)")
    report(told == ["Remettre la limite aux 2 dernières années"], "without the script: the bound is taken away, and can be put back", str(told))
    browser.go(f"{base}/full")
    browser.follow("document.getElementById('view').value = 'emergency', document.getElementById('view-go').click()")
    told = browser.run("[document.querySelector('.view .chip')?.textContent.slice(0, 22), document.getElementById('view').value]")
    report(told == ["Vue choisie : Urgences", "emergency"], "without the script: another view is chosen, and told", str(told))
    browser.go(f"{base}/thousand")
    browser.follow("document.querySelector('a.all').click()")
    report(browser.run("document.querySelectorAll('#documents > li').length") == 1000, "without the script: all documents are one click away")
    browser("Emulation.setScriptExecutionDisabled", value=False)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("pages", type=pathlib.Path)
    options.add_argument("--axe", type=pathlib.Path, help="axe.min.js; without it accessibility is not looked at")
    options.add_argument("--out", type=pathlib.Path, default=pathlib.Path("shots"))
    options.add_argument("--browser", default="chromium")
    given = options.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    Site.pages = given.pages
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base, report = f"http://127.0.0.1:{server.server_port}", Report()
    axe = given.axe.read_text() if given.axe else None
    browser = Browser(given.browser)
    try:
        browser.open()
        for page in sorted(p for p in given.pages.glob("*.html") if not p.stem.startswith("left-")):
            report(page.stat().st_size < 400_000, f"{page.stem}: under 400 kB", str(page.stat().st_size))
            looks(browser, f"{base}/{page.stem}", page.stem, axe, given.out, report)
        works(browser, base, report)
        agrees(browser, base, report)
        without_script(browser, base, report)
    finally:
        browser.end()
    print(f"{report.made} checks: " + ("all passed" if not report.failed else f"{report.failed} failed"))
    return report.failed > 0


if __name__ == "__main__":
    sys.exit(main())
