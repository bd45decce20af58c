//! The visibility condition, once: joined into every query that could betray a document.

/// The condition on a joined `document` row: not deleted, its time has come, and not masked for the caller's structure.
/// Row 0 (resources of no document) fulfils it always. A macro because each query joins different tables.
macro_rules! visible {
    ($visibility:expr) => {{
        use crate::store::schema::{document, document_author};
        document::deleted.eq(false).and(document::visible_from_us.le($visibility.now_us())).and(document::masked.eq(false).or(diesel::dsl::exists(
            document_author::table.filter(document_author::document.eq(document::number)).filter(document_author::structure.eq($visibility.structure().to_owned())),
        )))
    }};
}
pub(crate) use visible;
