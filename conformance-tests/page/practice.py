"""A practice and a laboratory around a server of their own: deposits, tokens, tickets, and the auditor who reads the trail."""

import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import ssl
import subprocess
import tempfile

INS_SYSTEM = "urn:oid:1.2.250.1.213.1.4.10"
JSON = "application/fhir+json"


class Practice:
    """`passerelle serve` on an empty folder, with the page's listener, under the policy that asks for tokens and consent."""

    def __init__(self, program, ticket_seconds=15):
        self.program = program
        self.folder = tempfile.TemporaryDirectory(prefix="passerelle-page-")
        self.data = pathlib.Path(self.folder.name, "data")
        settings = {"ACCESS__POLICY": "enforced", "CONSULT__BIND": "127.0.0.1:0", "CONSULT__TICKET_SECONDS": str(ticket_seconds), "LOG__LEVEL": "warn", "DOCUMENTS__PDF_TEXT": "false"}
        self.log = open(pathlib.Path(self.folder.name, "log"), "w")
        self.process = subprocess.Popen(
            [program, "serve", "--data", str(self.data), "--bind", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=self.log, text=True,
            env=os.environ | {f"PASSERELLE__{name}": value for name, value in settings.items()})
        self.port = next(int(found[1]) for found in (re.search(r"listening on https://[^:]*:(\d+)", line) for line in self.process.stdout) if found)
        self.tokens, self.connections = {}, {}

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()
        self.folder.cleanup()

    def connect(self, client):
        pki = self.data / "pki"
        context = ssl.create_default_context(cafile=pki / "ca.pem")
        context.load_cert_chain(pki / f"{client}.pem", pki / f"{client}.key")
        return http.client.HTTPSConnection("localhost", self.port, context=context)

    def call(self, method, path, body=None, client="client-cabinet", who=None, kind=JSON, connection=None):
        """Status and answer; `who` are the arguments of `passerelle token`."""
        connection = connection or self.connections.setdefault(client, self.connect(client))
        headers = {"Accept": JSON, "Content-Type": kind} | ({"Authorization": f"Bearer {self.token(client, who)}"} if who else {})
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def told(self, *asked, **named):
        status, body = self.call(*asked, **named)
        if status not in (200, 201):
            raise RuntimeError(f"{asked[:2]}: {status} {body[:500]}")
        return json.loads(body or b"{}")

    def token(self, client, who):
        key = (client, *who)
        if key not in self.tokens:
            made = subprocess.run([self.program, "token", "--data", str(self.data), "--client", client, *who], capture_output=True, text=True, check=True)
            self.tokens[key] = made.stdout.split()[-1]
        return self.tokens[key]

    def patient(self, folder):
        """Deposits the documents of a folder of `--example patients`; the patient's reference and traits."""
        traits = json.loads((folder / "patient.json").read_text())
        files = sorted(folder.glob("*.xml"))
        if not files:
            return f"Patient/{self.empty(traits)['id']}", traits
        first = self.deposit(files[0], self.connections.setdefault("client-laboratoire", self.connect("client-laboratoire")))
        parts = [files[1:][n::4] for n in range(4)]
        with concurrent.futures.ThreadPoolExecutor(4) as at_once:
            list(at_once.map(self.deposit_all, parts))
        return first["subject"]["reference"], traits

    def deposit_all(self, files):
        connection = self.connect("client-laboratoire")
        for file in files:
            self.deposit(file, connection)

    def deposit(self, file, connection):
        return self.told("POST", "/fhir/$deposit", file.read_bytes(), kind="application/xml", connection=connection)

    def empty(self, traits):
        """A patient without any document."""
        gender = {"F": "female", "M": "male"}.get(traits["sex"], "unknown")
        of = {"resourceType": "Patient", "identifier": [{"system": INS_SYSTEM, "value": traits["ins"]}], "name": [{"use": "official", "family": traits["family"], "given": [traits["given"]]}],
              "gender": gender, "birthDate": traits["birthDate"]}
        return self.told("POST", "/fhir/Patient", json.dumps(of), who=GP)

    def launch(self, patient, traits, who, **more):
        """Asks for a ticket, as the software does: url, consultation, mismatch."""
        return self.told("POST", "/launch", json.dumps({"patient": patient, "traits": traits} | more), who=who, kind="application/json")

    def authorize(self, patient, who):
        self.told("POST", f"/fhir/{patient}/$authorize", b"", who=who)

    def events(self, patient, subtype):
        """The events of the trail of this kind about a patient, newest first."""
        bundle = self.told("GET", f"/fhir/AuditEvent?patient={patient}&date=ge2020-01-01&_count=500", who=AUDITOR)
        return [e["resource"] for e in bundle.get("entry", []) if any(s.get("code") == subtype for s in e["resource"].get("subtype", []))]


def practitioner(number, profession="10", specialty="SM26"):
    return ("--rpps", number, "--profession", profession, "--specialty", specialty)


GP = practitioner("899700218896")
AUDITOR = ("--role", "auditor")
