//! The names of a buffer's keys in Redis.

use std::sync::Arc;

/// The keys of one buffer.
///
/// All of them are in one cluster slot, so that one MULTI can change them together: the set's name is the hash tag of
/// the others. (A set whose own name contains a lone `}` cannot be such a tag; it works on a single server only.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    set: Arc<str>,
    prefix: Arc<str>,
}

impl Keys {
    /// The set that Kasho reads.
    pub const DEFAULT_SET: &'static str = "kasho:changes";

    /// The keys that belong to the sorted set `set`.
    pub fn new(set: &str) -> Self {
        let prefix = if has_hash_tag(set) { set.to_owned() } else { format!("{{{set}}}") };
        Self { set: set.into(), prefix: prefix.into() }
    }

    /// The sorted set: member = a change's JSON, score = its position's.
    pub fn set(&self) -> &str {
        &self.set
    }

    /// The hash of registered ranges, a field per run.
    pub fn ranges(&self) -> String {
        format!("{}:bootstrap:ranges", self.prefix)
    }

    /// The hash of one run: its lease's token, its next sequence, its checkpoint.
    pub fn run(&self, id: &str) -> String {
        format!("{}:bootstrap:run:{id}", self.prefix)
    }

    /// The set's temporary name while a batch that must not be written is executed. It exists only within a
    /// transaction.
    pub(crate) fn aside(&self) -> String {
        format!("{}:bootstrap:aside", self.prefix)
    }

    /// The channel on which changes are published: named like the set.
    pub fn channel(&self) -> &str {
        &self.set
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self::new(Self::DEFAULT_SET)
    }
}

/// Whether Redis hashes only a part of this key: the text between the first `{` and the `}` after it.
fn has_hash_tag(key: &str) -> bool {
    key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).is_some_and(|(tag, _)| !tag.is_empty())
}
