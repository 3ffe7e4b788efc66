//! Members of the set back to what a database takes: rows in COPY's text form, and statements.
//!
//! ```text
//! a row             {"type":"dml",…,"columnvalues":[1,"Ann"]…}                      ─▶ 1⇥Ann⏎
//! a pack of rows    {"type":"ddl",…,"ddl":"…INSERT INTO t (a, b) … SELECT unnest('{1}'…   ─▶ 1⇥Ann⏎…
//! any other         {"type":"ddl",…,"ddl":"CREATE TABLE …"}                         ─▶ the statement
//! ```
//!
//! The rows are those that the database would have from the members themselves: COPY reads a field as PostgreSQL reads a
//! literal of no type for the column. A pack that is not exactly as [`packed`](crate::render::packed) writes it stays the
//! statement that it is.

use std::sync::Arc;

use kvbuffer::{ChangeData, Position, Sequence, decode, read_head, split_row};

use crate::form::RowForm;
use crate::render::packed::HEAD;
use crate::render::{Block, TablePlan};

mod pack;
mod row;

/// What a member is.
#[derive(Debug)]
pub enum Received {
    /// A row. It was appended.
    Row,
    /// So many rows, which were appended.
    Pack(u64),
    /// A statement, with the settings that it needs in front of it.
    Statement(String),
}

/// Why a member is none that a bootstrap writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It has no form of ours.
    #[error("it is no change of a bootstrap")]
    Form,
    /// Its position is another than its place in the set.
    #[error("its position is another than its place in the set")]
    Position,
}

/// Reads members, in their order.
#[derive(Debug)]
pub struct Reader {
    /// The head of the row before.
    head: Vec<u8>,
    block: Option<Arc<Block>>,
    /// A table may have keys already.
    keys: bool,
}

impl Reader {
    /// A reader that begins with the first member, or in the midst of them.
    #[must_use]
    pub fn new(from_the_first: bool) -> Self {
        Self { head: Vec::new(), block: None, keys: !from_the_first }
    }

    /// Reads the member with this number. Rows are appended to `out`, as lines for the table of [`Reader::block`].
    ///
    /// # Errors
    /// [`Fault`]. Then nothing is appended.
    pub fn read(&mut self, sequence: Sequence, member: &[u8], out: &mut Vec<u8>) -> Result<Received, Fault> {
        match split_row(member, &self.head) {
            Some(parts) if parts.sequence != sequence => Err(Fault::Position),
            Some(parts) => {
                if parts.head != self.head {
                    let (table, columns) = read_head(parts.head).ok_or(Fault::Form)?;
                    parts.head.clone_into(&mut self.head);
                    self.into(table, columns);
                }
                let columns = self.block.as_ref().map_or(0, |block| block.plan.columns.len());
                row::line(parts.values, columns, out).map(|()| Received::Row)
            }
            None => self.statement(sequence, member, out),
        }
    }

    fn statement(&mut self, sequence: Sequence, member: &[u8], out: &mut Vec<u8>) -> Result<Received, Fault> {
        let change = decode(member).map_err(|_| Fault::Form)?;
        let ChangeData::Ddl(ddl) = change.data else { return Err(Fault::Form) };
        if change.position != Position::Bootstrap(sequence) {
            return Err(Fault::Position);
        }
        let Some((pack, rows)) = pack::lines(&ddl.ddl, out) else {
            self.keys |= dump::has_words(&ddl.ddl, &["PRIMARY", "KEY"]) || dump::has_word(&ddl.ddl, "UNIQUE");
            return Ok(Received::Statement(silenced(ddl.ddl)));
        };
        self.head.clear();
        self.into(pack.table, pack.columns);
        Ok(Received::Pack(rows))
    }

    fn into(&mut self, table: String, columns: Vec<String>) {
        let known = self.block.as_ref().map(|block| &block.plan);
        if known
            .is_some_and(|plan| plan.table == table && plan.columns == columns && plan.unique == self.keys)
        {
            return;
        }
        let plan = TablePlan { columns, form: RowForm::Copy, unique: self.keys, ..TablePlan::bare(&table) };
        self.block = Some(Arc::new(Block::plain(plan)));
    }

    /// Where the rows go that were appended last: the same for as long as table and columns are.
    #[must_use]
    pub fn block(&self) -> Option<&Arc<Block>> {
        self.block.as_ref()
    }
}

/// The statement in a session like the consumer's, in which triggers stay silent unless the statement says otherwise.
fn silenced(text: String) -> String {
    if text.starts_with("SET LOCAL session_replication_role") { text } else { format!("{HEAD}{text}") }
}

#[cfg(test)]
mod tests;
