//! Drugs taken, prescribed and handed over, vaccines, results and vital signs.
//! Spec: CI-SIS Volet Modèles de Contenus CDA, EP-MED-DM 2024.01, eDISP-MED 2024.01, CR-BIO 2024.01.

use super::described::{Analyte, Drug, Intake, Vaccine};
use super::sections::{Item, templates, word};
use super::{Writer, fr, ts, x};

const ATC: &str = "2.16.840.1.113883.6.73";
const LOINC: &str = "2.16.840.1.113883.6.1";

impl Writer<'_> {
    fn drug(&self, key: &str) -> &Drug {
        self.shared.drug.get(key).unwrap_or_else(|| panic!("no drug {key}"))
    }

    pub(super) fn analyte(&self, key: &str) -> &Analyte {
        self.shared.analyte.get(key).unwrap_or_else(|| panic!("no analyte {key}"))
    }

    /// The product of an entry whose name stands at `#id`; a prescription repeats the substance.
    fn product(&self, id: &str, drug: &Drug, prescribed: bool) -> String {
        let [code, name] = &drug.atc;
        let (attributes, more, kind) = if prescribed {
            let class = format!(
                r#"<pharm:asSpecializedKind classCode="GRIC"><pharm:generalizedMedicineClass classCode="MMAT"><pharm:code code="{code}" displayName="{name}" codeSystem="{ATC}" codeSystemName="ATC"/><pharm:name>{name}</pharm:name></pharm:generalizedMedicineClass></pharm:asSpecializedKind>"#
            );
            (" classCode=\"MMAT\" determinerCode=\"KIND\"", class, "<templateId root=\"1.3.6.1.4.1.19376.1.9.1.3.1\"/>")
        } else {
            ("", String::new(), "")
        };
        format!(
            r##"<manufacturedProduct classCode="MANU">{}<manufacturedMaterial{attributes}>{kind}<code><originalText><reference value="#{id}"/></originalText><translation code="{code}" displayName="{name}" codeSystem="{ATC}"/></code><name>{}</name>{more}</manufacturedMaterial></manufacturedProduct>"##,
            templates(&["2.16.840.1.113883.10.20.1.53", "1.3.6.1.4.1.19376.1.5.3.1.4.7.2", "1.2.250.1.213.1.1.3.43"]),
            x(&drug.name)
        )
    }

    fn route(&self, id: &str, drug: &Drug) -> (String, String) {
        let [code, words] = drug.route.as_ref().map_or(["20053000", "Voie orale"], |r| [r[0].as_str(), r[1].as_str()]);
        let xml = format!(
            r##"<routeCode code="{code}" displayName="{words}" codeSystem="0.4.0.127.0.16.1.1.2.1"><originalText><reference value="#{id}-voie"/></originalText></routeCode>"##
        );
        (word(&format!("{id}-voie"), words), xml)
    }

    /// A treatment that is, was or will be taken.
    pub(super) fn intake(&self, id: &str, i: &Intake) -> Item {
        let drug = self.drug(&i.drug);
        let (route_words, route) = self.route(id, drug);
        let high = i.to.as_ref().map_or_else(|| "<high nullFlavor=\"UNK\"/>".to_owned(), |t| format!("<high value=\"{}\"/>", ts(t)));
        let why = i.why.as_ref().map_or_else(String::new, |[code, name]| {
            format!(
                r##"<entryRelationship typeCode="RSON"><act classCode="ACT" moodCode="EVN">{}{}<code code="{code}" displayName="{}" codeSystem="2.16.840.1.113883.6.3"><originalText><reference value="#{id}-motif"/></originalText></code></act></entryRelationship>"##,
                templates(&["1.3.6.1.4.1.19376.1.5.3.1.4.4.1", "1.2.250.1.213.1.1.3.36"]),
                self.id(&format!("{id}-motif")),
                x(name)
            )
        });
        let note = i.note.as_ref().map_or_else(String::new, |_| self.comment(&format!("{id}-com")));
        let entry = format!(
            r##"<entry><substanceAdministration classCode="SBADM" moodCode="EVN">{roots}{uuid}<code code="DRUG" displayName="Médicament" codeSystem="2.16.840.1.113883.5.4"/><text><reference value="#{id}"/></text><statusCode code="completed"/>
<effectiveTime xsi:type="IVL_TS"><low value="{from}"/>{high}</effectiveTime><effectiveTime xsi:type="PIVL_TS" operator="A"><period value="{hours}" unit="h"/></effectiveTime>{route}<doseQuantity><low value="{each}" unit="{unit}"/><high value="{each}" unit="{unit}"/></doseQuantity>
<consumable>{product}</consumable>{why}{note}</substanceAdministration></entry>"##,
            roots = templates(&["2.16.840.1.113883.10.20.1.24", "1.3.6.1.4.1.19376.1.5.3.1.4.7", "1.3.6.1.4.1.19376.1.5.3.1.4.7.1", "1.2.250.1.213.1.1.3.42"]),
            uuid = self.id(id),
            from = ts(&i.from),
            hours = i.hours,
            each = i.each,
            unit = drug.unit,
            product = self.product(id, drug, false)
        );
        let cells = vec![
            fr(&i.from),
            i.to.as_deref().map_or_else(|| "en cours".to_owned(), fr),
            word(id, &drug.name),
            word(&format!("{id}-poso"), &i.dose),
            route_words,
            i.why.as_ref().map_or_else(String::new, |w| word(&format!("{id}-motif"), &w[1])),
            i.note.as_ref().map_or_else(String::new, |n| word(&format!("{id}-com"), n)),
        ];
        Item { cells, entry }
    }

    fn comment(&self, id: &str) -> String {
        format!(
            r##"<entryRelationship typeCode="SUBJ" inversionInd="true"><act classCode="ACT" moodCode="EVN">{}<code code="48767-8" displayName="Commentaire" codeSystem="{LOINC}"/><text><reference value="#{id}"/></text><statusCode code="completed"/></act></entryRelationship>"##,
            templates(&["2.16.840.1.113883.10.20.1.40", "1.3.6.1.4.1.19376.1.5.3.1.4.2", "1.2.250.1.213.1.1.3.32"])
        )
    }

    /// A line of a prescription.
    pub(super) fn prescribed(&self, id: &str, i: &Intake) -> Item {
        let drug = self.drug(&i.drug);
        let (route_words, route) = self.route(id, drug);
        let to = i.to.as_ref().unwrap_or_else(|| panic!("a prescription ends: {}", i.drug));
        let answers = [("ald", "13", "MED-574", "En rapport avec une ALD"), ("at", "14", "GEN-180", "En rapport avec un accident du travail ou une maladie professionnelle")];
        let more = [("nr", "15", "GEN-181", "Non remboursable"), ("amm", "12", "GEN-179", "Hors Autorisation de Mise sur le Marché (AMM)")];
        let answers: String = answers.into_iter().chain(more).map(|(key, arc, code, name)| self.answer(&format!("{id}-{key}"), arc, [code, name])).collect();
        let entry = format!(
            r##"<entry><substanceAdministration classCode="SBADM" moodCode="INT">{roots}{uuid}<code code="DRUG" displayName="Médicament" codeSystem="2.16.840.1.113883.5.4"/><text><reference value="#{id}"/></text><statusCode code="completed"/>
<effectiveTime xsi:type="IVL_TS"><low value="{from}"/><high value="{to}"/></effectiveTime><effectiveTime xsi:type="PIVL_TS" operator="A"><period value="{hours}" unit="h"><translation><originalText><reference value="#{id}-freq"/></originalText></translation></period></effectiveTime>
<repeatNumber value="0"/>{route}<doseQuantity><low value="{each}" unit="{unit}"/><high value="{each}" unit="{unit}"/></doseQuantity><consumable>{product}</consumable>
<entryRelationship typeCode="COMP"><supply classCode="SPLY" moodCode="RQO"><templateId root="1.3.6.1.4.1.19376.1.9.1.3.8"/><templateId root="1.2.250.1.213.1.1.3.86"/><independentInd value="false"/><quantity value="{boxes}" unit="30009000"/></supply></entryRelationship>
<entryRelationship typeCode="COMP"><act classCode="ACT" moodCode="DEF"><templateId root="1.3.6.1.4.1.19376.1.9.1.3.9.1"/><templateId root="1.2.250.1.213.1.1.3.87"/><code code="G" displayName="Substitution générique permise" codeSystem="2.16.840.1.113883.5.1070"/><statusCode code="completed"/></act></entryRelationship>
{answers}</substanceAdministration></entry>"##,
            roots = templates(&[
                "2.16.840.1.113883.10.20.1.24",
                "1.3.6.1.4.1.19376.1.5.3.1.4.7",
                "1.3.6.1.4.1.19376.1.9.1.3.2",
                "1.2.250.1.213.1.1.3.83",
                "1.3.6.1.4.1.19376.1.9.1.3.6",
                "1.3.6.1.4.1.19376.1.5.3.1.4.7.1"
            ]),
            uuid = self.id(id),
            from = ts(&i.from),
            to = ts(to),
            hours = i.hours,
            each = i.each,
            unit = drug.unit,
            product = self.product(id, drug, true),
            boxes = i.boxes.max(1)
        );
        let no = |key: &str| word(&format!("{id}-{key}"), "Non");
        let cells = vec![
            format!("du {} au {}", fr(&i.from), fr(to)),
            word(id, &drug.name),
            word(&format!("{id}-freq"), &i.dose),
            route_words,
            format!("{} boîtes", i.boxes.max(1)),
            no("ald"),
            no("at"),
            no("nr"),
            no("amm"),
        ];
        Item { cells, entry }
    }

    fn answer(&self, id: &str, arc: &str, [code, name]: [&str; 2]) -> String {
        format!(
            r##"<entryRelationship typeCode="COMP"><observation classCode="OBS" moodCode="EVN">{}{}<code code="{code}" displayName="{name}" codeSystem="1.2.250.1.213.1.1.4.322"/><text><reference value="#{id}"/></text><statusCode code="completed"/><effectiveTime value="{}"/><value value="false" xsi:type="BL"/></observation></entryRelationship>"##,
            templates(&["1.3.6.1.4.1.19376.1.5.3.1.4.13", "1.2.250.1.213.1.1.3.48", &format!("1.2.250.1.213.1.1.3.48.{arc}")]),
            self.id(id),
            ts(&self.document.date)
        )
    }

    /// A drug handed over.
    pub(super) fn handed(&self, id: &str, i: &Intake) -> Item {
        let drug = self.drug(&i.drug);
        let entry = format!(
            r##"<entry><supply classCode="SPLY" moodCode="EVN">{roots}{uuid}<text><reference value="#{id}"/></text><statusCode code="completed"/><effectiveTime value="{when}"/><quantity value="{boxes}" unit="30009000"/><product>{product}</product>
<performer typeCode="PRF"><time value="{when}"/><assignedEntity>{who}</assignedEntity></performer></supply></entry>"##,
            roots = templates(&["2.16.840.1.113883.10.20.1.34", "1.3.6.1.4.1.19376.1.5.3.1.4.7.3", "1.3.6.1.4.1.19376.1.9.1.3.4", "1.2.250.1.213.1.1.3.204"]),
            uuid = self.id(id),
            when = ts(&self.document.date),
            boxes = i.boxes.max(1),
            product = self.product(id, drug, false),
            who = self.entity_of(&self.shared.person[&self.document.by], false)
        );
        Item { cells: vec![self.day(), word(id, &drug.name), format!("{} boîtes", i.boxes.max(1)), x(&i.dose)], entry }
    }

    pub(super) fn vaccine(&self, id: &str, v: &Vaccine) -> Item {
        let lot = v.lot.as_ref().map_or_else(String::new, |l| format!("<lotNumberText>{l}</lotNumberText>"));
        let rank = v.rank.map_or_else(String::new, |r| {
            format!(
                r##"<entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN">{}<code code="30973-2" displayName="Rang de la vaccination" codeSystem="{LOINC}"/><text><reference value="#{id}-rang"/></text><statusCode code="completed"/><value value="{r}" xsi:type="INT"/></observation></entryRelationship>"##,
                templates(&["2.16.840.1.113883.10.20.1.46", "1.2.250.1.213.1.1.3.82"])
            )
        });
        let refused = if v.refused.is_some() { self.comment(&format!("{id}-com")) } else { String::new() };
        let entry = format!(
            r##"<entry><substanceAdministration classCode="SBADM" moodCode="EVN" negationInd="{negated}">{roots}{uuid}<code code="IMMUNIZ" displayName="Vaccination" codeSystem="2.16.840.1.113883.5.4"/><text><reference value="#{id}"/></text><statusCode code="completed"/><effectiveTime value="{when}"/><doseQuantity value="1"/>
<consumable typeCode="CSM"><manufacturedProduct>{product}<manufacturedMaterial><code><originalText><reference value="#{id}"/></originalText><translation code="{atc}" displayName="{inn}" codeSystem="{ATC}"/></code><name>{name}</name>{lot}</manufacturedMaterial></manufacturedProduct></consumable>{rank}{refused}</substanceAdministration></entry>"##,
            negated = v.refused.is_some(),
            roots = templates(&["2.16.840.1.113883.10.20.1.24", "1.3.6.1.4.1.19376.1.5.3.1.4.12", "1.2.250.1.213.1.1.3.45"]),
            uuid = self.id(id),
            when = ts(&v.date),
            product = templates(&["2.16.840.1.113883.10.20.1.53", "1.3.6.1.4.1.19376.1.5.3.1.4.7.2", "1.2.250.1.213.1.1.3.43"]),
            atc = v.atc[0],
            inn = x(&v.atc[1]),
            name = x(&v.name)
        );
        let cells = vec![
            fr(&v.date),
            x(&v.disease),
            word(id, &v.name),
            v.lot.clone().unwrap_or_default(),
            v.rank.map_or_else(String::new, |r| word(&format!("{id}-rang"), &r.to_string())),
            v.refused.as_ref().map_or_else(String::new, |r| word(&format!("{id}-com"), r)),
        ];
        Item { cells, entry }
    }

    /// A laboratory result; the entry is the relationship inside the act of the chapter.
    pub(super) fn result(&self, key: &str, value: &str) -> Item {
        let a = self.analyte(key);
        let number: f64 = value.parse().unwrap_or_else(|_| panic!("{key}: {value}"));
        let bound = |b: &Option<String>| b.as_ref().map(|b| b.parse::<f64>().unwrap());
        let (flag, said) = match (bound(&a.low), bound(&a.high)) {
            (Some(low), _) if number < low => ("L", "bas"),
            (_, Some(high)) if number > high => ("H", "élevé"),
            _ => ("N", ""),
        };
        let flag = match flag {
            "L" => r#"<interpretationCode code="L" displayName="Bas" codeSystem="2.16.840.1.113883.5.83"/>"#,
            "H" => r#"<interpretationCode code="H" displayName="Haut" codeSystem="2.16.840.1.113883.5.83"/>"#,
            _ => "",
        };
        let edge = |name: &str, b: &Option<String>| b.as_ref().map_or_else(String::new, |b| format!("<{name} value=\"{b}\" unit=\"{}\"/>", a.unit));
        let range = if a.low.is_some() || a.high.is_some() {
            format!(
                r#"<referenceRange typeCode="REFV"><observationRange classCode="OBS" moodCode="EVN.CRT"><value xsi:type="IVL_PQ">{}{}</value><interpretationCode code="N" displayName="Normal" codeSystem="2.16.840.1.113883.5.83"/></observationRange></referenceRange>"#,
                edge("low", &a.low),
                edge("high", &a.high)
            )
        } else {
            String::new()
        };
        let id = format!("bio-{key}");
        let entry = format!(
            r##"<entryRelationship typeCode="COMP"><observation classCode="OBS" moodCode="EVN">{}{}<code code="{}" displayName="{}" codeSystem="{LOINC}"><originalText><reference value="#{id}"/></originalText></code><text><reference value="#{id}-res"/></text><statusCode code="completed"/><effectiveTime value="{}"/><value xsi:type="PQ" value="{value}" unit="{}"/>{flag}{range}</observation></entryRelationship>"##,
            templates(&["1.3.6.1.4.1.19376.1.3.1.6", "1.2.250.1.213.1.1.3.80"]),
            self.id(&id),
            a.loinc,
            x(&a.display),
            ts(&self.document.date),
            a.unit,
        );
        let printed = |b: &str| b.replace('.', ",");
        let norm = match (&a.low, &a.high) {
            (Some(l), Some(h)) => format!("{} – {}", printed(l), printed(h)),
            (Some(l), None) => format!("&gt; {}", printed(l)),
            (None, Some(h)) => format!("&lt; {}", printed(h)),
            _ => String::new(),
        };
        let unit = a.unit.replace("umol", "µmol").replace("{1.73_m2}", "1,73 m²").replace('*', "");
        Item { cells: vec![word(&id, &a.label), word(&format!("{id}-res"), &format!("{} {unit}", printed(value))), norm, said.to_owned()], entry }
    }

    /// A vital sign; the entry is the component of the organizer.
    pub(super) fn vital(&self, key: &str, value: &str) -> Item {
        let a = self.analyte(key);
        let id = format!("sv-{key}");
        let entry = format!(
            r##"<component typeCode="COMP"><observation classCode="OBS" moodCode="EVN">{}{}<code code="{}" displayName="{}" codeSystem="{LOINC}"/><text><reference value="#{id}"/></text><statusCode code="completed"/><effectiveTime value="{}"/><value xsi:type="PQ" value="{value}" unit="{}"/></observation></component>"##,
            templates(&["2.16.840.1.113883.10.20.1.31", "1.3.6.1.4.1.19376.1.5.3.1.4.13", "1.3.6.1.4.1.19376.1.5.3.1.4.13.2", "1.2.250.1.213.1.1.3.50"]),
            self.id(&id),
            a.loinc,
            x(&a.display),
            ts(&self.document.date),
            a.unit
        );
        let unit = a.unit.replace("mm[Hg]", "mmHg").replace("kg/m2", "kg/m²");
        Item { cells: vec![x(&a.label), word(&id, &format!("{} {unit}", value.replace('.', ",")))], entry }
    }
}
