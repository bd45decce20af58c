//! The tables as diesel sees them; the migrations are the truth, `store::tests` proves that both databases agree with this.

diesel::table! {
    /// schema number, environment, page and id keys
    setting (name) {
        name -> Text,
        value -> Text,
    }
}

diesel::table! {
    /// one row per commit: its number and its time (µs, UTC)
    commit_log (number) {
        number -> BigInt,
        at_us -> BigInt,
    }
}

diesel::table! {
    /// one row per patient record; 0 = shared resources. `data_key` has its place for encryption at rest
    record (number) {
        number -> BigInt,
        from_commit -> BigInt,
        pseudonym -> Text,
        data_key -> Nullable<Binary>,
    }
}

diesel::table! {
    /// a record merged into another; a merge rewrites no row and can be undone
    record_alias (number) {
        number -> BigInt,
        target -> BigInt,
        from_commit -> BigInt,
    }
}

diesel::table! {
    /// (type, id) → where it lives; `document` <> 0 and `rid` = 0: a fact inside that document's block
    directory (kind, id) {
        kind -> Text,
        id -> Text,
        record -> BigInt,
        rid -> BigInt,
        document -> BigInt,
    }
}

diesel::table! {
    /// business identifiers, found without knowing the record
    identifier (value, system, kind, rid) {
        value -> Text,
        system -> Text,
        kind -> Text,
        rid -> BigInt,
        record -> BigInt,
    }
}

diesel::table! {
    /// every version of every resource, without its body
    version (record, kind, rid, number) {
        record -> BigInt,
        kind -> Text,
        rid -> BigInt,
        number -> BigInt,
        id -> Text,
        document -> BigInt,
        from_commit -> BigInt,
        until_commit -> BigInt,
        deleted -> Bool,
        at_us -> BigInt,
        date_us -> BigInt,
    }
}

diesel::table! {
    /// JSON bytes of a version (zstd), where lastUpdated is stamped, and the reference spans cut on the way out
    body (record, rid, number) {
        record -> BigInt,
        rid -> BigInt,
        number -> BigInt,
        stamp -> Integer,
        cuts -> Nullable<Binary>,
        bytes -> Binary,
    }
}

diesel::table! {
    /// interned (system, code) pairs
    symbol (number) {
        number -> BigInt,
        code -> Text,
        system -> Text,
    }
}

diesel::table! {
    /// index rows of token parameters
    token_value (record, param, symbol, rid, from_commit) {
        record -> BigInt,
        param -> SmallInt,
        symbol -> BigInt,
        rid -> BigInt,
        from_commit -> BigInt,
        until_commit -> BigInt,
    }
}

diesel::table! {
    /// index rows of date parameters: [low, high] in µs UTC
    date_value (record, param, low_us, rid, from_commit) {
        record -> BigInt,
        param -> SmallInt,
        low_us -> BigInt,
        high_us -> BigInt,
        rid -> BigInt,
        from_commit -> BigInt,
        until_commit -> BigInt,
    }
}

diesel::table! {
    /// index rows of string and uri parameters, folded
    string_value (record, param, value, rid, from_commit) {
        record -> BigInt,
        param -> SmallInt,
        value -> Text,
        rid -> BigInt,
        from_commit -> BigInt,
        until_commit -> BigInt,
    }
}

diesel::table! {
    /// index rows of reference parameters
    reference_value (record, param, target, rid, from_commit) {
        record -> BigInt,
        param -> SmallInt,
        target -> Text,
        rid -> BigInt,
        from_commit -> BigInt,
        until_commit -> BigInt,
    }
}

diesel::table! {
    /// one row per document: everything the visibility condition needs. Row 0 stands for resources of no document
    document (number) {
        number -> BigInt,
        record -> BigInt,
        rid -> BigInt,
        chain -> BigInt,
        unique_value -> Text,
        unique_system -> Text,
        sha256 -> Binary,
        mime -> Text,
        labels -> Integer,
        superseded -> Bool,
        archived -> Bool,
        deleted -> Bool,
        visible_from_us -> BigInt,
        from_commit -> BigInt,
        type_code -> Text,
        class_code -> Text,
    }
}

diesel::table! {
    /// what was decided about a record; see `access::choices`
    choice (record, holder, kind, rid) {
        record -> BigInt,
        holder -> Text,
        kind -> SmallInt,
        rid -> BigInt,
        until_us -> BigInt,
    }
}

diesel::table! {
    /// who stands behind a document: structures, persons (`ps:…`), and the staff of a structure (`staff:…`)
    document_author (document, structure) {
        document -> BigInt,
        structure -> Text,
        /// that of the document
        record -> BigInt,
    }
}

diesel::table! {
    /// the bytes of a document exactly as they came, or their first piece (zstd when that is smaller)
    blob (record, document) {
        record -> BigInt,
        document -> BigInt,
        codec -> SmallInt,
        bytes -> Binary,
    }
}

diesel::table! {
    /// the pieces of a large document after the first, from 1
    blob_rest (record, document, part) {
        record -> BigInt,
        document -> BigInt,
        part -> Integer,
        codec -> SmallInt,
        bytes -> Binary,
    }
}

diesel::table! {
    /// the documents of a SubmissionSet (rid of its List) that holds several
    set_document (record, rid, document) {
        record -> BigInt,
        rid -> BigInt,
        document -> BigInt,
    }
}

diesel::table! {
    /// what a person was given of a record, as he last confirmed it; `documents` is the set's own form
    given (record, person) {
        record -> BigInt,
        person -> Text,
        commit_number -> BigInt,
        at_us -> BigInt,
        documents -> Binary,
    }
}

diesel::table! {
    /// the facts derived from one document, as one compressed block
    fact_block (record, document, from_commit) {
        record -> BigInt,
        document -> BigInt,
        mapping -> Text,
        facts -> Integer,
        from_commit -> BigInt,
        until_commit -> BigInt,
        bytes -> Binary,
    }
}

diesel::table! {
    /// answers of requests that are safe to send again, by submission identifier
    receipt (key) {
        key -> Text,
        at_us -> BigInt,
        answer -> Binary,
    }
}

diesel::table! {
    /// who did what, in order; chained by hash
    audit_event (number) {
        number -> BigInt,
        at_us -> BigInt,
        record -> BigInt,
        commit_number -> BigInt,
        line -> Text,
    }
}

diesel::table! {
    /// background work: decided again for every item
    job (number) {
        number -> BigInt,
        kind -> Text,
        state -> Text,
        due_us -> BigInt,
        argument -> Text,
    }
}

diesel::table! {
    /// the words of a document (folded, a space before each) and the text layer of its PDF files (zstd)
    document_text (record, document) {
        record -> BigInt,
        document -> BigInt,
        words -> Text,
        layers -> Binary,
    }
}

diesel::table! {
    /// when a person last said to have understood that access is traced under his name
    notice_read (person) {
        person -> Text,
        at_us -> BigInt,
    }
}

diesel::table! {
    /// the texts of tables that persons decide, from when they were in force
    edition (kind, from_us) {
        kind -> Text,
        from_us -> BigInt,
        text -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    setting,
    commit_log,
    record,
    record_alias,
    directory,
    identifier,
    version,
    body,
    symbol,
    token_value,
    date_value,
    string_value,
    reference_value,
    document,
    choice,
    document_author,
    blob,
    blob_rest,
    set_document,
    given,
    fact_block,
    receipt,
    audit_event,
    job,
    document_text,
    notice_read,
    edition
);
