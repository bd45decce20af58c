//! Reads the table of the habilitation matrix; a row that cannot be trusted refuses the whole table.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde::Deserialize;

use super::beside::{Beside, Clinical, Otherwise};
use super::confidence::Confidence;
use super::matrix::{Cells, Choices, Matrix, MatrixAction, Profession, Ruling};
use super::writing::action_key;
use crate::fhir::classification;

const MATRIX_BYTES: usize = 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    version: String,
    /// What a row without actions rules on.
    #[serde(default = "reading")]
    action: MatrixAction,
    /// Code, OID of its system, French name.
    profession: Vec<(String, String, String)>,
    /// Names for several professions.
    #[serde(default)]
    group: BTreeMap<String, Vec<String>>,
    choice: Choices,
    row: Vec<Row>,
    #[serde(default)]
    clinical: Vec<Clinical>,
    #[serde(default)]
    otherwise: Vec<Otherwise>,
}

const fn reading() -> MatrixAction {
    MatrixAction::Read
}

/// Some professions × some classes or types × some actions. `professions` holds codes and names of groups.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    professions: Vec<String>,
    #[serde(default)]
    classes: Vec<String>,
    #[serde(default)]
    types: Vec<String>,
    #[serde(default)]
    actions: Vec<MatrixAction>,
    allow: bool,
    source: String,
    confidence: Confidence,
}

/// What codes a row may name.
struct Known {
    groups: BTreeMap<String, Vec<String>>,
    classes: HashSet<&'static str>,
    class_of: BTreeMap<&'static str, &'static str>,
}

/// Reads a table.
///
/// # Errors
/// The row and the reason.
pub(super) fn read(text: &str) -> Result<Matrix, String> {
    if text.len() > MATRIX_BYTES {
        return Err(format!("the access matrix has more than {MATRIX_BYTES} bytes"));
    }
    let table: Table = toml::from_str(text).map_err(|e| format!("access matrix: {e}"))?;
    if table.version.trim().is_empty() {
        return Err("access matrix: version is empty; every decision records it".to_owned());
    }
    let mut professions = professions(table.profession)?;
    let known = known(table.group, &professions)?;
    for (i, row) in table.row.iter().enumerate() {
        let actions = if row.actions.is_empty() { std::slice::from_ref(&table.action) } else { &row.actions };
        add(row, actions, &known, &mut professions).map_err(|reason| format!("access matrix: row {} (professions {:?}): {reason}", i + 1, row.professions))?;
    }
    if let Some((name, _)) = table.choice.rows().find(|(_, r)| r.source.trim().is_empty()) {
        return Err(format!("access matrix: choice {name} names no source"));
    }
    let beside = Beside::read(table.clinical, table.otherwise, &known.classes).map_err(|reason| format!("access matrix: {reason}"))?;
    Ok(Matrix { version: table.version, professions, class_of: known.class_of, beside, choices: table.choice })
}

fn professions(rows: Vec<(String, String, String)>) -> Result<BTreeMap<String, Profession>, String> {
    let mut out = BTreeMap::new();
    for (code, system, name) in rows {
        if code.is_empty() || system.is_empty() || name.is_empty() {
            return Err(format!("access matrix: profession {code:?} needs its code, the OID of its system and its name"));
        }
        if out.insert(code.clone(), Profession { name, ..Profession::default() }).is_some() {
            return Err(format!("access matrix: profession {code:?} is listed twice"));
        }
    }
    Ok(out)
}

fn known(groups: BTreeMap<String, Vec<String>>, professions: &BTreeMap<String, Profession>) -> Result<Known, String> {
    for (name, members) in &groups {
        if professions.contains_key(name) {
            return Err(format!("access matrix: group {name:?} has the code of a profession"));
        }
        if let Some(stranger) = members.iter().find(|m| !professions.contains_key(*m)) {
            return Err(format!("access matrix: group {name:?} names the profession {stranger:?}, which is not listed"));
        }
    }
    let class_of = classification::types().map(|(code, class, _)| (code, class)).collect();
    Ok(Known { groups, classes: classification::classes().map(|(code, _)| code).collect(), class_of })
}

fn add(row: &Row, actions: &[MatrixAction], known: &Known, professions: &mut BTreeMap<String, Profession>) -> Result<(), String> {
    check(row, known)?;
    let ruling = Arc::new(Ruling { allow: row.allow, source: row.source.clone(), confidence: row.confidence });
    for name in &row.professions {
        let members = known.groups.get(name).map_or(std::slice::from_ref(name), Vec::as_slice);
        for (code, action) in members.iter().flat_map(|code| actions.iter().map(move |action| (code, *action))) {
            let profession = professions.get_mut(code).ok_or_else(|| format!("the profession or group {code:?} is not listed"))?;
            fill(profession.cells(action), row, &ruling).map_err(|cell| format!("the cell {} is given twice", action_key(code, cell, action)))?;
        }
    }
    Ok(())
}

fn check(row: &Row, known: &Known) -> Result<(), String> {
    if row.source.trim().is_empty() {
        return Err("it names no source".to_owned());
    }
    if row.professions.is_empty() || (row.classes.is_empty() && row.types.is_empty()) {
        return Err("it rules on nothing: it needs professions, and classes or types".to_owned());
    }
    if let Some(class) = row.classes.iter().find(|c| !known.classes.contains(c.as_str())) {
        return Err(format!("the class {class:?} is not in TRE_A03 (typecode-class.toml)"));
    }
    match row.types.iter().find(|t| !known.class_of.contains_key(t.as_str())) {
        Some(unknown) => Err(format!("the type {unknown:?} is not in typecode-class.toml")),
        None => Ok(()),
    }
}

/// Writes a ruling into the cells of a row; the error is the code of a cell that has one already.
fn fill<'a>(cells: &mut Cells, row: &'a Row, ruling: &Arc<Ruling>) -> Result<(), &'a str> {
    for (codes, into) in [(&row.classes, &mut cells.classes), (&row.types, &mut cells.types)] {
        for code in codes {
            if into.insert(code.clone(), Arc::clone(ruling)).is_some() {
                return Err(code);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "version = \"1\"\naction = \"read\"\nprofession = [[\"10\", \"1.2\", \"Médecin\"], [\"40\", \"1.2\", \"Chirurgien-dentiste\"]]\n[group]\nps = [\"10\", \"40\"]\n";

    fn choices(source: &str) -> String {
        ["bris_de_glace_sees_masked", "centre_15_sees_masked", "author_exempt"]
            .map(|name| format!("[choice.{name}]\nallow = false\nsource = \"{source}\"\nconfidence = \"assumption\"\n"))
            .concat()
    }

    fn row(professions: &str, cells: &str, more: &str) -> String {
        format!("[[row]]\nprofessions = [{professions}]\n{cells}\nallow = true\nconfidence = \"sourced\"\n{more}\n")
    }

    fn refusal(rows: &str) -> String {
        read(&format!("{HEAD}{}{rows}", choices("s"))).unwrap_err()
    }

    #[test]
    fn groups_and_codes_fill_cells() {
        let rows = row("\"ps\"", "classes = [\"10\"]", "source = \"s\"") + &row("\"40\"", "types = [\"80788-3\"]", "source = \"s\"");
        let matrix = read(&format!("{HEAD}{}{rows}", choices("s"))).unwrap();
        assert!(matrix.cell("10", "11488-4", "10").allowed && matrix.cell("40", "11488-4", "10").allowed);
        assert!(matrix.cell("40", "80788-3", "44").allowed && !matrix.cell("10", "80788-3", "44").allowed);
        assert_eq!(matrix.version(), "1");
    }

    #[test]
    fn a_row_that_cannot_be_trusted_refuses_the_table_with_its_reason() {
        let good = row("\"40\"", "classes = [\"10\"]", "source = \"s\"");
        let cases = [
            (good.clone() + &row("\"ps\"", "classes = [\"11\", \"10\"]", "source = \"s\""), "row 2 (professions [\"ps\"]): the cell 40 × 10 is given twice"),
            (row("\"40\"", "types = [\"11488-4\", \"11488-4\"]", "source = \"s\""), "the cell 40 × 11488-4 is given twice"),
            (row("\"40\", \"ps\"", "classes = [\"10\"]", "source = \"s\""), "the cell 40 × 10 is given twice"),
            (row("\"41\"", "classes = [\"10\"]", "source = \"s\""), "the profession or group \"41\" is not listed"),
            (row("\"40\"", "classes = [\"98\"]", "source = \"s\""), "the class \"98\" is not in TRE_A03"),
            (row("\"40\"", "types = [\"00000-0\"]", "source = \"s\""), "the type \"00000-0\" is not in typecode-class.toml"),
            (row("\"40\"", "classes = [\"10\"]", ""), "missing field `source`"),
            (row("\"40\"", "classes = [\"10\"]", "source = \" \""), "it names no source"),
            (row("\"40\"", "classes = [\"10\"]", "source = \"s\"\nclass = \"10\""), "unknown field `class`"),
            (row("\"40\"", "classes = [\"10\"]\nactions = [\"add\", \"print\"]", "source = \"s\""), "unknown variant `print`"),
            (good.clone() + &good.replace("allow", "actions = [\"add\", \"read\"]\nallow"), "the cell 40 × 10 is given twice"),
            (good.replace("allow", "actions = [\"mask\", \"mask\"]\nallow"), "the cell 40 × 10 × mask is given twice"),
            (row("\"40\"", "", "source = \"s\""), "it rules on nothing"),
            (row("", "classes = [\"10\"]", "source = \"s\""), "it rules on nothing"),
            (good.replace("sourced", "certain"), "unknown variant `certain`"),
        ];
        for (rows, reason) in cases {
            let said = refusal(&rows);
            assert!(said.contains(reason), "{said} ≠ {reason}");
        }
    }

    #[test]
    fn a_head_that_cannot_be_trusted_refuses_the_table_with_its_reason() {
        let good = row("\"40\"", "classes = [\"10\"]", "source = \"s\"");
        let cases = [
            (HEAD.replace("\"1\"\n", "\" \"\n"), choices("s"), "version is empty"),
            (HEAD.replace("\"read\"", "\"write\""), choices("s"), "unknown variant `write`"),
            (HEAD.replace("[\"40\", \"1.2\"", "[\"10\", \"1.2\""), choices("s"), "profession \"10\" is listed twice"),
            (HEAD.replace("[\"40\", \"1.2\"", "[\"\", \"1.2\""), choices("s"), "needs its code"),
            (HEAD.replace("[\"40\", \"1.2\"", "[\"40\", \"\""), choices("s"), "needs its code"),
            (HEAD.replace("Médecin", ""), choices("s"), "needs its code"),
            (HEAD.replace("ps = [\"10\"", "ps = [\"11\""), choices("s"), "group \"ps\" names the profession \"11\""),
            (HEAD.replace("ps = ", "10 = "), choices("s"), "has the code of a profession"),
            (HEAD.to_owned(), choices(" "), "choice bris_de_glace_sees_masked names no source"),
            (HEAD.to_owned(), choices("s").replace("[choice.author_exempt]", "[choice.author]"), "unknown field `author`"),
            (format!("{HEAD}other = 1\n"), choices("s"), "access matrix:"),
        ];
        for (head, choice, reason) in cases {
            let said = read(&format!("{head}{choice}{good}")).unwrap_err();
            assert!(said.contains(reason), "{said} ≠ {reason}");
        }
    }

    #[test]
    fn a_table_has_a_limit() {
        let text = format!("{HEAD}{}{}", choices("s"), row("\"40\"", "classes = [\"10\"]", "source = \"s\""));
        let padded = |bytes: usize| format!("{text}#{}", "x".repeat(bytes - text.len() - 1));
        assert!(read(&padded(MATRIX_BYTES)).is_ok());
        assert!(read(&padded(MATRIX_BYTES + 1)).unwrap_err().contains("more than 1048576 bytes"));
    }
}
