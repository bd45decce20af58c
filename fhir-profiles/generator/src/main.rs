//! Turns the published R4 definitions into the committed tables: `elements.tsv`, `codes.tsv`, `narrative.tsv`.
//!
//! `cargo run -p fhir-profiles-generator -- PACKAGE_DIR OUT_DIR`, where PACKAGE_DIR is the unpacked folder of the package
//! `hl7.fhir.r4.examples` 4.0.1 (CC0). The output depends on the definitions alone: same input, same bytes.
//! Spec: FHIR R4 structuredefinition, elementdefinition, terminologies#required.

mod codes;
mod elements;
mod narrative;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::{env, fs};

use serde_json::Value;

/// Any failure, printed and ended with.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let (Some(package), Some(out), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("usage: fhir-profiles-generator PACKAGE_DIR OUT_DIR".into());
    };
    let package = Path::new(&package);
    let terminology = codes::Terminology { value_sets: read(package, "ValueSet-", "url")?, code_systems: read(package, "CodeSystem-", "url")? };
    let definitions = read(package, "StructureDefinition-", "id")?;
    let mut bindings = BTreeMap::new();
    let elements = elements::table(&definitions, &terminology, &mut bindings)?;
    let codes = codes::table(&bindings, &terminology)?;
    let narrative = narrative::table(&definitions)?;
    fs::create_dir_all(&out)?;
    fs::write(Path::new(&out).join("elements.tsv"), elements)?;
    fs::write(Path::new(&out).join("codes.tsv"), codes)?;
    fs::write(Path::new(&out).join("narrative.tsv"), narrative)?;
    Ok(())
}

/// The JSON files whose name starts with `prefix`, by one of their members.
fn read(folder: &Path, prefix: &str, key: &str) -> Result<BTreeMap<String, Value>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|n| n.starts_with(prefix) && n.ends_with(".json")) else {
            continue;
        };
        let value: Value = serde_json::from_slice(&fs::read(entry.path())?).map_err(|e| format!("{name}: {e}"))?;
        let key = text(&value, key).ok_or_else(|| format!("{name}: no {key}"))?.to_owned();
        found.insert(key, value);
    }
    Ok(found)
}

/// A member that is a string.
pub fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

/// The items of a member that is an array, none for anything else.
pub fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}
