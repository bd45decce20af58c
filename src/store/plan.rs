//! What one request wants written: data, not code. The writer re-checks the preconditions and applies the operations,
//! all or nothing, inside a savepoint of the commit it shares with others.

use bytes::Bytes;

use super::given::Given;
use crate::access::{Choice, Sight, Visibility};
use crate::fhir::Identifier;

/// A document is stored in pieces of so many bytes.
pub const PIECE: usize = 4 << 20;

/// A list of writes with what must still be true when they are applied.
#[derive(Debug, Default)]
pub struct Plan {
    pub preconditions: Vec<Precondition>,
    pub operations: Vec<Operation>,
    /// Audit lines of this request (JSON objects without chain), durable in the same commit.
    pub audit: Vec<AuditLine>,
    /// Key and answer of a request that is safe to send again.
    pub receipt: Option<(String, Vec<u8>)>,
}

/// One audit event of a write.
#[derive(Debug, Clone)]
pub struct AuditLine {
    pub record: i64,
    pub line: String,
}

/// Checked by index probe at the moment of writing.
#[derive(Debug, Clone)]
pub enum Precondition {
    /// No resource of this type and id was ever written.
    IdUnused { kind: String, id: String },
    /// The current version is this one.
    VersionIs { kind: String, id: String, number: i64 },
    /// The resource is here and not deleted.
    Alive { kind: String, id: String },
    /// No resource of this type, other than number `but`, carries the identifier.
    IdentifierUnused { kind: String, identifier: Identifier, but: Option<i64> },
    /// No current resource of this type that the caller may see carries the identifier (If-None-Exist).
    IdentifierUnseen { kind: String, identifier: Identifier, visibility: Visibility, sight: Sight },
    /// The record holds no current resource other than number `but`.
    RecordEmpty { record: i64, but: i64 },
    /// This Binary still waits for its DocumentReference.
    Waiting { document: i64 },
    /// No document that this caller may see carries the uniqueId.
    UniqueIdUnused { unique: Identifier, visibility: Visibility, sight: Sight },
}

/// One write.
#[derive(Debug)]
pub enum Operation {
    NewRecord {
        number: i64,
        pseudonym: String,
    },
    Put(Box<Put>),
    NewDocument(Box<NewDocument>),
    ChangeDocument(ChangeDocument),
    Facts(Box<Facts>),
    Text(Box<DocumentText>),
    /// A Binary that waited for its DocumentReference becomes the Binary of `document`; the waiting document `from` ends.
    AdoptBinary {
        id: String,
        from: i64,
        record: i64,
        document: i64,
    },
    /// A person confirms that he was shown what he was given of a record.
    Given {
        record: i64,
        person: String,
        given: Given,
    },
    /// The documents of a SubmissionSet that holds several, by the rid of its List: it is seen by whoever sees one of them.
    SetOf {
        record: i64,
        rid: i64,
        documents: Vec<i64>,
    },
    /// What resource `rid` decides about its record, in place of what it decided before.
    Decide {
        record: i64,
        rid: i64,
        choices: Vec<Choice>,
    },
    /// Work to be done later; the same work is asked once.
    Job(Job),
    /// That work is done.
    JobDone {
        number: i64,
    },
    /// Removes everything of a record; its number, its pseudonym and the trail stay.
    Erase {
        record: i64,
    },
    /// A person says to have understood that access is traced under his name.
    NoticeRead {
        person: String,
        at_us: i64,
    },
    /// The text of a table that persons decide, in force from this commit on.
    Edition {
        kind: String,
        text: String,
    },
    /// Ends the life of a document's facts (withdrawn document).
    EndFacts {
        record: i64,
        document: i64,
    },
}

/// Work to be done later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// What kind of work.
    pub kind: String,
    /// µs UTC.
    pub due_us: i64,
    /// What it is about; with the kind, its idempotency key.
    pub argument: String,
}

/// A new version of a resource.
#[derive(Debug)]
pub struct Put {
    pub record: i64,
    pub rid: i64,
    pub kind: String,
    pub id: String,
    /// 1 for the first version.
    pub number: i64,
    /// Number of the document whose visibility holds for this resource, 0 for none.
    pub document: i64,
    pub deleted: bool,
    /// The resource's own date (µs UTC), by which lists are sorted; its lastUpdated when it has none.
    pub date_us: i64,
    /// JSON bytes as they will be sent, `meta.lastUpdated` holding 24 bytes of placeholder at `stamp`.
    pub body: Vec<u8>,
    /// Byte offset of the 24 characters of lastUpdated, -1 when the body has none.
    pub stamp: i32,
    pub cuts: Vec<Cut>,
    pub index: Index,
    pub identifiers: Vec<Identifier>,
}

/// A span to remove when the caller may not see `target`; offsets into the body.
/// A cut that would leave an empty array removes the member instead, hence both spans.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cut {
    /// The array element (or the member) that holds the reference.
    pub start: u32,
    pub end: u32,
    /// The whole member, `"name": […]` with one comma, used when every element of the array goes.
    pub member_start: u32,
    pub member_end: u32,
    /// `Type/id`.
    pub target: String,
}

/// Index rows of one version; `i16` is the number of the parameter in the registry.
#[derive(Debug, Default, Clone)]
pub struct Index {
    pub tokens: Vec<(i16, String, String)>,
    pub dates: Vec<(i16, i64, i64)>,
    pub strings: Vec<(i16, String)>,
    pub references: Vec<(i16, String)>,
}

/// A document and its bytes.
#[derive(Debug)]
pub struct NewDocument {
    pub number: i64,
    pub record: i64,
    pub rid: i64,
    /// Number of the first document of its replacement chain (its own number when it replaces none).
    pub chain: i64,
    pub unique: Identifier,
    pub sha256: [u8; 32],
    pub mime: String,
    /// See [`crate::access::labels`].
    pub labels: i32,
    pub archived: bool,
    pub superseded: bool,
    /// µs UTC from which the patient sees it though it is labelled to be kept from him; 0: not yet known.
    pub visible_from_us: i64,
    /// Type and class, by which the habilitation matrix decides.
    pub type_code: String,
    pub class_code: String,
    /// Who stands behind it: structures, persons and staffs, as `access` names them.
    pub behind: Vec<String>,
    /// FHIR id of its Binary.
    pub binary_id: String,
    pub content: Bytes,
}

/// The words of a document, for search and for who opens it.
#[derive(Debug)]
pub struct DocumentText {
    pub record: i64,
    pub document: i64,
    /// Folded, a space before each word.
    pub words: String,
    /// The text layers of its files, as the server wrote them; opaque here.
    pub layers: Vec<u8>,
}

/// Changes of what the visibility condition looks at; `None` leaves as it is.
#[derive(Debug, Default, Clone)]
pub struct ChangeDocument {
    pub number: i64,
    pub superseded: Option<bool>,
    pub archived: Option<bool>,
    pub deleted: Option<bool>,
    /// Visibility labels; applied to the whole chain.
    pub labels: Option<i32>,
    /// µs UTC from which the patient sees what was kept from him; for the whole chain, whose earlier moment stands.
    pub visible_from_us: Option<i64>,
}

/// The facts derived from one document: one block, and the ids that find it.
#[derive(Debug)]
pub struct Facts {
    pub record: i64,
    pub document: i64,
    /// Version of the mapping tables.
    pub mapping: String,
    /// (type, id) of every resource in the block.
    pub ids: Vec<(String, String)>,
    /// JSON array of the resources, in the order of `ids`.
    pub block: Vec<u8>,
}
