//! What documents state, read once and held in memory beside the facts themselves, as many of them. A block never changes once written;
//! who may see it is asked each time.

use std::sync::Arc;

use self_cell::self_cell;

use super::App;
use crate::keyinfo::Contents;
use crate::store::FactBlock;

self_cell!(
    /// A block of facts with what it states.
    pub struct Prepared {
        owner: Arc<FactBlock>,
        #[covariant]
        dependent: Contents,
    }
);

impl Prepared {
    /// What the block states.
    pub fn contents(&self) -> &Contents<'_> {
        self.borrow_dependent()
    }
}

/// Of a block, read now or before.
pub(super) fn of(app: &App, block: Arc<FactBlock>) -> Arc<Prepared> {
    let key = (block.document, block.from);
    if let Some(held) = app.prepared.get(&key) {
        return held;
    }
    let bytes = block.bytes;
    let made = Arc::new(Prepared::new(block, |block| Contents::of(block.resources.iter(), &app.base_url).with_texts(&block.texts)));
    app.prepared.put(key, Arc::clone(&made), bytes);
    made
}
