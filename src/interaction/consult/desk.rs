//! Tickets and sessions, kept by their hashes alone: who reads this memory cannot use what it finds.
//!
//! A ticket is good once, for a minute; one that waits on a card, for five. Its session belongs to one browser, ends when idle and at its end, and never comes back.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::Visit;
use crate::config::Consult;
use crate::fhir::{Actor, Fault, FaultKind, Result};

/// µs in a second and in a minute.
const SECOND_US: i64 = 1_000_000;
const MINUTE_US: i64 = 60 * SECOND_US;
/// Seconds a ticket on a card may be used: the longest that `consult.ticket_seconds` may be. A card is read when its reader comes to it.
const CARD_SECONDS: u64 = 300;
/// Imports told of one opening.
const MAX_IMPORTS: usize = 200;

type Hash = [u8; 32];

/// A document that was taken over into the local record, by its three identifiers.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// masterIdentifier: DocumentEntry.uniqueId.
    pub unique_id: String,
    /// DocumentEntry.entryUUID.
    pub entry_uuid: String,
    /// Id of the DocumentReference.
    pub logical_id: String,
    /// Address of its bytes, relative to the base URL.
    pub url: String,
}

/// What a session is begun with: secrets that were just made, and the browser.
pub struct NewSession<'a> {
    /// Value of the cookie.
    pub cookie: &'a str,
    /// What every change carries.
    pub token: &'a str,
    /// The User-Agent.
    pub agent: &'a str,
}

/// A session as one request sees it.
#[derive(Debug, Clone)]
pub struct Session {
    pub visit: Visit,
    /// What every change carries.
    pub token: String,
    opened_us: i64,
    used_us: i64,
    agent: Hash,
    ticket: Hash,
}

/// Why a ticket is not admitted; whose it was, when that is still known.
#[derive(Debug)]
pub enum Refused {
    Unknown,
    Used(Box<Visit>),
    Late(Box<Visit>),
    Full,
}

/// Why a session is not continued; whose it was, when that is still known.
#[derive(Debug)]
pub enum Ended {
    Unknown,
    Idle(Box<Visit>),
    Over(Box<Visit>),
    OtherBrowser(Box<Visit>),
}

struct Ticket {
    visit: Visit,
    made_us: i64,
    ends_us: i64,
    used: bool,
    imports: Vec<Imported>,
}

#[derive(Default)]
struct Held {
    tickets: HashMap<Hash, Ticket>,
    sessions: HashMap<Hash, Session>,
}

impl Held {
    fn keep(&mut self, ticket: &str, visit: Visit, now_us: i64, seconds: u64) {
        let ends_us = now_us.saturating_add(micros(seconds, SECOND_US));
        self.tickets.insert(hash(ticket), Ticket { visit, made_us: now_us, ends_us, used: false, imports: Vec::new() });
    }

    /// Late tickets go, then the older half of the used ones: they are kept to name who uses one twice, and are refused as unknown then.
    fn make_room(&mut self, limits: &Consult, now_us: i64) {
        self.tickets.retain(|_, t| t.used || now_us < t.ends_us);
        if self.tickets.len() < limits.sessions {
            return;
        }
        let mut used: Vec<i64> = self.tickets.values().filter(|t| t.used).map(|t| t.made_us).collect();
        used.sort_unstable();
        if let Some(middle) = used.get(used.len() / 2).copied() {
            self.tickets.retain(|_, t| !t.used || t.made_us > middle);
        }
    }
}

/// All tickets and sessions of this server.
#[derive(Default)]
pub struct Desk(Mutex<Held>);

impl Desk {
    /// A ticket was made.
    ///
    /// # Errors
    /// `Busy` when there are too many.
    pub fn issue(&self, limits: &Consult, ticket: &str, visit: Visit, now_us: i64) -> Result<()> {
        let mut held = self.held();
        if held.tickets.len() >= limits.sessions {
            held.make_room(limits, now_us);
        }
        if held.tickets.len() >= limits.sessions {
            return Err(Fault::new(FaultKind::Busy, 784, "too many tickets and sessions are open; try again"));
        }
        held.keep(ticket, visit, now_us, limits.ticket_seconds);
        Ok(())
    }

    /// A ticket was made for a card that nobody asked to open: it waits longer, and takes no more than half of the room, so that whoever
    /// asks for a page finds some. Whether it is good.
    pub fn issue_on_a_card(&self, limits: &Consult, ticket: &str, visit: Visit, now_us: i64) -> bool {
        let mut held = self.held();
        let half = limits.sessions / 2;
        if held.tickets.len() >= half {
            held.tickets.retain(|_, t| t.used || now_us < t.ends_us);
        }
        let room = held.tickets.len() < half;
        if room {
            held.keep(ticket, visit, now_us, CARD_SECONDS);
        }
        room
    }

    /// A browser shows a ticket: once, and in time, it begins a session.
    ///
    /// # Errors
    /// Why not; a ticket that was used or late is spent.
    pub fn redeem(&self, limits: &Consult, ticket: &str, new: &NewSession<'_>, now_us: i64) -> std::result::Result<Session, Refused> {
        let mut held = self.held();
        let key = hash(ticket);
        let found = held.tickets.get_mut(&key).ok_or(Refused::Unknown)?;
        let visit = found.visit.clone();
        if std::mem::replace(&mut found.used, true) {
            return Err(Refused::Used(Box::new(visit)));
        }
        if now_us >= found.ends_us {
            return Err(Refused::Late(Box::new(visit)));
        }
        if held.sessions.len() >= limits.sessions {
            held.sessions.retain(|_, s| s.ended(limits, now_us).is_none());
        }
        if held.sessions.len() >= limits.sessions {
            return Err(Refused::Full);
        }
        let session = Session { visit, token: new.token.to_owned(), opened_us: now_us, used_us: now_us, agent: hash(new.agent), ticket: key };
        held.sessions.insert(hash(new.cookie), session.clone());
        Ok(session)
    }

    /// A request of a session; it is not idle any more.
    ///
    /// # Errors
    /// Why it is not continued; it is gone then.
    pub fn enter(&self, limits: &Consult, cookie: &str, agent: &str, now_us: i64) -> std::result::Result<Session, Ended> {
        let mut held = self.held();
        let key = hash(cookie);
        let session = held.sessions.get_mut(&key).ok_or(Ended::Unknown)?;
        let visit = || Box::new(session.visit.clone());
        let ended = if session.agent == hash(agent) { session.ended(limits, now_us) } else { Some(Ended::OtherBrowser(visit())) };
        if let Some(why) = ended {
            held.sessions.remove(&key);
            return Err(why);
        }
        session.used_us = now_us;
        Ok(session.clone())
    }

    /// The session goes on in another mode.
    pub fn act_as(&self, cookie: &str, actor: Actor) {
        if let Some(session) = self.held().sessions.get_mut(&hash(cookie)) {
            session.visit.actor = actor;
        }
    }

    /// The session is over.
    pub fn end(&self, cookie: &str) {
        self.held().sessions.remove(&hash(cookie));
    }

    /// A document was taken over in a session.
    pub fn import(&self, session: &Session, imported: Imported) {
        if let Some(ticket) = self.held().tickets.get_mut(&session.ticket)
            && ticket.imports.len() < MAX_IMPORTS
            && !ticket.imports.contains(&imported)
        {
            ticket.imports.push(imported);
        }
    }

    /// What was taken over in an opening, for the software and the person that asked for its ticket; none for anybody else.
    pub fn imports(&self, opening: &str, asks: &Visit) -> Option<Vec<Imported>> {
        let person = |v: &Visit| v.actor.person.as_ref().map(|p| p.id.clone());
        let same = |v: &Visit| v.request_id == opening && v.caller.structure == asks.caller.structure && person(v) == person(asks);
        self.held().tickets.values().find(|t| same(&t.visit)).map(|t| t.imports.clone())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn ended(&self, limits: &Consult, now_us: i64) -> Option<Ended> {
        let visit = || Box::new(self.visit.clone());
        if now_us >= self.opened_us + whole_us(limits) {
            return Some(Ended::Over(visit()));
        }
        (now_us >= self.used_us + micros(limits.idle_minutes, MINUTE_US)).then(|| Ended::Idle(visit()))
    }
}

impl Refused {
    /// Whose ticket it was.
    pub fn visit(&self) -> Option<&Visit> {
        match self {
            Self::Used(visit) | Self::Late(visit) => Some(visit),
            Self::Unknown | Self::Full => None,
        }
    }

    /// What the practitioner is told.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unknown => Fault::new(FaultKind::Forbidden, 785, "Ce lien n'est pas connu. Ouvrez le dossier depuis votre logiciel.").for_a_reader(),
            Self::Used(_) => Fault::new(FaultKind::Forbidden, 786, "Ce lien a déjà servi. Ouvrez de nouveau le dossier depuis votre logiciel.").for_a_reader(),
            Self::Late(_) => Fault::new(FaultKind::Forbidden, 787, "Ce lien n'est plus valable. Ouvrez de nouveau le dossier depuis votre logiciel.").for_a_reader(),
            Self::Full => Fault::new(FaultKind::Busy, 788, "Trop de consultations sont ouvertes. Réessayez dans un instant depuis votre logiciel.").for_a_reader(),
        }
    }
}

impl Ended {
    /// Whose session it was.
    pub fn visit(&self) -> Option<&Visit> {
        match self {
            Self::Idle(visit) | Self::Over(visit) | Self::OtherBrowser(visit) => Some(visit),
            Self::Unknown => None,
        }
    }

    /// What the practitioner is told.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unknown => Fault::new(FaultKind::Forbidden, 789, "Aucune consultation n'est ouverte dans ce navigateur. Ouvrez le dossier depuis votre logiciel.").for_a_reader(),
            Self::Idle(_) => {
                Fault::new(FaultKind::Forbidden, 790, "La consultation s'est terminée faute d'activité. Ouvrez de nouveau le dossier depuis votre logiciel.").for_a_reader()
            }
            Self::Over(_) => {
                Fault::new(FaultKind::Forbidden, 791, "La consultation a atteint sa durée maximale. Ouvrez de nouveau le dossier depuis votre logiciel.").for_a_reader()
            }
            Self::OtherBrowser(_) => {
                Fault::new(FaultKind::Forbidden, 792, "La consultation a été ouverte dans un autre navigateur. Ouvrez de nouveau le dossier depuis votre logiciel.").for_a_reader()
            }
        }
    }
}

fn hash(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

fn micros(count: u64, unit_us: i64) -> i64 {
    i64::try_from(count).unwrap_or(0).saturating_mul(unit_us)
}

fn whole_us(limits: &Consult) -> i64 {
    micros(limits.whole_minutes, MINUTE_US)
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
