//! The sections of each volet, in its order.
//! Spec: CI-SIS VSM 2023.01, CR-BIO 2024.01, LDL-SES 2022.01, VAC 2023.01, EP-MED-DM 2024.01, eDISP-MED 2024.01.

use super::Writer;
use super::described::Volet;
use super::sections::{Section, templates, word};

const TREATMENTS: &[&str] = &["2.16.840.1.113883.10.20.1.8", "1.3.6.1.4.1.19376.1.5.3.1.3.19", "1.2.250.1.213.1.1.2.143"];
const SOCIAL: &[&str] = &["2.16.840.1.113883.10.20.1.15", "1.3.6.1.4.1.19376.1.5.3.1.3.16", "1.3.6.1.4.1.19376.1.5.3.1.3.16.1", "1.2.250.1.213.1.1.2.141"];
const SOCIAL_ENTRY: &[&str] = &["2.16.840.1.113883.10.20.1.33", "1.3.6.1.4.1.19376.1.5.3.1.4.13", "1.3.6.1.4.1.19376.1.5.3.1.4.13.4", "1.2.250.1.213.1.1.3.52"];
const PREGNANCY_ENTRY: &[&str] = &["1.3.6.1.4.1.19376.1.5.3.1.4.13", "1.3.6.1.4.1.19376.1.5.3.1.4.13.5", "1.2.250.1.213.1.1.3.53"];
const DIRECTIVE_ENTRY: &[&str] = &["2.16.840.1.113883.10.20.1.17", "1.3.6.1.4.1.19376.1.5.3.1.4.13", "1.3.6.1.4.1.19376.1.5.3.1.4.13.7", "1.2.250.1.213.1.1.3.54"];
const SIMPLE: &[&str] = &["1.3.6.1.4.1.19376.1.5.3.1.4.13", "1.2.250.1.213.1.1.3.48"];

/// One empty page.
const PDF: &str = "JVBERi0xLjQKMSAwIG9iago8PC9UeXBlL0NhdGFsb2cvUGFnZXMgMiAwIFI+PgplbmRvYmoKMiAwIG9iago8PC9UeXBlL1BhZ2VzL0tpZHNbMyAwIFJdL0NvdW50IDE+PgplbmRvYmoKMyAwIG9iago8PC9UeXBlL1BhZ2UvUGFyZW50IDIgMCBSL01lZGlhQm94WzAgMCA1OTUgODQyXT4+CmVuZG9iagp4cmVmCjAgNAowMDAwMDAwMDAwIDY1NTM1IGYgCjAwMDAwMDAwMDkgMDAwMDAgbiAKMDAwMDAwMDA1NCAwMDAwMCBuIAowMDAwMDAwMTA1IDAwMDAwIG4gCnRyYWlsZXIKPDwvU2l6ZSA0L1Jvb3QgMSAwIFI+PgpzdGFydHhyZWYKMTcwCiUlRU9GCg==";

impl Writer<'_> {
    pub(super) fn body(&self) -> String {
        match self.document.volet {
            Volet::Synthese => self.synthese(),
            Volet::Biologie => [self.biology(), self.copy()].concat(),
            Volet::Sortie => self.discharge(),
            Volet::Vaccinations => self.vaccines(),
            Volet::Prescription => [self.prescription(), self.copy()].concat(),
            Volet::Dispensation => self.dispensation(),
            Volet::CompteRendu => [self.words(), self.clinical()].concat(),
        }
    }

    /// Everything clinical that the document has, in the order of a letter.
    fn clinical(&self) -> String {
        let d = self.document;
        [
            self.problems(),
            self.history(),
            self.acts(),
            self.allergies(),
            self.treatments("traitements", TREATMENTS, ["10160-0", "Traitements"], "Traitements", &d.treatments),
            self.stopped(),
            self.said(
                "grossesse",
                &["1.3.6.1.4.1.19376.1.5.3.1.1.5.3.4", "1.2.250.1.213.1.1.2.77"],
                ["10162-6", "Historique des grossesses"],
                "Grossesse",
                (&d.pregnancy, PREGNANCY_ENTRY),
            ),
            self.vitals(),
            self.lifestyle(),
            self.relatives(),
            self.vaccines(),
            self.devices(),
            self.said("autonomie", &["1.2.250.1.213.1.1.2.246"], ["47420-5", "Statut fonctionnel"], "Autonomie", (&d.function, SIMPLE)),
            self.said(
                "directives",
                &["1.3.6.1.4.1.19376.1.5.3.1.3.34", "1.2.250.1.213.1.1.2.157"],
                ["42348-3", "Directives anticipées"],
                "Directives anticipées",
                (&d.directives, DIRECTIVE_ENTRY),
            ),
            self.plan(),
            if d.vigilance.is_empty() { String::new() } else { self.vigilance() },
        ]
        .concat()
    }

    fn stopped(&self) -> String {
        let roots = &["1.3.6.1.4.1.19376.1.5.3.1.3.21", "1.2.250.1.213.1.1.2.145"];
        self.treatments("arretes", roots, ["18610-6", "Traitements administrés"], "Traitements arrêtés", &self.document.stopped)
    }

    fn lifestyle(&self) -> String {
        self.said("vie", SOCIAL, ["29762-2", "Habitus, Mode de vie"], "Mode de vie", (&self.document.lifestyle, SOCIAL_ENTRY))
    }

    fn synthese(&self) -> String {
        let roots = |root| [root];
        let conditions = [self.problems(), self.history(), self.acts(), self.allergies()].concat();
        let conditions =
            self.section("histoire", &roots("1.2.250.1.213.1.1.2.30"), ["34117-2", "Historique et physique"], "Pathologies en cours, antécédents et allergies", &conditions);
        let risks = [self.lifestyle(), self.relatives()].concat();
        let risks = if risks.is_empty() {
            String::new()
        } else {
            let display = "Facteurs de risque présents ou passés affectant l'état de santé et/ou une circonstance";
            self.section("risques", &roots("1.2.250.1.213.1.1.2.31"), ["57207-3", display], "Facteurs de risque", &risks)
        };
        let code = ["46612-8", "Conclusions de synthèse"];
        let history = self.section("synthese", &roots("1.2.250.1.213.1.1.2.29"), code, "Pathologies, antécédents, allergies et facteurs de risque", &[conditions, risks].concat());
        let treatments = self.treatments("traitements", TREATMENTS, ["10160-0", "Traitements"], "Traitements", &self.document.treatments);
        let treatments = if treatments.is_empty() {
            self.section("traitements", TREATMENTS, ["10160-0", "Traitements"], "Traitements", "<text><paragraph>Aucun traitement au long cours.</paragraph></text>")
        } else {
            treatments
        };
        let long = self.section("long-cours", &roots("1.2.250.1.213.1.1.2.32"), ["18776-5", "Plan de traitement"], "Traitement au long cours", &treatments);
        [history, self.vigilance(), long].concat()
    }

    fn biology(&self) -> String {
        let items: Vec<_> = self.document.results.iter().map(|(key, value)| self.result(key, value)).collect();
        let rows: String = items.iter().map(|i| format!("<tr>{}</tr>", i.cells.iter().map(|c| format!("<td>{c}</td>")).collect::<String>())).collect();
        let conclusion: String =
            self.document.text.iter().flat_map(|t| &t.paragraphs).enumerate().map(|(n, p)| format!("<paragraph>{}</paragraph>", word(&format!("conclusion-{n}"), p))).collect();
        let at = super::ts(&self.document.date);
        let results: String = items.iter().map(|i| i.entry.as_str()).collect();
        let inside = format!(
            r##"<text><paragraph>Prélèvement : <content ID="prelevement">sang veineux</content>, le {day}.</paragraph><table border="0"><thead><tr><th>Examen</th><th>Résultat</th><th>Valeurs de référence</th><th>Interprétation</th></tr></thead><tbody>{rows}</tbody></table>{conclusion}</text>
<entry typeCode="DRIV"><templateId root="1.3.6.1.4.1.19376.1.3.1"/><templateId root="1.2.250.1.213.1.1.3.21"/><act classCode="ACT" moodCode="EVN"><code code="18719-5" displayName="Biochimie" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/>
<entryRelationship typeCode="COMP"><procedure classCode="PROC" moodCode="EVN">{specimen}<code code="82078001" displayName="Prélèvement de sang" codeSystem="2.16.840.1.113883.6.96"><originalText><reference value="#prelevement"/></originalText></code><effectiveTime><high value="{at}"/></effectiveTime>
<participant typeCode="PRD"><participantRole classCode="SPEC"><id root="{oid}" extension="{number}"/><playingEntity><code code="BLD" displayName="Sang" codeSystem="2.16.840.1.113883.18.311"><originalText><reference value="#prelevement"/></originalText></code></playingEntity></participantRole></participant></procedure></entryRelationship>
{results}</act></entry>"##,
            day = self.day(),
            specimen = templates(&["1.3.6.1.4.1.19376.1.3.1.2", "1.2.250.1.213.1.1.3.77"]),
            oid = self.oid(),
            number = self.number
        );
        let code = ["18719-5", "Biochimie"];
        let chapter = self.section("bio-2", &["1.3.6.1.4.1.19376.1.3.3.2.2", "1.2.250.1.213.1.1.2.71"], code, "Biochimie sanguine", &inside);
        self.section("bio", &["1.3.6.1.4.1.19376.1.3.3.2.1", "1.2.250.1.213.1.1.2.70"], code, "Biochimie sanguine", &chapter)
    }

    /// The letter of a stay: the first text is why the patient came, the second what happened.
    fn discharge(&self) -> String {
        let d = self.document;
        let said = |n: usize| d.text.get(n).map(|t| t.paragraphs.join(" ")).unwrap_or_default();
        let answer = |id: &str, arcs: &[&str], [code, name]: [&str; 2], value: String, when: &str| {
            let roots: Vec<String> = arcs.iter().map(|a| format!("1.2.250.1.213.1.1.3.48.{a}")).collect();
            format!(
                r##"<entry><observation classCode="OBS" moodCode="EVN">{}{}<code code="{code}" displayName="{name}" codeSystem="1.2.250.1.213.1.1.4.322"/><text><reference value="#{id}"/></text><statusCode code="completed"/><effectiveTime value="{}"/>{value}</observation></entry>"##,
                [templates(SIMPLE), templates(&roots.iter().map(String::as_str).collect::<Vec<_>>())].concat(),
                self.id(id),
                super::ts(when)
            )
        };
        let end = d.until.as_deref().unwrap_or(&d.date);
        let (from, to) = (d.date.split('T').next().unwrap(), end.split('T').next().unwrap());
        let status = answer(
            "statut",
            &["16", "16.1"],
            ["GEN-065", "Statut du document"],
            r#"<value xsi:type="CD" code="398166005" displayName="réalisé" codeSystem="2.16.840.1.113883.6.96"/>"#.into(),
            to,
        );
        let status = format!("<text><paragraph>Statut : {}</paragraph></text>{status}", word("statut", "Réalisé"));
        let entries = [
            answer(
                "entree",
                &["6"],
                ["ORG-070", "Modalité d'entrée"],
                r#"<value xsi:type="CE" code="183452005" displayName="hospitalisation en urgence" codeSystem="2.16.840.1.113883.6.96"/>"#.into(),
                from,
            ),
            answer(
                "sortie",
                &["7"],
                ["ORG-074", "Modalité de sortie"],
                r#"<value xsi:type="CE" code="160849004" displayName="retour au domicile" codeSystem="2.16.840.1.113883.6.96"/>"#.into(),
                to,
            ),
            answer("resume", &["9"], ["MED-142", "Synthèse médicale"], format!(r#"<value xsi:type="ST">{}</value>"#, super::x(&said(1))), to),
            answer("evenements", &["3"], ["MED-143", "Evènements indésirables survenus pendant l'hospitalisation"], r#"<value xsi:type="ST">Aucun</value>"#.into(), to),
            answer("transfusion", &["10"], ["MED-145", "Transfusion de produits sanguins"], r#"<value value="false" xsi:type="BL"/>"#.into(), to),
        ]
        .concat();
        let row = |name: &str, id: &str, words: &str| format!("<tr><td>{name}</td><td>{}</td></tr>", word(id, words));
        let rows = [
            row("Entrée", "entree", &format!("{}, hospitalisation en urgence", super::fr(from))),
            row("Sortie", "sortie", &format!("{}, retour au domicile", super::fr(to))),
            row("Synthèse médicale", "resume", &said(1)),
            row("Événements indésirables survenus pendant l'hospitalisation", "evenements", "Aucun"),
            row("Transfusion de produits sanguins", "transfusion", "Non"),
        ]
        .concat();
        let stay = format!("<text><table border=\"0\"><tbody>{rows}</tbody></table></text>{entries}");
        let why = format!("<text><paragraph>{}</paragraph></text>", word("motif", &said(0)));
        let leaving = ["10183-2", "Traitements à la sortie"];
        [
            self.section("statut-s", &["1.2.250.1.213.1.1.2.35", "1.2.250.1.213.1.1.2.35.1"], ["33557-0", "Etat d'achèvement"], "Statut du document", &status),
            self.section("motif", &["1.3.6.1.4.1.19376.1.5.3.1.3.1", "1.2.250.1.213.1.1.2.127"], ["42349-1", "Raison de la recommandation"], "Motif de l'hospitalisation", &why),
            self.section(
                "sejour",
                &["1.3.6.1.4.1.19376.1.5.3.1.1.21.2.9", "1.3.6.1.4.1.19376.1.7.3.1.1.13.7", "1.2.250.1.213.1.1.2.163", "1.2.250.1.213.1.1.2.163.1"],
                ["42545-4", "Evènements observés"],
                "Synthèse médicale du séjour",
                &stay,
            ),
            self.problems(),
            self.acts(),
            self.stopped(),
            self.treatments("sortie", &["1.3.6.1.4.1.19376.1.5.3.1.3.22", "1.2.250.1.213.1.1.2.146"], leaving, leaving[1], &d.treatments),
            self.devices(),
            self.plan(),
            self.allergies(),
        ]
        .concat()
    }

    fn prescription(&self) -> String {
        let items = self.document.treatments.iter().enumerate().map(|(n, i)| self.prescribed(&format!("presc-{n}"), i)).collect();
        let templates = &["1.3.6.1.4.1.19376.1.9.1.2.1", "1.2.250.1.213.1.1.2.171"];
        let head = &["Durée", "Médicament", "Posologie", "Voie", "Quantité", "ALD", "AT/MP", "Non remboursable", "Hors AMM"];
        self.table(Section { key: "prescription", templates, code: ["57828-6", "Prescriptions"], title: "Prescription de médicaments", head, items })
    }

    fn dispensation(&self) -> String {
        let items = self.document.treatments.iter().enumerate().map(|(n, i)| self.handed(&format!("disp-{n}"), i)).collect();
        let templates = &["1.3.6.1.4.1.19376.1.9.1.2.3", "1.2.250.1.213.1.1.2.236"];
        let head = &["Date", "Médicament", "Quantité", "Posologie"];
        self.table(Section { key: "dispensation", templates, code: ["60590-7", "Dispensation médicamenteuse"], title: "Médicaments dispensés", head, items })
    }

    fn copy(&self) -> String {
        let inside = format!(
            r##"<text><paragraph>{words} <renderMultiMedia referencedObject="copie-pdf"/></paragraph></text>
<entry><organizer classCode="CLUSTER" moodCode="EVN"><templateId root="1.2.250.1.213.1.1.3.18"/>{id}<code code="55107-7" displayName="Document attaché" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/>
<component><observation classCode="OBS" moodCode="EVN">{roots}{kind}<code code="69764-9" displayName="Type de document" codeSystem="2.16.840.1.113883.6.1"/><text><reference value="#copie"/></text><statusCode code="completed"/><effectiveTime nullFlavor="NA"/><value xsi:type="CD" code="55108-5" displayName="Copie du document" codeSystem="2.16.840.1.113883.6.1"/></observation></component>
<component><observationMedia classCode="OBS" moodCode="EVN" ID="copie-pdf"><value mediaType="application/pdf" representation="B64">{PDF}</value></observationMedia></component></organizer></entry>"##,
            words = word("copie", "Copie PDF du présent document"),
            id = self.id("copie-o"),
            roots = templates(&["1.3.6.1.4.1.19376.1.5.3.1.4.13", "1.2.250.1.213.1.1.3.48", "1.2.250.1.213.1.1.3.48.18"]),
            kind = self.id("copie-t")
        );
        self.section("copie-s", &["1.2.250.1.213.1.1.2.243"], ["55108-5", "Copie du document"], "Copie du document", &inside)
    }
}
