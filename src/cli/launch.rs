//! `passerelle launch`: what a practice's software does when its user asks for the page: a token, `POST /launch`, a link.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value, json};

use super::client::Target;

/// Who opens whose record, and what his software shows of the patient.
#[derive(Debug, Args)]
pub(super) struct LaunchArguments {
    /// Data folder of the server.
    #[arg(long)]
    data: PathBuf,
    /// Client of the development PKI: DATA/pki/NAME.pem.
    #[arg(long, default_value = "client-cabinet")]
    client: String,
    /// Port of the API on localhost.
    #[arg(long, default_value_t = 8443)]
    port: u16,
    /// The practitioner: PS_IdNat (8 + RPPS or 0 + ADELI).
    #[arg(long, default_value = "899700218896")]
    rpps: String,
    /// Code of TRE_G15.
    #[arg(long, default_value = "10")]
    profession: String,
    /// Code of the savoir-faire.
    #[arg(long, default_value = "SM26")]
    specialty: String,
    /// Patient/ID or system|value.
    #[arg(long)]
    patient: String,
    /// Birth name as the software shows it.
    #[arg(long)]
    family: String,
    #[arg(long)]
    given: Option<String>,
    /// 1970-03-12
    #[arg(long)]
    birth_date: String,
    /// M, F or I.
    #[arg(long)]
    sex: Option<String>,
    #[arg(long)]
    ins: Option<String>,
    /// normal or bris_de_glace.
    #[arg(long)]
    mode: Option<String>,
    /// Why the glass is broken.
    #[arg(long)]
    reason: Option<String>,
}

/// Prints the link as the last line.
pub(super) fn run(arguments: &LaunchArguments) -> Result<(), String> {
    let who = super::token::Practitioner { rpps: &arguments.rpps, profession: &arguments.profession, specialty: &arguments.specialty };
    let token = super::token::of_practitioner(&arguments.data, &arguments.client, &who)?;
    println!("{}", link(&arguments.data.join("pki"), (&arguments.client, arguments.port, token), &arguments.body())?);
    Ok(())
}

/// Asks for a ticket; its link.
fn link(pki: &Path, (client, port, token): (&str, u16, String), body: &Value) -> Result<String, String> {
    let mut connection = Target { token: Some(token), ..Target::new(pki, client, port)? }.connect()?;
    let answer = connection.call("POST", "/launch", &[("Content-Type", "application/json")], body.to_string().as_bytes())?;
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match said.get("url").and_then(Value::as_str) {
        Some(url) if answer.status == 201 => Ok(url.to_owned()),
        _ => Err(format!("POST /launch: HTTP {} {}", answer.status, String::from_utf8_lossy(&answer.body))),
    }
}

impl LaunchArguments {
    fn body(&self) -> Value {
        let some = |pairs: [(&str, Option<&String>); 3]| -> Map<String, Value> { pairs.into_iter().filter_map(|(name, v)| Some((name.to_owned(), json!(v?)))).collect() };
        let mut traits = some([("given", self.given.as_ref()), ("sex", self.sex.as_ref()), ("ins", self.ins.as_ref())]);
        traits.insert("family".into(), json!(self.family));
        traits.insert("birthDate".into(), json!(self.birth_date));
        let mut body = some([("mode", self.mode.as_ref()), ("reason", self.reason.as_ref()), ("patient", Some(&self.patient))]);
        body.insert("traits".into(), Value::Object(traits));
        Value::Object(body)
    }
}
