//! Sections: title, narrative and entries, one function per kind of content.

use super::described::{Allergy, Intake, Said};
use super::{Writer, x};

/// A row of the narrative (cells of XML) and the entry that refers to it.
pub(super) struct Item {
    pub cells: Vec<String>,
    pub entry: String,
}

/// What a section is made from.
pub(super) struct Section<'a> {
    /// Names the section in identifiers.
    pub key: &'a str,
    pub templates: &'a [&'a str],
    pub code: [&'a str; 2],
    pub title: &'a str,
    pub head: &'a [&'a str],
    pub items: Vec<Item>,
}

/// A word of the narrative that entries can name.
pub(super) fn word(id: &str, text: &str) -> String {
    format!("<content ID=\"{id}\">{}</content>", x(text))
}

pub(super) fn templates(roots: &[&str]) -> String {
    roots.iter().map(|r| format!("<templateId root=\"{r}\"/>")).collect()
}

impl Writer<'_> {
    /// A section with a table, nothing when it has no row.
    pub(super) fn table(&self, s: Section<'_>) -> String {
        if s.items.is_empty() {
            return String::new();
        }
        let head: String = s.head.iter().map(|h| format!("<th>{h}</th>")).collect();
        let rows: String = s.items.iter().map(|i| format!("<tr>{}</tr>", i.cells.iter().map(|c| format!("<td>{c}</td>")).collect::<String>())).collect();
        let text = format!("<table border=\"0\"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>");
        let entries: String = s.items.iter().map(|i| i.entry.as_str()).collect();
        self.section(s.key, s.templates, s.code, s.title, &format!("<text>{text}</text>{entries}"))
    }

    /// A section around its inside.
    pub(super) fn section(&self, key: &str, roots: &[&str], [code, display]: [&str; 2], title: &str, inside: &str) -> String {
        format!(
            r#"<component><section>{}<id root="{}"/><code code="{code}" displayName="{}" codeSystem="2.16.840.1.113883.6.1"/><title>{}</title>
{inside}
</section></component>
"#,
            templates(roots),
            self.uuid(key),
            x(display),
            x(title)
        )
    }

    /// Paragraphs without entries.
    pub(super) fn words(&self) -> String {
        let all = self.document.text.iter().enumerate();
        all.map(|(n, t)| {
            let paragraphs: String = t.paragraphs.iter().enumerate().map(|(i, p)| format!("<paragraph>{}</paragraph>", word(&format!("texte-{n}-{i}"), p))).collect();
            self.section(&format!("texte-{n}"), &[], [&t.code[0], &t.code[1]], &t.title, &format!("<text>{paragraphs}</text>"))
        })
        .collect()
    }

    pub(super) fn problems(&self) -> String {
        let items = self.document.problems.iter().enumerate().map(|(n, p)| self.problem(&format!("pb-{n}"), p, false)).collect();
        let templates = &["2.16.840.1.113883.10.20.1.11", "1.3.6.1.4.1.19376.1.5.3.1.3.6", "1.2.250.1.213.1.1.2.132"];
        let code = ["11450-4", "Liste des problèmes actifs"];
        self.table(Section { key: "problemes", templates, code, title: "Pathologies en cours", head: &["Depuis", "Pathologie", "Précisions"], items })
    }

    pub(super) fn history(&self) -> String {
        let items = self.document.history.iter().enumerate().map(|(n, p)| self.problem(&format!("atcd-{n}"), p, true)).collect();
        let templates = &["1.3.6.1.4.1.19376.1.5.3.1.3.8", "1.2.250.1.213.1.1.2.134"];
        let code = ["11348-0", "Antécédents médicaux"];
        self.table(Section { key: "antecedents", templates, code, title: "Antécédents médicaux", head: &["Période", "Antécédent", "Précisions"], items })
    }

    pub(super) fn acts(&self) -> String {
        let items = self.document.acts.iter().enumerate().map(|(n, a)| self.act(&format!("acte-{n}"), a)).collect();
        let templates = &["2.16.840.1.113883.10.20.1.12", "1.3.6.1.4.1.19376.1.5.3.1.3.11", "1.3.6.1.4.1.19376.1.5.3.1.3.12", "1.2.250.1.213.1.1.2.136"];
        self.table(Section { key: "actes", templates, code: ["47519-4", "Historique des actes"], title: "Actes et interventions", head: &["Date", "Acte"], items })
    }

    pub(super) fn allergies(&self) -> String {
        let mut items: Vec<Item> = self.document.allergies.iter().enumerate().map(|(n, a)| self.allergy(&format!("all-{n}"), a)).collect();
        if self.document.no_allergy {
            items.push(self.no_allergy("all-aucune"));
        }
        let templates = &["2.16.840.1.113883.10.20.1.2", "1.3.6.1.4.1.19376.1.5.3.1.3.13", "1.2.250.1.213.1.1.2.137"];
        let head = &["Depuis", "Type", "Agent responsable", "Réaction", "Criticité", "Certitude", "Statut"];
        self.table(Section { key: "allergies", templates, code: ["48765-2", "Allergies et hypersensibilités"], title: "Allergies et hypersensibilités", head, items })
    }

    /// Treatments under way, at discharge or stopped: the section says which.
    pub(super) fn treatments(&self, key: &str, roots: &[&str], code: [&str; 2], title: &str, of: &[Intake]) -> String {
        let items = of.iter().enumerate().map(|(n, i)| self.intake(&format!("{key}-{n}"), i)).collect();
        self.table(Section { key, templates: roots, code, title, head: &["Début", "Fin", "Médicament", "Posologie", "Voie", "Motif", "Commentaire"], items })
    }

    pub(super) fn vaccines(&self) -> String {
        let items = self.document.vaccines.iter().enumerate().map(|(n, v)| self.vaccine(&format!("vac-{n}"), v)).collect();
        let templates = &["2.16.840.1.113883.10.20.1.6", "1.3.6.1.4.1.19376.1.5.3.1.3.23", "1.2.250.1.213.1.1.2.147"];
        let head = &["Date", "Maladie", "Vaccin", "Lot", "Rang", "Remarque"];
        self.table(Section { key: "vaccinations", templates, code: ["11369-6", "Historique des vaccinations"], title: "Historique des vaccinations", head, items })
    }

    pub(super) fn vitals(&self) -> String {
        if self.document.vitals.is_empty() {
            return String::new();
        }
        let items: Vec<Item> = self.document.vitals.iter().map(|(key, value)| self.vital(key, value)).collect();
        let components: String = items.iter().map(|i| i.entry.as_str()).collect();
        let organizer = format!(
            r#"<entry><organizer classCode="CLUSTER" moodCode="EVN">{}<id root="{}"/><code code="85353-1" displayName="Signes vitaux" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/><effectiveTime value="{}"/>{components}</organizer></entry>"#,
            templates(&["2.16.840.1.113883.10.20.1.32", "2.16.840.1.113883.10.20.1.35", "1.3.6.1.4.1.19376.1.5.3.1.4.13.1", "1.2.250.1.213.1.1.3.49"]),
            self.uuid("signes"),
            super::ts(&self.document.date),
        );
        let rows: String = items.iter().map(|i| format!("<tr>{}</tr>", i.cells.iter().map(|c| format!("<td>{c}</td>")).collect::<String>())).collect();
        let text = format!("<text><table border=\"0\"><thead><tr><th>Mesure</th><th>Valeur</th></tr></thead><tbody>{rows}</tbody></table></text>{organizer}");
        let roots = ["2.16.840.1.113883.10.20.1.16", "1.3.6.1.4.1.19376.1.5.3.1.3.25", "1.3.6.1.4.1.19376.1.5.3.1.1.5.3.2", "1.2.250.1.213.1.1.2.75"];
        self.section("constantes", &roots, ["8716-3", "Signes vitaux"], "Signes vitaux et mensurations", &text)
    }

    /// Observations of a section that is named by its code.
    pub(super) fn said(&self, key: &str, roots: &[&str], code: [&str; 2], title: &str, (of, entry): (&[Said], &[&str])) -> String {
        let items = of.iter().enumerate().map(|(n, s)| self.observation(&format!("{key}-{n}"), s, entry)).collect();
        self.table(Section { key, templates: roots, code, title, head: &["Élément", "Valeur"], items })
    }

    pub(super) fn relatives(&self) -> String {
        let items = self.document.family.iter().enumerate().map(|(n, r)| self.relative(&format!("fam-{n}"), r)).collect();
        let templates = &["2.16.840.1.113883.10.20.1.4", "1.3.6.1.4.1.19376.1.5.3.1.3.14", "1.3.6.1.4.1.19376.1.5.3.1.3.15", "1.2.250.1.213.1.1.2.139"];
        let code = ["10157-6", "Historique des pathologies familiales"];
        self.table(Section { key: "famille", templates, code, title: "Antécédents familiaux", head: &["Lien de parenté", "Antécédent"], items })
    }

    pub(super) fn devices(&self) -> String {
        let items = self.document.devices.iter().enumerate().map(|(n, d)| self.device(&format!("dm-{n}"), d)).collect();
        let templates = &["1.2.250.1.213.1.1.2.1"];
        let code = ["46264-8", "Dispositifs médicaux"];
        self.table(Section { key: "dispositifs", templates, code, title: "Dispositifs médicaux", head: &["Depuis", "Dispositif"], items })
    }

    pub(super) fn plan(&self) -> String {
        let items = self.document.plan.iter().enumerate().map(|(n, p)| self.planned(&format!("suite-{n}"), p)).collect();
        let templates = &["2.16.840.1.113883.10.20.1.10", "1.3.6.1.4.1.19376.1.5.3.1.3.36", "1.2.250.1.213.1.1.2.158"];
        self.table(Section { key: "suites", templates, code: ["18776-5", "Plan de soins"], title: "Suites à donner", head: &["Action", "Date"], items })
    }

    pub(super) fn vigilance(&self) -> String {
        let none = ["Aucun point de vigilance particulier.".to_owned()];
        let all = if self.document.vigilance.is_empty() { &none[..] } else { &self.document.vigilance };
        let list: String = all.iter().enumerate().map(|(n, v)| format!("<item>{}</item>", word(&format!("vig-{n}"), v))).collect();
        let text = format!("<text><list>{list}</list></text>");
        self.section("vigilance", &["1.3.6.1.4.1.19376.1.5.3.1.3.27", "1.2.250.1.213.1.1.2.150"], ["30954-2", "Résultats d'examens"], "Points de vigilance", &text)
    }

    /// Agent, kind and what is said of an allergy in the narrative.
    pub(super) fn allergy_cells(&self, id: &str, a: &Allergy) -> Vec<String> {
        let reaction = a.reaction.as_ref().map_or_else(String::new, |r| word(&format!("{id}-reaction"), &r[1]));
        let criticality = a.criticality.as_ref().map_or_else(String::new, |c| word(&format!("{id}-criticite"), if c == "high" { "Haute" } else { "Basse" }));
        vec![
            a.since.as_deref().map(super::fr).unwrap_or_default(),
            word(&format!("{id}-type"), &a.kind[1]),
            word(&format!("{id}-agent"), &a.agent[2]),
            reaction,
            criticality,
            word(&format!("{id}-certitude"), "Confirmée"),
            word(&format!("{id}-statut"), "Active"),
        ]
    }
}
