//! Which entries of an archive are read.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use super::contents::Entry;
use super::order::is_rooted;
use super::store::has_objects;
use super::text::Session;
use crate::encoding::Encoding;
use crate::error::Place;
use crate::header::CopyHeader;
use crate::name::QualifiedName;

/// Data of an archive, as far as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// The rows of a table.
    Rows(QualifiedName),
    /// Large objects.
    Objects,
}

type Wanted = dyn Fn(&Data) -> bool + Send + Sync;

/// Which entries of an archive are read, and in which order. By default all of them, as in its table of contents.
#[derive(Clone, Default)]
pub struct Choice {
    wanted: Option<Arc<Wanted>>,
    list: Option<Arc<[i32]>>,
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Choice").field("wanted", &self.wanted.is_some()).field("list", &self.list).finish()
    }
}

impl Choice {
    /// Leaves out the data for which this is false. In the text a table has then no rows, and objects are missing.
    #[must_use]
    pub fn with_data(mut self, wanted: impl Fn(&Data) -> bool + Send + Sync + 'static) -> Self {
        self.wanted = Some(Arc::new(wanted));
        self
    }

    /// Takes the entries of these numbers alone, in this order.
    #[must_use]
    pub fn with_list(mut self, entries: Arc<[i32]>) -> Self {
        self.list = Some(entries);
        self
    }

    pub(super) fn list(&self) -> Option<&[i32]> {
        self.list.as_deref()
    }

    /// What it makes of the entries of one archive.
    pub(super) fn of(&self, entries: &[Entry]) -> Chosen {
        let Some(wanted) = self.wanted.clone() else { return Chosen(None) };
        let tables = entries.iter().filter(|entry| entry.kind == "TABLE").filter_map(name).collect();
        Chosen(Some((wanted, tables)))
    }
}

/// What a choice makes of the entries of an archive.
pub(super) struct Chosen(Option<(Arc<Wanted>, HashSet<QualifiedName>)>);

impl Chosen {
    /// Whether the data of an entry are read. What cannot be told for certain is.
    pub(super) fn has_data_of(&self, entry: &Entry, session: &Session) -> bool {
        let Some((wanted, tables)) = &self.0 else { return true };
        let readable = |text: &[u8]| session.is_utf8() || text.is_ascii();
        let data = if has_objects(entry) {
            Some(Data::Objects)
        } else if entry.copy.is_empty() {
            // Whoever leaves out the only statements that name a table would think that there is none.
            let plain = readable(&entry.tag) && entry.schema.as_deref().is_some_and(readable);
            let name = name(entry).filter(|name| plain && tables.contains(name) && !is_rooted(entry));
            name.map(Data::Rows)
        } else {
            Some(&entry.copy)
                .filter(|copy| readable(copy))
                .and_then(|copy| table_of(copy, session.standard))
                .map(Data::Rows)
        };
        data.is_none_or(|data| wanted(&data))
    }
}

fn name(entry: &Entry) -> Option<QualifiedName> {
    let schema = entry.schema.as_deref().filter(|schema| !schema.is_empty())?;
    Some(QualifiedName::new(std::str::from_utf8(schema).ok()?, std::str::from_utf8(&entry.tag).ok()?))
}

/// The table that rows are copied to. It need not be the entry's: a partition's rows may go to its root.
fn table_of(copy: &[u8], standard: bool) -> Option<QualifiedName> {
    let text = std::str::from_utf8(copy).ok()?.trim_end();
    let header = CopyHeader::parse(text, Place::default(), standard, Encoding::Utf8).ok()?;
    header.table.schema.is_some().then_some(header.table)
}
