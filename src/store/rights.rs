//! What was decided about a record, and what it means for this caller.

use std::collections::HashSet;

use diesel::prelude::*;

use super::among::among;
use super::conn::fault;
use super::read::{Reader, refused};
use super::schema::{choice, directory, document, document_author, identifier};
use crate::access::{Choice, ChoiceKind, Enforced, Purpose, RecordRight, Sight};
use crate::fhir::{Fault, FaultKind, Level, Result, Role};

/// What a decision about a document looks at.
#[derive(Debug)]
pub struct DecidedFacts {
    pub labels: i32,
    /// The caller stands behind it.
    pub mine: bool,
    pub type_code: String,
    pub class_code: String,
    pub visible_from_us: i64,
    pub deleted: bool,
}

impl Reader<'_> {
    /// This caller's right to a record, worked out once per snapshot; `None` where rights do not matter: the shared record, and every
    /// record under the policy `open`.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn right(&mut self, record: i64) -> Result<Option<RecordRight>> {
        if record == 0 || self.visibility.rules().is_none() {
            return Ok(None);
        }
        if let Some(known) = self.rights.get(&record) {
            return Ok(Some(*known));
        }
        let choices = self.choices_of(record)?;
        let own = self.is_holders(record)?;
        let right = self.visibility.right(&choices, own, self.purpose);
        self.rights.extend(right.map(|r| (record, r)));
        Ok(right)
    }

    /// Whether everything of a record may be looked for, as far as matrix and labels go.
    ///
    /// # Errors
    /// See [`Reader::right`].
    pub fn whole(&mut self, record: i64) -> Result<bool> {
        Ok(matches!(self.right(record)?, None | Some(RecordRight::Whole { .. })))
    }

    /// Refuses what asks about a record as a whole when it is not open to the caller.
    ///
    /// # Errors
    /// `Forbidden` with the reason; see [`Reader::right`].
    pub fn open_to_caller(&mut self, record: i64) -> Result<()> {
        match self.right(record)? {
            None | Some(RecordRight::Whole { .. }) => Ok(()),
            Some(RecordRight::OwnDocuments(rule) | RecordRight::Nothing(rule)) => Err(refused(rule)),
        }
    }

    /// Refuses where the caller has no right at all: a record that is closed to him whatever he stands behind.
    ///
    /// # Errors
    /// `Forbidden` with the reason; see [`Reader::right`].
    pub fn not_refused(&mut self, record: i64) -> Result<()> {
        match self.right(record)? {
            Some(RecordRight::Nothing(rule)) => Err(refused(rule)),
            _ => Ok(()),
        }
    }

    /// Reads something to be answered in the midst of planning a write.
    ///
    /// # Errors
    /// What `f` returns.
    pub fn answering<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let before = std::mem::replace(&mut self.purpose, Purpose::Read);
        let rights = std::mem::take(&mut self.rights);
        let answer = f(self);
        (self.purpose, self.rights) = (before, rights);
        answer
    }

    /// Which of some records a condition holds for.
    ///
    /// # Errors
    /// See [`Reader::right`].
    pub fn sight(&mut self, records: &[i64]) -> Result<Sight> {
        let mut out = Sight { everywhere: self.visibility.rules().is_none(), ..Sight::default() };
        if out.everywhere {
            return Ok(out);
        }
        for record in records {
            match self.right(*record)? {
                Some(RecordRight::Whole { sees_masked, .. }) => {
                    out.whole.push(*record);
                    out.masked.extend(sees_masked.then_some(*record));
                }
                None => out.whole.push(*record),
                Some(RecordRight::OwnDocuments(_)) => {}
                Some(RecordRight::Nothing(rule)) => {
                    out.nothing.push(*record);
                    out.unknown.extend(rule.equals_absence().then_some(*record));
                }
            }
        }
        if self.purpose == Purpose::Read {
            out.strange = self.strange(records)?;
        }
        Ok(out)
    }

    /// Those of some records in which the caller stands behind no document.
    fn strange(&mut self, records: &[i64]) -> Result<Vec<i64>> {
        let own: Vec<i64> = document_author::table
            .filter(among(document_author::record, records.to_vec()))
            .filter(among(document_author::structure, self.visibility.mine().to_vec()))
            .select(document_author::record)
            .distinct()
            .load(self.conn)
            .map_err(fault)?;
        Ok(records.iter().copied().filter(|record| !own.contains(record)).collect())
    }

    /// What was decided about a record for this caller and for everybody.
    fn choices_of(&mut self, record: i64) -> Result<Vec<Choice>> {
        let holders = self.visibility.rules().map(|r| r.holders().to_vec()).unwrap_or_default();
        let rows: Vec<(String, i16, i64)> = choice::table
            .filter(choice::record.eq(record))
            .filter(among(choice::holder, holders))
            .select((choice::holder, choice::kind, choice::until_us))
            .load(self.conn)
            .map_err(fault)?;
        rows.into_iter().map(understood).collect()
    }

    /// Every choice of a kind that is in force on a record: the number of the resource that says it, and the holder.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn choices(&mut self, record: i64, kind: ChoiceKind) -> Result<Vec<(i64, String)>> {
        let of_kind = choice::table.filter(choice::record.eq(record)).filter(choice::kind.eq(kind.number()));
        of_kind.filter(choice::until_us.gt(self.visibility.now_us())).select((choice::rid, choice::holder)).order(choice::rid).load(self.conn).map_err(fault)
    }

    /// The Consents of some records that a practitioner may read, by their numbers: those that name him, or the structure he works for, and
    /// nobody else, whatever his right to the record, so that he learns the state of his authorisation. Whom else the patient trusts or
    /// blocks is the patient's to know. `None` for who reads Consents with the record.
    /// Spec: PDSM4DMP TD0.2 EF_DMP04_01.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn consents_about_caller(&mut self, records: &[i64]) -> Result<Option<HashSet<i64>>> {
        let practitioner = |r: &&Enforced| r.actor.role == Role::Practitioner && r.actor.level != Level::Indirect;
        let Some(rules) = self.visibility.rules().filter(practitioner) else { return Ok(None) };
        let rows: Vec<(i64, String)> = choice::table.filter(among(choice::record, records.to_vec())).select((choice::rid, choice::holder)).load(self.conn).map_err(fault)?;
        let named = |holder: &String| !holder.is_empty() && rules.holders().contains(holder);
        let (mine, others): (Vec<_>, Vec<_>) = rows.into_iter().filter(|(_, holder)| !holder.is_empty()).partition(|(_, holder)| named(holder));
        let others: HashSet<i64> = others.into_iter().map(|(rid, _)| rid).collect();
        Ok(Some(mine.into_iter().map(|(rid, _)| rid).filter(|rid| !others.contains(rid)).collect()))
    }

    /// Number of the médecin traitant in force, for a caller whom the record is open to, and for himself.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn medecin_traitant(&mut self, record: i64) -> Result<Option<String>> {
        let declared = self.choices(record, ChoiceKind::MedecinTraitant)?.into_iter().map(|(_, holder)| holder);
        let whole = self.whole(record)?;
        let told = |holder: &String| whole || self.visibility.rules().is_some_and(|r| r.holders().contains(holder));
        // Of two numbers of one person the RPPS comes behind the ADELI.
        Ok(declared.filter(told).filter_map(|holder| holder.strip_prefix("ps:").map(str::to_owned)).max())
    }

    /// What one resource decides about its record, what has ended included.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn decided_by(&mut self, record: i64, rid: i64) -> Result<Vec<Choice>> {
        let rows: Vec<(String, i16, i64)> =
            choice::table.filter(choice::record.eq(record)).filter(choice::rid.eq(rid)).select((choice::holder, choice::kind, choice::until_us)).load(self.conn).map_err(fault)?;
        rows.into_iter().map(understood).collect()
    }

    /// Whether the holder masked one of these documents (by the rids of their DocumentReferences).
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn masked_by_holder(&mut self, record: i64, rids: &[i64]) -> Result<bool> {
        let masks = choice::table.filter(choice::record.eq(record)).filter(choice::kind.eq(ChoiceKind::MaskedByHolder.number())).filter(among(choice::rid, rids.to_vec()));
        diesel::select(diesel::dsl::exists(masks)).get_result(self.conn).map_err(fault)
    }

    /// What a decision about a document looks at, with its record, whoever may see it; for explaining decisions, never for answers.
    ///
    /// # Errors
    /// `Bug` or `Busy` from the database.
    pub fn decided_facts(&mut self, kind: &str, id: &str) -> Result<Option<(i64, DecidedFacts)>> {
        let found: Option<(i64, i64)> = directory::table.find((kind, id)).select((directory::record, directory::document)).first(self.conn).optional().map_err(fault)?;
        let Some((record, number)) = found.filter(|f| f.1 != 0) else { return Ok(None) };
        let (labels, type_code, class_code, visible_from_us, deleted) = document::table
            .find(number)
            .select((document::labels, document::type_code, document::class_code, document::visible_from_us, document::deleted))
            .first(self.conn)
            .map_err(fault)?;
        let mine = self.is_own(number)?;
        Ok(Some((record, DecidedFacts { labels, mine, type_code, class_code, visible_from_us, deleted })))
    }

    /// Whether the record is that of the patient whom the caller is, or acts for.
    fn is_holders(&mut self, record: i64) -> Result<bool> {
        let Some(patient) = self.visibility.rules().and_then(|r| r.patient()).cloned() else { return Ok(false) };
        let named = identifier::table
            .filter(identifier::value.eq(patient.value))
            .filter(identifier::system.eq(patient.system.unwrap_or_default()))
            .filter(identifier::kind.eq("Patient"))
            .filter(identifier::record.eq(record));
        diesel::select(diesel::dsl::exists(named)).get_result(self.conn).map_err(fault)
    }
}

/// A row of the database as a choice.
fn understood((holder, number, until_us): (String, i16, i64)) -> Result<Choice> {
    let kind = ChoiceKind::of(number).ok_or_else(|| Fault::new(FaultKind::Bug, 176, "a choice of the patient is not understood; nothing is disclosed"))?;
    Ok(Choice { holder, kind, until_us })
}
