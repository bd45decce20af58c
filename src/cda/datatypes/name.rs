//! Names, addresses and telecommunication addresses.
//! Spec: HL7 V3 Data Types R1 EN, AD, TEL; FHIR R4 HumanName, Address, ContactPoint.

use serde_json::{Map, Value, json};

use super::{attribute, collapse, period, plain};
use crate::fhir::xml::Element;

/// Parts of one name or address.
const MAX_PARTS: usize = 32;

/// A FHIR HumanName: the used family name before the birth name, every given name, prefixes and suffixes in their order; a name
/// without parts is text.
pub fn human_name(element: &Element) -> Option<Value> {
    let mut out = Map::new();
    if let Some(code) = attribute(element, "use").and_then(name_use) {
        out.insert("use".into(), json!(code));
    }
    let filled = out.len();
    if let Some(family) = [None, Some("CL"), Some("SP"), Some("BR")].iter().find_map(|q| family(element, *q)) {
        out.insert("family".into(), json!(family));
    }
    for part in ["given", "prefix", "suffix"] {
        let texts = parts(element, part);
        if !texts.is_empty() {
            out.insert(part.into(), json!(texts));
        }
    }
    if out.len() == filled {
        out.insert("text".into(), json!(plain(element)?));
    }
    Some(Value::Object(out))
}

/// The family names of a qualifier (`None`: unqualified), joined.
pub fn family(element: &Element, qualifier: Option<&str>) -> Option<String> {
    let texts: Vec<String> = element.all("family").filter(|e| attribute(e, "qualifier") == qualifier).take(MAX_PARTS).filter_map(plain).collect();
    (!texts.is_empty()).then(|| texts.join(" "))
}

fn parts(element: &Element, name: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for text in element.all(name).take(MAX_PARTS).filter_map(plain) {
        if !out.contains(&text) {
            out.push(text);
        }
    }
    out
}

/// Spec: HL7 V3 EntityNameUse → FHIR name-use.
fn name_use(codes: &str) -> Option<&'static str> {
    codes.split_whitespace().find_map(|code| match code {
        "L" | "OR" | "C" => Some("official"),
        "ASGN" => Some("usual"),
        "P" => Some("nickname"),
        "A" => Some("anonymous"),
        _ => None,
    })
}

/// A FHIR Address: street lines built from the parts in French order; an address without parts is text.
pub fn address(element: &Element) -> Option<Value> {
    let mut out = Map::new();
    address_use(element, &mut out);
    let filled = out.len();
    let lines = lines(element);
    if !lines.is_empty() {
        out.insert("line".into(), json!(lines));
    }
    for (part, target) in [("city", "city"), ("county", "district"), ("state", "state"), ("postalCode", "postalCode"), ("country", "country")] {
        if let Some(text) = element.child(part).and_then(plain) {
            out.insert(target.into(), json!(text));
        }
    }
    if out.len() == filled {
        out.insert("text".into(), json!(plain(element)?));
    }
    Some(Value::Object(out))
}

fn lines(element: &Element) -> Vec<String> {
    let joined = |names: &[&str]| {
        let texts: Vec<String> = names.iter().flat_map(|n| parts(element, n)).collect();
        (!texts.is_empty()).then(|| texts.join(" "))
    };
    let mut out = parts(element, "streetAddressLine");
    out.extend(parts(element, "deliveryAddressLine"));
    out.extend(joined(&["careOf"]));
    out.extend(joined(&["additionalLocator", "unitType", "unitID"]));
    let street = ["houseNumber", "houseNumberNumeric", "buildingNumberSuffix", "direction", "streetNameType", "streetName", "streetNameBase"];
    out.extend(joined(&street));
    out.extend(parts(element, "postBox"));
    out.extend(parts(element, "precinct"));
    out
}

/// Spec: HL7 V3 PostalAddressUse → FHIR address-use and address-type.
fn address_use(element: &Element, out: &mut Map<String, Value>) {
    for code in attribute(element, "use").unwrap_or_default().split_whitespace() {
        let (target, value) = match code {
            "H" | "HP" | "HV" => ("use", "home"),
            "WP" | "DIR" | "PUB" => ("use", "work"),
            "TMP" => ("use", "temp"),
            "BAD" => ("use", "old"),
            "PST" => ("type", "postal"),
            "PHYS" => ("type", "physical"),
            _ => continue,
        };
        out.entry(target).or_insert_with(|| json!(value));
    }
}

/// A FHIR ContactPoint from a TEL.
pub fn telecom(element: &Element) -> Option<Value> {
    let raw = collapse(element.attr("value")?)?;
    let (system, value) = contact(&raw)?;
    let mut out = Map::new();
    out.insert("system".into(), json!(system));
    out.insert("value".into(), json!(value));
    if let Some(code) = attribute(element, "use").and_then(telecom_use) {
        out.insert("use".into(), json!(code));
    }
    if let Some((start, end)) = element.child("useablePeriod").map(period) {
        let bounds: Map<String, Value> = [("start", start), ("end", end)].into_iter().filter_map(|(name, at)| Some((name.to_owned(), json!(at?)))).collect();
        if !bounds.is_empty() {
            out.insert("period".into(), Value::Object(bounds));
        }
    }
    Some(Value::Object(out))
}

/// System and value by scheme; without a scheme, by what the value looks like.
fn contact(raw: &str) -> Option<(&'static str, String)> {
    let found = match raw.split_once(':') {
        Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
            "tel" => ("phone", rest.trim().to_owned()),
            "mailto" => ("email", rest.trim().to_owned()),
            "fax" | "x-text-fax" => ("fax", rest.trim().to_owned()),
            "sms" => ("sms", rest.trim().to_owned()),
            "http" | "https" | "ftp" => ("url", raw.to_owned()),
            _ => ("other", raw.to_owned()),
        },
        None if raw.contains('@') => ("email", raw.to_owned()),
        None if raw.bytes().all(|b| b.is_ascii_digit() || b" +.-()/".contains(&b)) => ("phone", raw.to_owned()),
        None => ("other", raw.to_owned()),
    };
    (!found.1.is_empty()).then_some(found)
}

/// Spec: HL7 V3 TelecommunicationAddressUse → FHIR contact-point-use.
fn telecom_use(codes: &str) -> Option<&'static str> {
    let has = |wanted: &[&str]| codes.split_whitespace().any(|code| wanted.contains(&code));
    if has(&["BAD"]) {
        Some("old")
    } else if has(&["MC"]) {
        Some("mobile")
    } else if has(&["H", "HP", "HV"]) {
        Some("home")
    } else if has(&["WP", "DIR", "PUB"]) {
        Some("work")
    } else if has(&["TMP"]) {
        Some("temp")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::xml::{Limits, parse};

    fn element(text: &str) -> Element {
        parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    #[test]
    fn a_name_keeps_its_parts_and_a_bare_one_its_text() {
        let name = element("<name use='L'><prefix>MME</prefix><given>Jeanne</given><family qualifier='BR'>NEE</family><family>USUEL</family><suffix>DR</suffix></name>");
        assert_eq!(human_name(&name), Some(json!({"use": "official", "family": "USUEL", "given": ["Jeanne"], "prefix": ["MME"], "suffix": ["DR"]})));
        assert_eq!(human_name(&element("<name>Dr  Sans Part</name>")), Some(json!({"text": "Dr Sans Part"})));
        assert_eq!(human_name(&element("<name nullFlavor='UNK'><family/></name>")), None);
    }

    #[test]
    fn street_parts_become_one_line() {
        let parts = element(
            "<addr use='HP PST'><houseNumber>12</houseNumber><streetNameType>Rue</streetNameType><streetName>des Essais</streetName><unitID>Bât. A</unitID><postalCode>00000</postalCode><city>VILLE</city></addr>",
        );
        let expected = json!({"use": "home", "type": "postal", "line": ["Bât. A", "12 Rue des Essais"], "city": "VILLE", "postalCode": "00000"});
        assert_eq!(address(&parts), Some(expected));
        assert_eq!(address(&element("<addr>12 rue, VILLE</addr>")), Some(json!({"text": "12 rue, VILLE"})));
        assert_eq!(address(&element("<addr nullFlavor='NASK'/>")), None);
    }

    #[test]
    fn a_contact_point_has_the_system_of_its_scheme() {
        let of = |text: &str| telecom(&element(text));
        assert_eq!(of("<telecom value='tel:0100000000' use='MC'/>"), Some(json!({"system": "phone", "value": "0100000000", "use": "mobile"})));
        assert_eq!(of("<telecom value='MAILTO:a@b.example' use='WP'/>").unwrap()["system"], "email");
        assert_eq!(of("<telecom value='a@b.example'/>").unwrap()["system"], "email");
        assert_eq!(of("<telecom value='01 00 00 00 00'/>").unwrap()["system"], "phone");
        assert_eq!(of("<telecom value='https://x.example/'/>").unwrap()["value"], "https://x.example/");
        assert_eq!(of("<telecom value='tel:'/>"), None);
        assert_eq!(of("<telecom nullFlavor='UNK'/>"), None);
    }
}
