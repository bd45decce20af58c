//! What a database is fixed to at its creation.

use diesel::prelude::*;

use super::conn::{Conn, fault};
use super::schema::setting;
use crate::fhir::Result;

/// Keys and names written once.
#[derive(Clone)]
pub struct Settings {
    /// Key of page links and of the ids of derived resources.
    pub secret: [u8; 32],
    /// Identifier of this database, part of the server's own OID-like identifiers (UUID).
    pub instance: uuid::Uuid,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("secret", &"***").field("instance", &self.instance).finish()
    }
}

impl Settings {
    pub(super) fn load_or_create(conn: &mut Conn) -> Result<Self> {
        let mut fresh = [0u8; 32];
        let (head, tail) = fresh.split_at_mut(16);
        head.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
        tail.copy_from_slice(uuid::Uuid::new_v4().as_bytes());
        let secret = text(conn, "secret", hex(&fresh))?;
        let instance = text(conn, "instance", uuid::Uuid::new_v4().to_string())?;
        let broken = |what: &str| crate::fhir::Fault::new(crate::fhir::FaultKind::Bug, 130, format!("the stored setting {what} is damaged"));
        Ok(Self { secret: unhex(&secret).ok_or_else(|| broken("secret"))?, instance: instance.parse().map_err(|_| broken("instance"))? })
    }
}

/// The environment a database is for: written at its first start, never changed.
///
/// # Errors
/// `RuleBroken` when the database is for another one.
pub(super) fn pin_environment(conn: &mut Conn, wanted: &str) -> Result<()> {
    let kept = text(conn, "environment", wanted.to_owned())?;
    if kept == wanted {
        return Ok(());
    }
    Err(crate::fhir::Fault::new(
        crate::fhir::FaultKind::RuleBroken,
        131,
        format!("this database was created for database.environment = {kept}, which is fixed; use another database for {wanted}"),
    ))
}

/// The environment that was pinned, when one was.
pub(super) fn environment(conn: &mut Conn) -> Result<Option<String>> {
    kept(conn, "environment")
}

fn kept(conn: &mut Conn, name: &str) -> Result<Option<String>> {
    setting::table.find(name).select(setting::value).first(conn).optional().map_err(fault)
}

fn text(conn: &mut Conn, name: &str, otherwise: String) -> Result<String> {
    if let Some(value) = kept(conn, name)? {
        return Ok(value);
    }
    diesel::insert_into(setting::table).values((setting::name.eq(name), setting::value.eq(&otherwise))).execute(conn).map_err(fault)?;
    Ok(otherwise)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut out = [0u8; 32];
    for (slot, i) in out.iter_mut().zip((0..64).step_by(2)) {
        *slot = u8::from_str_radix(text.get(i..i + 2)?, 16).ok()?;
    }
    Some(out)
}
