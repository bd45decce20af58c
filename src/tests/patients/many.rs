//! The patient of a thousand documents, made by rule: ten years of visits, results, prescriptions and dispensations.

use super::described::{Described, Document, table};
use super::{Record, written};

/// Documents of the record.
pub const DOCUMENTS: usize = 1_000;

/// The documents of `mille.toml` again and again, each on a later day, with values that move with the number of the document.
pub fn many() -> Record {
    let mut described: Described = table("mille.toml");
    let models = std::mem::take(&mut described.document);
    described.document = (0..DOCUMENTS).map(|n| at(&models[n % models.len()], n)).collect();
    written(described)
}

/// The model `n` times 3,65 days after 2016-11-20.
fn at(model: &Document, n: usize) -> Document {
    let days = n * 365 / 100;
    let day = chrono::NaiveDate::from_ymd_opt(2016, 11, 20).unwrap() + chrono::Days::new(days as u64);
    let mut out = model.clone();
    let time = model.date.split_once('T').unwrap().1;
    out.date = format!("{day}T{time}");
    out.until = model.until.as_ref().map(|_| format!("{}T23:59", day + chrono::Days::new(90)));
    let moved = |value: &str| match value.split_once('.') {
        Some((whole, part)) => format!("{whole}.{}", (part.parse::<usize>().unwrap_or(0) + n / 7) % 10),
        None => (value.parse::<usize>().unwrap() + n % 9).to_string(),
    };
    for value in out.results.values_mut().chain(out.vitals.values_mut()) {
        *value = moved(value);
    }
    for intake in &mut out.treatments {
        intake.from = day.to_string();
        intake.to = intake.to.as_ref().map(|_| (day + chrono::Days::new(90)).to_string());
    }
    for act in &mut out.acts {
        act.date = day.to_string();
    }
    for planned in &mut out.plan {
        planned.date = (day + chrono::Days::new(60)).to_string();
    }
    out
}
