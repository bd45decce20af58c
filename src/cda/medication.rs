//! Substance administration → MedicationStatement, MedicationRequest, MedicationAdministration.
//! Spec: IHE PCC 1.3.6.1.4.1.19376.1.5.3.1.4.7, IHE PHARM PRE; FHIR R4 medications module.

use serde_json::{Map, Value, json};

use super::codes;
use super::concept::{absent, absent_concept, codes_of, concept, denies, is_answer, labelled, placeholder, system_within, void};
use super::datatypes::{coding_value, quantity};
use super::dosage;
use super::narrative::{clean, tokens};
use super::path::{first, select};
use super::statement::{Maker, Scope, mood, negated, status};
use super::when::bounds;
use super::{table, when};
use crate::fhir::xml::Element;

const ACTIVE: &str = "urn:passerelle:cda-ingredient";
const FORM: &str = "urn:passerelle:cda-form";

impl<'a> Maker<'a> {
    /// A drug taken, given or prescribed, a vaccine, or the statement that there is none.
    pub fn substance(&mut self, e: &'a Element, kind: &str, scope: &Scope<'a>) {
        match kind {
            "immunization" => return self.immunization(e, scope),
            "recommendation" => return self.recommendation(e, scope),
            "prescription-item" => return,
            _ if scope.in_section("immunization-sections") => return self.immunization(e, scope),
            _ => {}
        }
        let resource = self.resource_of(e, scope);
        let material = material_of(e);
        let said = e.child("code").into_iter().chain(material.and_then(|m| m.child("code")));
        if let Some((code, said)) = said.clone().find_map(|c| Some((absent(c)?, c))) {
            return self.no_medication(e, scope, code, said);
        }
        let at_large = |c: &Element| negated(e) && codes_of(c).any(|k| codes::within("drugs-at-large", k));
        if let Some(said) = said.clone().find(|c| placeholder(c) || at_large(c)) {
            return self.no_medication(e, scope, "no-known-medications", said);
        }
        let product = material.and_then(|m| self.product(m, self.words(e)));
        if let (None, true, Some(said)) = (&product, negated(e), material.and_then(|m| m.child("code"))) {
            // C-CDA No Medications: a drug of no kind at all is denied.
            return self.no_medication(e, scope, "no-known-medications", said);
        }
        let Some(product) = product else {
            return self.warn(&scope.path, "a medication statement names no product; it stays in the document only");
        };
        let mut out = self.start(resource, e, scope);
        self.extend(material, &mut out);
        out.insert("status".into(), json!(self.medication_status(e, resource)));
        if resource == "MedicationRequest" {
            out.insert("intent".into(), json!(codes::mapped("intent", mood(e)).unwrap_or("order")));
            if negated(e) {
                out.insert("doNotPerform".into(), json!(true));
            }
        }
        let names = self.names(material, &product);
        out.insert("medicationCodeableConcept".into(), product);
        out.insert("subject".into(), self.subject());
        table::apply("medication", e, &self.narrative, resource, &mut out);
        self.taking(e, resource, scope, &mut out);
        self.directions(e, resource, &names, &mut out);
        if resource == "MedicationRequest" {
            self.supply_request(e, &mut out);
        }
        self.push(&scope.path, out);
    }

    fn resource_of(&self, e: &Element, scope: &Scope<'_>) -> &'static str {
        let given = |t: &Element| t.attr("root").is_some_and(|r| matches!(r, "1.2.840.10008.9.13" | "1.2.250.1.213.1.1.3.151" | "1.2.250.1.213.1.1.3.173"));
        match mood(e) {
            "EVN" if scope.in_section("administered-sections") || e.all("templateId").any(given) => "MedicationAdministration",
            "EVN" => "MedicationStatement",
            _ => "MedicationRequest",
        }
    }

    fn medication_status(&self, e: &Element, resource: &str) -> &'static str {
        let map = match resource {
            "MedicationStatement" => "statement-status",
            "MedicationAdministration" => "administration-status",
            _ => "prescription-status",
        };
        // What was aborted was begun: it is stopped, not «not taken» (HL7 v3 ActStatus aborted).
        match resource {
            "MedicationStatement" if negated(e) => "not-taken",
            "MedicationAdministration" if negated(e) => "not-done",
            "MedicationStatement" if status(e) == "completed" && !self.ended(e) => "active",
            _ => codes::mapped(map, status(e)).unwrap_or("unknown"),
        }
    }

    /// Whether the treatment ended by the day of the document (there is no clock here).
    fn ended(&self, e: &Element) -> bool {
        let end = when::clinical_time(e).and_then(|t| bounds(t).1);
        let (Some(end), Some(created)) = (end, &self.created) else { return false };
        end.get(..end.len().min(10)) <= created.get(..created.len().min(end.len()).min(10))
    }

    /// The product as a concept: its code and translations, the ATC class, named by displayName, name or narrative.
    pub fn product(&self, material: &Element, words: Option<String>) -> Option<Value> {
        let name = material.child("name").and_then(|n| clean(&n.plain())).filter(|n| !void(n));
        let code = material.child("code");
        let own = code.and_then(|c| labelled(c, &self.narrative, name.clone(), words.clone()));
        let mut out = match own {
            Some(Value::Object(members)) => members,
            _ => Map::new(),
        };
        let classes = select(material, "asSpecializedKind/generalizedMedicineClass/code").into_iter().chain(select(material, "asSpecializedKind/generalizedMaterialKind/code"));
        for class in classes.filter_map(coding_value) {
            table::put(&mut out, "coding[]", class);
        }
        // The display of a class names no product: the name says the brand and its strength.
        if let Some(name) = name.clone().filter(|n| !is_answer(n) && code.is_some_and(|c| system_within(c, "class-systems"))) {
            out.insert("text".into(), json!(name));
        }
        if !out.contains_key("text") {
            let coded = out.contains_key("coding") || material.child("code").is_some_and(|c| c.attr("nullFlavor").is_none());
            let label = name.or_else(|| self.ingredient_names(material)).or(words.filter(|w| coded && !void(w) && !denies(w)));
            out.insert("text".into(), json!(label?));
        }
        Some(Value::Object(out))
    }

    /// The words that name a product.
    pub fn product_name(&self, material: &Element) -> Option<String> {
        self.product(material, None)?.get("text")?.as_str().map(str::to_owned)
    }

    /// Active ingredients with their strength, and the pharmaceutical form.
    pub fn extend(&self, material: Option<&Element>, out: &mut Map<String, Value>) {
        let Some(material) = material else { return };
        let active = material.all("ingredient").filter_map(|i| self.ingredient(i)).map(|c| json!({"url": ACTIVE, "valueCodeableConcept": c}));
        let form = material.child("formCode").and_then(|c| concept(c, &self.narrative)).map(|c| json!({"url": FORM, "valueCodeableConcept": c}));
        if let Some(Value::Array(extensions)) = out.get_mut("extension") {
            extensions.extend(active.chain(form));
        }
    }

    fn ingredient(&self, holder: &Element) -> Option<Value> {
        let substance = holder.child("ingredient").or_else(|| holder.child("ingredientSubstance"))?;
        let name = substance.child("name").and_then(|n| clean(&n.plain()));
        let mut named = match substance.child("code").and_then(|c| labelled(c, &self.narrative, name.clone(), None)) {
            Some(found) => found,
            None => json!({"text": name?}),
        };
        if let (Some(strength), Some(members)) = (holder.child("quantity").and_then(strength), named.as_object_mut())
            && let Some(Value::String(text)) = members.get_mut("text")
        {
            *text = format!("{text} {strength}");
        }
        Some(named)
    }

    fn ingredient_names(&self, material: &Element) -> Option<String> {
        let names: Vec<String> = material.all("ingredient").filter_map(|i| self.ingredient(i)?.get("text")?.as_str().map(str::to_owned)).collect();
        (!names.is_empty()).then(|| names.join(" + "))
    }

    fn no_medication(&mut self, e: &Element, scope: &Scope<'_>, code: &str, said: &Element) {
        let mut out = self.start("MedicationStatement", e, scope);
        out.insert("status".into(), json!("unknown"));
        out.insert("medicationCodeableConcept".into(), absent_concept(code, Some(said), &self.narrative));
        out.insert("subject".into(), self.subject());
        self.push(&scope.path, out);
    }

    /// When it was taken; an administration must say it, so an unknown time is said to be unknown.
    fn taking(&self, e: &Element, resource: &str, scope: &Scope<'_>, out: &mut Map<String, Value>) {
        if resource == "MedicationRequest" {
            return;
        }
        let when = when::moment(e).or_else(|| if resource == "MedicationAdministration" { self.moment(e, scope) } else { None });
        match when {
            Some((kind, when)) => drop(out.insert(format!("effective{kind}"), when)),
            None if resource == "MedicationAdministration" => {
                let unknown = json!({"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]});
                out.insert("effectivePeriod".into(), unknown);
            }
            None => {}
        }
    }

    /// What the product is called, in tokens: its label, the names of its codes, its own name and its ingredients.
    fn names(&self, material: Option<&Element>, product: &Value) -> Vec<Vec<String>> {
        let codings = product.get("coding").and_then(Value::as_array).into_iter().flatten().filter_map(|c| c.get("display"));
        let coded = product.get("text").into_iter().chain(codings).filter_map(Value::as_str).map(tokens);
        let own = material.and_then(|m| m.child("name")).map(|n| tokens(&n.plain()));
        let made_of = material.and_then(|m| self.ingredient_names(m)).map(|n| tokens(&n));
        coded.chain(own).chain(made_of).collect()
    }

    /// The steps, with the words of the statement when they say more than which product it is: `text` refers to the cell of the
    /// product as often as to that of the dosage.
    fn directions(&self, e: &Element, resource: &str, names: &[Vec<String>], out: &mut Map<String, Value>) {
        let mut all = dosage::dosages(e, &self.narrative);
        let words = self.words(e).filter(|w| !is_answer(w) && !void(w) && !names_product(w, names));
        let in_steps = all.first().is_some_and(|first| first.get("sequence").is_some());
        match (words, all.first_mut()) {
            // What is said above the steps holds for all of them.
            (Some(words), Some(_)) if in_steps => all.insert(0, json!({"text": words})),
            (Some(words), Some(Value::Object(one))) => drop(one.entry("text").or_insert_with(|| json!(words))),
            (Some(words), None) if says_rhythm(&words) && !denies(&words) => all.push(json!({"text": words})),
            _ => {}
        }
        if all.is_empty() {
            return;
        }
        match resource {
            "MedicationRequest" => drop(out.insert("dosageInstruction".into(), json!(all))),
            "MedicationStatement" => drop(out.insert("dosage".into(), json!(all))),
            _ => drop(all.iter().find_map(dosage::administered).map(|d| out.insert("dosage".into(), d))),
        }
    }

    fn supply_request(&self, e: &Element, out: &mut Map<String, Value>) {
        let mut request = Map::new();
        if let Some(renewals) = e.child("repeatNumber").and_then(|r| r.attr("value")).and_then(|v| v.trim().parse::<u32>().ok()) {
            request.insert("numberOfRepeatsAllowed".into(), json!(renewals));
        }
        if let Some(found) = first(e, "entryRelationship/supply/quantity").and_then(quantity) {
            request.insert("quantity".into(), found);
        }
        if !request.is_empty() {
            out.insert("dispenseRequest".into(), Value::Object(request));
        }
        let substitution = ["entryRelationship/observation[SUBST]/value", "entryRelationship[COMP]/act/code"]
            .iter()
            .find_map(|p| select(e, p).into_iter().find(|c| c.attr("codeSystem") == Some("2.16.840.1.113883.5.1070")).and_then(|c| concept(c, &self.narrative)));
        drop(substitution.map(|c| out.insert("substitution".into(), json!({"allowedCodeableConcept": c}))));
    }
}

/// Whether words only name the product again: they begin as one of its names does and hold nothing that is not in it, in whatever
/// spelling. A number must stand where it does in the name: `X 1 comprimé` is a dose of X.
fn names_product(words: &str, names: &[Vec<String>]) -> bool {
    let said = tokens(without_brackets(words));
    let numbered = said.iter().any(|t| t.starts_with(|c: char| c.is_ascii_digit()));
    names.iter().filter(|name| !said.is_empty() && name.first() == said.first()).any(|name| name.starts_with(&said) || (!numbered && said.iter().all(|t| name.contains(t))))
}

/// Words without the codes a narrative prints behind them: `XENETIX 350 [CIP : 3400936915657]`.
fn without_brackets(words: &str) -> &str {
    words.strip_suffix(']').and_then(|w| w.rsplit_once('[')).map_or(words, |(before, _)| before)
}

/// Whether words say when or how often.
fn says_rhythm(words: &str) -> bool {
    tokens(words).iter().any(|t| codes::within("rhythm-words", t))
}

/// The material (or labelled drug) of a consumable or a product.
pub(super) fn material_of(e: &Element) -> Option<&Element> {
    let product = e.child("consumable").or_else(|| e.child("product"))?.child("manufacturedProduct")?;
    product.child("manufacturedMaterial").or_else(|| product.child("manufacturedLabeledDrug"))
}

/// «500 mg» or «2.5 mg / 2.5 mL».
fn strength(e: &Element) -> Option<String> {
    let said = |q: &Element| {
        let value = q.attr("value")?.trim().to_owned();
        Some(match q.attr("unit").map(str::trim).filter(|u| !u.is_empty() && *u != "1") {
            Some(unit) => format!("{value} {unit}"),
            None => value,
        })
    };
    let numerator = e.child("numerator").and_then(said)?;
    match e.child("denominator").and_then(said).filter(|d| d != "1") {
        Some(denominator) => Some(format!("{numerator} / {denominator}")),
        None => Some(numerator),
    }
}
