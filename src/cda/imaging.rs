//! The catalogue of a study's images → ImagingStudy.
//! Spec: DICOM PS3.20 §9.8 (Study, Series, SOP Instance); CI-SIS FR-DICOM-Examen-imagerie; FHIR R4 ImagingStudy.

use serde_json::{Map, Value, json};

use super::codes;
use super::concept::{code_of, coded};
use super::datatypes::{attribute, coding_value, time_of};
use super::statement::{Maker, Scope, children};
use super::when::bounds;
use crate::fhir::xml::Element;

/// DCM: series, modality.
const SERIES: &str = "113015";
const MODALITY: &str = "121139";
/// Series of a study, instances of a series.
const MAX_PARTS: usize = 1_000;
const ABSENT_REASON: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
/// Identifiers of studies.
const DICOM: &str = "urn:dicom:uid";

impl<'a> Maker<'a> {
    /// A study, its series and the instances that the report names.
    pub fn study(&mut self, e: &'a Element, scope: &Scope<'a>) {
        let Some(uid) = root_of(e) else {
            return self.warn(&scope.path, "a study without the id that names its images is not derived; it stays in the document only");
        };
        let mut out = self.start("ImagingStudy", e, scope);
        let links = links_of(e);
        if !links.is_empty() {
            out.insert("contained".into(), links.iter().enumerate().map(|(i, link)| endpoint(i, link)).collect());
        }
        out.insert("identifier".into(), json!([{"system": DICOM, "value": urn(uid)}]));
        out.insert("status".into(), json!("available"));
        let series: Vec<Value> = below(e, |s| s.child("code").and_then(code_of) == Some(SERIES)).filter_map(|s| self.series(s, &links)).collect();
        let modalities = modalities(e, &series);
        if !modalities.is_empty() {
            out.insert("modality".into(), json!(modalities));
        }
        out.insert("subject".into(), self.subject());
        drop(begun(e).map(|t| out.insert("started".into(), json!(t))));
        if !series.is_empty() {
            out.insert("series".into(), json!(series));
        }
        self.push(&scope.path, out);
    }

    /// A series; R4 wants its id, and its modality or why it is not known.
    fn series(&self, e: &Element, links: &[String]) -> Option<Value> {
        let mut out = Map::new();
        out.insert("uid".into(), json!(root_of(e)?));
        let modality = e.child("code").and_then(modality_of).or_else(|| e.child("methodCode").and_then(coding_value));
        out.insert("modality".into(), modality.unwrap_or_else(unknown));
        drop(words(e, self).map(|w| out.insert("description".into(), json!(w))));
        let own: Vec<Value> = links_of(e).iter().filter_map(|l| links.iter().position(|k| k == l)).map(|i| json!({"reference": format!("#link-{i}")})).collect();
        if !own.is_empty() {
            out.insert("endpoint".into(), json!(own));
        }
        drop(e.child("targetSiteCode").and_then(coding_value).map(|site| out.insert("bodySite".into(), site)));
        drop(begun(e).map(|t| out.insert("started".into(), json!(t))));
        let instances: Vec<Value> = below(e, |i| &*i.name == "observation").filter_map(instance).collect();
        if !instances.is_empty() {
            out.insert("instance".into(), json!(instances));
        }
        Some(Value::Object(out))
    }
}

/// The words of a statement that are not an address.
fn words(e: &Element, maker: &Maker<'_>) -> Option<String> {
    e.child("code").and_then(|c| c.child("originalText")).and_then(|t| maker.narrative.words(t))
}

fn below(e: &Element, wanted: impl Fn(&Element) -> bool) -> impl Iterator<Item = &Element> {
    children(e, &["entryRelationship", "component"]).into_iter().map(|c| c.e).filter(move |e| wanted(e)).take(MAX_PARTS)
}

fn instance(e: &Element) -> Option<Value> {
    let class = e.child("code").and_then(|c| attribute(c, "code")).map(|code| json!({"system": "urn:ietf:rfc:3986", "code": urn(code)}));
    Some(json!({"uid": root_of(e)?, "sopClass": class.unwrap_or_else(unknown)}))
}

/// The UID of a study, series or instance: the root of its id, in the form R4 takes (FHIR id, at most 64 characters).
fn root_of(e: &Element) -> Option<&str> {
    let root = e.all("id").find_map(|id| attribute(id, "root"))?;
    (root.len() <= 64 && root.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))).then_some(root)
}

fn urn(uid: &str) -> String {
    if super::codesystems::is_uuid(uid) { format!("urn:uuid:{}", uid.to_lowercase()) } else { format!("urn:oid:{uid}") }
}

fn modality_of(code: &Element) -> Option<Value> {
    let named = |q: &&Element| q.child("name").and_then(|n| attribute(n, "code")).is_none_or(|n| n == MODALITY);
    code.all("qualifier").filter(named).find_map(|q| q.child("value")).and_then(coding_value)
}

/// The study's own, else those of its series, each once.
fn modalities(e: &Element, series: &[Value]) -> Vec<Value> {
    let mut out: Vec<Value> = e.all("methodCode").filter_map(coding_value).collect();
    for one in series.iter().filter_map(|s| s.get("modality")).filter(|m| m.get("code").is_some()) {
        if !out.iter().any(|m| m.get("code") == one.get("code")) {
            out.push(one.clone());
        }
    }
    out
}

fn begun(e: &Element) -> Option<String> {
    let time = e.child("effectiveTime")?;
    time_of(time).or_else(|| bounds(time).0)
}

fn unknown() -> Value {
    json!({"extension": [{"url": ABSENT_REASON, "valueCode": "unknown"}]})
}

/// The addresses at which the images of a statement can be seen, each once.
fn links_of(e: &Element) -> Vec<String> {
    let mut out = Vec::new();
    collect(e, 0, &mut out);
    out
}

fn collect(e: &Element, depth: usize, out: &mut Vec<String>) {
    // Written over several lines in an attribute, an address holds spaces, which none may.
    let written = e.child("text").and_then(|t| t.child("reference")).and_then(|r| attribute(r, "value"));
    let address = written.filter(|v| v.starts_with("https://") || v.starts_with("http://")).map(|v| v.split_whitespace().collect::<String>());
    if let Some(address) = address.filter(|a| out.len() < MAX_PARTS && !out.contains(a)) {
        out.push(address);
    }
    if depth < 3 {
        children(e, &["entryRelationship", "component"]).iter().for_each(|c| collect(c.e, depth + 1, out));
    }
}

/// An address of images; how to ask it is said when its own words tell.
fn endpoint(index: usize, address: &str) -> Value {
    let known = codes::said_in("image-link", address).and_then(|code| coded("image-link", code).pointer("/coding/0").cloned());
    json!({
        "resourceType": "Endpoint",
        "id": format!("link-{index}"),
        "status": "active",
        "connectionType": known.unwrap_or_else(|| json!({"display": "lien vers les images"})),
        "payloadType": [{"text": "application/dicom"}],
        "address": address
    })
}

#[cfg(test)]
mod tests {
    use super::super::{DerivedResource, derive, read};
    use serde_json::json;

    fn of(entry: &str) -> Vec<DerivedResource> {
        let cda = format!(
            "<ClinicalDocument xmlns='urn:hl7-org:v3'><effectiveTime value='20240601'/><recordTarget/><component><structuredBody><component><section>\
             <code code='121181' codeSystem='1.2.840.10008.2.16.4'/><text/><entry>{entry}</entry></section></component></structuredBody></component></ClinicalDocument>"
        );
        derive(&read(cda.as_bytes()).unwrap(), "DocumentReference/d", "Patient/p").resources
    }

    fn study(id: &str, modality: &str, link: &str) -> String {
        format!(
            "<act moodCode='EVN'><templateId root='1.2.840.10008.9.16'/>{id}<code code='113014' codeSystem='1.2.840.10008.2.16.4'/><effectiveTime value='20240530'/>\
             <entryRelationship typeCode='COMP'><act moodCode='EVN'><templateId root='1.2.840.10008.9.17'/><id root='1.2.3.4'/>\
             <code code='113015' codeSystem='1.2.840.10008.2.16.4'>{modality}</code><effectiveTime value='20240530'/>\
             <entryRelationship typeCode='COMP'><observation classCode='DGIMG' moodCode='EVN'><id root='1.2.3.4.5'/><code code='1.2.840.10008.5.1.4.1.1.2' codeSystem='1.2.840.10008.2.6.1'/>\
             <text mediaType='application/dicom'><reference value='{link}'/></text></observation></entryRelationship></act></entryRelationship></act>"
        )
    }

    #[test]
    fn a_catalogue_becomes_one_study_with_its_series_instances_and_link() {
        let ct = "<qualifier><name code='121139'/><value code='CT' codeSystem='1.2.840.10008.2.16.4' displayName='Tomodensitométrie'/></qualifier>";
        let found = of(&study("<id root='1.2.3'/>", ct, "https://images.exemple.fr/IHEInvokeImageDisplay?requestType=STUDY&amp;\n  studyUID=1.2.3"));
        assert_eq!(found.len(), 1);
        let study = &found[0].resource;
        assert_eq!(study["identifier"], json!([{"system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}]));
        assert_eq!((&study["started"], &study["modality"][0]["code"]), (&json!("2024-05-30"), &json!("CT")));
        let series = &study["series"][0];
        assert_eq!((&series["uid"], &series["modality"]["code"], &series["endpoint"][0]["reference"]), (&json!("1.2.3.4"), &json!("CT"), &json!("#link-0")));
        assert_eq!(series["instance"][0], json!({"uid": "1.2.3.4.5", "sopClass": {"system": "urn:ietf:rfc:3986", "code": "urn:oid:1.2.840.10008.5.1.4.1.1.2"}}));
        assert_eq!(study["contained"][0]["connectionType"]["code"], "ihe-iid");
        assert_eq!(study["contained"][0]["address"], "https://images.exemple.fr/IHEInvokeImageDisplay?requestType=STUDY&studyUID=1.2.3");
        let bytes = serde_json::to_vec(study).unwrap();
        let node = crate::fhir::gate::parse(&bytes).unwrap();
        assert!(crate::fhir::r4::check(&node, 1).is_empty(), "{study}");
    }

    #[test]
    fn a_modality_that_is_not_said_is_unknown_and_a_study_without_id_is_told() {
        let found = of(&study("<id root='1.2.3'/>", "", "images"));
        assert_eq!(found[0].resource["series"][0]["modality"]["extension"][0]["valueCode"], "unknown");
        assert!(found[0].resource.get("contained").is_none() && found[0].resource.get("modality").is_none());
        assert!(of(&study("", "", "images")).is_empty());
    }
}
