//! Results of an earlier day that a laboratory report gives as its own.
//!
//! An earlier result belongs in the result it is compared with (`entryRelationship[@typeCode='REFR']`). Said here: a result
//! dated over a month before the act that is reported, and an analyte given twice with days between.
//! Spec: IHE PaLM XD-LAB (previous results); CI-SIS volet CR-BIO.

use std::collections::HashMap;

use super::{Check, Positions};
use crate::fhir::time;
use crate::fhir::xml::Element;

/// What a laboratory report is known by. A stay or a pregnancy has results of many days, and no prior ones.
const REPORT_CODE: &str = "11502-2";
const REPORT_TEMPLATE: &str = "1.3.6.1.4.1.19376.1.3.3";
/// Sections of a laboratory report: speciality and report item.
const SECTIONS: &[&str] = &["1.3.6.1.4.1.19376.1.3.3.2.1", "1.3.6.1.4.1.19376.1.3.3.2.2"];
const DAY_US: i64 = 86_400_000_000;
/// Days before the act within which a specimen may have been taken: cultures, and samples that travel.
const EARLY_DAYS: i64 = 31;

/// A result that is not marked as an earlier one.
struct Given<'a> {
    code: &'a str,
    at_us: i64,
    element: &'a Element,
    xpath: String,
}

impl<'a> Check<'a> {
    pub(super) fn prior_results(&mut self, root: &'a Element) {
        let code = root.child("code").and_then(|c| c.attr("code"));
        if code != Some(REPORT_CODE) && !root.all("templateId").any(|t| t.attr("root") == Some(REPORT_TEMPLATE)) {
            return;
        }
        let mut given = Vec::new();
        gather(root, "/ClinicalDocument", Where::Outside, &mut given);
        let mut latest: HashMap<&str, i64> = HashMap::new();
        for result in &given {
            latest.entry(result.code).and_modify(|at| *at = result.at_us.max(*at)).or_insert(result.at_us);
        }
        let act = root.at("documentationOf/serviceEvent/effectiveTime").and_then(day);
        for result in given {
            let early = act.is_some_and(|act| act - result.at_us > EARLY_DAYS * DAY_US);
            let again = latest.get(result.code).is_some_and(|last| last - result.at_us >= 2 * DAY_US);
            if early || again {
                self.find_at("prior-result", result.element, result.xpath, String::new());
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    Outside,
    /// In a section of the laboratory.
    Report,
}

fn gather<'a>(e: &'a Element, xpath: &str, place: Where, out: &mut Vec<Given<'a>>) {
    let mut positions = Positions::default();
    for child in e.elements() {
        let position = positions.next(&child.name);
        let earlier = &*child.name == "entryRelationship" && child.attr("typeCode") == Some("REFR");
        if earlier || &*child.name == "text" {
            continue;
        }
        let xpath = format!("{xpath}/{}[{position}]", child.name);
        let section = &*child.name == "section" && child.all("templateId").any(|t| t.attr("root").is_some_and(|r| SECTIONS.contains(&r)));
        let place = if section { Where::Report } else { place };
        if place == Where::Report && &*child.name == "observation" && child.child("value").is_some_and(|v| v.attr("nullFlavor").is_none()) {
            let code = child.child("code").and_then(|c| c.attr("code"));
            let at = child.child("effectiveTime").and_then(day);
            if let (Some(code), Some(at_us)) = (code, at) {
                out.push(Given { code, at_us, element: child, xpath: xpath.clone() });
            }
        }
        gather(child, &xpath, place, out);
    }
}

/// When something was, known to the day at least, in µs.
fn day(e: &Element) -> Option<i64> {
    let value = e.attr("value").or_else(|| e.child("low")?.attr("value")).or_else(|| e.child("high")?.attr("value"))?;
    let day = value.get(..8).filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?;
    let (year, rest) = day.split_at_checked(4)?;
    let (month, day) = rest.split_at_checked(2)?;
    time::range(&format!("{year}-{month}-{day}")).map(|(from, _)| from)
}

#[cfg(test)]
mod tests {
    use crate::cda::{check, read};

    fn prior(code: &str, results: &str) -> usize {
        let text = format!(
            "<ClinicalDocument xmlns='urn:hl7-org:v3' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'><code code='{code}' codeSystem='2.16.840.1.113883.6.1'/>
             <documentationOf><serviceEvent><effectiveTime><low value='20260310'/></effectiveTime></serviceEvent></documentationOf>
             <component><structuredBody><component><section><templateId root='1.3.6.1.4.1.19376.1.3.3.2.1'/><entry><act>{results}</act></entry></section></component></structuredBody></component></ClinicalDocument>"
        );
        check(&read(text.as_bytes()).unwrap()).iter().filter(|f| f.rule.id == "prior-result").count()
    }

    fn result(code: &str, day: &str, inner: &str) -> String {
        format!("<observation><code code='{code}' codeSystem='2.16.840.1.113883.6.1'/><effectiveTime value='{day}'/><value xsi:type='PQ' value='1' unit='g'/>{inner}</observation>")
    }

    #[test]
    fn earlier_results_are_told_unless_they_are_marked() {
        let marked = result("1", "20260309", &format!("<entryRelationship typeCode='REFR'>{}</entryRelationship>", result("1", "20250101", "")));
        for (results, expected) in [
            (result("1", "20260309", ""), 0),
            (result("1", "20250101", ""), 1),
            (result("1", "20260309", "") + &result("1", "20260301", ""), 1),
            (result("1", "20260309", "") + &result("1", "20260310", "") + &result("2", "20260301", ""), 0),
            (marked, 0),
        ] {
            assert_eq!(prior("11502-2", &results), expected, "{results}");
            assert_eq!(prior("34133-9", &results), 0);
        }
    }
}
