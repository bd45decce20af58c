//! FHIR XML ⇄ FHIR JSON, both from the element table; nothing is added and nothing dropped but comments, processing
//! instructions and `xsi:schemaLocation`.
//!
//! Numbers keep their digits, the narrative its text, attributes and white space. What the table does not know is refused with
//! its path: the codec says nothing of cardinality or values, that is `r4::check`.
//! Spec: FHIR R4 xml, json, narrative.

mod read;
mod write;
mod xhtml;

use super::r4::Path;
use super::xml::Limits;
use super::{Fault, FaultKind, Result, gate, xml};

/// The namespace of every FHIR element.
pub const FHIR_NS: &str = "http://hl7.org/fhir";
/// The namespace of the narrative.
pub const XHTML_NS: &str = "http://www.w3.org/1999/xhtml";
/// Twice the depth of the JSON gate, since XML adds a level around each resource and the narrative has its own.
const LIMITS: Limits = Limits { depth: 128, attributes: 64, name_bytes: 256, nodes: 2_000_000, data: false };

/// A JSON resource as an XML document in UTF-8, elements in the order of the definition.
///
/// # Errors
/// What the gate refuses; `Malformed` for unknown or misplaced elements; `BadValue` for what XML cannot carry.
/// Spec: FHIR R4 xml.
pub fn to_xml(json: &[u8]) -> Result<Vec<u8>> {
    let node = gate::parse(json)?;
    let mut out = String::with_capacity(json.len() + json.len() / 4);
    out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    write::resource(&node, &mut out)?;
    Ok(out.into_bytes())
}

/// An XML document as a JSON resource, `resourceType` first, then as in the document.
///
/// # Errors
/// `Malformed` for what is no well-formed XML or no FHIR, with its path; `BadValue` for what JSON cannot carry.
/// Spec: FHIR R4 json.
pub fn to_json(document: &[u8]) -> Result<Vec<u8>> {
    let root = xml::parse(document, &LIMITS)?;
    let mut out = String::with_capacity(document.len());
    read::resource(&root, &mut out)?;
    Ok(out.into_bytes())
}

fn refuse(number: u16, path: &Path<'_>, what: &str) -> Fault {
    Fault::new(FaultKind::Malformed, number, what).at(path.spell())
}

fn bad_value(number: u16, path: &Path<'_>, what: &str) -> Fault {
    Fault::new(FaultKind::BadValue, number, what).at(path.spell())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xml_of(json: &str) -> String {
        String::from_utf8(to_xml(json.as_bytes()).unwrap()).unwrap()
    }

    fn json_of(xml: &str) -> String {
        String::from_utf8(to_json(xml.as_bytes()).unwrap()).unwrap()
    }

    /// A resource in JSON and in XML, each made from the other.
    fn pair(json: &str, xml: &str) {
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
        assert_eq!(xml_of(json), format!("{head}{xml}"));
        assert_eq!(json_of(xml), json);
    }

    fn refused(result: Result<Vec<u8>>, number: u16, path: &str) {
        let fault = result.unwrap_err();
        assert_eq!((fault.number, fault.issues[0].expression.as_deref()), (number, Some(path)), "{fault}");
    }

    #[test]
    fn primitives_arrays_choices_and_extensions_go_both_ways() {
        pair(
            r#"{"resourceType":"Patient","id":"p","active":true,"name":[{"id":"n","given":["A",null,"B"],"_given":[null,{"extension":[{"url":"urn:x","valueDecimal":1.50}]},{"id":"g"}]},{"text":"C"}],"_birthDate":{"extension":[{"url":"urn:y","valueCode":"z"}]},"multipleBirthInteger":2}"#,
            r#"<Patient xmlns="http://hl7.org/fhir"><id value="p"/><active value="true"/><name id="n"><given value="A"/><given><extension url="urn:x"><valueDecimal value="1.50"/></extension></given><given value="B" id="g"/></name><name><text value="C"/></name><birthDate><extension url="urn:y"><valueCode value="z"/></extension></birthDate><multipleBirthInteger value="2"/></Patient>"#,
        );
    }

    #[test]
    fn resources_inside_resources_go_both_ways() {
        pair(
            r#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o"}]}},{"resource":{"resourceType":"Parameters","parameter":[{"name":"a","part":[{"name":"b","valueBoolean":false}]}]}}]}"#,
            r#"<Bundle xmlns="http://hl7.org/fhir"><type value="collection"/><entry><resource><Patient><contained><Organization><id value="o"/></Organization></contained></Patient></resource></entry><entry><resource><Parameters><parameter><name value="a"/><part><name value="b"/><valueBoolean value="false"/></part></parameter></Parameters></resource></entry></Bundle>"#,
        );
    }

    #[test]
    fn the_narrative_keeps_text_attributes_and_white_space() {
        pair(
            r#"{"resourceType":"Basic","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\" class=\"a\"> é &amp; &lt;b&gt;\n\t<br/><p title=\"1 &lt; 2\">x</p><td></td> </div>"},"code":{"text":"c"}}"#,
            "<Basic xmlns=\"http://hl7.org/fhir\"><text><status value=\"generated\"/><div xmlns=\"http://www.w3.org/1999/xhtml\" class=\"a\"> é &amp; &lt;b&gt;\n\t<br/><p title=\"1 &lt; 2\">x</p><td></td> </div></text><code><text value=\"c\"/></code></Basic>",
        );
        let prefixed = r#"<Basic xmlns="http://hl7.org/fhir"><text><status value="generated"/><h:div xmlns:h="http://www.w3.org/1999/xhtml" xml:lang="fr"><h:b>x</h:b></h:div></text></Basic>"#;
        assert!(json_of(prefixed).contains(r#""div":"<div xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"fr\"><b>x</b></div>""#));
        let bare = r#"{"resourceType":"Basic","text":{"status":"generated","div":"<div>x\r\n<b>y</b></div>"}}"#;
        assert!(xml_of(bare).contains("<div xmlns=\"http://www.w3.org/1999/xhtml\">x\r\n<b>y</b></div>"));
    }

    #[test]
    fn a_narrative_cannot_break_out_of_its_element() {
        for div in [
            "<div>x</div><id value='1'/>",
            "<div>x",
            "<p>x</p>",
            "x",
            "<?xml version='1.0' encoding='ISO-8859-1'?><div>x</div>",
            "<!DOCTYPE div><div/>",
            "<div>&nbsp;</div>",
            "<div xmlns='urn:x'/>",
        ] {
            let json = format!(r#"{{"resourceType":"Basic","text":{{"div":"{div}"}}}}"#);
            assert!(to_xml(json.as_bytes()).is_err(), "{div}");
        }
        assert!(xml_of(r#"{"resourceType":"Basic","text":{"div":"<div>x</div><!-- </div>-->"}}"#).contains("<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div></text>"));
    }

    #[test]
    fn texts_digits_and_white_space_survive() {
        let text = r#"a \"b\" <c> & 'd'\n\t\r é \\ 𝄞  "#;
        let json = format!(
            r#"{{"resourceType":"Basic","extension":[{{"url":"urn:x","valueString":"{text}"}},{{"url":"urn:y","valueDecimal":-1.20e-7}},{{"url":"urn:z","valueBase64Binary":"QUJD\n QUJD"}}]}}"#
        );
        assert_eq!(json_of(&xml_of(&json)), json);
    }

    #[test]
    fn elements_are_written_in_the_order_of_the_definition_and_read_in_any() {
        let xml = xml_of(r#"{"gender":"male","name":[{"text":"x"}],"id":"p","resourceType":"Patient"}"#);
        assert!(xml.contains(r#"<id value="p"/><name><text value="x"/></name><gender value="male"/>"#));
        let json = json_of(
            "<Patient xmlns='http://hl7.org/fhir' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:schemaLocation='a b'>\n <!-- c --><name><family value='a'/></name><gender value='male'/><name><family value='b'/></name></Patient>",
        );
        assert_eq!(json, r#"{"resourceType":"Patient","name":[{"family":"a"},{"family":"b"}],"gender":"male"}"#);
    }

    #[test]
    fn what_the_table_does_not_know_is_refused_with_its_path() {
        refused(to_xml(br#"{"resourceType":"Patient","contact":[{"name":{"familly":"x"}}]}"#), 562, "Patient.contact[0].name.familly");
        refused(to_xml(br#"{"resourceType":"Patient","gender":true}"#), 568, "Patient.gender");
        refused(to_xml(br#"{"resourceType":"Patient","name":{"text":"x"}}"#), 565, "Patient.name");
        refused(to_xml(br#"{"resourceType":"Patient","name":[{"given":["a",null]}]}"#), 584, "Patient.name[0].given[1]");
        refused(to_xml(br#"{"resourceType":"Patient","name":[{"text":"\u0001"}]}"#), 569, "Patient.name[0].text");
        refused(to_xml(br#"{"resourceType":"Nothing"}"#), 561, "Nothing");
        let read = |inside: &str| to_json(format!("<Patient xmlns='http://hl7.org/fhir'>{inside}</Patient>").as_bytes());
        refused(read("<contact><name><familly value='x'/></name></contact>"), 587, "Patient.contact[0].name.familly");
        refused(read("<gender value='male' x='y'/>"), 578, "Patient.gender.x");
        refused(read("<gender value='male'/><gender value='female'/>"), 579, "Patient.gender");
        refused(read("<gender value=''/>"), 582, "Patient.gender");
        refused(read("<gender/>"), 572, "Patient.gender");
        refused(read("<name/>"), 577, "Patient.name[0]");
        refused(read("<gender>male</gender>"), 589, "Patient.gender");
        refused(read("male"), 580, "Patient");
        refused(read("<active value='1'/>"), 581, "Patient.active");
        refused(read("<gender xmlns='urn:x' value='male'/>"), 588, "Patient.gender");
        refused(read("<contained/>"), 583, "Patient.contained[0]");
        refused(read("<text><status value='empty'/><div>x</div></text>"), 588, "Patient.text.div");
        refused(to_json(b"<Patient/>"), 575, "Patient");
        refused(to_json(b"<Patient xmlns='http://hl7.org/fhir' id='p'/>"), 576, "Patient");
    }

    #[test]
    fn an_integer_loses_its_plus_sign_and_a_decimal_may_not_have_one() {
        let read = |value: &str| to_json(format!("<Patient xmlns='http://hl7.org/fhir'><multipleBirthInteger value='{value}'/></Patient>").as_bytes());
        assert!(read("+2").is_ok_and(|j| j.ends_with(b":2}")));
        assert!(["1.0", "1e2", "01", " 1"].iter().all(|v| read(v).is_err()));
    }
}
