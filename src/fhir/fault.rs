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
}

macro_rules! fault_rows {
    ($($kind:ident $status:literal $code:ident $retry:literal $meaning:literal;)*) => {
        /// The one error table; README and HTTP answers derive from it.
        pub const FAULT_TABLE: &[FaultRow] = &[
            $(FaultRow { kind: FaultKind::$kind, status: $status, code: IssueType::$code, retry_after_s: $retry, meaning: $meaning },)*
        ];
        impl FaultKind {
            /// The row of this kind.
            pub const fn row(self) -> FaultRow {
                match self {
                    $(FaultKind::$kind => FaultRow { kind: FaultKind::$kind, status: $status, code: IssueType::$code, retry_after_s: $retry, meaning: $meaning },)*
                }
            }
        }
    };
}

fault_rows! {
    Malformed         400 Structure     0 "the bytes are not the FHIR, JSON or XML they claim to be";
    BadValue          400 Value         0 "an element or a parameter has a value its type does not allow";
    MissingElement    400 Required      0 "a required element or parameter is missing";
    UnknownParameter  400 NotSupported  0 "a search parameter or modifier that is not supported (a parameter: only under Prefer: handling=strict)";
    Unauthenticated   401 Login         0 "the caller is not known";
    Forbidden         403 Forbidden     0 "the caller is known and may not do this";
    NotFound          404 NotFound      0 "no such resource for this caller";
    UnknownType       404 NotSupported  0 "no such resource type or operation here";
    MethodNotAllowed  405 NotSupported  0 "this interaction is not offered on this type";
    NotAcceptable     406 NotSupported  0 "no representation the Accept header allows";
    WriteConflict     409 Conflict      0 "the write contradicts what is stored";
    Gone              410 Deleted       0 "the resource was deleted";
    VersionMismatch   412 Conflict      0 "If-Match names another version";
    MultipleMatches   412 MultipleMatches 0 "a condition matches several resources, or none where one is needed";
    TooLarge          413 TooLong       0 "the body is over the limit of its route";
    AddressTooLong    414 TooLong       0 "the address is over 8 KiB: use POST _search";
    UnsupportedFormat 415 NotSupported  0 "the Content-Type or Content-Encoding is not accepted";
    RuleBroken        422 BusinessRule  0 "well formed, against a rule of a profile, of IHE or of this server";
    TooCostly         422 TooCostly     0 "the request would cost more than the limit allows";
    Throttled         429 Throttled     60 "too often by one identity: wait";
    CommitUnknown     500 Exception     0 "the write may or may not have happened: send the same request again";
    Bug               500 Exception     0 "a defect of this server; the number finds it in the log";
    Busy              503 Transient     2 "the queue is full: try again";
    Timeout           504 Timeout       0 "the deadline passed";
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
}

impl Fault {
    /// A fault with one issue whose code is the kind's.
    pub fn new(kind: FaultKind, number: u16, diagnostics: impl Into<String>) -> Self {
        let issue = Issue::error(kind.row().code, "", diagnostics);
        Self { kind, issues: vec![issue], cause: None, number }
    }

    /// A fault with several issues (at least one).
    pub fn with_issues(kind: FaultKind, number: u16, issues: Vec<Issue>) -> Self {
        Self { kind, issues, cause: None, number }
    }

    /// The same fault, its first issue located.
    pub fn at(mut self, expression: impl Into<String>) -> Self {
        if let Some(first) = self.issues.first_mut() {
            first.expression = Some(expression.into());
        }
        self
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
