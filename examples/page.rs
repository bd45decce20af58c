//! Writes the practitioner's page for sample views: `cargo run --example page -- IN.json OUT` reads `{"name": {"view": …, "frame": …}}`
//! and writes `OUT/NAME.html` for each, and `OUT/policy.txt`. `conformance-tests/page/check.py` opens them in a browser.

use std::path::Path;
use std::time::Instant;

use passerelle::web::{self, Asked, Frame, Traits};
use serde_json::Value;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(from), Some(to)) = (arguments.next(), arguments.next()) else { return Err("page IN.json OUT".into()) };
    let samples: serde_json::Map<String, Value> = serde_json::from_slice(&std::fs::read(from)?)?;
    std::fs::create_dir_all(&to)?;
    for (name, sample) in &samples {
        let start = Instant::now();
        let html = written(sample);
        println!("{name}: {} kB in {} µs", html.len() / 1000, start.elapsed().as_micros());
        std::fs::write(Path::new(&to).join(format!("{name}.html")), html)?;
    }
    std::fs::write(Path::new(&to).join("policy.txt"), web::policy())?;
    Ok(())
}

/// The page that the members of a sample ask for: `refused`, `imported`, `offset` (more lines) and `all` (documents) are its other forms.
fn written(sample: &Value) -> String {
    let of = sample.get("frame").unwrap_or(&Value::Null);
    let (asked, views) = (asked(of), pairs(of, "views"));
    let frame = Frame { asked: &asked, views: &views, ..frame(of) };
    let view = sample.get("view").unwrap_or(&Value::Null);
    match (sample.get("refused").and_then(Value::as_str), sample.get("imported"), sample.get("offset").and_then(Value::as_u64)) {
        (Some(reason), ..) => web::refused(reason, true, &frame),
        (_, Some(identifiers), _) => web::imported(identifiers, &frame),
        (.., Some(offset)) => web::more(view, usize::try_from(offset).unwrap_or(0), &frame),
        _ if sample.get("all").is_some() => web::documents(view, &frame),
        _ => web::page(view, &frame),
    }
}

fn frame(of: &Value) -> Frame<'_> {
    Frame {
        traits: of.get("traits").map(|t| Traits {
            birth_name: text(t, "birth_name"),
            given_names: text(t, "given_names"),
            birth_date: text(t, "birth_date"),
            sex: text(t, "sex"),
            ins: text(t, "ins"),
        }),
        mismatch: flag(of, "mismatch"),
        home: "/consult/",
        who: text(of, "who"),
        mode: text(of, "mode"),
        notice: flag(of, "notice"),
        token: "sample-token",
        now: text(of, "now"),
        ..Frame::default()
    }
}

/// What the address asks for.
fn asked(of: &Value) -> Asked {
    Asked::read(&pairs(of, "query"))
}

/// The members of an object of texts.
fn pairs(of: &Value, key: &str) -> Vec<(String, String)> {
    let members = of.get(key).and_then(Value::as_object).into_iter().flatten();
    members.map(|(name, value)| (name.clone(), value.as_str().unwrap_or("").to_owned())).collect()
}

fn text<'a>(of: &'a Value, key: &str) -> &'a str {
    of.get(key).and_then(Value::as_str).unwrap_or("")
}

fn flag(of: &Value, key: &str) -> bool {
    of.get(key).and_then(Value::as_bool).unwrap_or(false)
}
