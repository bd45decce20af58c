//! The visibility condition, once: joined into every query that could betray a document.

/// The condition on a joined `document` row: not deleted, and either of no document at all, or in a record whose documents may be seen
/// (by matrix, labels and mask), or one that the caller stands behind. Where the record itself is closed to the caller, its resources of
/// no document are kept back by whoever asks: see `Reader::sight`. A macro because each query joins different tables.
/// `access::document_right` is the same rule for one document; `store::tests` compares them.
macro_rules! visible {
    ($visibility:expr, $sight:expr) => {{
        use crate::store::schema::{document, document_author};
        use diesel::IntoSql;
        use diesel::sql_types::Bool;
        let (v, sight) = (&$visibility, &$sight);
        let (classes, types, except) = v.readable();
        let (now, later) = v.labels();
        let typed = |free: bool| {
            free.into_sql::<Bool>()
                .or(document::class_code.eq_any(classes.to_vec()).and(document::type_code.ne_all(except.to_vec())))
                .or(document::type_code.eq_any(types.to_vec()))
        };
        let labelled =
            v.every_label().into_sql::<Bool>().or(document::labels.eq_any(now.to_vec())).or(document::visible_from_us.le(v.now_us()).and(document::labels.eq_any(later.to_vec())));
        let unmasked = document::labels.ne_all(crate::access::labels::MASKED).or(document::record.eq_any(sight.masked.clone()));
        let whole = sight.everywhere.into_sql::<Bool>().or(document::record.eq_any(sight.whole.clone()));
        let open = document::record.ne_all(sight.nothing.clone());
        let mine = diesel::dsl::exists(document_author::table.filter(document_author::document.eq(document::number)).filter(document_author::structure.eq_any(v.mine().to_vec())));
        document::deleted
            .eq(false)
            .and(document::number.eq(0).or(whole.and(unmasked).and(typed(v.every_type())).and(labelled)).or(open.and(mine).and(typed(v.every_type_of_mine()))))
    }};
}
pub(crate) use visible;
