//! Non-interference: two worlds that differ only by documents hidden from a caller give that caller the same answers, whatever it asks.
//! Ids, times and page links are normalised; everything else must be the same bytes.
//!
//! `PASSERELLE_TEST_QUERIES` sets how many queries each caller asks (500 by default).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{FHIR_JSON, On, Operations, Response, Session, TestServer, json as body_of, registry_table, sample, small_cda, text};

const INS: &str = "258027511234534";

/// Who asks, and which documents are hidden from him.
struct Asker {
    name: &'static str,
    arguments: &'static [&'static str],
    hidden: &'static [&'static str],
}

const ASKERS: &[Asker] = &[
    Asker { name: "consulting doctor", arguments: &["--rpps", "899700000001", "--profession", "10"], hidden: &["masked", "withdrawn", "masked-chain"] },
    Asker { name: "dentist", arguments: &["--rpps", "899700000002", "--profession", "40"], hidden: &["masked", "withdrawn", "masked-chain", "plan"] },
    Asker { name: "holder", arguments: &["--holder", INS], hidden: &["kept", "withdrawn"] },
    Asker { name: "legal representative", arguments: &["--legal-representative", INS], hidden: &["kept", "minor", "withdrawn"] },
];

/// Name, type code, query of the deposit.
const DOCUMENTS: &[(&str, &str, &str)] = &[
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
];

/// What a caller may learn ids of: the same names in both worlds.
struct World {
    server: TestServer,
    session: Session,
    patient: String,
    /// (name, id of the DocumentReference, id of the Binary) in the order of [`DOCUMENTS`].
    documents: Vec<(String, String, String)>,
}

fn unique(name: &str) -> String {
    format!("2.25.77{}", DOCUMENTS.iter().position(|d| d.0 == name).unwrap())
}

fn document(name: &str, code: &str) -> Vec<u8> {
    let section = format!("Rien à signaler pour {name}");
    let cda = String::from_utf8(small_cda(&unique(name), INS, "")).unwrap();
    let cda = cda
        .replace("code=\"11488-4\"", &format!("code=\"{code}\""))
        .replace("Rien à signaler", &section)
        .replace("801234567897", "801234567888")
        .replace("1759999991", "2999999998");
    // Half of them state facts: a medical synthesis, or laboratory results.
    let body = |text: &str| text.find("<structuredBody").zip(text.find("</structuredBody>")).map(|(a, b)| text[a..b].to_owned()).unwrap();
    let from = match DOCUMENTS.iter().position(|d| d.0 == name).unwrap() % 4 {
        0 => "01-synthese-medicale.xml",
        1 => "02-biologie-2026-03.xml",
        _ => return cda.into_bytes(),
    };
    let sample = String::from_utf8(sample(from)).unwrap();
    cda.replace(&body(&cda), &body(&sample)).into_bytes()
}

impl World {
    /// A world without the documents that are left out.
    fn make(asker: &Asker, without: &[&str]) -> Self {
        let server = TestServer::enforced(On::Sqlite);
        let mut laboratory = server.client("client-laboratoire");
        let (mut documents, mut patient) = (Vec::new(), String::new());
        for (name, code, query) in DOCUMENTS.iter().filter(|d| !without.contains(&d.0)) {
            let answer = laboratory.call("POST", &format!("$deposit{query}"), &[("Content-Type", "application/xml")], &document(name, code));
            assert_eq!(answer.status, 201, "{}", text(&answer));
            let reference = body_of(&answer);
            patient = reference["subject"]["reference"].as_str().unwrap().to_owned();
            let binary = reference["content"][0]["attachment"]["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            documents.push(((*name).to_owned(), reference["id"].as_str().unwrap().to_owned(), binary));
        }
        let id = |name: &str| documents.iter().find(|d| d.0 == name).map(|d| d.1.clone());
        if let Some(id) = id("withdrawn") {
            assert_eq!(laboratory.call("DELETE", &format!("DocumentReference/{id}"), &[], b"").status, 204);
        }
        if id("masked-chain").is_some() {
            let next = String::from_utf8(document("masked-chain", "11488-4")).unwrap().replace(&unique("masked-chain"), "2.25.999");
            let replaces = format!("$deposit?security-label=MASQUE_PS&replaces={}", unique("masked-chain"));
            assert_eq!(laboratory.call("POST", &replaces, &[("Content-Type", "application/xml")], next.as_bytes()).status, 201);
        }
        let mut session = server.acting("client-imagerie", asker.arguments);
        if asker.arguments.contains(&"--rpps") {
            let answer = session.call("POST", &format!("{patient}/$authorize"), &[("Accept", FHIR_JSON)], b"");
            assert_eq!(answer.status, 201, "{}", text(&answer));
        }
        Self { server, session, patient, documents }
    }

    /// A place of a query: ids of this world in place of names. A document that is not in this world has an id that nobody ever had.
    fn fill(&self, path: &str) -> String {
        let mut out = path.replace("{patient}", &self.patient).replace("{record}", self.patient.trim_start_matches("Patient/"));
        for (name, ..) in DOCUMENTS {
            let known = self.documents.iter().find(|d| d.0 == *name);
            let unknown = format!("00000000-0000-4000-8000-00000000000{}", DOCUMENTS.iter().position(|d| d.0 == *name).unwrap());
            out = out.replace(&format!("{{doc:{name}}}"), known.map_or(&unknown, |d| &d.1)).replace(&format!("{{binary:{name}}}"), known.map_or(&unknown, |d| &d.2));
        }
        out
    }

    fn ask(&mut self, query: &Query) -> (String, Option<String>) {
        let path = self.fill(&query.path);
        let headers: Vec<(&str, &str)> = [("Accept", FHIR_JSON)].into_iter().chain(query.headers.iter().map(|(n, v)| (*n, v.as_str()))).collect();
        let answer = self.session.call(query.method, &path, &headers, self.fill(&query.body).as_bytes());
        let next = next_page(&answer, &self.server.base);
        (self.normalised(&answer), next)
    }

    /// Status, the headers that say something, and the body with ids, times, links and sizes of their encodings taken out.
    fn normalised(&self, answer: &Response) -> String {
        let headers: Vec<String> = ["etag", "location", "content-type", "retry-after", "allow", "www-authenticate"]
            .iter()
            .filter_map(|n| answer.header(n).map(|v| format!("{n}: {}", scrubbed(v, &self.server.base))))
            .collect();
        let body = match serde_json::from_slice::<Value>(&answer.body) {
            Ok(mut value) => {
                plain(&mut value, &self.server.base);
                without_moments(&value.to_string())
            }
            Err(_) => scrubbed(&without_moments(&text(answer)), &self.server.base),
        };
        format!("{} {headers:?} {body}", answer.status)
    }
}

fn next_page(answer: &Response, base: &str) -> Option<String> {
    let bundle: Value = serde_json::from_slice(&answer.body).ok()?;
    let link = bundle["link"].as_array()?.iter().find(|l| l["relation"] == "next")?;
    link["url"].as_str()?.strip_prefix(base).map(|p| p.trim_start_matches('/').to_owned())
}

/// Strings scrubbed, the entries of equal date in one order.
fn plain(value: &mut Value, base: &str) {
    match value {
        Value::String(text) => *text = scrubbed(text, base),
        Value::Array(items) => items.iter_mut().for_each(|i| plain(i, base)),
        Value::Object(members) => {
            members.values_mut().for_each(|v| plain(v, base));
            if let Some(Value::Array(entries)) = members.get_mut("entry") {
                entries.sort_by_key(Value::to_string);
            }
        }
        _ => {}
    }
}

/// Without what is random or of the moment: ids, derived ids, instants, page links, INS of oneself stays.
fn scrubbed(text: &str, base: &str) -> String {
    let text = text.replace(base, "BASE").replace(base.trim_end_matches("/fhir"), "HOST").replace("%2F", "/").replace("%2C", ",").replace("%7C", "|");
    let mut out = String::new();
    for part in text.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || "-.:_".contains(c))) {
        let (word, end) = part.char_indices().next_back().filter(|(_, c)| !(c.is_ascii_alphanumeric() || "-.:_".contains(*c))).map_or((part, ""), |(i, _)| part.split_at(i));
        out.push_str(if is_id(word) {
            "ID"
        } else if is_instant(word) {
            "TIME"
        } else if word.len() > 80 {
            "LINK"
        } else {
            word
        });
        out.push_str(end);
    }
    out
}

/// Without the minutes that a page or a summary names: `à 14 h 07`.
fn without_moments(page: &str) -> String {
    let mut parts = page.split(" à ");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let moment = part.get(2..5) == Some(" h ") && part.get(5..7).is_some_and(|m| m.bytes().all(|b| b.is_ascii_digit()));
        out.push_str(" à ");
        out.push_str(if moment { part.get(7..).unwrap_or_default() } else { part });
    }
    out
}

fn is_id(word: &str) -> bool {
    let word = ["urn:uuid:", "urn:ietf:params:oauth:jti:"].iter().find_map(|p| word.strip_prefix(p)).unwrap_or(word);
    let uuid = uuid::Uuid::try_parse(word).is_ok();
    let derived = ["fx-", "nt-"].iter().any(|p| word.strip_prefix(p).is_some_and(|rest| rest.len() == 32));
    // Fingerprints of certificates: each world has its own.
    let hash = word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    uuid || derived || hash || word.starts_with("urn:oid:2.25.") && word.len() > 25
}

fn is_instant(word: &str) -> bool {
    word.len() >= 20 && word.contains('T') && (chrono::DateTime::parse_from_rfc3339(word).is_ok() || word.starts_with("2026-11-"))
}

/// A request in the names of both worlds.
#[derive(Debug, Clone, Default)]
struct Query {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// A small generator: the same numbers on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % u64::try_from(below.max(1)).unwrap()).unwrap()
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.roll(all.len())]
    }

    fn document(&mut self) -> &'static str {
        self.pick(DOCUMENTS).0
    }
}

/// Types whose resources lie in records or come from documents.
const TYPES: &[&str] = &[
    "Condition",
    "AllergyIntolerance",
    "MedicationStatement",
    "Observation",
    "Procedure",
    "Immunization",
    "DiagnosticReport",
    "Encounter",
    "Consent",
    "CareTeam",
    "Communication",
    "Provenance",
];

/// Every way of asking: what it covers, and how it is asked.
type Ask = fn(&mut Dice) -> Query;
const ASKS: &[(&str, Ask)] = &[
    ("read", |d| get(format!("DocumentReference/{{doc:{}}}", d.document()))),
    ("vread", |d| get(format!("DocumentReference/{{doc:{}}}/_history/{}", d.document(), 1 + d.roll(3)))),
    ("history-instance", |d| get(format!("DocumentReference/{{doc:{}}}/_history", d.document()))),
    ("Binary", |d| get(format!("Binary/{{binary:{}}}", d.document()))),
    ("if-none-match", |d| Query { headers: vec![("If-None-Match", format!("W/\"{}\"", 1 + d.roll(2)))], ..get(format!("DocumentReference/{{doc:{}}}", d.document())) }),
    ("search-type", |d| get(format!("DocumentReference?patient={{patient}}{}", search(d)))),
    ("search-count", |d| get(format!("DocumentReference?patient={{patient}}&_summary=count{}", search(d)))),
    ("search-identifier", |d| get(format!("DocumentReference?identifier=urn:ietf:rfc:3986|urn:oid:{}", unique(d.document())))),
    ("search-content", |d| get(format!("DocumentReference?patient={{patient}}&_content={}{}", d.document(), d.pick(&["", "&_summary=count", "&_count=1"])))),
    ("search-id", |d| get(format!("DocumentReference?_id={{doc:{}}},{{doc:{}}}", d.document(), d.document()))),
    ("search-post", |d| Query {
        method: "POST",
        path: "DocumentReference/_search".into(),
        headers: vec![("Content-Type", "application/x-www-form-urlencoded".into())],
        body: format!("patient={{patient}}{}", search(d)),
    }),
    ("List", |d| get(format!("List?patient={{patient}}&code=submissionset&status=current&_include=List:item&_count={}", 1 + d.roll(20)))),
    ("List-item", |d| get(format!("List?patient={{patient}}&code=submissionset&status=current&item=DocumentReference/{{doc:{}}}", d.document()))),
    // Whole pages: facts of one date follow one another by their ids, which are random.
    ("facts", |d| get(format!("{}?patient={{patient}}&_count=500", d.pick(TYPES)))),
    ("facts-count", |d| get(format!("{}?patient={{patient}}&_summary=count", d.pick(TYPES)))),
    ("Provenance", |d| get(format!("Provenance?entity=DocumentReference/{{doc:{}}}&_include=Provenance:target", d.document()))),
    ("relatesto", |d| get(format!("DocumentReference?patient={{patient}}&relatesto=DocumentReference/{{doc:{}}}&_include=DocumentReference:relatesto", d.document()))),
    // Events of one moment follow one another by their ids: counted, and the few of one kind whole.
    ("AuditEvent", |d| {
        get(format!("AuditEvent?patient={{patient}}&{}", d.pick(&["_summary=count", "action=C&_count=500", "action=D&_count=500", "subtype=vread&_summary=count"])))
    }),
    ("key-info", |d| {
        get(d
            .pick(&[
                "{patient}/$key-info?_format=keyinfo",
                "{patient}/$key-info?_format=keyinfo&window=all&maxPerSection=2",
                "{patient}/$key-info?_format=keyinfo&section=results&specialty=SM04",
                "{patient}/$key-info",
                "{patient}/$key-info?_format=keyinfo&situation=preop&reconcile=false&sources=DMP",
                "Patient/$key-info?identifier=258027511234534&_format=keyinfo",
            ])
            .to_string())
    }),
    ("key-info-seen", |d| Query { method: "POST", ..get(d.pick(&["{patient}/$key-info-seen?at=2026-01-01T00:00:00Z", "{patient}/$key-info-seen"]).to_string()) }),
    ("cds-hooks", |_| Query {
        method: "POST",
        path: "/cds-services/passerelle-key-info".into(),
        headers: vec![("Content-Type", "application/json".into())],
        body: json!({"hook": "patient-view", "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", "context": {"userId": "Practitioner/p", "patientId": "{patient}"}})
            .to_string(),
    }),
    ("documents-delta", |d| {
        let known = format!("{{patient}}/$documents-delta?since=none&known={}&known={}", unique(d.document()), unique(d.document()));
        get(d
            .pick(&["{patient}/$documents-delta".to_owned(), "{patient}/$documents-delta?_count=2".to_owned(), format!("Patient/$documents-delta?identifier={INS}"), known])
            .clone())
    }),
    ("documents-delta-seen", |d| Query { method: "POST", ..get(d.pick(&["{patient}/$documents-delta-seen?cursor=AAAA", "{patient}/$documents-delta-seen"]).to_string()) }),
    ("summary", |d| get(d.pick(&["{patient}/$summary", "Patient/$summary?identifier=258027511234534"]).to_string())),
    ("everything", |_| get("{patient}/$everything".into())),
    ("export", |_| Query { method: "POST", ..get("{patient}/$export".into()) }),
    ("validate-cda", |d| get(format!("DocumentReference/{{doc:{}}}/$validate-cda", d.document()))),
    ("render", |d| get(format!("DocumentReference/{{doc:{}}}/$render{}", d.document(), d.pick(&["", "?attachment=0"])))),
    ("explain-access", |d| get(format!("DocumentReference/{{doc:{}}}/$explain-access", d.document()))),
    ("page", |d| get(format!("/consult/{{record}}/{}", d.pick(PAGE).replace("{document}", d.document())))),
    ("page-import", |d| Query { method: "POST", ..get(format!("/consult/{{record}}/import?id={{doc:{}}}", d.document())) }),
    ("page-seen", |_| Query { method: "POST", ..get("/consult/{record}/seen?generated=2026-01-01T00:00:00Z".into()) }),
    ("patch", |d| Query {
        method: "PATCH",
        path: format!("DocumentReference/{{doc:{}}}", d.document()),
        headers: vec![("Content-Type", "application/json-patch+json".into()), ("If-Match", "W/\"99\"".into())],
        body: json!([{"op": "replace", "path": "/status", "value": "superseded"}]).to_string(),
    }),
    ("patch-identifier", |d| Query {
        method: "PATCH",
        path: format!("DocumentReference?identifier=urn:ietf:rfc:3986|urn:oid:{}", unique(d.document())),
        headers: vec![("Content-Type", "application/json-patch+json".into()), ("If-Match", "W/\"99\"".into())],
        body: json!([{"op": "replace", "path": "/status", "value": "superseded"}]).to_string(),
    }),
    ("delete", |d| Query { method: "DELETE", headers: vec![("If-Match", "W/\"99\"".into())], ..get(format!("DocumentReference/{{doc:{}}}", d.document())) }),
    ("batch", |d| Query {
        method: "POST",
        headers: vec![("Content-Type", FHIR_JSON.into())],
        body: json!({"resourceType": "Bundle", "type": "batch", "entry": [
            {"request": {"method": "GET", "url": format!("DocumentReference/{{doc:{}}}", d.document())}},
            {"request": {"method": "GET", "url": format!("DocumentReference?patient={{patient}}{}", search(d))}}]})
        .to_string(),
        ..Query::default()
    }),
    ("transaction", |d| Query {
        method: "POST",
        headers: vec![("Content-Type", FHIR_JSON.into())],
        body: json!({"resourceType": "Bundle", "type": "transaction", "entry": [{"request": {"method": "GET", "url": format!("DocumentReference/{{doc:{}}}", d.document())}}]})
            .to_string(),
        ..Query::default()
    }),
    ("deposit-again", |d| {
        let (name, code, _) = d.pick(DOCUMENTS);
        // Refused before it could change either world: the uniqueId is looked up, the parameter is not known.
        Query {
            method: "POST",
            path: "$deposit?unknown=1".into(),
            headers: vec![("Content-Type", "application/xml".into())],
            body: String::from_utf8(document(name, code)).unwrap(),
        }
    }),
];

/// Addresses of the practitioner's page, below that of the record.
const PAGE: &[&str] = &[
    "",
    "?window=all&text=signaler",
    "?window=all&type=CR&specialty=emergency",
    "documents?window=all",
    "documents?period=P1Y&author=Dr",
    "print?window=all",
    "key-info?section=problems",
    "key-info?section=results&offset=1&specialty=SM04",
    "document?id={doc:{document}}",
    "document/{doc:{document}}/$render",
    "document/{doc:{document}}/$render?attachment=0",
    "file?id={doc:{document}}",
    "export?format=ips",
    "why?id={doc:{document}}",
];

/// Steps of the page that change what comes after, with the reason.
const PAGE_NOT_ASKED: &[(&str, &str)] = &[
    ("notice", "looks at the practitioner alone"),
    ("consent", "$authorize by another name"),
    ("break-glass", "looks at the record and the caller alone; with a token the mode is the token's"),
];

/// Operations that write or that no hidden document can touch, with the reason.
const NOT_ASKED: &[(&str, &str)] = &[
    ("deposit", "asked as deposit-again: a deposit changes the world it is asked in"),
    ("generate-metadata", "a deposit by another name"),
    ("authorize", "looks at the record and the caller alone; asked while a world is made"),
    ("close", "looks at the record and the caller alone"),
    ("reopen", "looks at the record and the caller alone"),
    ("erase", "the administrator's; counts what there is by its purpose"),
];

fn get(path: String) -> Query {
    Query { method: "GET", path, ..Query::default() }
}

fn search(d: &mut Dice) -> String {
    let parts = [
        "&status=current",
        "&status=superseded",
        "&type=11488-4",
        "&type:not=11488-4",
        "&category=10",
        "&date=ge2020-01-01",
        "&period=ge2026-01-01",
        "&creation=le2026-12-31",
        "&security-label=R",
        "&security-label:not=N",
        "&isArchived=false",
        "&isArchived:missing=true",
        "&author.family=martin",
        "&author.identifier=801234567888",
        "&event:missing=true",
        "&_lastUpdated=gt2020-01-01",
        "&contenttype=application/xml",
        "&description:missing=true",
        "&related:missing=true",
        "&setting:missing=true",
        "&facility:missing=false",
        "&format:missing=true",
        "&_include=DocumentReference:subject",
        "&language=fr-FR",
        "&_content=signaler",
        "&_content=masked,withdrawn,kept,minor",
        "&_content=embolie",
        "&_content=rien%20plan",
    ];
    let mut out: String = (0..d.roll(3)).map(|_| *d.pick(&parts)).collect();
    let more: &[&str] = &["", "&_sort=date", "&_sort=-date", "&_sort=_lastUpdated", "&_sort=-_lastUpdated"];
    out += *d.pick::<&str>(more);
    out.push_str(&format!("&_count={}", 1 + d.roll(6)));
    let more: &[&str] = &["", "", "&_total=none"];
    out += *d.pick::<&str>(more);
    out
}

#[test]
fn every_operation_and_interaction_is_asked_in_both_worlds() {
    let named: BTreeSet<&str> = ASKS.iter().map(|a| a.0).chain(NOT_ASKED.iter().map(|n| n.0)).collect();
    for operation in registry_table::<Operations>("operations.toml").operation {
        assert!(named.contains(operation.name.as_str()), "the two worlds are not asked ${}", operation.name);
    }
    let resources = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fhir-profiles/registry/resources.toml")).unwrap();
    let offered: BTreeSet<&str> = resources.lines().filter(|l| l.starts_with("interactions")).flat_map(|l| l.split('"').skip(1).step_by(2)).collect();
    // A create changes the world; an update of a document is not offered.
    for interaction in offered.iter().filter(|i| !matches!(**i, "create" | "update")) {
        assert!(named.contains(interaction), "the two worlds are not asked {interaction}");
    }
}

#[test]
fn every_step_of_the_page_is_asked_in_both_worlds() {
    let source = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/consult/steps.rs")).unwrap();
    let steps: BTreeSet<&str> = source.lines().filter_map(|l| l.trim().strip_prefix("(Method::")?.split_once(", [")?.1.split('"').nth(1)).collect();
    assert!(steps.len() > 10, "{steps:?}");
    let first = |path: &&'static str| path.split(['?', '/']).next().unwrap();
    let asked: BTreeSet<&str> = PAGE.iter().map(first).chain(["import", "seen"]).chain(PAGE_NOT_ASKED.iter().map(|n| n.0)).collect();
    for step in steps {
        assert!(asked.contains(step), "the two worlds are not asked for {step} of the page");
    }
}

#[test]
fn hidden_documents_change_no_answer() {
    let queries: usize = std::env::var("PASSERELLE_TEST_QUERIES").ok().and_then(|n| n.parse().ok()).unwrap_or(500);
    std::thread::scope(|scope| {
        for asker in ASKERS {
            scope.spawn(move || compare(asker, queries));
        }
    });
}

fn compare(asker: &Asker, queries: usize) {
    let mut full = World::make(asker, &[]);
    let mut bare = World::make(asker, asker.hidden);
    let mut dice = Dice(u64::try_from(asker.name.len()).unwrap());
    let mut answered = 0;
    for round in 0..queries {
        let (_, ask) = ASKS[if round < ASKS.len() { round } else { dice.roll(ASKS.len()) }];
        let query = ask(&mut dice);
        let ((one, next_one), (other, next_other)) = (full.ask(&query), bare.ask(&query));
        same(&one, &other, &format!("{} asked {query:?}", asker.name));
        assert_eq!(next_one.is_some(), next_other.is_some(), "{} asked {query:?}", asker.name);
        answered += usize::from(one.starts_with("200"));
        if let (Some(a), Some(b)) = (next_one, next_other) {
            same(&full.ask(&get(a)).0, &bare.ask(&get(b)).0, &format!("{} turned the page of {query:?}", asker.name));
        }
    }
    assert!(answered > queries / 3, "{}: only {answered} of {queries} were answered", asker.name);
}

/// The same bytes; where they begin to differ is what a reader needs.
fn same(one: &str, other: &str, what: &str) {
    let at = one.chars().zip(other.chars()).position(|(a, b)| a != b).unwrap_or(one.chars().count().min(other.chars().count()));
    let around = |text: &str| text.chars().skip(at.saturating_sub(150)).take(400).collect::<String>();
    assert!(one == other, "{what}\n with: {}\n without: {}", around(one), around(other));
}

/// What keeps the test honest: a document that is not hidden does change answers.
#[test]
fn a_visible_document_does_change_answers() {
    let asker = &ASKERS[0];
    let mut full = World::make(asker, &[]);
    let mut bare = World::make(asker, &["first"]);
    let query = get("DocumentReference?patient={patient}&_count=20".into());
    assert_ne!(full.ask(&query).0, bare.ask(&query).0);
}
