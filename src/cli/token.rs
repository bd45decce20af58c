//! `passerelle token`: a bearer token of the development issuer, bound to a client's certificate.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use serde_json::{Map, Value, json};

use crate::config::{Config, Environment};
use crate::fhir::{Level, Mode, Role};
use crate::identity::{DEVELOPMENT, SCOPE_ALL_PATIENT, SCOPE_ALL_USER, practitioner_number};
use crate::store::environment_of;
use crate::tls::{SigningKey, leaf_fingerprint};

/// Root of test INS numbers.
const INS_TEST: &str = "urn:oid:1.2.250.1.213.1.4.10";

/// Who the token speaks for.
#[derive(Debug, Args)]
pub(super) struct TokenArguments {
    /// Data folder of the server.
    #[arg(long)]
    data: PathBuf,
    /// The server's configuration file (TOML).
    #[arg(long)]
    config: Option<PathBuf>,
    /// Client of the development PKI that the token is bound to: DATA/pki/NAME.pem.
    #[arg(long)]
    client: String,
    /// A practitioner: PS_IdNat (8 + RPPS or 0 + ADELI), with --profession.
    #[arg(long, group = "who")]
    rpps: Option<String>,
    /// Code of TRE_G15: 10 médecin, 60 infirmier …
    #[arg(long, requires = "rpps")]
    profession: Option<String>,
    /// Code of the savoir-faire: SM26 …
    #[arg(long, requires = "rpps")]
    specialty: Option<String>,
    /// Struct_IdNat of the situation d'exercice chosen.
    #[arg(long, requires = "rpps")]
    situation: Option<String>,
    /// Access mode: normal, bris_de_glace, centre_15.
    #[arg(long, requires = "rpps")]
    mode: Option<String>,
    /// Why the glass is broken; without it bris_de_glace is answered 403.
    #[arg(long, requires = "mode")]
    reason: Option<String>,
    /// Authentication: direct, air, indirect.
    #[arg(long, requires = "rpps")]
    level: Option<String>,
    /// auditor or administrator.
    #[arg(long, group = "who")]
    role: Option<String>,
    /// The person whose record it is: INS (test root), or system|value.
    #[arg(long, group = "who")]
    holder: Option<String>,
    /// Who acts for that person: INS (test root), or system|value.
    #[arg(long, group = "who")]
    legal_representative: Option<String>,
    /// Connexion secrète.
    #[arg(long)]
    secret: bool,
    /// Scopes, space-separated; everything of the role when absent.
    #[arg(long)]
    scope: Option<String>,
    /// Lifetime, 1–240 minutes.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(i64).range(1..=240))]
    minutes: i64,
}

/// Prints the token as the last line.
pub(super) fn run(arguments: &TokenArguments) -> Result<(), String> {
    println!("{}", token(arguments, chrono::Utc::now().timestamp())?);
    Ok(())
}

/// A practitioner as a token names one.
pub(super) struct Practitioner<'a> {
    pub rpps: &'a str,
    pub profession: &'a str,
    pub specialty: &'a str,
}

/// The general practitioner of the demo.
pub(super) const GENERAL_PRACTITIONER: Practitioner<'static> = Practitioner { rpps: "899700218896", profession: "10", specialty: "SM26" };

/// A token of a practitioner at a client.
pub(super) fn of_practitioner(data: &Path, client: &str, who: &Practitioner<'_>) -> Result<String, String> {
    let text = |t: &str| Some(t.to_owned());
    let arguments = TokenArguments {
        data: data.to_owned(),
        config: None,
        client: client.to_owned(),
        rpps: text(who.rpps),
        profession: text(who.profession),
        specialty: text(who.specialty),
        situation: None,
        mode: None,
        reason: None,
        level: None,
        role: None,
        holder: None,
        legal_representative: None,
        secret: false,
        scope: None,
        minutes: 60,
    };
    token(&arguments, chrono::Utc::now().timestamp())
}

fn token(arguments: &TokenArguments, now_s: i64) -> Result<String, String> {
    for_trials(&arguments.data, arguments.config.as_deref())?;
    let mut claims = person(arguments)?;
    let fingerprint = certificate(&arguments.data, &arguments.client)?;
    let patient = arguments.holder.is_some() || arguments.legal_representative.is_some();
    let scope = arguments.scope.as_deref().unwrap_or(if patient { SCOPE_ALL_PATIENT } else { SCOPE_ALL_USER });
    let own = json!({
        "iss": DEVELOPMENT, "aud": DEVELOPMENT, "iat": now_s, "nbf": now_s, "exp": now_s + arguments.minutes * 60,
        "jti": uuid::Uuid::new_v4().to_string(), "scope": scope, "client_id": arguments.client,
        "cnf": {"x5t#S256": URL_SAFE_NO_PAD.encode(fingerprint)},
        "lps_nom": "passerelle token", "lps_version": env!("CARGO_PKG_VERSION"),
    });
    claims.extend(own.as_object().cloned().unwrap_or_default());
    if arguments.secret {
        claims.insert("secret".into(), true.into());
    }
    let key = SigningKey::open_or_make(&development_key(&arguments.data)).map_err(|e| e.to_string())?;
    key.sign(&Value::Object(claims)).map_err(|e| e.to_string())
}

/// Refuses where a production server would refuse the token: by the configuration, or by what its database was made for.
fn for_trials(data: &Path, file: Option<&Path>) -> Result<(), String> {
    let config = Config::load(file, std::env::vars())?.under(data);
    let made_for = environment_of(&config.database.url);
    if config.database.environment == Environment::Production || made_for.as_deref() == Some(Environment::Production.word()) {
        return Err("database.environment = production takes no token of the development issuer, which anybody who reads its key could make; \
                    tokens come from tokens.issuer, or from POST /token (exchange.psc_issuer)"
            .into());
    }
    Ok(())
}

/// Where the development issuer's key lies.
pub(super) fn development_key(data: &Path) -> PathBuf {
    data.join("pki/token-issuer.key")
}

fn certificate(data: &Path, client: &str) -> Result<[u8; 32], String> {
    let pki = data.join("pki");
    let plain = !client.is_empty() && client.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    let pem = if plain { std::fs::read(pki.join(format!("{client}.pem"))).ok() } else { None };
    let pem = pem.ok_or_else(|| {
        let hint = if pki.join("ca.pem").exists() {
            "name a client of that folder, for instance client-cabinet"
        } else {
            "start the server once with this --data, or name its data folder"
        };
        format!("{}: no certificate of that client; {hint}", pki.display())
    })?;
    leaf_fingerprint(&pem).map_err(|e| e.to_string())
}

fn person(arguments: &TokenArguments) -> Result<Map<String, Value>, String> {
    let mut claims = Map::new();
    let mut put = |name: &str, value: &Option<String>| {
        if let Some(text) = value {
            claims.insert(name.to_owned(), text.clone().into());
        }
    };
    match (&arguments.rpps, &arguments.role, &arguments.holder, &arguments.legal_representative) {
        (Some(_), ..) => {
            practitioner(arguments)?;
            put("sub", &arguments.rpps);
            put("role", &Some(Role::Practitioner.word().to_owned()));
            put("profession", &arguments.profession);
            put("specialty", &arguments.specialty);
            put("situation_exercice", &arguments.situation);
            put("mode", &arguments.mode);
            put("reason", &arguments.reason);
            put("auth_level", &arguments.level);
        }
        (_, Some(role), ..) if matches!(Role::of(role), Some(Role::Auditor | Role::Administrator)) => {
            put("sub", &Some(format!("development-{role}")));
            put("role", &arguments.role);
        }
        (_, Some(_), ..) => return Err("--role is auditor or administrator; a practitioner is --rpps, a patient --holder".into()),
        (_, _, Some(ins), _) => patient(&mut put, Role::Holder, ins)?,
        (_, _, _, Some(ins)) => patient(&mut put, Role::LegalRepresentative, ins)?,
        _ => return Err("say who the token speaks for: --rpps N --profession CODE, --role auditor|administrator, --holder INS or --legal-representative INS".into()),
    }
    Ok(claims)
}

fn practitioner(arguments: &TokenArguments) -> Result<(), String> {
    let wrong = |option: &str, text: &Option<String>, known: bool, all: &str| if text.is_some() && !known { Err(format!("--{option} is one of {all}")) } else { Ok(()) };
    if arguments.rpps.as_deref().and_then(practitioner_number).is_none() {
        return Err("--rpps is a PS_IdNat: 8 and the 11 digits of the RPPS number, or 0 and the 9 characters of the ADELI number".into());
    }
    if arguments.profession.as_deref().unwrap_or("").is_empty() {
        return Err("--rpps needs --profession, a code of TRE_G15 (10 médecin, 60 infirmier …): without it nothing may be seen".into());
    }
    wrong("mode", &arguments.mode, arguments.mode.as_deref().and_then(Mode::of).is_some(), "normal, bris_de_glace, centre_15")?;
    wrong("level", &arguments.level, arguments.level.as_deref().and_then(Level::of).is_some(), "direct, air, indirect")
}

fn patient(put: &mut impl FnMut(&str, &Option<String>), role: Role, ins: &str) -> Result<(), String> {
    let (system, value) = ins.split_once('|').unwrap_or((INS_TEST, ins));
    if system.is_empty() || value.is_empty() || (!ins.contains('|') && value.len() != 15) {
        return Err("an INS is 15 characters (test root), or system|value".into());
    }
    put("sub", &Some(format!("development-{}", role.word())));
    put("role", &Some(role.word().to_owned()));
    put("ins", &Some(format!("{system}|{value}")));
    Ok(())
}
