"""Chromium told what to do over the DevTools protocol, and what every page is looked at for."""

import base64
import json
import os
import subprocess
import tempfile
import time

SCREENS = {"desk": (1280, 900), "tablet": (820, 1180), "phone": (390, 844), "narrow": (320, 640)}


class Browser:
    """A Chromium that is told what to do over pipes."""

    def __init__(self, program):
        (in_read, self.to), (self.back, out_write) = os.pipe(), os.pipe()
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)

        def pipes():
            first, second = os.dup(in_read), os.dup(out_write)
            os.dup2(first, 3)
            os.dup2(second, 4)

        arguments = [program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe", f"--user-data-dir={self.folder.name}", "about:blank"]
        self.process = subprocess.Popen(arguments, preexec_fn=pipes, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(in_read), os.close(out_write)
        self.number, self.rest, self.session, self.events = 0, b"", None, []

    def open(self):
        target = self("Target.createTarget", url="about:blank")["targetId"]
        self.session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self(f"{domain}.enable")
        # A development PKI; certificate of its own it has none.
        self("Security.setIgnoreCertificateErrors", ignore=True)

    def __call__(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters} | ({"sessionId": self.session} if self.session else {})
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            came = self.next()
            if came.get("id") == self.number:
                if "error" in came:
                    raise RuntimeError(f"{method}: {came['error']}")
                return came["result"]

    def next(self):
        while b"\0" not in self.rest:
            self.rest += os.read(self.back, 1 << 20)
        one, self.rest = self.rest.split(b"\0", 1)
        came = json.loads(one)
        if "method" in came:
            self.events.append(came)
        return came

    def go(self, address):
        self.events.clear()
        self("Page.navigate", url=address)
        self.loaded()

    def follow(self, script):
        """Runs what leads to another page."""
        self.events.clear()
        self.run(script)
        self.loaded()

    def loaded(self):
        while not any(e["method"] == "Page.loadEventFired" for e in self.events):
            self.next()

    def until(self, condition, seconds=10):
        """Waits until a condition holds, on whatever page is shown then."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if self.run(f"Boolean({condition})"):
                    return
            except RuntimeError:
                pass  # between two pages
            time.sleep(0.02)
        raise RuntimeError(f"never came true: {condition}")

    def run(self, script):
        result = self("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"])
        return result["result"].get("value")

    def key(self, key, code):
        for kind in ("keyDown", "keyUp"):
            self("Input.dispatchKeyEvent", type=kind, key=key, code=code)

    def size(self, width, height):
        self("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def complaints(self):
        """What the console said: refused by the policy, or thrown by the script. The page of a refusal is no complaint."""
        told = [e["params"]["entry"]["text"] for e in self.events if e["method"] == "Log.entryAdded"]
        told = [words for words in told if not words.startswith("Failed to load resource: the server responded with a status of 403")]
        return told + [json.dumps(e["params"]["exceptionDetails"])[:300] for e in self.events if e["method"] == "Runtime.exceptionThrown"]

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


class Report:
    def __init__(self):
        self.made, self.failed = 0, 0

    def __call__(self, good, words, detail=""):
        self.made += 1
        self.failed += not good
        print(f"{'ok    ' if good else 'FAILED'}  {words}" + (f": {detail}" if detail and not good else ""))


def looks(browser, address, name, axe, out, report, screens=SCREENS):
    """Every screen: no scrolling sideways, nothing refused, no fault that axe knows."""
    for screen, (width, height) in screens.items():
        browser.size(width, height)
        browser.go(address)
        sideways = browser.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        report(sideways <= 0, f"{name} · {screen}: no scrolling sideways", f"{sideways} px")
        small = browser.run(SMALL)
        report(not small, f"{name} · {screen}: targets of 24 px", str(small))
        shot(browser, out / f"{name}-{screen}.png", False)
        shot(browser, out / f"{name}-{screen}-whole.png", True)
        if axe:
            browser.run(axe)
            found = browser.run("axe.run(document, {resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}).then(r => r.violations.map(v => v.id + ' ' + v.nodes.length + ' ' + v.nodes[0].html.slice(0, 160) + ' ' + v.nodes[0].failureSummary))")
            report(not found, f"{name} · {screen}: axe-core", "\n          ".join(found))
        report(not browser.complaints(), f"{name} · {screen}: nothing refused or thrown", str(browser.complaints()))
    print(f"        {name}: {printed(browser, out / f'{name}.pdf')} printed page(s)")


def printed(browser, file):
    """Prints the page to a file; the number of its sheets."""
    pdf = base64.b64decode(browser("Page.printToPDF", preferCSSPageSize=True, printBackground=False)["data"])
    file.write_bytes(pdf)
    return pdf.count(b"/Type /Page\n") or pdf.count(b"/Type /Page ")


SMALL = """[...document.querySelectorAll('a, button, summary, input, select')].filter(e => e.checkVisibility() && !e.matches('.skip, .said a, .rows li > div > a:first-child'))
  .filter(e => { const r = e.getBoundingClientRect(); return r.width > 0 && (r.height < 24 || r.width < 24); }).slice(0, 3).map(e => e.outerHTML.slice(0, 90))"""


def shot(browser, file, whole):
    parameters = {"captureBeyondViewport": whole}
    if whole:
        size = browser("Page.getLayoutMetrics")["cssContentSize"]
        parameters["clip"] = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 6000), "scale": 1}
    file.write_bytes(base64.b64decode(browser("Page.captureScreenshot", format="png", **parameters)["data"]))
