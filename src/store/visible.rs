//! The visibility condition, once: joined into every query that could betray a document.

/// The condition on a joined `document` row: not deleted, and in a record whose documents may be seen (by matrix, labels and mask), or one
/// that the caller stands behind. With the column that holds the type of the resource joined to it, what is of no document fulfils it
/// too, unless the matrix closes that type to the caller; where the record itself is closed to the caller, its resources of no document
/// are kept back by whoever asks: see `Reader::sight`. A macro because each query joins different tables.
/// `access::document_right` is the same rule for one document, `Matrix::cell` for a type; `store::rights_tests` compares them.
macro_rules! visible {
    ($visibility:expr, $sight:expr, $kind:expr) => {{
        use crate::store::among::none_of;
        use crate::store::schema::document;
        let alone = document::number.eq(0).and(document::deleted.eq(false)).and(none_of($kind, $visibility.closed_kinds().to_vec()));
        alone.or(crate::store::visible::visible!($visibility, $sight))
    }};
    ($visibility:expr, $sight:expr) => {{
        use crate::store::among::{among, none_of};
        use crate::store::schema::{document, document_author};
        use diesel::IntoSql;
        use diesel::sql_types::Bool;
        let (v, sight) = (&$visibility, &$sight);
        let (classes, types, except) = v.readable();
        let (now, later) = v.labels();
        let typed = |free: bool| {
            free.into_sql::<Bool>()
                .or(among(document::class_code, classes.to_vec()).and(none_of(document::type_code, except.to_vec())))
                .or(among(document::type_code, types.to_vec()))
        };
        // No moment is set: not yet.
        let come = document::visible_from_us.gt(0).and(document::visible_from_us.le(v.now_us()));
        let labelled = v.every_label().into_sql::<Bool>().or(among(document::labels, now.to_vec())).or(come.and(among(document::labels, later.to_vec())));
        let unmasked = none_of(document::labels, crate::access::labels::MASKED.to_vec()).or(among(document::record, sight.masked.clone()));
        let whole = sight.everywhere.into_sql::<Bool>().or(among(document::record, sight.whole.clone()));
        let open = none_of(document::record, sight.nothing.iter().chain(&sight.strange).copied().collect());
        let mine = diesel::dsl::exists(document_author::table.filter(document_author::document.eq(document::number)).filter(among(document_author::structure, v.mine().to_vec())));
        document::deleted
            .eq(false)
            .and(document::number.ne(0))
            .and(whole.and(unmasked).and(typed(v.every_type())).and(labelled).or(open.and(mine).and(typed(v.every_type_of_mine()))))
    }};
}
pub(crate) use visible;
