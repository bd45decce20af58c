//! Playing scenarios against a server.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::http::{Base, Failure, Response, call};
use crate::kit::Kit;
use crate::pointer;
use crate::register::Registers;
use crate::request;
use crate::scenario::{Expect, Scenario, Step};
use crate::tls::Pki;

/// What became of one check; it passed when `failures` is empty.
#[derive(Debug)]
pub struct Outcome {
    pub check: String,
    pub spec: String,
    pub failures: Vec<String>,
}

/// A server under test and what is shown to it.
pub struct Runner<'a> {
    pub kit: &'a Kit,
    pub base: Base,
    pub pki: Pki,
    /// Access tokens by name.
    pub tokens: BTreeMap<String, String>,
}

impl Runner<'_> {
    /// Whether a server answers the first client at all.
    ///
    /// # Errors
    /// Why not.
    pub fn reach(&mut self) -> Result<(), String> {
        let step = Step { method: "GET".into(), path: "metadata".into(), ..Step::default() };
        self.answer(&step, &Registers::default()).map(|_| ()).map_err(|f| f.to_string())
    }

    /// Whether every token the scenario needs was given; those that need none are for servers that ask for none.
    pub fn can_play(&self, scenario: &Scenario) -> bool {
        scenario.needs.is_empty() == self.tokens.is_empty() && scenario.needs.iter().all(|name| self.tokens.contains_key(name))
    }

    /// Plays one scenario; one outcome per checked step. When a preparing step fails, the checks after it were not reached.
    pub fn play(&mut self, scenario: &Scenario, report: &mut dyn FnMut(Outcome)) {
        let mut registers = Registers::default();
        let mut broken = self.prepare(scenario, &mut registers).err();
        for step in &scenario.steps {
            let failures = match &broken {
                Some(why) => vec![format!("not reached: {why}")],
                None => self.step(step, &mut registers),
            };
            match &step.check {
                Some(check) => report(Outcome { check: check.clone(), spec: step.spec.clone().unwrap_or_else(|| scenario.spec.clone()), failures }),
                None if broken.is_none() && !failures.is_empty() => broken = Some(format!("the preparation failed: {}", failures.join("; "))),
                None => {}
            }
        }
    }

    fn prepare(&self, scenario: &Scenario, registers: &mut Registers) -> Result<(), String> {
        registers.set("base", Value::String(self.base.url()));
        for (name, token) in &self.tokens {
            registers.set(&format!("token-{name}"), Value::String(token.clone()));
        }
        for (name, value) in &scenario.set {
            let value = Registers::default().value(value)?;
            registers.set(name, value);
        }
        for (name, document) in &scenario.documents {
            let bytes = document.bytes(&self.kit.corpus, registers)?;
            registers.add(name, bytes);
        }
        Ok(())
    }

    fn step(&mut self, step: &Step, registers: &mut Registers) -> Vec<String> {
        if step.each.is_empty() {
            return self.once(step, registers);
        }
        let mut failures = Vec::new();
        for value in &step.each {
            let value = match registers.value(value) {
                Ok(value) => value,
                Err(error) => return vec![error],
            };
            for (name, member) in value.as_object().into_iter().flatten() {
                registers.set(&format!("each.{name}"), member.clone());
            }
            registers.set("each", value);
            failures.extend(self.once(step, registers));
        }
        failures
    }

    fn once(&mut self, step: &Step, registers: &mut Registers) -> Vec<String> {
        let asked = format!("{} {}", step.method, registers.text(&step.path).unwrap_or_else(|_| step.path.clone()));
        let expect = step.expect.as_ref();
        let judged = match self.answer(step, registers) {
            Ok(response) => {
                // Captured first: an answer may be judged against parts of itself.
                let missing = capture(step, &response, registers);
                let failures = judge(expect, &response, registers);
                if failures.is_empty() { missing } else { failures }
            }
            Err(Failure::Refused(_)) if expect.is_some_and(|e| e.refused) => Vec::new(),
            Err(failure) => vec![format!("expected an answer, came: {failure}")],
        };
        judged.into_iter().map(|f| format!("{asked}: {f}")).collect()
    }

    fn answer(&mut self, step: &Step, registers: &Registers) -> Result<Response, Failure> {
        let request = request::build(step, &self.base, &self.kit.templates, registers).map_err(Failure::Broken)?;
        let client = registers.text(step.client.as_deref().unwrap_or("first")).map_err(Failure::Broken)?;
        let config = self.pki.client(&client).map_err(Failure::Broken)?;
        call(&self.base, &config, &request)
    }
}

/// Everything of an answer that is not as expected. A wrong status is reported alone: the rest would only repeat it.
fn judge(expect: Option<&Expect>, response: &Response, registers: &Registers) -> Vec<String> {
    let said = || crate::assertion::shown(&Value::String(diagnostics(response)));
    let Some(expect) = expect else {
        return if (200..300).contains(&response.status) { Vec::new() } else { vec![format!("expected 2xx, came {} {}", response.status, said())] };
    };
    if expect.refused {
        return if matches!(response.status, 401 | 403) { Vec::new() } else { vec![format!("expected a refused connection, 401 or 403, came {}", response.status)] };
    }
    if !expect.status.is_empty() && !expect.status.contains(&response.status) {
        let wanted: Vec<String> = expect.status.iter().map(u16::to_string).collect();
        return vec![format!("expected status {}, came {} {}", wanted.join(" or "), response.status, said())];
    }
    let mut failures = Vec::new();
    for (name, test) in &expect.headers {
        failures.extend(test.failures(response.header(name).map(Value::String).as_ref(), &format!("header {name}"), registers));
    }
    failures.extend(expect.on_body(response, registers));
    failures
}

impl Expect {
    fn on_body(&self, response: &Response, registers: &Registers) -> Vec<String> {
        let mut failures = Vec::new();
        if self.outcome || !self.json.is_empty() {
            match serde_json::from_slice::<Value>(&response.body) {
                Ok(body) => {
                    failures.extend(self.outcome.then(|| outcome(&body)).flatten());
                    failures.extend(self.json.iter().flat_map(|t| t.failures(Some(&body), "", registers)));
                }
                Err(_) => failures.push(format!("expected JSON, came {}", response.header("content-type").unwrap_or_else(|| "no Content-Type".to_owned()))),
            }
        }
        if let Some(test) = &self.text {
            failures.extend(test.failures(Some(&Value::String(String::from_utf8_lossy(&response.body).into_owned())), "the body", registers));
        }
        if let Some(name) = &self.bytes {
            match registers.text(name).and_then(|name| registers.document(&name).map(<[u8]>::to_vec)) {
                Ok(bytes) if bytes == response.body => {}
                Ok(bytes) => failures.push(format!("expected the {} bytes of `{name}`, came {} other bytes", bytes.len(), response.body.len())),
                Err(error) => failures.push(error),
            }
        }
        failures
    }
}

fn outcome(body: &Value) -> Option<String> {
    let grave = |i: &Value| i.get("severity").and_then(Value::as_str).is_some_and(|s| s == "error" || s == "fatal") && i.get("code").is_some_and(Value::is_string);
    let there = body.get("resourceType").is_some_and(|t| t == "OperationOutcome") && body.get("issue").and_then(Value::as_array).is_some_and(|i| i.iter().any(grave));
    (!there).then(|| format!("expected an OperationOutcome with an error, came {}", crate::assertion::shown(body)))
}

fn capture(step: &Step, response: &Response, registers: &mut Registers) -> Vec<String> {
    let body: Option<Value> = serde_json::from_slice(&response.body).ok();
    let mut failures = Vec::new();
    for (name, source) in &step.capture {
        let found = match source.strip_prefix("header ") {
            Some(header) => response.header(header).map(Value::String),
            None => registers.text(source).ok().and_then(|at| pointer::find(body.as_ref()?, &at)),
        };
        match found {
            Some(value) => registers.set(name, value),
            None => failures.push(format!("expected {source} (for later steps), came nothing")),
        }
    }
    failures
}

/// The texts of an OperationOutcome, or the beginning of whatever came.
fn diagnostics(response: &Response) -> String {
    let body: Option<Value> = serde_json::from_slice(&response.body).ok();
    let issues = body.as_ref().and_then(|b| b.get("issue")).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let texts: Vec<&str> = issues.iter().filter_map(|i| i.get("diagnostics").and_then(Value::as_str)).collect();
    if texts.is_empty() { String::from_utf8_lossy(&response.body).into_owned() } else { texts.join(" · ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn response(status: u16, body: &Value) -> Response {
        Response { status, headers: vec![("etag".into(), "W/\"1\"".into())], body: body.to_string().into_bytes() }
    }

    fn judged(expect: Value, response: &Response) -> Vec<String> {
        judge(Some(&serde_json::from_value(expect).unwrap()), response, &Registers::default())
    }

    #[test]
    fn status_headers_and_body_are_judged() {
        let answer = response(200, &json!({"total": 1}));
        assert!(
            judged(json!({"status": [200, 201], "headers": {"ETag": {"equals": "W/\"1\""}, "location": {"absent": true}}, "json": [{"at": "/total", "equals": 1}]}), &answer)
                .is_empty()
        );
        assert_eq!(judged(json!({"status": [404]}), &answer).len(), 1);
        assert_eq!(judged(json!({"status": [200], "headers": {"location": {"exists": true}}}), &answer).len(), 1);
        assert_eq!(judged(json!({"status": [200], "outcome": true}), &answer).len(), 1);
        assert!(
            judged(json!({"status": [422], "outcome": true}), &response(422, &json!({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "x"}]})))
                .is_empty()
        );
        assert_eq!(judged(json!({"refused": true}), &answer).len(), 1);
        assert!(judged(json!({"refused": true}), &response(401, &json!({}))).is_empty());
    }

    #[test]
    fn captures_come_from_the_body_and_the_headers() {
        let step: Step = serde_json::from_value(json!({"method": "GET", "path": "x", "capture": {"a": "/total", "b": "header ETag", "c": "/nothing"}})).unwrap();
        let mut registers = Registers::default();
        assert_eq!(capture(&step, &response(200, &json!({"total": 1})), &mut registers).len(), 1);
        assert_eq!(registers.text("{{a}} {{b}}").unwrap(), "1 W/\"1\"");
    }
}
