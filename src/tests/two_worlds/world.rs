//! A world: a record with documents, one caller, and what stands in this world for the names of a query.

use std::collections::HashMap;

use diesel::prelude::*;
use serde_json::{Value, json};

use super::asks::Query;
use super::plain::{Addresses, normalised};
use crate::support::{FHIR_JSON, On, Response, Session, TestServer, json as body_of, sample, small_cda, text};

pub const INS: &str = "258027511234534";
const LABEL: &str = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument";

/// Who asks, and which documents are hidden from him.
pub struct Asker {
    pub name: &'static str,
    /// Of his token; none for a structure alone.
    pub arguments: &'static [&'static str],
    pub right: Right,
    pub hidden: &'static [&'static str],
    /// Asks that are not made, as they are meant to tell of everything.
    pub except: &'static [&'static str],
}

/// What opens the record to him, or closes it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Right {
    Consent,
    MedecinTraitant,
    Blocked,
    /// His role or his mode alone.
    Nothing,
}

/// Name, type code, query of the deposit. Those of a set come together, in one submission.
pub const DOCUMENTS: &[(&str, &str, &str)] = &[
    ("first", "11488-4", ""),
    ("masked", "11488-4", "?security-label=MASQUE_PS"),
    ("second", "34112-3", ""),
    ("plan", "80788-3", ""),
    ("kept", "11502-2", "?security-label=INVISIBLE_PATIENT"),
    ("third", "11488-4", "?security-label=R"),
    ("minor", "11488-4", "?security-label=INVISIBLE_REPRESENTANTS_LEGAUX"),
    ("masked-chain", "11488-4", ""),
    ("withdrawn", "11488-4", ""),
    ("fourth", "18748-4", ""),
    ("kept-chain", "11488-4", ""),
    ("before", "34112-3", ""),
    ("after", "34112-3", "?replaces=2.25.7711"),
    ("relating", "11488-4", "?related=urn:ietf:rfc:3986|urn:oid:2.25.771"),
    ("set-shown", "11488-4", SET),
    ("set-hidden", "11488-4", SET),
];
const SET: &str = "in one submission";

/// Those that are hidden from somebody.
pub const HIDDEN_SOMEWHERE: &[&str] = &["masked", "plan", "kept", "minor", "masked-chain", "withdrawn", "kept-chain", "after", "set-hidden"];

/// All of them.
pub const EVERY: &[&str] =
    &["first", "masked", "second", "plan", "kept", "third", "minor", "masked-chain", "withdrawn", "fourth", "kept-chain", "before", "after", "relating", "set-shown", "set-hidden"];

/// What a caller may learn ids of: the same names in both worlds.
pub struct World {
    pub server: TestServer,
    pub session: Session,
    at: Addresses,
    patient: String,
    /// Name → ids of the DocumentReference and of the Binary.
    documents: HashMap<String, (String, String)>,
    /// (name, type) → id of a fact.
    facts: HashMap<(String, String), String>,
}

fn index(name: &str) -> usize {
    DOCUMENTS.iter().position(|d| d.0 == name).unwrap()
}

pub fn unique(name: &str) -> String {
    format!("2.25.77{}", index(name))
}

pub fn document(name: &str, code: &str) -> Vec<u8> {
    let section = format!("Rien à signaler pour {name}");
    let cda = String::from_utf8(small_cda(&unique(name), INS, "")).unwrap();
    let cda = cda
        .replace("code=\"11488-4\"", &format!("code=\"{code}\""))
        .replace("Rien à signaler", &section)
        .replace("801234567897", "801234567888")
        .replace("1759999991", "2999999998");
    // Half of them state facts: a medical synthesis, or laboratory results.
    let body = |text: &str| text.find("<structuredBody").zip(text.find("</structuredBody>")).map(|(a, b)| text[a..b].to_owned()).unwrap();
    let from = match index(name) % 4 {
        0 => "01-synthese-medicale.xml",
        1 => "02-biologie-2026-03.xml",
        _ => return cda.into_bytes(),
    };
    let sample = String::from_utf8(sample(from)).unwrap();
    cda.replace(&body(&cda), &body(&sample)).into_bytes()
}

impl World {
    /// A world without the documents that are left out.
    pub fn make(asker: &Asker, without: &[&str]) -> Self {
        let server = TestServer::with(On::Sqlite, |c| {
            c.access.policy = passerelle::config::AccessPolicy::Enforced;
            c.consult.bind = "127.0.0.1:0".into();
        });
        let patient = format!("Patient/{}", server.cabinet().patient(INS));
        let session = server.client("client-imagerie");
        let at = Addresses { base: server.base.clone(), page: server.page.unwrap_or_default() };
        let mut world = Self { server, session, at, patient, documents: HashMap::new(), facts: HashMap::new() };
        world.deposit(without);
        world.withdraw_and_replace();
        // Now, as a connection without a request is closed after some seconds.
        let token = (!asker.arguments.is_empty()).then(|| world.server.acting("client-imagerie", asker.arguments));
        world.session = token.unwrap_or_else(|| world.server.client("client-imagerie"));
        world.open(asker);
        world.learn_facts();
        world
    }

    fn deposit(&mut self, without: &[&str]) {
        let mut laboratory = self.server.client("client-laboratoire");
        for (name, code, query) in DOCUMENTS.iter().filter(|d| !without.contains(&d.0) && d.2 != SET) {
            let answer = laboratory.call("POST", &format!("$deposit{query}"), &[("Content-Type", "application/xml")], &document(name, code));
            assert_eq!(answer.status, 201, "{}", text(&answer));
            self.know(name, &body_of(&answer));
            if *name == "before" {
                // Archived by its author before anything replaces it, so that this is no trace of what does.
                let superseded = json!([{"op": "replace", "path": "/status", "value": "superseded"}]);
                self.patch(&mut laboratory, "before", &superseded);
            }
        }
        let set: Vec<&str> = DOCUMENTS.iter().filter(|d| !without.contains(&d.0) && d.2 == SET).map(|d| d.0).collect();
        if set.is_empty() {
            return;
        }
        let answer = laboratory.post("", &self.submission(&set));
        assert_eq!(answer.status, 200, "{}", text(&answer));
        let sent = body_of(&answer);
        let ids = sent["entry"].as_array().unwrap().iter().filter_map(|e| e["response"]["location"].as_str()?.split_once("DocumentReference/"));
        let ids: Vec<String> = ids.map(|(_, rest)| rest.split('/').next().unwrap().to_owned()).collect();
        for (name, id) in set.iter().zip(&ids) {
            let binary = self.in_database("SELECT id AS said FROM directory WHERE kind = 'Binary' AND document = (SELECT document FROM directory WHERE id = '{}')", id).remove(0);
            self.documents.insert((*name).to_owned(), (id.clone(), binary));
        }
    }

    fn know(&mut self, name: &str, reference: &Value) {
        let binary = reference["content"][0]["attachment"]["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        self.documents.insert(name.to_owned(), (reference["id"].as_str().unwrap().to_owned(), binary));
    }

    fn patch(&self, session: &mut Session, name: &str, operations: &Value) {
        let answer =
            session.call("PATCH", &format!("DocumentReference/{}", self.documents[name].0), &[("Content-Type", "application/json-patch+json")], operations.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{}", text(&answer));
    }

    /// One submission: the shown document relates to a masked one, the other is kept from professionals and from the patient.
    fn submission(&self, names: &[&str]) -> Value {
        let part = |name: &str, kind: u8| format!("urn:uuid:00000000-0000-4000-8000-0000000{kind:03}{:02}", index(name));
        let label = |code: &str| json!({"coding": [{"system": LABEL, "code": code}]});
        let masked = self.fill("DocumentReference/{doc:masked}");
        let mut entries = vec![json!({"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000099900", "request": {"method": "POST", "url": "List"}, "resource": {
            "resourceType": "List", "status": "current", "mode": "working", "title": "Envoi", "subject": {"reference": self.patient},
            "code": {"coding": [{"system": "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes", "code": "submissionset"}]},
            "identifier": [{"use": "usual", "system": "urn:ietf:rfc:3986", "value": "urn:oid:2.25.50009"}], "date": "2026-03-10T10:00:00+01:00", "source": {"display": "Dr Martin"},
            "extension": [{"url": "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-sourceId", "valueIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3.4"}}],
            "entry": names.iter().map(|n| json!({"item": {"reference": part(n, 1)}})).collect::<Vec<_>>()}})];
        for name in names {
            let mut reference = json!({"resourceType": "DocumentReference", "status": "current", "subject": {"reference": self.patient},
                "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": format!("urn:oid:{}", unique(name))}, "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
                "content": [{"attachment": {"contentType": "text/plain", "url": part(name, 2)}}]});
            if *name == "set-hidden" {
                reference["securityLabel"] = json!([label("MASQUE_PS"), label("INVISIBLE_PATIENT")]);
            } else {
                reference["relatesTo"] = json!([{"code": "appends", "target": {"reference": masked}}]);
                reference["context"] = json!({"related": [{"reference": masked}]});
            }
            entries.push(json!({"fullUrl": part(name, 1), "request": {"method": "POST", "url": "DocumentReference"}, "resource": reference}));
            let binary = json!({"resourceType": "Binary", "contentType": "text/plain", "data": "ZXNzYWk="});
            entries.push(json!({"fullUrl": part(name, 2), "request": {"method": "POST", "url": "Binary"}, "resource": binary}));
        }
        json!({"resourceType": "Bundle", "type": "transaction", "meta": {"profile": ["https://profiles.ihe.net/ITI/MHD/StructureDefinition/IHE.MHD.Minimal.ProvideBundle"]}, "entry": entries})
    }

    fn withdraw_and_replace(&mut self) {
        let mut laboratory = self.server.client("client-laboratoire");
        for name in ["withdrawn", "after"] {
            if let Some((id, _)) = self.documents.get(name) {
                assert_eq!(laboratory.call("DELETE", &format!("DocumentReference/{id}"), &[], b"").status, 204);
            }
        }
        for (name, next, label) in [("masked-chain", "2.25.999", "MASQUE_PS"), ("kept-chain", "2.25.998", "INVISIBLE_PATIENT")] {
            if self.documents.contains_key(name) {
                let newer = String::from_utf8(document(name, "11488-4")).unwrap().replace(&unique(name), next);
                let replaces = format!("$deposit?security-label={label}&replaces={}", unique(name));
                assert_eq!(laboratory.call("POST", &replaces, &[("Content-Type", "application/xml")], newer.as_bytes()).status, 201);
            }
        }
    }

    fn open(&mut self, asker: &Asker) {
        let (system, patient) = ("urn:oid:1.2.250.1.71.4.2.1", self.patient.clone());
        let rpps = asker.arguments.get(1).copied().unwrap_or_default();
        let (kind, body) = match asker.right {
            Right::Nothing => return self.told_of_an_emergency(asker),
            Right::Consent => {
                let answer = self.session.call("POST", &format!("{patient}/$authorize"), &[("Accept", FHIR_JSON)], b"");
                return assert_eq!(answer.status, 201, "{}", text(&answer));
            }
            Right::MedecinTraitant => (
                "CareTeam",
                json!({"resourceType": "CareTeam", "status": "active", "subject": {"reference": patient}, "participant": [
                    {"role": [{"coding": [{"system": "http://snomed.info/sct", "code": "446050000"}]}], "member": {"identifier": {"system": system, "value": rpps}}}]}),
            ),
            Right::Blocked => (
                "Consent",
                json!({"resourceType": "Consent", "status": "active", "patient": {"reference": patient},
                    "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
                    "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}], "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}]},
                    "provision": {"type": "deny", "actor": [{"role": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]},
                        "reference": {"identifier": {"system": system, "value": rpps}}}]}}),
            ),
        };
        let answer = self.server.holder(INS).post(kind, &body);
        assert_eq!(answer.status, 201, "{}", text(&answer));
    }

    /// What an emergency owes is written by background work: it is waited for, so that both worlds hold it.
    fn told_of_an_emergency(&mut self, asker: &Asker) {
        if !asker.arguments.contains(&"--mode") {
            return;
        }
        assert_eq!(self.session.get(&format!("{}/$summary", self.patient)).status, 200);
        let notices = format!("Communication?patient={}", self.patient);
        let told = (0..100).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(100));
            self.server.holder(INS).found(&notices)["total"] != 0
        });
        assert!(told);
    }

    /// Ids of facts: of what the asker sees the first that its Provenance names, of the rest any.
    fn learn_facts(&mut self) {
        for (name, (id, _)) in self.documents.clone() {
            let provenance = self.session.get(&format!("Provenance?entity=DocumentReference/{id}"));
            let seen = (provenance.status == 200).then(|| body_of(&provenance)["entry"][0]["resource"]["target"].clone());
            let mut named: Vec<String> = seen.iter().filter_map(Value::as_array).flatten().filter_map(|t| t["reference"].as_str().map(str::to_owned)).collect();
            named.extend(self.in_database(
                "SELECT kind || '/' || id AS said FROM directory WHERE id LIKE 'fx-%' AND document = (SELECT document FROM directory WHERE kind = 'DocumentReference' AND id = '{}')",
                &id,
            ));
            for (kind, fact) in named.iter().filter_map(|n| n.split_once('/')) {
                self.facts.entry((name.clone(), kind.to_owned())).or_insert_with(|| fact.to_owned());
            }
        }
    }

    fn in_database(&self, query: &str, id: &str) -> Vec<String> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Text)]
            said: String,
        }
        let mut database = SqliteConnection::establish(&self.server.dir.join("passerelle.db").display().to_string()).unwrap();
        diesel::sql_query("PRAGMA busy_timeout = 5000").execute(&mut database).unwrap();
        diesel::sql_query(query.replace("{}", id)).load::<Row>(&mut database).unwrap().into_iter().map(|r| r.said).collect()
    }

    /// A place of a query: ids of this world in place of names. A document that is not in this world has an id that nobody ever had.
    fn fill(&self, text: &str) -> String {
        let mut out = text.replace("{patient}", &self.patient).replace("{record}", self.patient.trim_start_matches("Patient/"));
        for (name, ..) in DOCUMENTS {
            let nobody = format!("00000000-0000-4000-8000-0000000000{:02}", index(name));
            let (id, binary) = self.documents.get(*name).cloned().unwrap_or_else(|| (nobody.clone(), nobody));
            out = out.replace(&format!("{{doc:{name}}}"), &id).replace(&format!("{{binary:{name}}}"), &binary);
        }
        while let Some((before, rest)) = out.split_once("{fact:") {
            let (what, after) = rest.split_once('}').unwrap();
            let (kind, name) = what.split_once(':').unwrap();
            let nobody = || format!("fx-{:032x}", index(name));
            let id = self.facts.get(&(name.to_owned(), kind.to_owned())).cloned().unwrap_or_else(nobody);
            out = format!("{before}{id}{after}");
        }
        out
    }

    /// What is answered, as it is compared, and the address of the next page.
    pub fn ask(&mut self, query: &Query) -> (String, Option<String>) {
        let path = self.fill(&query.path);
        let headers: Vec<(&str, &str)> = [("Accept", FHIR_JSON)].into_iter().chain(query.headers.iter().map(|(n, v)| (*n, v.as_str()))).collect();
        let answer = self.session.call(query.method, &path, &headers, self.fill(&query.body).as_bytes());
        let next = next_page(&answer, &self.server.base);
        (normalised(&answer, &self.at, !query.unordered), next)
    }
}

fn next_page(answer: &Response, base: &str) -> Option<String> {
    let bundle: Value = serde_json::from_slice(&answer.body).ok()?;
    let link = bundle["link"].as_array()?.iter().find(|l| l["relation"] == "next")?;
    link["url"].as_str()?.strip_prefix(base).map(|p| p.trim_start_matches('/').to_owned())
}
