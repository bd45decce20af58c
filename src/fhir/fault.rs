//! What can go wrong, once: kind → HTTP status → issue code → severity → Retry-After.
//!
//! A [`Fault`] has two texts: `issues` for the caller (FHIRPath and rule, never a patient's value) and `cause` for the log.
//! Spec: FHIR R4 http#Status-Codes, operationoutcome.

use std::fmt;

/// The usual result of every room.
pub type Result<T> = std::result::Result<T, Fault>;

/// Kinds of failure, in the order of the status they answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    Malformed,
    BadValue,
    MissingElement,
    UnknownParameter,
    Unauthenticated,
    Forbidden,
    NotFound,
    UnknownType,
    MethodNotAllowed,
    NotAcceptable,
    WriteConflict,
    Gone,
    VersionMismatch,
    MultipleMatches,
    TooLarge,
    AddressTooLong,
    UnsupportedFormat,
    RuleBroken,
    TooCostly,
    Throttled,
    CommitUnknown,
    Bug,
    Busy,
    Timeout,
}

/// One row of the error table.
#[derive(Debug, Clone, Copy)]
pub struct FaultRow {
    pub kind: FaultKind,
    /// HTTP status of the answer.
    pub status: u16,
    /// Issue code when the issue gives none of its own.
    pub code: IssueType,
    /// Seconds for `Retry-After`, 0 = no header.
    pub retry_after_s: u16,
    /// What it means, for the README.
    pub meaning: &'static str,
    /// What whoever reads a page is told, French.
    pub reader: &'static str,
}

macro_rules! fault_rows {
    ($($kind:ident $status:literal $code:ident $retry:literal $meaning:literal $reader:literal;)*) => {
        /// The one error table; README and HTTP answers derive from it.
        pub const FAULT_TABLE: &[FaultRow] = &[
            $(FaultRow { kind: FaultKind::$kind, status: $status, code: IssueType::$code, retry_after_s: $retry, meaning: $meaning, reader: $reader },)*
        ];
        impl FaultKind {
            /// The row of this kind.
            pub const fn row(self) -> FaultRow {
                match self {
                    $(FaultKind::$kind => FaultRow { kind: FaultKind::$kind, status: $status, code: IssueType::$code, retry_after_s: $retry, meaning: $meaning, reader: $reader },)*
                }
            }
        }
    };
}

fault_rows! {
    Malformed         400 Structure     0 "the bytes are not the FHIR, JSON or XML they claim to be"
        "La demande n'a pas été comprise.";
    BadValue          400 Value         0 "an element or a parameter has a value its type does not allow"
        "Une valeur de la demande n'est pas valable.";
    MissingElement    400 Required      0 "a required element or parameter is missing"
        "Il manque une information à la demande.";
    UnknownParameter  400 NotSupported  0 "a search parameter or modifier that is not supported (a parameter: only under Prefer: handling=strict)"
        "Un paramètre de la demande n'est pas connu.";
    Unauthenticated   401 Login         0 "the caller is not known"
        "Vous n'êtes pas reconnu. Ouvrez de nouveau le dossier depuis votre logiciel.";
    Forbidden         403 Forbidden     0 "the caller is known and may not do this"
        "Cette action ne vous est pas permise.";
    NotFound          404 NotFound      0 "no such resource for this caller"
        "Cet élément n'existe pas, ou vous ne pouvez pas le consulter.";
    UnknownType       404 NotSupported  0 "no such resource type or operation here"
        "Cette adresse n'existe pas.";
    MethodNotAllowed  405 NotSupported  0 "this interaction is not offered on this type"
        "Cette action n'est pas proposée ici.";
    NotAcceptable     406 NotSupported  0 "no representation the Accept header allows"
        "Ce format n'est pas proposé.";
    WriteConflict     409 Conflict      0 "the write contradicts what is stored"
        "Cette action contredit ce qui est enregistré.";
    Gone              410 Deleted       0 "the resource was deleted"
        "Cet élément a été supprimé.";
    VersionMismatch   412 Conflict      0 "If-Match names another version"
        "Ce que vous modifiez a changé entre-temps. Rechargez la page.";
    MultipleMatches   412 MultipleMatches 0 "a condition matches several resources, or none where one is needed"
        "La demande désigne plusieurs éléments, ou aucun.";
    TooLarge          413 TooLong       0 "the body is over the limit of its route"
        "La demande est trop volumineuse.";
    AddressTooLong    414 TooLong       0 "the address is over 8 KiB: use POST _search"
        "L'adresse est trop longue.";
    UnsupportedFormat 415 NotSupported  0 "the Content-Type or Content-Encoding is not accepted"
        "Le format envoyé n'est pas accepté.";
    RuleBroken        422 BusinessRule  0 "well formed, against a rule of a profile, of IHE or of this server"
        "La demande ne respecte pas une règle du dossier.";
    TooCostly         422 TooCostly     0 "the request would cost more than the limit allows"
        "La demande porte sur trop d'éléments. Précisez-la.";
    Throttled         429 Throttled     60 "too often by one identity: wait"
        "Trop de demandes en peu de temps. Attendez une minute.";
    CommitUnknown     500 Exception     0 "the write may or may not have happened: send the same request again"
        "L'enregistrement n'est pas confirmé. Recommencez la même action.";
    Bug               500 Exception     0 "a defect of this server; the number finds it in the log"
        "Le service a rencontré un défaut. Recommencez ; si cela se reproduit, signalez ce numéro.";
    Busy              503 Transient     2 "the queue is full: try again"
        "Le service est très sollicité. Réessayez dans un instant.";
    Timeout           504 Timeout       0 "the deadline passed"
        "La réponse a pris trop de temps. Réessayez.";
}

/// The issue types of R4 that this server uses.
/// Spec: FHIR R4 valueset-issue-type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IssueType {
    Invalid,
    Structure,
    Required,
    Value,
    Invariant,
    Security,
    Login,
    Unknown,
    Expired,
    Forbidden,
    Suppressed,
    Processing,
    NotSupported,
    Duplicate,
    MultipleMatches,
    NotFound,
    Deleted,
    TooLong,
    CodeInvalid,
    Extension,
    TooCostly,
    BusinessRule,
    Conflict,
    Transient,
    LockError,
    NoStore,
    Exception,
    Timeout,
    Incomplete,
    Throttled,
    Informational,
}

impl IssueType {
    /// The code as FHIR writes it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Structure => "structure",
            Self::Required => "required",
            Self::Value => "value",
            Self::Invariant => "invariant",
            Self::Security => "security",
            Self::Login => "login",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Forbidden => "forbidden",
            Self::Suppressed => "suppressed",
            Self::Processing => "processing",
            Self::NotSupported => "not-supported",
            Self::Duplicate => "duplicate",
            Self::MultipleMatches => "multiple-matches",
            Self::NotFound => "not-found",
            Self::Deleted => "deleted",
            Self::TooLong => "too-long",
            Self::CodeInvalid => "code-invalid",
            Self::Extension => "extension",
            Self::TooCostly => "too-costly",
            Self::BusinessRule => "business-rule",
            Self::Conflict => "conflict",
            Self::Transient => "transient",
            Self::LockError => "lock-error",
            Self::NoStore => "no-store",
            Self::Exception => "exception",
            Self::Timeout => "timeout",
            Self::Incomplete => "incomplete",
            Self::Throttled => "throttled",
            Self::Informational => "informational",
        }
    }
}

/// Severity of an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Fatal,
    Error,
    Warning,
    Information,
}

impl Severity {
    /// The code as FHIR writes it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Fatal => "fatal",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Information => "information",
        }
    }
}

/// One line of an OperationOutcome: what is wrong, where, which rule. Never a patient's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    pub severity: Severity,
    pub code: IssueType,
    /// FHIRPath (`Bundle.entry[2].resource.status`) or, for a CDA, its element path.
    pub expression: Option<String>,
    /// What is wrong and what to do, in English.
    pub diagnostics: String,
}

impl Issue {
    /// An issue of severity error.
    pub fn error(code: IssueType, expression: impl Into<String>, diagnostics: impl Into<String>) -> Self {
        Self::at(Severity::Error, code, expression, diagnostics)
    }

    /// An issue of severity warning: the request is carried out all the same.
    pub fn warning(code: IssueType, expression: impl Into<String>, diagnostics: impl Into<String>) -> Self {
        Self::at(Severity::Warning, code, expression, diagnostics)
    }

    fn at(severity: Severity, code: IssueType, expression: impl Into<String>, diagnostics: impl Into<String>) -> Self {
        let expression = expression.into();
        let expression = (!expression.is_empty()).then_some(expression);
        Self { severity, code, expression, diagnostics: diagnostics.into() }
    }
}

/// A failed request. `number` is unique per place in the source and printed to the caller, so that a report finds its line.
#[derive(Debug, Clone)]
pub struct Fault {
    pub kind: FaultKind,
    pub issues: Vec<Issue>,
    /// For the log only; may name tables and files, never a patient.
    pub cause: Option<String>,
    pub number: u16,
    /// Its words are French and for whoever reads a page.
    said: bool,
}

impl Fault {
    /// A fault with one issue whose code is the kind's.
    pub fn new(kind: FaultKind, number: u16, diagnostics: impl Into<String>) -> Self {
        let issue = Issue::error(kind.row().code, "", diagnostics);
        Self { kind, issues: vec![issue], cause: None, number, said: false }
    }

    /// A fault with several issues (at least one).
    pub fn with_issues(kind: FaultKind, number: u16, issues: Vec<Issue>) -> Self {
        Self { kind, issues, cause: None, number, said: false }
    }

    /// The same fault, its first issue located.
    pub fn at(mut self, expression: impl Into<String>) -> Self {
        if let Some(first) = self.issues.first_mut() {
            first.expression = Some(expression.into());
        }
        self
    }

    /// The same fault, whose words are French and for whoever reads a page.
    pub fn for_a_reader(mut self) -> Self {
        self.said = true;
        self
    }

    /// What a page says of it: its own words when they are for a reader, else what its kind means.
    pub fn told(&self) -> &str {
        let own = self.issues.first().filter(|_| self.said).map(|i| i.diagnostics.as_str());
        own.unwrap_or(self.kind.row().reader)
    }

    /// What a page adds for whoever maintains the software, English; "" where the words are for a reader.
    pub fn detail(&self) -> String {
        let own = self.issues.first().filter(|_| !self.said);
        own.map(|issue| format!("P-{:04}: {}", self.number, issue.diagnostics)).unwrap_or_default()
    }

    /// The same fault with a cause for the log.
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = self.kind.row();
        write!(f, "P-{:04} {} {}", self.number, row.status, row.code.code())?;
        for issue in &self.issues {
            write!(f, "; {}", issue.diagnostics)?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_every_kind_in_a_sentence_unless_the_fault_has_words_for_a_reader() {
        for row in FAULT_TABLE {
            assert!(row.reader.ends_with('.') && row.reader.len() > 20, "{:?}", row.kind);
            let fault = Fault::new(row.kind, 7, "window is a duration");
            assert_eq!((fault.told(), fault.detail().as_str()), (row.reader, "P-0007: window is a duration"));
            let said = fault.for_a_reader();
            assert_eq!((said.told(), said.detail().as_str()), ("window is a duration", ""));
        }
    }
}
