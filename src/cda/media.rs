//! The files inside a document → Media, so that they can be found and fetched without opening the document.
//! Spec: CDA R2 §4.2.6 nonXMLBody, §4.3.6.4 observationMedia; CI-SIS FR-Document-attache; FHIR R4 Media.

use serde_json::{Map, Value, json};

use super::concept::concept;
use super::narrative::clean;
use super::path::{first, select};
use super::render::Attachments;
use super::statement::{Maker, Scope, foreign};
use super::when;
use super::{codes, walk};
use crate::fhir::xml::Element;

/// The address of file `n` of the document, until it has one of its own.
pub const FILE: &str = "attachment:";
/// Elements below elements that are followed.
const MAX_DEPTH: usize = 60;

/// Where a file stands.
#[derive(Clone)]
struct Place<'a> {
    path: String,
    section: Option<&'a Element>,
    /// The nearest statement above.
    statement: Option<&'a Element>,
    depth: usize,
}

impl<'a> Maker<'a> {
    /// Every file of the document, by its number.
    pub fn files(&mut self, root: &'a Element) {
        let files = Attachments::of(root);
        if files.is_empty() {
            return;
        }
        for (index, component) in root.all("component").enumerate() {
            let place = Place { path: format!("component[{index}]"), section: None, statement: None, depth: 0 };
            self.files_below(component, &place, &files);
        }
    }

    fn files_below(&mut self, e: &'a Element, place: &Place<'a>, files: &Attachments<'a>) {
        if place.depth > MAX_DEPTH || foreign(e) {
            return;
        }
        let mut indexes: Vec<(&str, usize)> = Vec::new();
        for child in e.elements() {
            let index = match indexes.iter_mut().find(|(name, _)| *name == &*child.name) {
                Some((_, n)) => {
                    *n += 1;
                    *n
                }
                None => {
                    indexes.push((&child.name, 0));
                    0
                }
            };
            if let Some(number) = files.number(child) {
                self.file(e, number, files.mime(number), place);
                continue;
            }
            let step = if &*child.name == "component" || walk::WRAPPERS.contains(&&*child.name) { format!("{}[{index}]", child.name) } else { child.name.to_string() };
            let mut below = Place { path: format!("{}/{step}", place.path), depth: place.depth + 1, ..place.clone() };
            match &*child.name {
                "section" => below.section = Some(child),
                "observation" | "organizer" | "act" | "procedure" => below.statement = Some(child),
                "text" if &*e.name == "section" => continue,
                _ => {}
            }
            self.files_below(child, &below, files);
        }
    }

    /// `holder` is the observationMedia or the nonXMLBody.
    fn file(&mut self, holder: &'a Element, number: usize, mime: &str, place: &Place<'a>) {
        let section = place.section.and_then(|s| s.child("code")).and_then(super::concept::code_of).unwrap_or("");
        let mut scope = Scope::top(section);
        scope.path.clone_from(&place.path);
        let mut out = self.start("Media", holder, &scope);
        out.insert("status".into(), json!("completed"));
        out.insert("subject".into(), self.subject());
        if let Some((kind, when)) = when::moment(holder).or_else(|| place.statement.and_then(|s| self.file_time(s))) {
            out.insert(format!("created{kind}"), when);
        }
        let mut content = Map::new();
        if well_formed(mime) {
            content.insert("contentType".into(), json!(mime));
        }
        content.insert("url".into(), json!(format!("{FILE}{number}")));
        drop(self.file_title(place).map(|t| content.insert("title".into(), json!(t))));
        out.insert("content".into(), Value::Object(content));
        self.push(&place.path, out);
    }

    /// The time of the statement, or of the one that says the file's type.
    fn file_time(&self, statement: &Element) -> Option<(&'static str, Value)> {
        when::moment(statement).or_else(|| first(statement, "component/observation[69764-9]").and_then(when::moment))
    }

    /// The type of the attached document, what the statement above is, else the section.
    fn file_title(&self, place: &Place<'a>) -> Option<String> {
        let named = |c: &Element| concept(c, &self.narrative).and_then(|c| c.get("text").and_then(Value::as_str).map(str::to_owned));
        let typed = |s: &Element| select(s, "component/observation[69764-9]").into_iter().find_map(|o| o.child("value").and_then(named).or_else(|| self.words(o)));
        let statement = place.statement.and_then(|s| typed(s).or_else(|| s.child("code").filter(|_| codes::kind_of(s) != "attachment").and_then(named)));
        statement.or_else(|| place.section.and_then(|s| s.child("title").and_then(|t| clean(&t.plain()))))
    }
}

/// A media type as R4's code can hold it.
fn well_formed(mime: &str) -> bool {
    !mime.is_empty() && mime.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::super::{derive, read};
    use serde_json::{Value, json};

    fn media(body: &str) -> Vec<(String, Value)> {
        let cda = format!("<ClinicalDocument xmlns='urn:hl7-org:v3'><effectiveTime value='20240601'/><recordTarget/><component>{body}</component></ClinicalDocument>");
        let found = derive(&read(cda.as_bytes()).unwrap(), "DocumentReference/d", "Patient/p").resources;
        found.into_iter().filter(|r| r.resource["resourceType"] == "Media").map(|r| (r.path, r.resource)).collect()
    }

    #[test]
    fn an_attached_document_has_its_type_as_title_and_its_date() {
        let entry = "<entry><organizer><templateId root='1.2.250.1.213.1.1.3.18'/><code code='55107-7' displayName='Document attaché'/>\
            <component><observation><code code='69764-9'/><text><reference value='#t'/></text><effectiveTime value='20191215'/><value nullFlavor='NA'/></observation></component>\
            <component><observationMedia ID='DOC'><value mediaType='application/pdf' representation='B64'>JVBERi0=</value></observationMedia></component></organizer></entry>";
        let body = format!(
            "<structuredBody><component><section><title>Documents ajoutés</title><text><content ID='t'>Écho-Doppler veineux</content></text>{entry}</section></component></structuredBody>"
        );
        let found = media(&body);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, "component[0]/structuredBody/component[0]/section/entry[0]/organizer/component[1]/observationMedia");
        assert_eq!(found[0].1["content"], json!({"contentType": "application/pdf", "url": "attachment:0", "title": "Écho-Doppler veineux"}));
        assert_eq!(found[0].1["createdDateTime"], "2019-12-15");
    }

    #[test]
    fn the_body_of_level_1_is_a_file_and_a_file_about_somebody_else_is_not_the_patients() {
        let whole = media("<nonXMLBody><text mediaType='application/pdf' representation='B64'>JVBERi0=</text></nonXMLBody>");
        assert_eq!((whole[0].0.as_str(), &whole[0].1["content"]["url"]), ("component[0]/nonXMLBody", &json!("attachment:0")));
        let picture = "<entry><observationMedia><value mediaType='image/png' representation='B64'>AA==</value></observationMedia></entry>";
        let about = |subject: &str| media(&format!("<structuredBody><component><section><title>Schéma</title>{subject}{picture}</section></component></structuredBody>"));
        assert_eq!(about("")[0].1["content"]["title"], "Schéma");
        assert!(about("<subject><relatedSubject/></subject>").is_empty());
    }
}
