//! Synthetic patients: the tables of `conformance-tests/corpus/key-info` → CDA documents after the volets of the CI-SIS.
//!
//! The same table gives the same bytes: identifiers are made of the patient's INS, the number of the document and the place in it.

mod body;
mod described;
mod entries;
mod header;
mod many;
mod medicines;
mod sections;

pub use described::Identity;
use described::{Described, Document, Shared, table};
pub use many::many;

use sha1::Digest;

/// The patients, each a table of the folder.
pub const PATIENTS: &[&str] = &["diabete-cardio", "nourrisson", "grossesse", "contradictions", "rien"];

/// A patient with the CDA of each document, in the order of the table.
pub struct Record {
    pub title: String,
    pub patient: Identity,
    pub documents: Vec<Written>,
}

/// A document as it is deposited.
#[derive(Clone)]
pub struct Written {
    /// uniqueId
    pub unique: String,
    pub cda: String,
}

/// A patient by the name of its table.
pub fn record(name: &str) -> Record {
    written(table(&format!("{name}.toml")))
}

/// The CDA documents of a description.
pub fn written(described: Described) -> Record {
    let shared: Shared = table("shared.toml");
    let Described { title, patient, document } = described;
    let documents = document.iter().enumerate().map(|(n, d)| Writer::new(&shared, &patient, d, n + 1).document()).collect();
    Record { title, patient, documents }
}

/// What one document is written from.
struct Writer<'a> {
    shared: &'a Shared,
    patient: &'a Identity,
    document: &'a Document,
    /// From 1.
    number: usize,
}

impl<'a> Writer<'a> {
    fn new(shared: &'a Shared, patient: &'a Identity, document: &'a Document, number: usize) -> Self {
        Self { shared, patient, document, number }
    }

    fn document(&self) -> Written {
        Written { unique: self.oid(), cda: self.whole() }
    }

    /// The document's own OID below 2.25.
    fn oid(&self) -> String {
        format!("2.25.{}.{}", u128::from_be_bytes(self.digest("root")) >> 8, self.number)
    }

    /// A UUID of a place in the document.
    fn uuid(&self, place: &str) -> String {
        let b = self.digest(&format!("{}/{place}", self.number));
        let part = |from: usize, to: usize| b[from..to].iter().fold(String::new(), |out, x| out + &format!("{x:02X}"));
        format!("{}-{}-5{}-9{}-{}", part(0, 4), part(4, 6), &part(6, 8)[1..], &part(8, 10)[1..], part(10, 16))
    }

    fn digest(&self, place: &str) -> [u8; 16] {
        let digest = sha1::Sha1::digest(format!("{}/{place}", self.patient.ins));
        digest[..16].try_into().unwrap()
    }
}

/// `2026-10-05T10:15` → `20261005101500+0200`, a day or less → its digits.
fn ts(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.len() < 12 {
        return digits;
    }
    // No date of ours lies in the last week of March or October.
    let summer = (4..=10).contains(&digits[4..6].parse::<u32>().unwrap());
    format!("{digits}00{}", if summer { "+0200" } else { "+0100" })
}

/// `2026-10-05` → `05/10/2026`
fn fr(text: &str) -> String {
    let mut parts: Vec<&str> = text.split('T').next().unwrap().split('-').collect();
    parts.reverse();
    parts.join("/")
}

/// Text of an element or attribute.
fn x(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
