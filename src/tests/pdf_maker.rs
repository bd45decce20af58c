//! PDF files made for the tests: honest ones, and ones that mean harm.

use lopdf::{Dictionary, Document, EncryptionState, EncryptionVersion, Object, Permissions, Stream, dictionary};

/// What a page shows.
pub enum Shown {
    /// Lines of text in Helvetica, WinAnsi.
    Lines(Vec<String>),
    /// A content stream as it is.
    Content(Vec<u8>, Dictionary),
}

/// A PDF of some pages.
pub fn made(pages: Vec<Shown>) -> Document {
    let mut document = Document::with_version("1.7");
    let font = document.add_object(dictionary! {"Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica", "Encoding" => "WinAnsiEncoding"});
    let parent = document.new_object_id();
    let kids: Vec<Object> = pages
        .into_iter()
        .map(|page| {
            let (content, mut resources) = match page {
                Shown::Lines(lines) => (content_of(&lines), Dictionary::new()),
                Shown::Content(content, resources) => (content, resources),
            };
            if !resources.has(b"Font") {
                resources.set("Font", dictionary! {"F1" => font});
            }
            let mut stream = Stream::new(Dictionary::new(), content);
            stream.compress().unwrap();
            let content = document.add_object(stream);
            document.add_object(dictionary! {"Type" => "Page", "Parent" => parent, "Contents" => content, "Resources" => resources, "MediaBox" => vec![0.into(), 0.into(), 595.into(), 842.into()]}).into()
        })
        .collect();
    let count = i64::try_from(kids.len()).unwrap();
    document.objects.insert(parent, dictionary! {"Type" => "Pages", "Kids" => kids, "Count" => count}.into());
    let catalog = document.add_object(dictionary! {"Type" => "Catalog", "Pages" => parent});
    document.trailer.set("Root", catalog);
    document
}

/// Text operators of some lines; accents as WinAnsi writes them.
fn content_of(lines: &[String]) -> Vec<u8> {
    let mut out = b"BT /F1 11 Tf 14 TL 50 800 Td\n".to_vec();
    for line in lines {
        out.push(b'(');
        for byte in encoding_rs::WINDOWS_1252.encode(line).0.iter() {
            if b"()\\".contains(byte) {
                out.push(b'\\');
            }
            out.push(*byte);
        }
        out.extend_from_slice(b") Tj T*\n");
    }
    out.extend_from_slice(b"ET");
    out
}

pub fn bytes(mut document: Document) -> Vec<u8> {
    let mut out = Vec::new();
    document.save_to(&mut out).unwrap();
    out
}

/// One page of text.
pub fn report(lines: &[&str]) -> Vec<u8> {
    bytes(made(vec![Shown::Lines(lines.iter().map(|l| (*l).to_owned()).collect())]))
}

/// One page that is an image.
pub fn scan() -> Vec<u8> {
    let mut document = made(vec![]);
    let image =
        Stream::new(dictionary! {"Type" => "XObject", "Subtype" => "Image", "Width" => 8, "Height" => 8, "ColorSpace" => "DeviceGray", "BitsPerComponent" => 8}, vec![128; 64]);
    let image = document.add_object(image);
    let parent = document.catalog().unwrap().get(b"Pages").unwrap().as_reference().unwrap();
    let content = document.add_object(Stream::new(Dictionary::new(), b"q 500 0 0 700 40 40 cm /Im Do Q".to_vec()));
    let page =
        document.add_object(dictionary! {"Type" => "Page", "Parent" => parent, "Contents" => content, "Resources" => dictionary! {"XObject" => dictionary! {"Im" => image}}});
    document.objects.insert(parent, dictionary! {"Type" => "Pages", "Kids" => vec![page.into()], "Count" => 1}.into());
    bytes(document)
}

/// A page that only a password opens.
pub fn locked() -> Vec<u8> {
    let mut document = made(vec![Shown::Lines(vec!["Secret".into()])]);
    document.trailer.set("ID", vec![Object::string_literal("0123456789abcdef"), Object::string_literal("0123456789abcdef")]);
    let version = EncryptionVersion::V2 { document: &document, owner_password: "owner", user_password: "user", key_length: 128, permissions: Permissions::all() };
    let state = EncryptionState::try_from(version).unwrap();
    document.encrypt(&state).unwrap();
    bytes(document)
}

/// A content stream of a few kB that inflates to many MB.
pub fn bomb() -> Vec<u8> {
    let mut content = b"BT /F1 1 Tf ".to_vec();
    content.extend(std::iter::repeat_n(*b"(a) Tj ", 6 << 20).flatten());
    bytes(made(vec![Shown::Content(content, Dictionary::new())]))
}

/// A catalog of many nested arrays.
pub fn nested(depth: usize) -> Vec<u8> {
    let object = format!("1 0 obj\n<< /Type /Catalog /Pages 2 0 R /X {}{} >>\nendobj\n", "[".repeat(depth), "]".repeat(depth));
    let pages = "2 0 obj\n<< /Type /Pages /Kids [2 0 R] /Count 1 >>\nendobj\n";
    raw(&[&object, pages])
}

/// Forms that show each other without end, and pages that are their own parents.
pub fn loops() -> Vec<u8> {
    let form = |number: usize, other: usize| {
        let content = "/A Do /B Do /A Do /B Do";
        format!(
            "{number} 0 obj\n<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /A {other} 0 R /B {number} 0 R >> >> /Length {} >>\nstream\n{content}\nendstream\nendobj\n",
            content.len()
        )
    };
    raw(&[
        "1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n",
        "2 0 obj\n<< /Type /Pages /Kids [3 0 R 2 0 R] /Count 2 /Parent 2 0 R >>\nendobj\n",
        "3 0 obj\n<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /XObject << /A 4 0 R /B 5 0 R >> >> >>\nendobj\n",
        &form(4, 5),
        &form(5, 4),
    ])
}

/// Objects in order, numbered from 1, with a cross-reference table.
fn raw(objects: &[&str]) -> Vec<u8> {
    let mut out = "%PDF-1.4\n".to_owned();
    let mut places = Vec::new();
    for object in objects {
        places.push(out.len());
        out.push_str(object);
    }
    let start = out.len();
    out.push_str(&format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1));
    for place in places {
        out.push_str(&format!("{place:010} 00000 n \n"));
    }
    out.push_str(&format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1));
    out.into_bytes()
}
