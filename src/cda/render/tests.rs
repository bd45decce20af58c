//! What is shown of a body: everything it says, safely, and every place that can be cited.

use super::*;
use crate::cda::read;

fn document(body: &str) -> ClinicalDocument {
    read(
        format!("<ClinicalDocument xmlns='urn:hl7-org:v3' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'><recordTarget/><component>{body}</component></ClinicalDocument>")
            .as_bytes(),
    )
    .unwrap()
}

fn section(text: &str) -> String {
    let body = format!("<structuredBody><component><section><title>Titre</title><text>{text}</text></section></component></structuredBody>");
    render(&document(&body), &|n| format!("file/{n}")).html.as_str().to_owned()
}

#[test]
fn tables_lists_styles_and_footnotes_keep_their_form() {
    let html = section(
        "<table><thead><tr><th colspan='2' align='right'>Examen</th></tr></thead><tbody><tr><td ID='a_1'>Glucose</td><td>5,2 mmol/L</td></tr></tbody><caption>Bilan</caption></table>\
         <list listType='ordered'><caption>À faire</caption><item>un</item><item><content styleCode='Bold Italics'>deux</content></item></list>\
         <paragraph>Voir<footnote ID='f'>note</footnote> <footnoteRef IDREF='f'/> m<sup>2</sup><br/><content revised='delete'>ancien</content></paragraph>",
    );
    for part in [
        "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"Tableau : Bilan\"><table><caption>Bilan</caption><thead>",
        "<th class=\"right\" colspan=\"2\">Examen</th>",
        "<td id=\"n-a_5f_1\">Glucose</td>",
        "<div class=\"caption\">À faire</div><ol><li>un</li><li><span class=\"b i\">deux</span></li></ol>",
        "<span id=\"n-f\" class=\"foot\">note</span> <a href=\"#n-f\">(note)</a> m<sup>2</sup><br><span class=\"s\">ancien</span>",
    ] {
        assert!(html.contains(part), "{part} in {html}");
    }
}

#[test]
fn words_of_unknown_elements_are_kept_and_no_markup_of_the_document_gets_through() {
    let html = section(
        "<marquee onclick='alert(1)' style='x'>gardé</marquee><script>alert(2)</script><td onmouseover='x' colspan='4000000000'>cellule</td>\
         <linkHtml href='javascript:alert(3)'>lien</linkHtml><linkHtml href=' HTTPS://exemple.fr/?a=\"&gt;&lt;b&gt;'>dehors</linkHtml><linkHtml href='#a'>dedans</linkHtml>\
         <img src='https://exemple.fr/t.png'/>&lt;script&gt;",
    );
    for bad in ["<script", "onclick", "onmouseover", "javascript:", "<img", "style=", "4000000000", "<b>"] {
        assert!(!html.contains(bad), "{bad} in {html}");
    }
    for kept in ["gardé", "cellule", "lien", "dehors", "href=\"#n-a\"", "rel=\"noopener noreferrer nofollow\"", "&lt;script&gt;"] {
        assert!(html.contains(kept), "{kept} in {html}");
    }
}

#[test]
fn every_section_and_entry_has_an_anchor_and_the_first_of_two_ids_wins() {
    let body = "<structuredBody><component><section><code displayName='Antécédents' code='1'/><text><content ID='x'>a</content><content ID='x'>b</content></text><entry/><entry/>\
        <component><section><title>Dessous</title></section></component></section></component></structuredBody>";
    let out = render(&document(body), &|_| String::new());
    let html = out.html.as_str();
    assert_eq!(html.matches("id=\"n-x\"").count(), 1);
    for path in [
        "component[0]/structuredBody/component[0]/section",
        "component[0]/structuredBody/component[0]/section/entry[1]",
        "component[0]/structuredBody/component[0]/section/component[0]/section",
    ] {
        assert!(html.contains(&format!("id=\"{}\"", path_anchor(path))), "{path} in {html}");
    }
    let titles: Vec<(&str, usize)> = out.headings.iter().map(|h| (h.title.as_str(), h.depth)).collect();
    assert_eq!(titles, [("Antécédents", 0), ("Dessous", 1)]);
    assert!(html.contains("Cette section n'a pas de texte."));
}

#[test]
fn files_are_shown_where_the_text_says_and_once() {
    let medium = "<observationMedia ID='m'><value mediaType='image/png' representation='B64'>iVBORw0KGgo</value></observationMedia>";
    let body = format!(
        "<structuredBody><component><section><title>Images</title><text><renderMultiMedia referencedObject='m'><caption>Radio</caption></renderMultiMedia><renderMultiMedia referencedObject='absent'/></text>\
         <entry>{medium}</entry><entry><act><text mediaType='application/pdf' representation='B64'>JVBERi0=</text></act></entry></section></component></structuredBody>"
    );
    let document = document(&body);
    let out = render(&document, &|n| format!("file/{n}"));
    let html = out.html.as_str();
    assert_eq!(html.matches("<img src=\"file/0\" alt=\"Fichier du document\">").count(), 1, "{html}");
    assert!(html.contains("Image ou fichier absent du document.") && html.contains("<a href=\"file/1\">Pièce jointe n° 2 (application/pdf)</a>"), "{html}");
    assert_eq!(attachment(&document, &[], 0).map(|a| a.bytes), Some(b"\x89PNG\r\n\x1a\n".to_vec()));
    assert_eq!(attachment(&document, &[], 2), None);
}

#[test]
fn a_level_1_document_is_its_file_or_its_text() {
    let pdf = document("<nonXMLBody><text mediaType='application/pdf' representation='B64'>JVBERi0x\n LjQ=</text></nonXMLBody>");
    assert_eq!(render(&pdf, &|_| String::new()).whole, Some(0));
    assert_eq!(attachment(&pdf, &[], 0).unwrap().bytes, b"%PDF-1.4");
    let text = document("<nonXMLBody><text mediaType='text/plain'>Bonjour\n  à tous</text></nonXMLBody>");
    assert_eq!(render(&text, &|_| String::new()).html.as_str(), "<pre>Bonjour\n  à tous</pre>");
    assert_eq!(attachment(&document("<nonXMLBody><text representation='B64'>%%%</text></nonXMLBody>"), &[], 0), None);
}

/// Long base64 is not copied into the tree; it is decoded from the source, with and without a byte order mark and line ends.
#[test]
fn a_large_file_stays_in_the_source_and_comes_out_whole() {
    let file: Vec<u8> = (0..40_000u32).map(|n| u8::try_from(n * n % 251).unwrap()).collect();
    let packed = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &file);
    let lines: String = packed.as_bytes().chunks(76).map(|l| format!("{}\r\n", str::from_utf8(l).unwrap())).collect();
    for mark in ["", "\u{feff}"] {
        let cda = format!(
            "{mark}<ClinicalDocument xmlns='urn:hl7-org:v3'><recordTarget/><component><nonXMLBody><text representation='B64'>\n{lines}</text></nonXMLBody></component></ClinicalDocument>"
        );
        let read = crate::cda::read(cda.as_bytes()).unwrap();
        assert_eq!(read.root.text().trim(), "", "nothing of it is text");
        assert!(attachment(&read, cda.as_bytes(), 0).unwrap().bytes == file);
    }
}

#[test]
fn a_narrative_nested_without_end_stops() {
    let deep = "<content>".repeat(100) + "fond" + &"</content>".repeat(100);
    let html = section(&deep);
    assert!(html.contains("[…]") && html.matches("<span").count() < 70);
}
