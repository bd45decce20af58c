//! Entries, each with the cells of the narrative that it refers to.
//! Spec: CI-SIS Volet Modèles de Contenus CDA.

use super::described::{Act, Allergy, Device, Planned, Problem, Relative, Said};
use super::sections::{Item, templates, word};
use super::{Writer, fr, ts, x};

const SNOMED: &str = "2.16.840.1.113883.6.96";
const LOINC: &str = "2.16.840.1.113883.6.1";
const CIM10: &str = "2.16.840.1.113883.6.3";

/// An entry that is one observation.
fn observation(roots: &[&str], attributes: &str, inside: &str) -> String {
    format!("<observation classCode=\"OBS\" moodCode=\"EVN\"{attributes}>{}{inside}</observation>", templates(roots))
}

fn reference(id: &str) -> String {
    format!("<text><reference value=\"#{id}\"/></text>")
}

fn low(date: Option<&String>) -> String {
    date.map_or_else(|| "<low nullFlavor=\"UNK\"/>".to_owned(), |d| format!("<low value=\"{}\"/>", ts(d)))
}

impl Writer<'_> {
    pub(super) fn id(&self, place: &str) -> String {
        format!("<id root=\"{}\"/>", self.uuid(place))
    }

    pub(super) fn problem(&self, id: &str, p: &Problem, over: bool) -> Item {
        let words = p.words.as_deref().unwrap_or(&p.name);
        let note = if p.denied && p.note.is_empty() { "Absent" } else { p.note.as_str() };
        let low = low(p.since.as_ref());
        let high = match &p.until {
            Some(until) => format!("<high value=\"{}\"/>", ts(until)),
            None if over => "<high nullFlavor=\"UNK\"/>".to_owned(),
            None => String::new(),
        };
        let inside = format!(
            r##"{uuid}<code code="282291009" displayName="interprétation diagnostique" codeSystem="{SNOMED}"/>{text}<statusCode code="completed"/><effectiveTime>{low}{high}</effectiveTime>
<value xsi:type="CD" code="{code}" displayName="{name}" codeSystem="{CIM10}"><originalText><reference value="#{id}"/></originalText></value>"##,
            uuid = self.id(id),
            text = reference(id),
            code = p.code,
            name = x(&p.name)
        );
        let problem = observation(&["2.16.840.1.113883.10.20.1.28", "1.3.6.1.4.1.19376.1.5.3.1.4.5", "1.2.250.1.213.1.1.3.37"], &format!(" negationInd=\"{}\"", p.denied), &inside);
        let entry = format!(
            r#"<entry><act classCode="ACT" moodCode="EVN">{roots}{uuid}<code nullFlavor="NA"/><statusCode code="{status}"/><effectiveTime>{low}{high}</effectiveTime>
<entryRelationship typeCode="SUBJ" inversionInd="false">{problem}</entryRelationship></act></entry>"#,
            roots = templates(&["2.16.840.1.113883.10.20.1.27", "1.3.6.1.4.1.19376.1.5.3.1.4.5.1", "1.3.6.1.4.1.19376.1.5.3.1.4.5.2", "1.2.250.1.213.1.1.3.39"]),
            uuid = self.id(&format!("{id}-c")),
            status = if over || p.until.is_some() { "completed" } else { "active" }
        );
        let period = [p.since.as_deref().map(fr), p.until.as_deref().map(fr)].into_iter().flatten().collect::<Vec<_>>().join(" – ");
        Item { cells: vec![period, word(id, words), x(note)], entry }
    }

    pub(super) fn act(&self, id: &str, a: &Act) -> Item {
        let entry = format!(
            r##"<entry><procedure classCode="PROC" moodCode="EVN">{roots}{uuid}<code code="{code}" displayName="{name}" codeSystem="1.2.250.1.215.300.1"><originalText><reference value="#{id}"/></originalText></code>{text}<statusCode code="completed"/><effectiveTime value="{date}"/></procedure></entry>"##,
            roots = templates(&["1.3.6.1.4.1.19376.1.5.3.1.4.19", "2.16.840.1.113883.10.20.1.29", "1.2.250.1.213.1.1.3.62"]),
            uuid = self.id(id),
            code = a.code,
            name = x(&a.name),
            text = reference(id),
            date = ts(&a.date)
        );
        Item { cells: vec![fr(&a.date), word(id, a.words.as_deref().unwrap_or(&a.name))], entry }
    }

    pub(super) fn allergy(&self, id: &str, a: &Allergy) -> Item {
        let agent = format!(
            r##"<participant typeCode="CSM"><participantRole classCode="MANU"><playingEntity classCode="MMAT"><code code="{}" displayName="{name}" codeSystem="{}"><originalText><reference value="#{id}-agent"/></originalText></code><name>{name}</name></playingEntity></participantRole></participant>"##,
            a.agent[0],
            a.agent[1],
            name = x(&a.agent[2])
        );
        let status = format!(
            r#"<entryRelationship typeCode="REFR" inversionInd="false">{}</entryRelationship>"#,
            observation(
                &["2.16.840.1.113883.10.20.1.50", "2.16.840.1.113883.10.20.1.57", "1.3.6.1.4.1.19376.1.5.3.1.4.1.1", "1.2.250.1.213.1.1.3.30"],
                " negationInd=\"false\"",
                &format!(
                    r#"<code code="33999-4" displayName="Statut" codeSystem="{LOINC}"/>{}<statusCode code="completed"/><value xsi:type="CE" code="active" displayName="Actif" codeSystem="2.16.840.1.113883.4.642.4.1373"/>"#,
                    reference(&format!("{id}-statut"))
                )
            )
        );
        let criticality = a.criticality.as_ref().map_or_else(String::new, |c| {
            let display = if c == "high" { "Haut" } else { "Bas" };
            self.remark(&format!("{id}-criticite"), "1.2.250.1.213.1.1.3.172", ["82606-5", "Criticité"], [c, display, "2.16.840.1.113883.4.642.4.130"])
        });
        let certainty = self.remark(&format!("{id}-certitude"), "1.2.250.1.213.1.1.3.171", ["66455-7", "Certitude"], ["confirmed", "Confirmé", "2.16.840.1.113883.4.642.1.1075"]);
        let inside = format!(
            r##"{uuid}<code code="{kind}" displayName="{words}" codeSystem="{SNOMED}"/>{text}<statusCode code="completed"/><effectiveTime xsi:type="IVL_TS">{since}</effectiveTime>
<value xsi:type="CD"><originalText><reference value="#{id}-type"/></originalText></value>{agent}{status}{criticality}{certainty}{reaction}"##,
            uuid = self.id(id),
            kind = a.kind[0],
            words = x(&a.kind[1]),
            text = reference(&format!("{id}-type")),
            since = low(a.since.as_ref()),
            reaction = a.reaction.as_ref().map_or_else(String::new, |r| self.reaction(&format!("{id}-reaction"), r))
        );
        Item { cells: self.allergy_cells(id, a), entry: self.concern(id, &inside, a.since.as_ref()) }
    }

    /// «Aucune allergie connue».
    pub(super) fn no_allergy(&self, id: &str) -> Item {
        let words = "Aucune allergie connue";
        let inside = format!(
            r##"{}<code code="420134006" displayName="allergie ou hypersensibilité" codeSystem="{SNOMED}"/>{}<statusCode code="completed"/><effectiveTime xsi:type="IVL_TS"><low nullFlavor="UNK"/></effectiveTime>
<value xsi:type="CD" code="716186003" displayName="aucune allergie connue" codeSystem="{SNOMED}"><originalText><reference value="#{id}"/></originalText></value>"##,
            self.id(id),
            reference(id)
        );
        let mut cells = vec![String::new(), word(id, words)];
        cells.resize(7, String::new());
        Item { cells, entry: self.concern(id, &inside, None) }
    }

    fn concern(&self, id: &str, inside: &str, since: Option<&String>) -> String {
        let roots = ["2.16.840.1.113883.10.20.1.18", "2.16.840.1.113883.10.20.1.28", "1.3.6.1.4.1.19376.1.5.3.1.4.5", "1.3.6.1.4.1.19376.1.5.3.1.4.6", "1.2.250.1.213.1.1.3.41"];
        format!(
            r#"<entry><act classCode="ACT" moodCode="EVN">{}{}<code nullFlavor="NA"/><statusCode code="active"/><effectiveTime>{}</effectiveTime><entryRelationship typeCode="SUBJ" inversionInd="false">{}</entryRelationship></act></entry>"#,
            templates(&["2.16.840.1.113883.10.20.1.27", "1.3.6.1.4.1.19376.1.5.3.1.4.5.1", "1.3.6.1.4.1.19376.1.5.3.1.4.5.3", "1.2.250.1.213.1.1.3.40"]),
            self.id(&format!("{id}-c")),
            low(since),
            observation(&roots, " negationInd=\"false\"", inside)
        )
    }

    fn remark(&self, id: &str, template: &str, [code, name]: [&str; 2], [value, display, system]: [&str; 3]) -> String {
        let inside = format!(
            r#"{}<code code="{code}" displayName="{name}" codeSystem="{LOINC}"/>{}<statusCode code="completed"/><effectiveTime nullFlavor="NA"/><value xsi:type="CE" code="{value}" displayName="{display}" codeSystem="{system}"/>"#,
            self.id(id),
            reference(id)
        );
        let roots = ["1.3.6.1.4.1.19376.1.5.3.1.4.13", "1.2.250.1.213.1.1.3.48", template];
        format!("<entryRelationship typeCode=\"SUBJ\" inversionInd=\"true\">{}</entryRelationship>", observation(&roots, " negationInd=\"false\"", &inside))
    }

    fn reaction(&self, id: &str, [code, name]: &[String; 2]) -> String {
        let inside = format!(
            r##"{}<code code="404684003" displayName="constatation" codeSystem="{SNOMED}"/>{}<statusCode code="completed"/><effectiveTime><low nullFlavor="UNK"/></effectiveTime><value xsi:type="CD" code="{code}" displayName="{name}" codeSystem="{CIM10}"><originalText><reference value="#{id}"/></originalText></value>"##,
            self.id(id),
            reference(id),
            name = x(name)
        );
        let roots = ["2.16.840.1.113883.10.20.1.28", "1.3.6.1.4.1.19376.1.5.3.1.4.5", "2.16.840.1.113883.10.20.1.54", "1.2.250.1.213.1.1.3.37"];
        format!("<entryRelationship typeCode=\"MFST\">{}</entryRelationship>", observation(&roots, "", &inside))
    }

    /// An observation with what it says; `roots` are its templates.
    pub(super) fn observation(&self, id: &str, s: &Said, roots: &[&str]) -> Item {
        let value = match (&s.value, &s.quantity, &s.day, s.yes) {
            (Some([code, system, display]), ..) => {
                format!(
                    r##"<value xsi:type="CD" code="{code}" displayName="{}" codeSystem="{system}"><originalText><reference value="#{id}"/></originalText></value>"##,
                    x(display)
                )
            }
            (_, Some([value, unit]), ..) => format!(r#"<value xsi:type="PQ" value="{value}" unit="{unit}"/>"#),
            (_, _, Some(day), _) => format!(r#"<value xsi:type="TS" value="{}"/>"#, ts(day)),
            (.., Some(yes)) => format!(r#"<value xsi:type="BL" value="{yes}"/>"#),
            _ => format!(r#"<value xsi:type="ST">{}</value>"#, x(&s.words)),
        };
        let [code, system, display] = &s.code;
        let system = if system.is_empty() { LOINC } else { system };
        let inside = format!(
            r#"{}<code code="{code}" displayName="{name}" codeSystem="{system}"/>{}<statusCode code="completed"/><effectiveTime value="{}"/>{value}"#,
            self.id(id),
            reference(id),
            ts(&self.document.date),
            name = x(display)
        );
        Item { cells: vec![x(display), word(id, &s.words)], entry: format!("<entry>{}</entry>", observation(roots, "", &inside)) }
    }

    pub(super) fn relative(&self, id: &str, r: &Relative) -> Item {
        let sex = if r.who[0] == "MTH" { ("F", "Féminin") } else { ("M", "Masculin") };
        let inside = format!(
            r##"{}<code code="282291009" displayName="interprétation diagnostique" codeSystem="{SNOMED}"/>{}<statusCode code="completed"/><effectiveTime nullFlavor="UNK"/><value xsi:type="CD" code="{}" displayName="{}" codeSystem="{CIM10}"><originalText><reference value="#{id}"/></originalText></value>"##,
            self.id(id),
            reference(id),
            r.code,
            x(&r.name)
        );
        let roots = ["2.16.840.1.113883.10.20.1.22", "1.3.6.1.4.1.19376.1.5.3.1.4.13", "1.3.6.1.4.1.19376.1.5.3.1.4.13.3", "1.2.250.1.213.1.1.3.51"];
        let entry = format!(
            r##"<entry><organizer classCode="CLUSTER" moodCode="EVN">{}<statusCode code="completed"/><subject typeCode="SBJ">{}<relatedSubject classCode="PRS"><code code="{}" displayName="{}" codeSystem="2.16.840.1.113883.5.111"><originalText><reference value="#{id}-qui"/></originalText></code>
<subject><administrativeGenderCode code="{}" displayName="{}" codeSystem="2.16.840.1.113883.5.1"/></subject></relatedSubject></subject><component typeCode="COMP">{}</component></organizer></entry>"##,
            templates(&["2.16.840.1.113883.10.20.1.23", "1.3.6.1.4.1.19376.1.5.3.1.4.15", "1.2.250.1.213.1.1.3.59"]),
            templates(&["1.3.6.1.4.1.19376.1.5.3.1.4.15.2", "1.2.250.1.213.1.1.3.60"]),
            r.who[0],
            x(&r.who[1]),
            sex.0,
            sex.1,
            observation(&roots, "", &inside)
        );
        Item { cells: vec![word(&format!("{id}-qui"), &r.who[1]), word(id, &r.words)], entry }
    }

    pub(super) fn device(&self, id: &str, d: &Device) -> Item {
        let entry = format!(
            r##"<entry><supply classCode="SPLY" moodCode="EVN">{}{}{}<effectiveTime xsi:type="IVL_TS"><low value="{}"/></effectiveTime><participant typeCode="DEV"><participantRole classCode="MANU">{}<playingDevice classCode="DEV" determinerCode="INSTANCE"><code code="{}" displayName="{}" codeSystem="1.2.250.1.213.2.68"><originalText><reference value="#{id}"/></originalText></code></playingDevice></participantRole></participant></supply></entry>"##,
            templates(&["1.2.250.1.213.1.1.3.20", "2.16.840.1.113883.10.20.1.34"]),
            self.id(id),
            reference(id),
            ts(&d.since),
            self.id(&format!("{id}-dm")),
            d.code[0],
            x(&d.code[1])
        );
        Item { cells: vec![fr(&d.since), word(id, &d.words)], entry }
    }

    pub(super) fn planned(&self, id: &str, p: &Planned) -> Item {
        let entry = format!(
            r#"<entry><observation classCode="OBS" moodCode="INT">{}{}<code code="ORG-064" displayName="Demande d'examen ou de suivi" codeSystem="1.2.250.1.213.1.1.4.322"/>{}<statusCode code="active"/><effectiveTime value="{}"/><value xsi:type="ST">{}</value></observation></entry>"#,
            templates(&["2.16.840.1.113883.10.20.1.25", "1.3.6.1.4.1.19376.1.5.3.1.1.20.3.1", "1.2.250.1.213.1.1.3.27"]),
            self.id(id),
            reference(id),
            ts(&p.date),
            x(&p.words)
        );
        Item { cells: vec![word(id, &p.words), fr(&p.date)], entry }
    }
}
