//! `passerelle demo`: a server, sample documents deposited through its own API over mutual TLS, and what a clinician reads.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::client::{Client, Target};
use crate::config::Config;
use crate::keyinfo;

/// The sample documents, who deposits each, and what it is.
const SAMPLES: &[(&str, &str, &str, &[u8])] = &[
    ("01-synthese-medicale.xml", "client-cabinet", "synthèse médicale du médecin traitant", include_bytes!("../../conformance-tests/corpus/01-synthese-medicale.xml")),
    ("02-biologie-2026-03.xml", "client-laboratoire", "compte rendu de biologie, mars 2026", include_bytes!("../../conformance-tests/corpus/02-biologie-2026-03.xml")),
    ("03-biologie-2026-09.xml", "client-laboratoire", "compte rendu de biologie, septembre 2026", include_bytes!("../../conformance-tests/corpus/03-biologie-2026-09.xml")),
    ("04-imagerie-irm-genou.xml", "client-imagerie", "compte rendu d'imagerie", include_bytes!("../../conformance-tests/corpus/04-imagerie-irm-genou.xml")),
    ("05-lettre-de-liaison-sortie.xml", "client-cabinet", "lettre de liaison à la sortie", include_bytes!("../../conformance-tests/corpus/05-lettre-de-liaison-sortie.xml")),
    ("06-vaccinations.xml", "client-cabinet", "historique des vaccinations", include_bytes!("../../conformance-tests/corpus/06-vaccinations.xml")),
    ("07-prescription.xml", "client-cabinet", "prescription", include_bytes!("../../conformance-tests/corpus/07-prescription.xml")),
    ("08-courrier-pdf.xml", "client-cabinet", "courrier en PDF seul", include_bytes!("../../conformance-tests/corpus/08-courrier-pdf.xml")),
];

/// Runs the demo; `once` ends after the summary.
pub(super) fn run(data: Option<PathBuf>, bind: &str, once: bool) -> Result<(), String> {
    let data = data.unwrap_or_else(|| std::env::temp_dir().join(format!("passerelle-demo-{}", std::process::id())));
    let data = std::path::absolute(data).map_err(|e| e.to_string())?;
    super::logs("warn", false);
    println!("[1/4] development PKI and database in {}", data.display());
    let mut config = Config::load(None, std::env::vars())?;
    bind.clone_into(&mut config.server.bind);
    if config.consult.bind.is_empty() {
        config.consult.bind = next_to(bind);
    }
    let server = super::start(&data, config)?;
    println!("[2/4] serving {} (mutual TLS)", server.base_url);
    let pki = data.join("pki");
    println!("[3/4] depositing {} documents through the API", SAMPLES.len());
    let patient = deposit_all(&pki, server.address.port())?;
    println!("[4/4] a general practitioner records the patient's consent and reads the key information\n");
    let traits = show(&data, server.address.port(), &patient.patient)?;
    curl(&data, &server.base_url, &patient);
    page(&data, server.address.port(), &patient.patient, &traits);
    if once {
        server.stop();
        return Ok(());
    }
    super::serve::until_signal(&server, "Serving until Ctrl-C.")?;
    server.join()
}

/// What the demo learned by depositing.
struct Deposited {
    patient: String,
    document: String,
    binary: String,
}

fn deposit_all(pki: &Path, port: u16) -> Result<Deposited, String> {
    let mut out = Deposited { patient: String::new(), document: String::new(), binary: String::new() };
    for (file, client, what, bytes) in SAMPLES {
        let mut connection = Target::new(pki, client, port)?.connect()?;
        let answer = connection.call("POST", "/fhir/$deposit", &[("Content-Type", "application/xml")], bytes)?;
        if answer.status != 201 && answer.status != 200 {
            return Err(format!("{file}: HTTP {} {}", answer.status, String::from_utf8_lossy(&answer.body)));
        }
        let location = answer.header("location").unwrap_or("").to_owned();
        println!("      {} {what} ({file}) → {}", answer.status, location.rsplit_once("/fhir/").map_or(location.as_str(), |l| l.1));
        let reference: Value = serde_json::from_slice(&answer.body).map_err(|e| e.to_string())?;
        let text = |p: &str| reference.pointer(p).and_then(Value::as_str).unwrap_or("").to_owned();
        if out.patient.is_empty() {
            out = Deposited { patient: text("/subject/reference"), document: text("/id"), binary: text("/content/0/attachment/url") };
        }
    }
    Ok(out)
}

/// Shows the summary; the patient as the practice's software knows it.
fn show(data: &Path, port: u16, patient: &str) -> Result<Value, String> {
    let token = super::token::of_practitioner(data, "client-cabinet", &super::token::GENERAL_PRACTITIONER)?;
    let mut client: Client = Target { token: Some(token), ..Target::new(&data.join("pki"), "client-cabinet", port)? }.connect()?;
    let consent = client.call("POST", &format!("/fhir/{patient}/$authorize"), &[], b"")?;
    if consent.status != 201 {
        return Err(format!("$authorize: HTTP {} {}", consent.status, String::from_utf8_lossy(&consent.body)));
    }
    let answer = client.call("GET", &format!("/fhir/{patient}/$summary"), &[("Accept", "application/fhir+json")], b"")?;
    if answer.status != 200 {
        return Err(format!("$summary: HTTP {} {}", answer.status, String::from_utf8_lossy(&answer.body)));
    }
    let bundle: Value = serde_json::from_slice(&answer.body).map_err(|e| e.to_string())?;
    println!("{}", keyinfo::french_text(&bundle, 100));
    let known = client.call("GET", &format!("/fhir/{patient}"), &[("Accept", "application/fhir+json")], b"")?;
    serde_json::from_slice(&known.body).map_err(|e| e.to_string())
}

/// The port behind another one when it is free, else any.
fn next_to(bind: &str) -> String {
    let (host, port) = bind.rsplit_once(':').unwrap_or((bind, "0"));
    let next = port.parse::<u16>().ok().filter(|p| *p != 0).and_then(|p| p.checked_add(1)).map(|p| format!("{host}:{p}"));
    next.filter(|address| std::net::TcpListener::bind(address).is_ok()).unwrap_or_else(|| format!("{host}:0"))
}

/// How to get a link to the page.
fn page(data: &Path, port: u16, patient: &str, known: &Value) {
    let text = |path: &str| known.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let sex = match text("/gender") {
        "male" => "M",
        "female" => "F",
        _ => "I",
    };
    let (family, given, birth, ins) = (text("/name/0/family"), text("/name/0/given/0"), text("/birthDate"), text("/identifier/0/value"));
    println!("# the practitioner's page, in a browser without certificate: a link that opens once, within a minute");
    println!(
        "{} launch --data {} --port {port} --patient {patient} --family '{family}' --given '{given}' --birth-date {birth} --sex {sex} --ins {ins}\n",
        program(),
        data.display()
    );
}

fn program() -> String {
    std::env::current_exe().map_or_else(|_| "passerelle".to_owned(), |p| p.display().to_string())
}

fn curl(data: &Path, base_url: &str, found: &Deposited) {
    let (data, pki) = (data.display(), data.join("pki").display().to_string());
    let alone = format!("curl --cacert {pki}/ca.pem --cert {pki}/client-cabinet.pem --key {pki}/client-cabinet.key");
    let with = format!("{alone} -H \"Authorization: Bearer $TOKEN\"");
    let program = program();
    println!("Try it yourself:\n");
    println!(
        "# who acts: a general practitioner, in a token bound to the certificate of the practice\nTOKEN=$({program} token --data {data} --client client-cabinet --rpps 899700218896 --profession 10 --specialty SM26 | tail -1)\n"
    );
    println!(
        "# deposit: the practice's software alone may\n{alone} -H 'Content-Type: application/xml' --data-binary @conformance-tests/corpus/01-synthese-medicale.xml '{base_url}/$deposit'\n"
    );
    println!("# the patient's consent for this consultation, recorded by the practitioner\n{with} -X POST '{base_url}/{}/$authorize'\n", found.patient);
    println!("# list\n{with} '{base_url}/DocumentReference?patient={}&status=current'\n", found.patient.trim_start_matches("Patient/"));
    println!("# retrieve\n{with} '{}'\n", found.binary);
    println!("# what was derived from one document\n{with} '{base_url}/Provenance?entity=DocumentReference/{}&_include=Provenance:target'\n", found.document);
    println!("# the patient's key information\n{with} '{base_url}/{}/$summary'\n", found.patient);
}
