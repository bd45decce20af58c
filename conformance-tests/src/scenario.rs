//! The format of a scenario file. A member that is not named here is an error.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// One file: everything about one subject.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    pub subject: String,
    pub scenarios: Vec<Scenario>,
}

/// Steps played in order, with registers and documents of their own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub name: String,
    /// Where the rules of this scenario are written.
    pub spec: String,
    /// Names of tokens (`--token NAME=VALUE`, in the register `token-NAME`) without which the scenario is not played.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Registers set before the first step; their values see generated values only.
    #[serde(default)]
    pub set: BTreeMap<String, Value>,
    #[serde(default)]
    pub documents: BTreeMap<String, Document>,
    pub steps: Vec<Step>,
}

/// Bytes to deposit: a file of the corpus, or a text; placeholders are filled in `text` and in the right sides of `replace`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    pub file: Option<String>,
    pub text: Option<String>,
    /// Text of the file → what stands there instead, the longest first; a text that is not in the file is an error.
    #[serde(default)]
    pub replace: BTreeMap<String, String>,
}

/// A request and what must come back. With `check` it counts; without, it prepares the next ones.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The rule, in one sentence.
    pub check: Option<String>,
    /// Its source, where it is another one than the scenario's.
    pub spec: Option<String>,
    /// `first` (default), `second`, `none`, or the name of a certificate in the PKI folder.
    pub client: Option<String>,
    pub method: String,
    /// Below the base; from the root of the host with a leading slash; or a URL the server gave.
    pub path: String,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub body: Option<Body>,
    /// Plays the step once per value, in the register `each` (members of an object: `each.NAME`).
    #[serde(default)]
    pub each: Vec<Value>,
    pub expect: Option<Expect>,
    /// Register → where it comes from: a pointer into the body, or `header NAME`.
    #[serde(default)]
    pub capture: BTreeMap<String, String>,
}

/// What is sent: exactly one of `json`, `template`, `text`, `base64`, or `document` alone.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    pub json: Option<Value>,
    /// A file of `scenarios/bodies`.
    pub template: Option<String>,
    pub text: Option<String>,
    pub base64: Option<String>,
    /// The bytes of a document (its name may hold placeholders); beside `template` or `json`, what `document` means in there.
    pub document: Option<String>,
    /// Registers that hold in this body only.
    #[serde(default)]
    pub with: BTreeMap<String, Value>,
    /// Changes of `json` or `template`, in order.
    #[serde(default)]
    pub change: Vec<Change>,
}

/// One change of a body: `at` gets `value`, or goes (`remove`). A last segment `-` appends to an array.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    pub at: String,
    pub value: Option<Value>,
    #[serde(default)]
    pub remove: bool,
}

/// What must come back; a step without it needs a 2xx.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    #[serde(default)]
    pub status: Vec<u16>,
    /// The connection is refused in the handshake, or the answer is 401 or 403.
    #[serde(default)]
    pub refused: bool,
    /// The body is an OperationOutcome with an issue of severity error or fatal.
    #[serde(default)]
    pub outcome: bool,
    #[serde(default)]
    pub headers: BTreeMap<String, Test>,
    #[serde(default)]
    pub json: Vec<Test>,
    pub text: Option<Test>,
    /// The body is this document, byte for byte.
    pub bytes: Option<String>,
}

/// A condition on one value; all members that are there must hold.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// Pointer to the value, from where the test stands; the value itself without it.
    #[serde(default)]
    pub at: String,
    pub exists: Option<bool>,
    pub absent: Option<bool>,
    pub equals: Option<Value>,
    pub not: Option<Value>,
    /// An array, or a register that holds one.
    pub one_of: Option<Value>,
    pub contains: Option<Value>,
    pub lacks: Option<Value>,
    pub matches: Option<String>,
    pub length: Option<usize>,
    pub min_length: Option<usize>,
    pub at_least: Option<f64>,
    pub every: Option<Box<Test>>,
    pub any: Option<Box<Test>>,
    pub none: Option<Box<Test>>,
    #[serde(default)]
    pub all: Vec<Test>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"{"subject":"s","scenarios":[{"name":"n","spec":"x","steps":[{"method":"GET","path":"metadata","check":"c","expect":{"status":[200]}}]}]}"#;

    #[test]
    fn a_small_file_is_read() {
        let subject: Subject = serde_json::from_str(SMALL).unwrap();
        assert_eq!(subject.scenarios[0].steps[0].expect.as_ref().unwrap().status, [200]);
    }

    #[test]
    fn unknown_members_are_errors_at_every_level() {
        for (from, to) in
            [("\"subject\"", "\"x\":1,\"subject\""), ("\"name\"", "\"x\":1,\"name\""), ("\"method\"", "\"x\":1,\"method\""), ("\"status\"", "\"stauts\":[1],\"status\"")]
        {
            let error = serde_json::from_str::<Subject>(&SMALL.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains("unknown field"), "{error}");
        }
    }
}
