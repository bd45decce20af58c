//! The header: CI-SIS structuration minimale, and what each volet adds.

use super::described::{Person, Place, Volet};
use super::{Writer, fr, ts, x};

const LOINC: &str = "2.16.840.1.113883.6.1";

/// Templates, type and title of each volet.
struct Model {
    templates: &'static [(&'static str, &'static str)],
    code: (&'static str, &'static str, &'static str),
    title: &'static str,
}

fn model(volet: Volet) -> Model {
    let (templates, code, title): (&'static [(&'static str, &'static str)], _, _) = match volet {
        Volet::Synthese => (&[("1.2.250.1.213.1.1.1.13", "2023.01")], ("SYNTH", "Synthèse", "1.2.250.1.213.1.1.4.12"), "Synthèse médicale"),
        Volet::Biologie => {
            (&[("1.3.6.1.4.1.19376.1.3.3", ""), ("1.2.250.1.213.1.1.1.55", "2024.01")], ("11502-2", "CR d'examens biologiques", LOINC), "Compte rendu d'examens biologiques")
        }
        Volet::Sortie => (
            &[("1.2.250.1.213.1.1.1.29", "2022.01")],
            ("11490-0", "Lettre de liaison à la sortie d'un établissement de santé", LOINC),
            "Lettre de liaison à la sortie de l'établissement",
        ),
        Volet::Vaccinations => {
            (&[("1.3.6.1.4.1.19376.1.5.3.1.1.18.1.2", ""), ("1.2.250.1.213.1.1.1.37", "2023.01")], ("11369-6", "Historique de Vaccinations", LOINC), "Historique de vaccinations")
        }
        Volet::Prescription => (
            &[("1.3.6.1.4.1.19376.1.9.1.1.1", ""), ("1.3.6.1.4.1.19376.1.5.3.1.1.1", ""), ("1.2.250.1.213.1.1.1.39", "2024.01")],
            ("57833-6", "Prescription de produits de santé", LOINC),
            "Prescription de médicaments",
        ),
        Volet::Dispensation => (
            &[("1.3.6.1.4.1.19376.1.9.1.1.3", ""), ("1.3.6.1.4.1.19376.1.5.3.1.1.1", ""), ("1.2.250.1.213.1.1.1.54", "2024.01")],
            ("60593-1", "Dispensation médicamenteuse", LOINC),
            "Dispensation de médicaments",
        ),
        Volet::CompteRendu => (&[("1.3.6.1.4.1.19376.1.5.3.1.1.1", "")], ("11488-4", "CR de consultation", LOINC), "Compte rendu de consultation"),
    };
    Model { templates, code, title }
}

impl Writer<'_> {
    fn person(&self) -> &Person {
        self.shared.person.get(&self.document.by).unwrap_or_else(|| panic!("no person {}", self.document.by))
    }

    fn place(&self) -> &Place {
        &self.shared.place[&self.person().place]
    }

    pub(super) fn title(&self) -> String {
        self.document.title.clone().unwrap_or_else(|| model(self.document.volet).title.to_owned())
    }

    /// The whole CDA.
    pub(super) fn whole(&self) -> String {
        let model = model(self.document.volet);
        let at = ts(self.written_at());
        let templates: String = model.templates.iter().map(|(root, version)| format!("<templateId root=\"{root}\"{}/>", extension(version))).collect();
        let (code, display, system) = match &self.document.kind {
            Some([code, display]) => (code.as_str(), display.as_str(), LOINC),
            None => model.code,
        };
        let oid = self.oid();
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:lab="urn:oid:1.3.6.1.4.1.19376.1.3.2" xmlns:pharm="urn:ihe:pharm:medication">
<realmCode code="FR"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
<templateId root="2.16.840.1.113883.2.8.2.1"/><templateId root="1.2.250.1.213.1.1.1.1"/>{templates}
<id root="{oid}"/><code code="{code}" displayName="{display}" codeSystem="{system}"/>
<title>{title}</title><effectiveTime value="{at}"/>
<confidentialityCode code="N" displayName="Normal" codeSystem="2.16.840.1.113883.5.25"/><languageCode code="fr-FR"/>
<setId root="{oid}"/><versionNumber value="1"/>
{target}
<author><time value="{at}"/><assignedAuthor>{author}</assignedAuthor></author>
<custodian><assignedCustodian><representedCustodianOrganization>{custodian}</representedCustodianOrganization></assignedCustodian></custodian>
<legalAuthenticator><time value="{at}"/><signatureCode code="S"/><assignedEntity>{signer}</assignedEntity></legalAuthenticator>
{event}
{encounter}
<component><structuredBody>{body}</structuredBody></component>
</ClinicalDocument>"#,
            display = x(display),
            title = x(&self.title()),
            target = self.target(),
            author = self.entity(false),
            custodian = organisation(self.place(), false),
            signer = self.entity(true),
            event = self.event((code, display, system)),
            encounter = self.encounter(),
            body = self.body(),
        )
    }

    fn target(&self) -> String {
        let p = self.patient;
        let sex = if p.sex == "F" { "Féminin" } else { "Masculin" };
        format!(
            r#"<recordTarget><patientRole><id root="1.2.250.1.213.1.4.10" extension="{ins}"/>
<addr><houseNumber>4</houseNumber><streetName>Rue des Tanneurs</streetName><postalCode>37000</postalCode><city>TOURS</city></addr><telecom value="tel:0639980101" use="MC"/>
<patient classCode="PSN"><name><family qualifier="BR">{family}</family><given>{given}</given><given qualifier="BR">{given}</given></name>
<administrativeGenderCode code="{code}" displayName="{sex}" codeSystem="2.16.840.1.113883.5.1"/><birthTime value="{birth}"/>
<birthplace><place><addr><county>37070</county><city>CHENONCEAUX</city></addr></place></birthplace></patient></patientRole></recordTarget>"#,
            ins = p.ins,
            family = x(&p.family),
            given = x(&p.given),
            code = p.sex,
            birth = ts(&p.birth)
        )
    }

    fn entity(&self, setting: bool) -> String {
        self.entity_of(self.person(), setting)
    }

    /// Identifier, role, address, name and organisation of a person.
    pub(super) fn entity_of(&self, p: &Person, setting: bool) -> String {
        let place = &self.shared.place[&p.place];
        let suffix = if p.suffix.is_empty() { String::new() } else { format!("<suffix>{}</suffix>", p.suffix) };
        format!(
            r#"<id root="1.2.250.1.71.4.2.1" extension="{id}"/><code code="{code}" displayName="{display}" codeSystem="1.2.250.1.213.1.1.4.5"/>{address}
<assignedPerson><name><prefix>{prefix}</prefix><given>{given}</given><family>{family}</family>{suffix}</name></assignedPerson>
<representedOrganization>{organisation}</representedOrganization>"#,
            id = p.id,
            code = p.role[0],
            display = x(&p.role[1]),
            address = ADDRESS,
            prefix = p.prefix,
            given = x(&p.given),
            family = x(&p.family),
            organisation = organisation(place, setting)
        )
    }

    /// A letter is written when the stay ends.
    fn written_at(&self) -> &str {
        let d = self.document;
        d.until.as_deref().filter(|_| d.volet == Volet::Sortie).unwrap_or(&d.date)
    }

    fn event(&self, (code, display, system): (&str, &str, &str)) -> String {
        let at = ts(&self.document.date);
        let biology = self.document.volet == Volet::Biologie;
        let (code, display, system) = match self.document.volet {
            Volet::Biologie => ("18719-5", "Biochimie", LOINC),
            Volet::Sortie => ("IMP", "Hospitalisation (établissement, y compris HAD)", "2.16.840.1.113883.5.4"),
            Volet::Synthese => ("34117-2", "Historique et clinique", LOINC),
            _ => (code, display, system),
        };
        let high = self.document.until.as_ref().map_or_else(|| at.clone(), |u| ts(u));
        let (id, status, template, time) = if biology {
            let id = format!("<id root=\"{}\" extension=\"1\"/>", self.oid());
            (id, "<lab:statusCode code=\"completed\"/>", "<templateId root=\"1.3.6.1.4.1.19376.1.3.3.1.7\"/>", format!("<time><high value=\"{at}\"/></time>"))
        } else {
            (String::new(), "", "", String::new())
        };
        format!(
            r#"<documentationOf><serviceEvent>{id}<code code="{code}" displayName="{display}" codeSystem="{system}"/>{status}<effectiveTime><low value="{at}"/><high value="{high}"/></effectiveTime>
<performer typeCode="PRF">{template}{time}<assignedEntity>{who}</assignedEntity></performer></serviceEvent></documentationOf>"#,
            display = x(display),
            who = self.entity(true)
        )
    }

    fn encounter(&self) -> String {
        let at = ts(&self.document.date);
        let place = self.place();
        let stay = self.document.volet == Volet::Sortie;
        let (code, display) = if stay { ("IMP", "Hospitalisation (établissement, y compris HAD)") } else { ("AMB", "Ambulatoire (hors établissement)") };
        let responsible = if self.document.volet == Volet::Biologie {
            format!("<responsibleParty><assignedEntity>{}</assignedEntity></responsibleParty>", self.entity(false))
        } else {
            String::new()
        };
        let high = self.document.until.as_ref().filter(|_| stay).map(|u| format!("<high value=\"{}\"/>", ts(u))).unwrap_or_default();
        format!(
            r#"<componentOf><encompassingEncounter><code code="{code}" displayName="{display}" codeSystem="2.16.840.1.113883.5.4"/><effectiveTime><low value="{at}"/>{high}</effectiveTime>{responsible}
<location><healthCareFacility><id root="1.2.250.1.71.4.2.2" extension="{id}"/><code code="{facility}" displayName="{kind}" codeSystem="1.2.250.1.71.4.2.4"/>
<location><name>{name}</name><addr><streetName>Rue des Halles</streetName><postalCode>37000</postalCode><city>TOURS</city></addr></location></healthCareFacility></location></encompassingEncounter></componentOf>"#,
            id = place.id,
            facility = place.facility[0],
            kind = x(&place.facility[1]),
            name = x(&place.name)
        )
    }

    /// The day of the document, as French writes it.
    pub(super) fn day(&self) -> String {
        fr(&self.document.date)
    }
}

const ADDRESS: &str = "<addr><streetName>Rue des Halles</streetName><postalCode>37000</postalCode><city>TOURS</city></addr><telecom value=\"tel:0261910100\" use=\"WP\"/>";

fn organisation(place: &Place, setting: bool) -> String {
    let setting = if setting {
        let [code, display] = &place.setting;
        format!("<standardIndustryClassCode code=\"{code}\" displayName=\"{}\" codeSystem=\"1.2.250.1.213.1.1.4.9\"/>", x(display))
    } else {
        String::new()
    };
    format!(
        "<id root=\"1.2.250.1.71.4.2.2\" extension=\"{}\"/><name>{}</name><telecom value=\"tel:0261910100\" use=\"WP\"/><addr><streetName>Rue des Halles</streetName><postalCode>37000</postalCode><city>TOURS</city></addr>{setting}",
        place.id,
        x(&place.name)
    )
}

fn extension(version: &str) -> String {
    if version.is_empty() { String::new() } else { format!(" extension=\"{version}\"") }
}
