//! Every way of asking, in names that mean the same in both worlds.

use serde_json::json;

use super::world::{DOCUMENTS, HIDDEN_SOMEWHERE, INS, document, unique};
use crate::support::FHIR_JSON;

/// A request in the names of both worlds.
#[derive(Debug, Clone, Default)]
pub struct Query {
    pub method: &'static str,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    /// Equals follow one another by their ids, which are random.
    pub unordered: bool,
}

/// A small generator: the same numbers on every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % u64::try_from(below.max(1)).unwrap()).unwrap()
    }

    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.roll(all.len())]
    }

    pub fn document(&mut self) -> &'static str {
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
pub type Ask = fn(&mut Dice) -> Query;
pub const ASKS: &[(&str, Ask)] = &[
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
        ..Query::default()
    }),
    ("List", |d| get(format!("List?patient={{patient}}&code=submissionset&status=current&_include=List:item&_count={}", 1 + d.roll(20)))),
    ("List-item", |d| get(format!("List?patient={{patient}}&code=submissionset&status=current&item=DocumentReference/{{doc:{}}}", d.document()))),
    // Whole pages: facts of one date follow one another by their ids, which are random.
    ("facts", |d| unordered(get(format!("{}?patient={{patient}}&_count=500", d.pick(TYPES))))),
    ("facts-count", |d| get(format!("{}?patient={{patient}}&_summary=count", d.pick(TYPES)))),
    ("Provenance", |d| unordered(get(format!("Provenance?entity=DocumentReference/{{doc:{}}}&_include=Provenance:target", d.document())))),
    ("fact", |d| {
        let kind = *d.pick(TYPES);
        get(format!("{kind}/{{fact:{kind}:{}}}{}", d.document(), d.pick(&["", "/_history", "/_history/1"])))
    }),
    ("_has", |d| get(format!("DocumentReference?patient={{patient}}&_has:List:item:identifier={{doc:{}}}", d.document()))),
    ("_has-patient", |d| get(format!("Patient?identifier={INS}&_has:DocumentReference:patient:type={}", d.pick(&["80788-3", "11488-4", "11502-2"])))),
    ("relatesto", |d| get(format!("DocumentReference?patient={{patient}}&relatesto=DocumentReference/{{doc:{}}}&_include=DocumentReference:relatesto", d.document()))),
    // Events of one moment follow one another by their ids: counted, and the few of one kind whole.
    ("AuditEvent", |d| {
        unordered(get(format!("AuditEvent?patient={{patient}}&{}", d.pick(&["_summary=count", "action=C&_count=500", "action=D&_count=500", "subtype=vread&_summary=count"]))))
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
        ..Query::default()
    }),
    ("documents-delta", |d| {
        let known = format!("{{patient}}/$documents-delta?since=none&known={}&known={}", unique(d.document()), unique(d.document()));
        get(d
            .pick(&["{patient}/$documents-delta".to_owned(), "{patient}/$documents-delta?_count=2".to_owned(), format!("Patient/$documents-delta?identifier={INS}"), known])
            .clone())
    }),
    ("documents-delta-seen", |d| Query { method: "POST", ..get(d.pick(&["{patient}/$documents-delta-seen?cursor=AAAA", "{patient}/$documents-delta-seen"]).to_string()) }),
    ("summary", |d| get(d.pick(&["{patient}/$summary", "Patient/$summary?identifier=258027511234534"]).to_string())),
    ("everything", |_| unordered(get("{patient}/$everything".into()))),
    ("export", |_| Query { method: "POST", ..unordered(get("{patient}/$export".into())) }),
    ("validate-cda", |d| get(format!("DocumentReference/{{doc:{}}}/$validate-cda", d.document()))),
    ("render", |d| get(format!("DocumentReference/{{doc:{}}}/$render{}", d.document(), d.pick(&["", "?attachment=0"])))),
    ("explain-access", |d| get(format!("DocumentReference/{{doc:{}}}/$explain-access{}", d.document(), d.pick(&["", "?patient={record}"])))),
    ("page", |d| get(format!("/consult/{{record}}/{}", d.pick(PAGE).replace("{document}", d.document())))),
    ("page-import", |d| Query { method: "POST", ..get(format!("/consult/{{record}}/import?id={{doc:{}}}", d.document())) }),
    ("page-seen", |_| Query { method: "POST", ..get("/consult/{record}/seen?generated=2026-01-01T00:00:00Z".into()) }),
    ("patch", |d| Query {
        method: "PATCH",
        path: format!("DocumentReference/{{doc:{}}}", d.document()),
        headers: vec![("Content-Type", "application/json-patch+json".into()), ("If-Match", format!("W/\"{}\"", d.pick(&[1, 2, 99])))],
        body: json!([{"op": "replace", "path": "/status", "value": "superseded"}]).to_string(),
        ..Query::default()
    }),
    ("patch-identifier", |d| Query {
        method: "PATCH",
        path: format!("DocumentReference?identifier=urn:ietf:rfc:3986|urn:oid:{}", unique(d.document())),
        headers: vec![("Content-Type", "application/json-patch+json".into()), ("If-Match", format!("W/\"{}\"", d.pick(&[1, 2, 99])))],
        body: json!([{"op": "replace", "path": "/status", "value": "superseded"}]).to_string(),
        ..Query::default()
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
    // What the asker brings is his own from then on, in both worlds: whether somebody else's was there must not show.
    ("deposit-again", |d| {
        let (name, code, _) = d.pick(DOCUMENTS);
        Query {
            method: "POST",
            path: "$deposit".into(),
            headers: vec![("Content-Type", "application/xml".into()), ("Accept", FHIR_JSON.into())],
            body: String::from_utf8(document(name, code)).unwrap(),
            ..Query::default()
        }
    }),
    ("deposit-replacing", |d| {
        let number = d.roll(1_000_000);
        let cda = String::from_utf8(document("first", "11488-4")).unwrap().replace(&unique("first"), &format!("2.25.88{number}"));
        Query {
            method: "POST",
            path: format!("$deposit?replaces={}&related=urn:ietf:rfc:3986|urn:oid:{}", unique(d.pick::<&str>(HIDDEN_SOMEWHERE)), unique(d.document())),
            headers: vec![("Content-Type", "application/xml".into()), ("Accept", FHIR_JSON.into())],
            body: cda,
            ..Query::default()
        }
    }),
    ("create", |d| Query {
        method: "POST",
        path: "Condition".into(),
        headers: vec![("Content-Type", FHIR_JSON.into()), ("Prefer", "return=representation".into())],
        body: condition(d, None),
        ..Query::default()
    }),
    ("conditional-create", |d| {
        let number = d.roll(3);
        Query {
            method: "POST",
            path: "Condition".into(),
            headers: vec![("Content-Type", FHIR_JSON.into()), ("If-None-Exist", format!("identifier=urn:x|{number}"))],
            body: condition(d, Some(number)),
            ..Query::default()
        }
    }),
    ("conditional-create-document", |d| Query {
        method: "POST",
        path: "Condition".into(),
        headers: vec![("Content-Type", FHIR_JSON.into()), ("If-None-Exist", format!("identifier=urn:ietf:rfc:3986|urn:oid:{}", unique(d.document())))],
        body: condition(d, Some(9)),
        ..Query::default()
    }),
    ("update", |d| {
        let id = format!("two-worlds-{}", d.roll(2));
        let mut headers = vec![("Content-Type", FHIR_JSON.into())];
        headers.extend((d.roll(2) == 0).then(|| ("If-Match", format!("W/\"{}\"", 1 + d.roll(3)))));
        let body = condition(d, None).replacen('{', &format!("{{\"id\":\"{id}\","), 1);
        Query { method: "PUT", path: format!("Condition/{id}"), headers, body, ..Query::default() }
    }),
    ("launch", |d| Query {
        method: "POST",
        path: "/launch".into(),
        headers: vec![("Content-Type", "application/json".into())],
        body: json!({"patient": d.pick(&["{patient}", "urn:oid:1.2.250.1.213.1.4.10|258027511234534"]), "traits": {"family": "ESSAI", "birthDate": "1970-03-12"}}).to_string(),
        ..Query::default()
    }),
];

/// Addresses of the practitioner's page, below that of the record.
pub const PAGE: &[&str] = &[
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
pub const PAGE_NOT_ASKED: &[(&str, &str)] = &[
    ("notice", "looks at the practitioner alone"),
    ("consent", "$authorize by another name"),
    ("break-glass", "looks at the record and the caller alone; with a token the mode is the token's"),
];

/// Operations that write or that no hidden document can touch, with the reason.
pub const NOT_ASKED: &[(&str, &str)] = &[
    ("deposit", "asked as deposit-again and deposit-replacing"),
    ("generate-metadata", "a deposit by another name"),
    ("authorize", "looks at the record and the caller alone; asked while a world is made"),
    ("close", "looks at the record and the caller alone"),
    ("reopen", "looks at the record and the caller alone"),
    ("erase", "the administrator's; counts what there is by its purpose"),
];

/// A Condition that points at a document, which its reader may not see.
fn condition(d: &mut Dice, identifier: Option<usize>) -> String {
    let mut condition = json!({"resourceType": "Condition", "subject": {"reference": "{patient}"}, "code": {"text": "x"},
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
        "evidence": [{"detail": [{"reference": format!("DocumentReference/{{doc:{}}}", d.document())}, {"reference": format!("Binary/{{binary:{}}}", d.document())}]}]});
    if let Some(number) = identifier {
        condition["identifier"] = json!([{"system": "urn:x", "value": number.to_string()}]);
    }
    condition.to_string()
}

/// The same where ids decide between equals.
pub fn unordered(query: Query) -> Query {
    Query { unordered: true, ..query }
}

pub fn get(path: String) -> Query {
    Query { method: "GET", path, ..Query::default() }
}

pub fn search(d: &mut Dice) -> String {
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
