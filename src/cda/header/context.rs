//! Service, setting, related identifiers and related documents.
//! Spec: IHE ITI TF-3 §4.2.3.2 (serviceStartTime, eventCodeList, practiceSettingCode, healthcareFacilityTypeCode, referenceIdList).

use super::super::codesystems::is_oid;
use super::super::datatypes::{attribute, coding};
use super::notes::Notes;
use super::{MAX_REPEATS, code, identifier};
use crate::fhir::xml::Element;
use crate::fhir::{Coding, DocumentEntry, Identifier, RelatedIdentifier, Replacement};

const ORDER: &str = "urn:ihe:iti:xds:2013:order";
const ACCESSION: &str = "urn:ihe:iti:xds:2013:accession";
const ENCOUNTER: &str = "urn:ihe:iti:xds:2015:encounterId";
const STUDY: &str = "urn:ihe:iti:xds:2016:studyInstanceUID";
const DICOM_UID: &str = "urn:dicom:uid";
const DICOM_CODES: &str = "1.2.840.10008.2.16.4";
/// "Study" act of the DICOM object catalogue. Spec: DICOM PS3.20 §9.8.
const STUDY_ACT: &str = "113014";
const IMAGING_TYPE: &str = "18748-4";
/// Models of imaging reports: DICOM PS3.20 and CI-SIS CR-IMG.
const IMAGING_MODELS: &[&str] = &["1.2.840.10008.9.", "1.2.250.1.213.1.1.1.45"];
const SETTING: &str = "performer/assignedEntity/representedOrganization/standardIndustryClassCode";
const FACILITY: &str = "componentOf/encompassingEncounter/location/healthCareFacility/code";

/// Fills what the act, the encounter, the orders and the related documents say.
pub(super) fn fill(document: &Element, entry: &mut DocumentEntry, notes: &mut Notes) {
    let services: Vec<&Element> = document.all("documentationOf").filter_map(|d| d.child("serviceEvent")).take(MAX_REPEATS).collect();
    service(&services, entry, notes);
    entry.facility_type = document.at(FACILITY).and_then(code);
    entry.practice_setting = services.iter().flat_map(|s| s.all("performer")).find_map(setting);
    entry.related = related(document, &services, entry.type_code.as_ref());
    entry.relates_to = relations(document, notes);
}

/// The principal act is the first one with a time; the events are the codes of every act, translations included.
fn service(services: &[&Element], entry: &mut DocumentEntry, notes: &mut Notes) {
    for event in services {
        if entry.service_start.is_none()
            && entry.service_end.is_none()
            && let Some(time) = event.child("effectiveTime")
        {
            (entry.service_start, entry.service_end) = notes.interval(time, "ClinicalDocument/documentationOf/serviceEvent/effectiveTime");
        }
        let Some(act) = event.child("code") else { continue };
        for code in coding(act).into_iter().chain(act.all("translation").filter_map(coding)).take(MAX_REPEATS) {
            if !entry.events.iter().any(|e| e.system == code.system && e.code == code.code) {
                entry.events.push(code);
            }
        }
    }
    if let (Some(start), Some(end)) = (&entry.service_start, &entry.service_end)
        && let (Some((from, _)), Some((_, to))) = (crate::fhir::time::range(start), crate::fhir::time::range(end))
        && from > to
    {
        notes.value("ClinicalDocument/documentationOf/serviceEvent/effectiveTime", "the act ends before it starts: its end is left out");
        entry.service_end = None;
    }
}

fn setting(performer: &Element) -> Option<Coding> {
    performer.at(SETTING.strip_prefix("performer/")?).and_then(code)
}

fn related(document: &Element, services: &[&Element], type_code: Option<&Coding>) -> Vec<RelatedIdentifier> {
    let mut out = Vec::new();
    for order in document.all("inFulfillmentOf").filter_map(|f| f.child("order")).take(MAX_REPEATS) {
        order.all("id").take(MAX_REPEATS).for_each(|id| push(&mut out, ORDER, identifier(id)));
        order.all("accessionNumber").take(MAX_REPEATS).for_each(|id| push(&mut out, ACCESSION, identifier(id)));
    }
    for uid in studies(document, services, type_code) {
        push(&mut out, STUDY, Some(Identifier { system: Some(DICOM_UID.into()), value: format!("urn:oid:{uid}") }));
    }
    if let Some(encounter) = document.at("componentOf/encompassingEncounter") {
        encounter.all("id").take(MAX_REPEATS).for_each(|id| push(&mut out, ENCOUNTER, identifier(id)));
    }
    out
}

fn push(out: &mut Vec<RelatedIdentifier>, kind: &str, identifier: Option<Identifier>) {
    let Some(identifier) = identifier else { return };
    let row = RelatedIdentifier { kind: Some(kind.into()), identifier };
    if !out.contains(&row) {
        out.push(row);
    }
}

/// Study instance UIDs: the acts of an imaging report are identified by them, and the DICOM catalogue names them.
fn studies<'a>(document: &'a Element, services: &[&'a Element], type_code: Option<&Coding>) -> Vec<&'a str> {
    let uid = |id: &'a Element| attribute(id, "root").filter(|root| is_oid(root));
    let mut out = Vec::new();
    if is_imaging(document, type_code) {
        let ids = services.iter().flat_map(|s| s.all("id"));
        out.extend(ids.filter(|id| matches!(attribute(id, "extension"), None | Some("studyInstanceUID"))).filter_map(uid).take(MAX_REPEATS));
    }
    let mut below = Vec::new();
    if let Some(body) = document.at("component/structuredBody") {
        body.descendants(&mut below);
    }
    let is_study = |e: &Element| e.child("code").is_some_and(|c| attribute(c, "code") == Some(STUDY_ACT) && attribute(c, "codeSystem") == Some(DICOM_CODES));
    let acts = below.into_iter().filter(|e| &*e.name == "act" && is_study(e));
    out.extend(acts.filter_map(|act| act.child("id")).filter_map(uid).take(MAX_REPEATS));
    out
}

fn is_imaging(document: &Element, type_code: Option<&Coding>) -> bool {
    type_code.is_some_and(|t| t.code == IMAGING_TYPE)
        || document
            .all("templateId")
            .filter_map(|e| attribute(e, "root"))
            .any(|root| IMAGING_MODELS.iter().any(|model| root == *model || (model.ends_with('.') && root.starts_with(model))))
}

/// Spec: CDA R2 §4.2.3.1 relatedDocument; MHD ConceptMap AssociationTypeVsRelatesTo.
fn relations(document: &Element, notes: &mut Notes) -> Vec<Replacement> {
    let path = "ClinicalDocument/relatedDocument";
    let mut out = Vec::new();
    for related in document.all("relatedDocument").take(MAX_REPEATS) {
        let code = match attribute(related, "typeCode") {
            Some("RPLC") => "replaces",
            Some("APND") => "appends",
            Some("XFRM") => "transforms",
            _ => {
                notes.value(path, "the relation to another document is none of RPLC, APND, XFRM: left out");
                continue;
            }
        };
        match related.child("parentDocument").and_then(|parent| parent.all("id").find_map(identifier)) {
            Some(target) => out.push(Replacement { code: code.into(), target }),
            None => notes.missing(path, "a related document has no identifier: the relation is left out"),
        }
    }
    out.dedup();
    out
}
