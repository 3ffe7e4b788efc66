//! Identity columns that are opened for rows with values of their own, and closed again behind them.

use dump::identity::AlwaysIdentity;
use dump::{Kind, LargeObject, Moved};

use super::Planner;

impl Planner {
    /// The identity columns become GENERATED ALWAYS again before the first statement after the data.
    pub(super) fn around_data(&mut self, kind: &Kind) -> Vec<String> {
        match kind {
            // An INSERT that is no list of literals: data, which the planner passes on as it is.
            Kind::SequenceValue
            | Kind::LargeObject(LargeObject::Write { .. })
            | Kind::Insert
            | Kind::Change
            | Kind::Code
            | Kind::Query => {
                self.data_begins(None);
                Vec::new()
            }
            // Large objects are made before the data and filled within it, with their owners and privileges.
            Kind::LargeObject(_) | Kind::Owner | Kind::Privileges => Vec::new(),
            // These come anywhere, and become no change.
            Kind::Setting(_) | Kind::ResetAll { .. } | Kind::Transaction(_) | Kind::NotForReplica(_) => {
                Vec::new()
            }
            _ if self.point.data_seen => self.restore_identities(),
            _ => Vec::new(),
        }
    }

    pub(super) fn data_begins(&mut self, at: Option<u64>) {
        self.point.data_seen = true;
        if self.point.data_begins.is_none() {
            self.point.data_begins = at;
        }
    }

    /// Identity columns are known by the names that they have now.
    pub(super) fn follow_identities(&mut self) {
        for moved in self.schema.take_moved() {
            let gone = |column: &AlwaysIdentity| match &moved {
                Moved::TableGone(table) => column.table == *table,
                Moved::ColumnGone(table, name) => column.table == *table && column.column == *name,
                _ => false,
            };
            self.forget_identities(gone);
            for column in &mut self.identities {
                match &moved {
                    Moved::Table(old, new) if column.table == *old => column.table.clone_from(new),
                    Moved::Column(table, old, new) if column.table == *table && column.column == *old => {
                        column.column.clone_from(new);
                    }
                    _ => {}
                }
            }
        }
    }

    pub(super) fn forget_identities(&mut self, gone: impl Fn(&AlwaysIdentity) -> bool) {
        let closed = self.identities.iter().take(self.point.restored).filter(|column| gone(column)).count();
        self.identities.retain(|column| !gone(column));
        self.point.restored -= closed;
    }

    /// Their tables' names are restored after other settings of search_path, perhaps.
    pub(super) fn remember(&mut self, columns: Vec<AlwaysIdentity>) {
        let qualified = |mut column: AlwaysIdentity| {
            column.table = self.schema.qualify(&column.table);
            column
        };
        let columns: Vec<_> = columns.into_iter().map(qualified).collect();
        // One that is closed already is open again.
        self.forget_identities(|column| columns.contains(column));
        self.identities.extend(columns);
    }

    pub(super) fn restore_identities(&mut self) -> Vec<String> {
        let open = self.identities.get(self.point.restored..).unwrap_or_default();
        self.point.restored = self.identities.len();
        open.iter().map(AlwaysIdentity::set_always).collect()
    }
}
