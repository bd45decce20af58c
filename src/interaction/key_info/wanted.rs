//! The parameters of `$key-info`, read and checked once.

use super::super::registry::registry;
use super::super::rules::Then;
use super::super::{App, Call};
use super::bad;
use crate::fhir::{Fault, FaultKind, Result, time};
use crate::keyinfo::{self, Profile, Profiles, Situation};

/// Lines of a section when `maxPerSection` is not given.
const MOST: usize = 7;
/// The automatic list of documents goes back so far when `window` is not given.
const WINDOW: &str = "P2Y";
const DAY_US: i64 = 86_400_000_000;
/// Parameters of the view model alone: a document Bundle is whole.
const OF_THE_VIEW: &[&str] = &["section", "offset", "maxPerSection", "window"];

/// Parameters that have one value.
const ONCE: &[&str] = &["identifier", "specialty", "situation", "since", "window", "section", "offset", "maxPerSection", "reconcile", "explain", "asOf", "_format"];

/// What is asked, beside the patient.
pub(super) struct Wanted {
    /// The reader's profile, in the situation asked for.
    pub profile: Profile,
    pub situation: Option<String>,
    pub since_us: Option<i64>,
    /// How far the list of documents goes back, as it was written and in µs; `None`: all of it.
    pub window: Option<(String, i64)>,
    pub section: Option<String>,
    pub offset: usize,
    pub most: usize,
    pub channels: Vec<Channel>,
    pub reconcile: bool,
    pub explain: bool,
    /// The view model instead of the IPS document.
    pub view: bool,
    /// The moment that is reproduced, µs UTC; `None` for now.
    pub as_of_us: Option<i64>,
    /// The moment of the answer: that which is reproduced, else now.
    pub now_us: i64,
    /// The tables of the day that is reproduced.
    pub under: Option<Then>,
}

/// By which way a document came.
/// Spec: key information §3.2, parameter `sources`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channel {
    /// Shared by somebody else than the caller's structure.
    Dmp,
    /// By secure messaging: none comes here that way.
    MsSante,
    /// Deposited by the caller's own structure.
    Local,
    /// Measured or noted by an application: none comes here that way but as a document of the patient.
    App,
    /// Written by the patient or for the patient.
    Patient,
}

impl Channel {
    const ALL: &[(Self, &'static str)] = &[(Self::Dmp, "DMP"), (Self::MsSante, "MSSante"), (Self::Local, "local"), (Self::App, "app"), (Self::Patient, "patient")];

    /// As `sources` writes it.
    pub fn code(self) -> &'static str {
        Self::ALL.iter().find(|(c, _)| *c == self).map_or("", |(_, code)| code)
    }

    /// Whether a document came this way.
    pub fn brought(self, own: bool, by_patient: bool) -> bool {
        match self {
            Self::Dmp => !own && !by_patient,
            Self::Local => own,
            Self::Patient => by_patient,
            Self::MsSante | Self::App => false,
        }
    }

    fn read(text: &str) -> Result<Self> {
        let known = || Self::ALL.iter().map(|(_, code)| *code).collect::<Vec<_>>().join(", ");
        let found = Self::ALL.iter().find(|(_, code)| code.eq_ignore_ascii_case(text)).map(|(c, _)| *c);
        found.ok_or_else(|| bad("sources", 881, format!("sources are {}", known())))
    }
}

impl Wanted {
    /// Reads and checks the parameters.
    ///
    /// # Errors
    /// `UnknownParameter`, `BadValue` naming the parameter and what it takes.
    pub fn read(app: &App, call: &Call) -> Result<Self> {
        known(call)?;
        let view = call.parameter("_format") == Some("keyinfo");
        if let Some(name) = OF_THE_VIEW.iter().find(|name| !view && call.parameter(name).is_some()) {
            return Err(bad(name, 882, format!("{name} is a parameter of the view model (_format=keyinfo): a document Bundle is whole")));
        }
        let section = call.parameter("section").map(str::to_owned);
        if section.as_deref().is_some_and(|key| !keyinfo::is_section(key)) {
            return Err(bad("section", 684, "section is none of the sections of the answer (sections[].key)"));
        }
        let as_of_us = call.parameter("asOf").map(|text| as_of(call, text)).transpose()?;
        let under = as_of_us.map(|at| app.tables_of(at)).transpose()?;
        let profiles = under.as_ref().map_or_else(|| app.rules.profiles(), |then| std::sync::Arc::clone(&then.profiles));
        let situation = call.parameter("situation").map(|code| situation(&profiles, code)).transpose()?;
        Ok(Self {
            profile: profile(call, &profiles, situation)?,
            since_us: call.parameter("since").map(|text| since(call, text)).transpose()?,
            window: window(call.parameter("window").or(situation.and_then(|s| s.window.as_deref())).unwrap_or(WINDOW))?,
            situation: situation.map(|s| s.code.clone()),
            section,
            offset: number(call, "offset", 100_000)?.unwrap_or(0),
            most: number(call, "maxPerSection", 500)?
                .map_or(Ok(MOST), |most| if most == 0 { Err(bad("maxPerSection", 684, "maxPerSection is a number from 1 to 500")) } else { Ok(most) })?,
            channels: call.parameters("sources").flat_map(|list| list.split(',')).map(Channel::read).collect::<Result<_>>()?,
            reconcile: yes(call, "reconcile")?,
            explain: yes(call, "explain")?,
            view,
            as_of_us,
            now_us: as_of_us.unwrap_or_else(|| app.store.counters().settled_us(call.now_us)),
            under,
        })
    }
}

impl Wanted {
    /// What the reader wants who asks for nothing in particular.
    ///
    /// # Errors
    /// `Bug` without any profile.
    pub fn of_the_reader(app: &App, call: &Call) -> Result<Self> {
        Ok(Self {
            profile: profile(call, &app.rules.profiles(), None)?,
            situation: None,
            since_us: None,
            window: None,
            section: None,
            offset: 0,
            most: 1,
            channels: Vec::new(),
            reconcile: true,
            explain: false,
            view: true,
            as_of_us: None,
            now_us: call.now_us,
            under: None,
        })
    }
}

/// A misspelt `since` must not pass for none, nor one of two values for the other.
fn known(call: &Call) -> Result<()> {
    call.sent_is_readable()?;
    for name in ONCE {
        if call.parameters(name).nth(1).is_some() {
            return Err(bad(name, 887, format!("{name} is given once")));
        }
    }
    if call.path.len() > 2 && call.parameter("identifier").is_some() {
        return Err(bad("identifier", 888, "the address names the patient; identifier is for Patient/$key-info"));
    }
    let row = registry().operation("key-info", "instance", Some("Patient"));
    let parameters = row.map(|r| r.parameters.as_slice()).unwrap_or_default();
    match call.asked().find(|(name, _)| !parameters.iter().any(|p| p == name) && *name != "_pretty") {
        Some((name, _)) => Err(Fault::new(FaultKind::UnknownParameter, 883, format!("$key-info takes {}", parameters.join(", "))).at(name)),
        None => Ok(()),
    }
}

fn number(call: &Call, name: &str, most: usize) -> Result<Option<usize>> {
    let read = |text: &str| text.parse::<usize>().ok().filter(|n| *n <= most).ok_or_else(|| bad(name, 684, format!("{name} is a number up to {most}")));
    call.parameter(name).map(read).transpose()
}

/// A boolean that is true when it is not given.
fn yes(call: &Call, name: &str) -> Result<bool> {
    match call.parameter(name) {
        None | Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => Err(bad(name, 684, format!("{name} is true or false"))),
    }
}

fn since(call: &Call, text: &str) -> Result<i64> {
    let first = time::range(text).map(|r| r.0).filter(|first| *first <= call.now_us);
    first.ok_or_else(|| bad("since", 684, "since is an instant or a day that is not in the future"))
}

/// The last moment that `asOf` covers: a day stands for its end, so one that is not over has none that could be told again.
fn as_of(call: &Call, text: &str) -> Result<i64> {
    let last = time::range(text).map(|r| r.1).filter(|last| *last <= call.now_us);
    last.ok_or_else(|| bad("asOf", 884, "asOf is an instant, or a day that is over: not in the future"))
}

fn situation<'a>(profiles: &'a Profiles, code: &str) -> Result<&'a Situation> {
    let known = || profiles.situations().iter().map(|s| s.code.as_str()).collect::<Vec<_>>().join(", ");
    profiles.situation(code).ok_or_else(|| bad("situation", 885, format!("situations are {}", known())))
}

/// The profile asked for, else that of the caller's speciality or profession, else the neutral one; in the situation.
fn profile(call: &Call, profiles: &Profiles, situation: Option<&Situation>) -> Result<Profile> {
    let own = || {
        let person = call.visibility.rules().and_then(|r| r.actor.person.as_ref());
        person.and_then(|p| profiles.of(&p.specialty).or_else(|| profiles.of(&p.profession))).or_else(|| profiles.all().first())
    };
    let found = match (call.parameter("specialty"), situation.and_then(|s| s.profile.as_deref())) {
        (Some(asked), _) => Some(profiles.of(asked).ok_or_else(|| no_profile(profiles))?),
        (None, Some(replaced)) => profiles.of(replaced),
        (None, None) => own(),
    };
    let found = found.cloned().ok_or_else(|| Fault::new(FaultKind::Bug, 686, "the ranking profiles are not read"))?;
    // The situation of everyday changes nothing.
    Ok(match situation.filter(|s| s.profile.is_none() && !(s.weight.is_empty() && s.boost.is_empty())) {
        Some(situation) => found.in_situation(situation),
        None => found,
    })
}

fn no_profile(profiles: &Profiles) -> Fault {
    let names = |p: &Profile| std::iter::once(p.id.clone()).chain(p.specialities.iter().chain(&p.professions).cloned()).collect::<Vec<_>>();
    let known: Vec<String> = profiles.all().iter().flat_map(names).collect();
    bad("specialty", 685, format!("no ranking profile is for this speciality; there are {}", known.join(", ")))
}

fn window(text: &str) -> Result<Option<(String, i64)>> {
    if text == "all" {
        return Ok(None);
    }
    Ok(Some((text.to_owned(), days(text)?.saturating_mul(DAY_US))))
}

/// Days of an ISO 8601 duration of years, months, weeks or days.
fn days(text: &str) -> Result<i64> {
    let wrong = || bad("window", 687, "window is a duration such as P2Y, P6M, P90D, or all");
    let (number, unit) = text.strip_prefix('P').and_then(|t| t.split_at_checked(t.len().checked_sub(1)?)).ok_or_else(wrong)?;
    let number: i64 = number.parse().ok().filter(|n| (1..=200).contains(n) || unit == "D" && (1..=36_500).contains(n)).ok_or_else(wrong)?;
    match unit {
        "Y" => Ok(number * 366),
        "M" => Ok(number * 31),
        "W" => Ok(number * 7),
        "D" => Ok(number),
        _ => Err(wrong()),
    }
}
