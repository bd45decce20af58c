//! How documents are classified, and one spelling per code system: tables that the CDA and the XDS rooms share.
//! Spec: CI-SIS volet partage de documents; NOS ASS_X04 (type → class), ASS_A11 and ASS_A12 (model, media type → format).

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::Coding;

const CLASSES: &str = include_str!("../../fhir-profiles/document-sharing/typecode-class.toml");
const FORMATS: &str = include_str!("../../fhir-profiles/document-sharing/template-format.toml");
const ALIASES: &str = include_str!("../../fhir-profiles/document-sharing/system-aliases.toml");
const SYSTEMS: &str = include_str!("../../fhir-profiles/cda-maps/codesystems.toml");
const IHE_FORMATS_OID: &str = "1.3.6.1.4.1.19376.1.2.3";
const FRENCH_FORMATS_OID: &str = "1.2.250.1.213.1.1.4.2.282";

#[derive(Deserialize, Default)]
struct ClassTable {
    class_system: String,
    class: Vec<(String, String)>,
    /// OID of the system, code, class, display.
    r#type: Vec<(String, String, String, String)>,
}

#[derive(Deserialize, Default)]
struct FormatTable {
    template: Vec<(String, String)>,
    mime: Vec<(String, String)>,
}

#[derive(Deserialize, Default)]
struct SystemTable {
    system: Vec<SystemRow>,
}

#[derive(Deserialize)]
struct SystemRow {
    oid: String,
    uri: String,
}

#[derive(Deserialize, Default)]
struct AliasTable {
    alias: Vec<AliasRow>,
}

#[derive(Deserialize)]
struct AliasRow {
    from: String,
    to: String,
}

struct Systems {
    by_oid: HashMap<String, String>,
    /// Lower-case URIs, and `tre-x` names of NOS systems.
    by_name: HashMap<String, String>,
}

struct Classes {
    system: String,
    display: HashMap<String, String>,
    /// (code, canonical system) → class.
    by_type: HashMap<String, Vec<(String, String)>>,
    /// In the order of the table: code and name of the classes; code, class and name of the types.
    classes: Vec<(String, String)>,
    types: Vec<(String, String, String)>,
}

// The tables are part of the program; the tests prove that they parse.
static SYSTEM_OF: LazyLock<Systems> = LazyLock::new(|| {
    let rows = toml::from_str::<SystemTable>(SYSTEMS).unwrap_or_default().system;
    let aliases = toml::from_str::<AliasTable>(ALIASES).unwrap_or_default().alias;
    let mut by_name = HashMap::new();
    let known = rows.iter().map(|r| (&r.uri, &r.uri)).chain(aliases.iter().map(|a| (&a.from, &a.to)));
    for (from, to) in known {
        by_name.insert(from.to_lowercase(), to.clone());
        if let Some(name) = nos_name(from) {
            by_name.insert(name, to.clone());
        }
    }
    Systems { by_oid: rows.into_iter().map(|r| (r.oid, r.uri)).collect(), by_name }
});

static CLASS_OF: LazyLock<Classes> = LazyLock::new(|| {
    let table = toml::from_str::<ClassTable>(CLASSES).unwrap_or_default();
    let mut by_type: HashMap<String, Vec<(String, String)>> = HashMap::new();
    let mut types = Vec::new();
    for (oid, code, class, name) in table.r#type {
        by_type.entry(code.clone()).or_default().push((canonical_system(&oid), class.clone()));
        types.push((code, class, name));
    }
    Classes { system: table.class_system, display: table.class.iter().cloned().collect(), by_type, classes: table.class, types }
});

static FORMAT_OF: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    let table = toml::from_str::<FormatTable>(FORMATS).unwrap_or_default();
    table.template.into_iter().chain(table.mime).collect()
});

/// The class (TRE_A03) of a document type; `None` for a type without one. A type without system is found by its code.
pub fn class_of(type_code: &Coding) -> Option<Coding> {
    let system = type_code.system.as_deref().map(canonical_system);
    let rows = CLASS_OF.by_type.get(&type_code.code)?;
    let (_, class) = rows.iter().find(|(of, _)| system.as_ref().is_none_or(|s| s == of))?;
    Some(Coding { system: Some(CLASS_OF.system.clone()), code: class.clone(), display: CLASS_OF.display.get(class).cloned() })
}

/// The document classes: code of TRE_A03 and French name.
pub fn classes() -> impl Iterator<Item = (&'static str, &'static str)> {
    CLASS_OF.classes.iter().map(|(code, name)| (code.as_str(), name.as_str()))
}

/// The document types that have a class: code (LOINC or TRE_A05), code of the class, French name (empty when there is none).
pub fn types() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    CLASS_OF.types.iter().map(|(code, class, name)| (code.as_str(), class.as_str(), name.as_str()))
}

/// The formatCode of a structured document by the OID of its model.
pub fn format_of_template(oid: &str) -> Option<Coding> {
    oid.trim().starts_with(|c: char| c.is_ascii_digit()).then(|| format_of(oid)).flatten()
}

/// The formatCode of an unstructured (N1) document by its media type; parameters of the type are ignored.
pub fn format_of_mime(mime: &str) -> Option<Coding> {
    let bare = mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    bare.contains('/').then(|| format_of(&bare)).flatten()
}

fn format_of(key: &str) -> Option<Coding> {
    let code = FORMAT_OF.get(key.trim())?.clone();
    let oid = if code.starts_with("urn:ihe:") { IHE_FORMATS_OID } else { FRENCH_FORMATS_OID };
    Some(Coding { system: Some(canonical_system(oid)), code, display: None })
}

/// The canonical URI of an OID that has one.
pub fn system_of_oid(oid: &str) -> Option<&'static str> {
    SYSTEM_OF.by_oid.get(oid).map(String::as_str)
}

/// One spelling per code system: bare OIDs, `urn:oid:`, the NOS (mos) and SMT canonicals and listed aliases give the same text;
/// what is unknown stays as it is (a bare OID as `urn:oid:…`).
pub fn canonical_system(system: &str) -> String {
    let system = system.trim();
    let bare = system.strip_prefix("urn:oid:").unwrap_or(system);
    let tail = system.strip_prefix("https://smt.esante.gouv.fr/fhir/CodeSystem/").unwrap_or(bare);
    if let Some(uri) = system_of_oid(tail) {
        return uri.to_owned();
    }
    let by_name = &SYSTEM_OF.by_name;
    let known = by_name.get(&system.to_lowercase()).or_else(|| by_name.get(&nos_name(system)?));
    match known {
        Some(uri) => uri.clone(),
        None if !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_digit() || b == b'.') => format!("urn:oid:{bare}"),
        None => system.to_owned(),
    }
}

/// `tre-a03-classedocument` of any NOS or SMT spelling.
fn nos_name(system: &str) -> Option<String> {
    let french = system.contains("mos.esante.gouv.fr/NOS/") || system.starts_with("https://smt.esante.gouv.fr/fhir/CodeSystem/");
    let tail = system.rsplit('/').next().filter(|_| french)?.to_lowercase().replacen('_', "-", 1);
    tail.starts_with("tre-").then_some(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coding(system: &str, code: &str) -> Coding {
        Coding { system: Some(system.into()), code: code.into(), display: None }
    }

    #[test]
    fn the_tables_parse_and_name_known_classes() {
        let classes: ClassTable = toml::from_str(CLASSES).unwrap();
        assert!(classes.r#type.iter().all(|(_, _, class, _)| classes.class.iter().any(|(c, _)| c == class)));
        assert!(toml::from_str::<FormatTable>(FORMATS).is_ok() && toml::from_str::<AliasTable>(ALIASES).is_ok());
        let systems = toml::from_str::<SystemTable>(SYSTEMS).unwrap().system;
        assert_eq!(SYSTEM_OF.by_oid.len(), systems.len(), "an OID stands twice");
    }

    #[test]
    fn every_spelling_of_a_nos_system_is_one() {
        let canonical = "https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument";
        for spelling in [
            canonical,
            "1.2.250.1.213.1.1.4.1",
            "urn:oid:1.2.250.1.213.1.1.4.1",
            "https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument",
            "https://smt.esante.gouv.fr/fhir/CodeSystem/1.2.250.1.213.1.1.4.1",
            "https://smt.esante.gouv.fr/fhir/CodeSystem/tre-a03-classedocument",
        ] {
            assert_eq!(canonical_system(spelling), canonical, "{spelling}");
        }
        assert_eq!(canonical_system("https://mos.esante.gouv.fr/NOS/TRE_A04-Loinc/FHIR/TRE-A04-Loinc"), "http://loinc.org");
        assert_eq!(canonical_system("urn:oid:2.16.840.1.113883.5.25"), "http://terminology.hl7.org/CodeSystem/v3-Confidentiality");
        assert_eq!(canonical_system("urn:oid:1.2.3.4"), "urn:oid:1.2.3.4");
        assert_eq!(canonical_system("http://example.org/x"), "http://example.org/x");
        assert_eq!(canonical_system(""), "");
    }

    #[test]
    fn a_type_has_its_class_whatever_the_spelling_of_its_system() {
        let class = class_of(&coding("http://loinc.org", "60591-5")).unwrap();
        assert_eq!((class.code.as_str(), class.display.as_deref()), ("11", Some("Synthèse")));
        assert_eq!(class_of(&coding("https://mos.esante.gouv.fr/NOS/TRE_A04-Loinc/FHIR/TRE-A04-Loinc", "18748-4")).unwrap().code, "31");
        assert_eq!(class_of(&coding("urn:oid:1.2.250.1.213.1.1.4.12", "SYNTH")).unwrap().code, "11");
        assert_eq!(class_of(&coding("http://snomed.info/sct", "60591-5")), None);
        assert_eq!(class_of(&coding("http://loinc.org", "34120-6")), None);
    }

    #[test]
    fn a_model_or_a_media_type_has_its_format() {
        let format = format_of_template("1.2.250.1.213.1.1.1.13").unwrap();
        assert_eq!(format.code, "urn:asip:ci-sis:vsm:2012");
        assert!(format.system.unwrap().ends_with("TRE-A06-FormatCodeComplementaire"));
        assert!(format_of_mime("application/pdf; charset=x").unwrap().system.unwrap().ends_with("TRE-A11-IheFormatCode"));
        assert_eq!((format_of_mime("1.2.250.1.213.1.1.1.13"), format_of_template("application/pdf")), (None, None));
    }
}
