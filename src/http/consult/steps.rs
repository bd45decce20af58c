//! What the page asks for on the way: each a call of the visit's actor, about its patient alone.

use std::cell::Cell;

use serde_json::{Value, json};

use super::Guest;
use super::asked::Asked;
use super::reply::Reply;
use crate::audit::Action;
use crate::fhir::{Fault, FaultKind, Result, time};
use crate::http::serve::{Shared, carried_out};
use crate::interaction::{self, Answer, Body, Call, Method, consult, dispatch};
use crate::web::{self, Frame, Traits};

/// Lines of a section on paper, whose title says how many there are.
const PRINTED: &str = "20";

/// Of a section that the matrix closes: it says nothing of this record.
const CLOSED_SECTION: &str = "La matrice d'habilitation n'ouvre à votre profession aucun des types de documents dont cette rubrique est tirée. Cela ne dit pas si le dossier en contient. Si vous en avez besoin, demandez l'information au patient ou à un confrère dont la profession y a accès.";

/// One request of a guest; `step` is the path behind the page's own address.
///
/// # Errors
/// What the interactions answer; where a page is wanted, their refusals are pages of the session.
pub(super) fn step(shared: &Shared, asked: &Asked, guest: &Guest, step: &[&str]) -> Result<Reply> {
    let work = Step { shared, asked, guest, carried: Cell::new(false) };
    let reply = match (asked.method, step) {
        (Method::Get, []) => work.whole(),
        (Method::Get, ["documents"]) => work.documents(),
        (Method::Get, ["print"]) => work.print(),
        (Method::Get, ["key-info"]) => work.section(),
        (Method::Get, ["document"]) => work.document_id().map(|id| Reply::see_other(&format!("{}document/{id}/$render", guest.home))),
        (Method::Get, ["document", id, "$render"]) => work.document(id, "$render", &asked.query).map(Reply::answer),
        (Method::Get, ["file"]) => work.file(),
        (Method::Get, ["export"]) => work.export(),
        (Method::Get, ["why"]) => work.why(),
        (Method::Post, ["notice"]) => work.change(Method::Post, &[], consult::notice_read),
        (Method::Post, ["consent"]) => work.change(Method::Post, &["Patient", &guest.visit.patient, "$authorize"], dispatch),
        (Method::Post, ["seen"]) => work.seen(),
        (Method::Post, ["break-glass"]) => work.break_glass(),
        (Method::Post, ["import"]) => work.import(),
        _ => Err(Fault::new(FaultKind::NotFound, 775, "La page n'a rien à cette adresse.").for_a_reader()),
    };
    Ok(reply.unwrap_or_else(|fault| work.told(&work.traced(fault))))
}

struct Step<'a> {
    shared: &'a Shared,
    asked: &'a Asked,
    guest: &'a Guest,
    /// Whether a call was carried out, which leaves its own trace.
    carried: Cell<bool>,
}

impl Step<'_> {
    /// The whole page.
    fn whole(&self) -> Result<Reply> {
        let view = self.view(&[], |_| {})?;
        Ok(self.framed(|frame| Reply::page(200, web::page(&view, frame))))
    }

    /// All documents that the bound and the filters leave.
    fn documents(&self) -> Result<Reply> {
        let view = self.view(&[("maxPerSection", "1"), ("explain", "false")], |call| call.looked_at("list", "documents"))?;
        Ok(self.framed(|frame| Reply::page(200, web::documents(&view, frame))))
    }

    /// The page for paper: more of each section, since paper has no further lines.
    fn print(&self) -> Result<Reply> {
        let view = self.view(&[("maxPerSection", PRINTED)], |call| call.is("print", Action::R))?;
        Ok(self.framed(|frame| Reply::page(200, web::page(&view, frame))))
    }

    /// The further lines of a section: a page, or the view model for a script that asks for it.
    fn section(&self) -> Result<Reply> {
        let section = self.asked.parameter("section").unwrap_or_default();
        let view = self.view(&[], |call| call.looked_at("section", section))?;
        if self.asked.json {
            return Ok(Reply::json(200, view.to_string().into_bytes()));
        }
        let offset = self.asked.parameter("offset").and_then(|n| n.parse().ok()).unwrap_or(0);
        Ok(self.framed(|frame| Reply::page(200, web::more(&view, offset, frame))))
    }

    /// The view model, with parameters of the page's own; `noted`: what its event says more once it is known.
    fn view(&self, own: &[(&str, &str)], noted: impl FnOnce(&Call)) -> Result<Value> {
        let mut query: Vec<(String, String)> = self.asked.query.iter().filter(|(name, _)| !web::is_filter(name)).cloned().collect();
        query.extend(own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let call = consult::view(&self.shared.app, &self.guest.visit, &query, &self.asked.address);
        let answer = self.carry(call, |app, call| {
            let answer = dispatch(app, call)?;
            noted(call);
            Ok(answer)
        })?;
        let mut view: Value = serde_json::from_slice(&bytes(answer)).map_err(|e| Fault::new(FaultKind::Bug, 776, "the view cannot be read").because(e))?;
        // The answer of an earlier day is that of that day, to the byte; the page says that it is one.
        if let (Some(members), true) = (view.as_object_mut(), self.asked.query.iter().any(|(name, _)| name == "asOf")) {
            let then = members.get("generated").cloned().unwrap_or_default();
            members.insert("asOf".into(), then);
        }
        Ok(view)
    }

    /// The page was shown: what comes after its moment is new at the next opening.
    fn seen(&self) -> Result<Reply> {
        let (app, visit) = (&self.shared.app, &self.guest.visit);
        let mut call = visit.call(app, Method::Post, &["Patient", &visit.patient, "$key-info-seen"], &self.asked.address);
        call.query.extend(self.asked.given("generated").map(|at| ("at".to_owned(), at.to_owned())));
        self.carry(call, dispatch).map(|_| self.done(&json!({"done": true})))
    }

    /// The id that the address or the form names.
    fn document_id(&self) -> Result<&str> {
        let id = self.asked.given("id").unwrap_or_default();
        let id = id.strip_prefix("DocumentReference/").unwrap_or(id);
        let plain = (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
        if plain { Ok(id) } else { Err(Fault::new(FaultKind::NotFound, 777, "Dites quel document : id est celui d'un DocumentReference.").for_a_reader()) }
    }

    /// An operation or the reading of a document of this patient.
    fn document(&self, id: &str, operation: &str, query: &[(String, String)]) -> Result<Answer> {
        let visit = &self.guest.visit;
        let path: Vec<&str> = ["DocumentReference", id, operation].into_iter().filter(|p| !p.is_empty()).collect();
        let mut call = visit.call(&self.shared.app, Method::Get, &path, &self.asked.address);
        call.query = query.to_vec();
        self.carry(call, |app, call| {
            consult::of_patient(app, call, &visit.patient, id)?;
            dispatch(app, call)
        })
    }

    fn file(&self) -> Result<Reply> {
        let number = self.asked.parameter("n").unwrap_or("0").to_owned();
        self.document(self.document_id()?, "$render", &[("attachment".to_owned(), number)]).map(Reply::answer)
    }

    /// The summary as a file.
    fn export(&self) -> Result<Reply> {
        if self.asked.parameter("format").is_some_and(|f| f != "ips") {
            return Err(Fault::new(FaultKind::BadValue, 778, "L'export se fait en format=ips.").for_a_reader());
        }
        let visit = &self.guest.visit;
        let call = visit.call(&self.shared.app, Method::Get, &["Patient", &visit.patient, "$summary"], &self.asked.address);
        self.carry(call, dispatch).map(|answer| Reply::answer(answer).saved_as("ips.json"))
    }

    /// Why a section is closed, or why a document can or cannot be read, as far as the patient's record goes: `$explain-access` says.
    fn why(&self) -> Result<Reply> {
        if self.asked.parameter("section").is_some() {
            return Ok(Reply::sentence(200, "Pourquoi cette rubrique n'est pas montrée", CLOSED_SECTION, &self.guest.home));
        }
        let (app, visit) = (&self.shared.app, &self.guest.visit);
        let id = self.document_id()?;
        let mut call = visit.call(app, Method::Get, &["DocumentReference", id, "$explain-access"], &self.asked.address);
        call.query = vec![("patient".to_owned(), visit.patient.clone())];
        let bytes = bytes(self.carry(call, dispatch)?);
        if self.asked.json {
            return Ok(Reply::json(200, bytes));
        }
        let said: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let text =
            said.get("parameter").and_then(Value::as_array).into_iter().flatten().find(|p| p["name"] == "explanation").and_then(|p| p["valueString"].as_str()).unwrap_or_default();
        Ok(Reply::sentence(200, "Accès à ce document", text, &self.guest.home))
    }

    fn change(&self, method: Method, path: &[&str], work: impl FnOnce(&interaction::App, &Call) -> Result<Answer>) -> Result<Reply> {
        let call = self.guest.visit.call(&self.shared.app, method, path, &self.asked.address);
        self.carry(call, work).map(|_| self.done(&json!({"done": true})))
    }

    /// The glass is broken once the decision allows it; from then on the session reads in that mode.
    fn break_glass(&self) -> Result<Reply> {
        let (cookie, _) = self.guest.session.as_ref().ok_or_else(own_mode)?;
        let mut visit = self.guest.visit.clone();
        let wanted = consult::glass_breaker(&visit.actor, self.asked.given("reason").unwrap_or_default());
        if let Ok(actor) = &wanted {
            visit.actor = actor.clone();
        }
        let call = visit.call(&self.shared.app, Method::Post, &["Patient", &visit.patient, "$break-glass"], &self.asked.address);
        self.carry(call, |app, call| {
            call.is("break-glass", Action::R);
            wanted?;
            consult::break_glass(app, call, &visit.patient)
        })?;
        self.shared.app.desk.act_as(cookie, visit.actor);
        Ok(self.done(&json!({"done": true})))
    }

    /// A document goes into the local record: its three identifiers, for the page and for the software.
    fn import(&self) -> Result<Reply> {
        let (id, visit) = (self.document_id()?, &self.guest.visit);
        let call = visit.call(&self.shared.app, Method::Get, &["DocumentReference", id], &self.asked.address);
        let answer = self.carry(call, |app, call| {
            call.is("import", Action::R);
            consult::of_patient(app, call, &visit.patient, id)?;
            let answer = dispatch(app, call)?;
            call.is("import", Action::R);
            Ok(answer)
        })?;
        let imported = consult::imported(&bytes(answer))?;
        let told = serde_json::to_value(&imported).unwrap_or_default();
        if let Some((_, session)) = &self.guest.session {
            self.shared.app.desk.import(session, imported);
        }
        if self.asked.json {
            return Ok(Reply::json(200, told.to_string().into_bytes()));
        }
        Ok(self.framed(|frame| Reply::page(200, web::imported(&told, frame))))
    }

    /// Leaves the trace of what was refused before any call of it; the fault to answer.
    fn traced(&self, fault: Fault) -> Fault {
        if self.carried.get() {
            return fault;
        }
        let call = self.guest.visit.call(&self.shared.app, self.asked.method, &[], &self.asked.address);
        let refused = |_: &interaction::App, call: &Call| {
            call.is("consult", Action::E);
            Err(fault)
        };
        self.carry(call, refused).err().unwrap_or_else(|| Fault::new(FaultKind::Bug, 901, "a refusal of the page was answered"))
    }

    /// Carries out a call like any other: its trace is durable before its answer leaves.
    fn carry(&self, call: Call, work: impl FnOnce(&interaction::App, &Call) -> Result<Answer>) -> Result<Answer> {
        self.carried.set(true);
        let app = &self.shared.app;
        carried_out(app, call, |call| work(app, call)).map(|(_, answer)| answer)
    }

    fn done(&self, said: &Value) -> Reply {
        if self.asked.json { Reply::json(200, said.to_string().into_bytes()) } else { Reply::see_other(&self.guest.home) }
    }

    /// A refusal: where the record is not open, with the two ways that the law leaves, unless the patient has closed both.
    fn told(&self, fault: &Fault) -> Reply {
        if fault.kind != FaultKind::Forbidden || self.guest.session.is_none() {
            return Reply::refused(fault, self.asked.json, &self.guest.home);
        }
        Reply::refused_on(fault, self.asked.json, |reason| self.framed(|frame| Reply::page(fault.kind.row().status, web::refused(reason, consult::may_be_opened(fault), frame))))
    }

    fn framed(&self, reply: impl FnOnce(&Frame<'_>) -> Reply) -> Reply {
        let (app, visit) = (&self.shared.app, &self.guest.visit);
        let person = visit.actor.person.as_ref().map(|p| p.id.as_str()).unwrap_or_default();
        reply(&Frame {
            traits: visit.traits.as_ref().map(|t| Traits { birth_name: &t.family, given_names: &t.given, birth_date: &t.birth_date, sex: &t.sex, ins: &t.ins }),
            mismatch: visit.mismatch,
            home: &self.guest.home,
            who: &format!("{person} · {}", visit.caller.organization),
            mode: visit.actor.mode.code(),
            // What cannot be read now is asked again.
            notice: consult::notice_due(app, visit).unwrap_or(true),
            token: &self.guest.token,
            now: &time::instant(app.now_us()),
            asked: &web::Asked::read(&self.asked.query),
            views: &consult::views(app),
        })
    }
}

fn own_mode() -> Fault {
    Fault::new(FaultKind::NotFound, 779, "Avec un jeton d'accès, le mode est celui du jeton.").for_a_reader()
}

fn bytes(answer: Answer) -> Vec<u8> {
    match answer.body {
        Body::Empty => Vec::new(),
        Body::Resource(bytes) | Body::Raw { bytes, .. } | Body::Shown { bytes, .. } => bytes,
    }
}
