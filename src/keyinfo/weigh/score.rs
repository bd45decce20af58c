//! What a line weighs, and why, in points that a reader can follow.
//! Spec: `fhir-profiles/key-information/score.toml`.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, json};

use super::devices;
use super::profile::{Profile, stands_for};
use super::trend::Trend;
use crate::keyinfo::language::concept::{codes, get, items, text};
use crate::keyinfo::merge::group::Group;
use crate::keyinfo::tell::line::{Context, Line};

pub static SCORE: LazyLock<Score> = LazyLock::new(|| toml::from_str(include_str!("../../../fhir-profiles/key-information/score.toml")).unwrap_or_default());

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    pub order: Vec<String>,
    points: Points,
    critical: Codes,
    decay: Vec<Decay>,
    pub change: Vec<ChangeRow>,
    alert: Vec<Alert>,
    fed: Vec<Fed>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fed {
    section: String,
    types: Vec<String>,
}

/// The sections that only documents of these types feed, with the types.
pub fn fed() -> impl Iterator<Item = (&'static str, &'static [String])> {
    SCORE.fed.iter().map(|f| (f.section.as_str(), f.types.as_slice()))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Points {
    safety: f64,
    critical: f64,
    abnormal: f64,
    change: f64,
    recent: f64,
    new: f64,
    corroborated: f64,
}

#[derive(Debug, Default, Deserialize)]
struct Codes {
    codes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Decay {
    section: String,
    days: f64,
}

/// A difference that chance seldom makes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeRow {
    pub codes: Vec<String>,
    pub percent: f64,
    #[serde(rename = "analyte")]
    _analyte: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Alert {
    /// A resource type, or the beginning of its name.
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    codes: Vec<String>,
    path: Option<String>,
    #[serde(default)]
    any: Vec<String>,
    /// Values at the path that make it none.
    #[serde(default)]
    none: Vec<String>,
    /// Whether the newest statement alone decides: of what can end.
    #[serde(default)]
    newest: bool,
    why: String,
}

/// What a line weighs.
#[derive(Debug, Default)]
pub struct Weighed {
    pub score: i64,
    pub reasons: Vec<Value>,
}

impl Weighed {
    /// The reasons in words: `valeur critique (+15)`.
    pub fn said(&self) -> Vec<String> {
        self.reasons.iter().map(|r| format!("{} ({:+})", text(r, "/text"), r.get("points").and_then(Value::as_i64).unwrap_or(0))).collect()
    }

    fn add(&mut self, code: &str, why: &str, points: f64) {
        let points = round(points);
        if points != 0 {
            self.score += points;
            self.reasons.push(json!({"code": code, "text": why, "points": points}));
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "points are small")]
fn round(points: f64) -> i64 {
    points.round() as i64
}

/// The codes that a line is about.
pub fn about<'a>(context: &Context<'a>, group: &Group) -> Vec<&'a str> {
    context.statement(group.lead).and_then(|s| s.concept).into_iter().flat_map(codes).collect()
}

/// Why a line is an alert; `None` when it is none.
pub fn alert(context: &Context<'_>, group: &Group, line: &Line) -> Option<&'static str> {
    let s = context.statement(group.lead).filter(|_| !line.second)?;
    let about = about(context, group);
    // A gravity that any document gives stays: the newest may be silent about it.
    let spoken_for = |row: &Alert| group.affirming().take(if row.newest { 1 } else { usize::MAX }).filter_map(|at| context.statement(at)).map(|s| s.resource);
    let holds = |row: &Alert| {
        s.kind.starts_with(&row.kind)
            && (row.codes.is_empty() || row.codes.iter().any(|known| about.iter().any(|c| stands_for(known, c))))
            && row.path.as_ref().is_none_or(|path| {
                let one_of = |values: &[String]| spoken_for(row).filter_map(|r| get(r, path)).any(|said| values.iter().any(|v| is(said, v)));
                (row.any.is_empty() || one_of(&row.any)) && !one_of(&row.none)
            })
    };
    // A walking frame is in use as a pacemaker is.
    if s.kind == "DeviceUseStatement" && devices::is_aid(s.concept, &line.label) {
        return None;
    }
    SCORE.alert.iter().find(|row| holds(row)).map(|row| row.why.as_str())
}

fn is(said: &Value, value: &str) -> bool {
    said.as_str() == Some(value) || said.as_bool().is_some_and(|b| b.to_string() == value)
}

/// What is known of a line besides what it says.
pub struct Around<'a> {
    pub section: &'a str,
    pub new: bool,
    pub trend: Option<&'a Trend<'a>>,
}

/// Points of a line under a profile.
pub fn of(context: &Context<'_>, group: &Group, line: &Line, profile: &Profile, around: &Around<'_>) -> Weighed {
    let mut out = Weighed::default();
    let Some(lead) = context.statement(group.lead) else { return out };
    let (weight, why) = profile.weight(around.section, &about(context, group));
    out.add("profile", why.unwrap_or("place de la rubrique pour cette spécialité"), weight);
    let points = &SCORE.points;
    if let Some(why) = alert(context, group, line) {
        out.add("safety", why, points.safety);
    }
    let critical = items(lead.resource, "interpretation").flat_map(codes).any(|c| SCORE.critical.codes.iter().any(|k| k == c));
    let significant = around.trend.and_then(|t| t.change.as_ref()).is_some_and(|c| c.significant);
    match (critical, significant, line.abnormal) {
        (true, ..) => out.add("abnormal", "valeur critique", points.critical),
        (_, true, _) => out.add("change", "variation significative depuis le résultat précédent", points.change),
        (.., true) => out.add("abnormal", "résultat hors des valeurs de référence", points.abnormal),
        _ => {}
    }
    // A day that cannot be makes nothing recent.
    if let Some(days) = SCORE.decay.iter().find(|d| d.section == around.section).map(|d| d.days).filter(|_| lead.doubt.is_none()) {
        out.add("recent", "récent", points.recent * (-age_days(context, lead.when_us.unwrap_or(lead.said_us)) / days).exp());
    }
    if around.new {
        out.add("new", "nouveau depuis votre dernière visite", points.new);
    }
    if said_by_several(context, group) {
        out.add("corroborated", "dit par plusieurs auteurs", points.corroborated);
    }
    out.score = out.score.clamp(0, 100);
    out
}

/// Points of words that a document gives a section of their own for: what their author wants to be read first.
pub fn of_words(profile: &Profile, section: &str, new: bool) -> Weighed {
    let mut out = Weighed::default();
    let (weight, why) = profile.weight(section, &[]);
    out.add("profile", why.unwrap_or("place de la rubrique pour cette spécialité"), weight);
    out.add("safety", "signalé par l'auteur du document", SCORE.points.safety);
    if new {
        out.add("new", "nouveau depuis votre dernière visite", SCORE.points.new);
    }
    out
}

fn said_by_several(context: &Context<'_>, group: &Group) -> bool {
    let mut authors = group.affirming().filter_map(|at| context.statement(at)).map(|s| context.citation(s)).filter(|c| !c.author.is_empty());
    authors.next().is_some_and(|first| authors.any(|other| other.author != first.author))
}

#[expect(clippy::cast_precision_loss, reason = "days are few")]
fn age_days(context: &Context<'_>, us: i64) -> f64 {
    (context.now_us.saturating_sub(us).max(0) / 86_400_000_000) as f64
}

/// Whether documents contradict each other about a line: denied, another value at the same time, a problem or an allergy that is over
/// in one and not in another, a treatment that is dispensed, prescribed or listed after it was stopped or whose prescribers give different
/// dosages, two strengths of one substance that different documents list. What they add to each other is a remark.
pub fn conflicts(context: &Context<'_>, group: &Group) -> bool {
    let rank = |at: usize| context.statement(at).and_then(|s| s.reading()).map(|r| r.rank);
    // What was corrected, or preliminary, contradicts nothing.
    if !group.against.is_empty() || group.discordant.iter().any(|at| rank(*at) == rank(group.lead)) {
        return true;
    }
    if let Some(regimen) = &group.regimen {
        return regimen.conflict;
    }
    let Some(lead) = context.statement(group.lead) else { return false };
    let others = || group.merged.iter().filter_map(|at| context.statement(*at));
    matches!(lead.kind, "Condition" | "AllergyIntolerance") && others().any(|o| o.goes_on != lead.goes_on)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_and_every_row_says_why() {
        assert!(SCORE.points.safety > 0.0 && SCORE.decay.len() > 3 && SCORE.change.len() > 5);
        assert!(SCORE.alert.iter().all(|a| !a.why.is_empty() && (!a.codes.is_empty() || a.path.is_some())));
        assert!(SCORE.change.iter().all(|c| c.percent > 0.0 && !c.codes.is_empty()));
    }
}
