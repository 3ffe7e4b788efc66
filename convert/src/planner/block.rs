//! The beginning of a block of rows: whether it is loaded, and what its rows become.

use std::sync::Arc;

use dump::identity::AlwaysIdentity;
use dump::{Certainty, CopyHeader, Scanner, object};

use super::choice::Choice;
use super::{Current, Planner};
use crate::error::{DumpError, Error};
use crate::form::RowForm;
use crate::render::{Block, TablePlan};

impl Planner {
    pub(super) fn copy_start(
        &mut self,
        header: &CopyHeader,
        scanner: &Scanner,
    ) -> Result<Option<Vec<String>>, Error> {
        self.current = self.block(header, scanner)?;
        if !self.in_database() {
            return Ok(None);
        }
        let mut texts = self.settle(&Choice::Load);
        self.point.session.touch();
        // What came after the first rows and bears on these: a resume has to read it again.
        self.point.late_definitions |= self.point.post_data;
        self.data_begins(Some(header.place.offset));
        if matches!(self.current, Current::LeftOut(_)) {
            return Ok((!texts.is_empty()).then_some(texts));
        }
        // Data after what looked like its end: open the columns once more.
        let closed = self.identities.get(..self.point.restored).unwrap_or_default();
        texts.extend(closed.iter().map(AlwaysIdentity::set_by_default));
        self.point.restored = 0;
        Ok((!texts.is_empty()).then_some(texts))
    }

    pub(super) fn block(&mut self, header: &CopyHeader, scanner: &Scanner) -> Result<Current, Error> {
        if !self.shape.keep_kasho && object::is_kasho_name(&header.table.name) {
            return Ok(Current::LeftOut("row_of_kasho_table"));
        }
        if let Some(kind) = self.left_out(header) {
            return Ok(Current::LeftOut(kind));
        }
        self.refuse_rows(header)?;
        let (time, database) = (Arc::clone(&self.ddl_time), Arc::clone(&self.database));
        let form = self.shape.rows;
        let dumped = scanner.point().head;
        match TablePlan::new(header, &self.schema, dumped, *scanner.encoding(), form, time, database) {
            Some(mut plan) => {
                self.follow_settings(header, &mut plan);
                self.follow_code(header, &mut plan)?;
                let mut block = Block::plain(plan);
                if let Some(transforms) = &self.shape.transforms {
                    block.plan.masked = transforms.table_names();
                    let known = self.schema.table(&header.table);
                    block.transformed = transforms.plan(&block.plan, known)?.map(Arc::new);
                    self.refuse_unknown_column(header)?;
                    self.refuse_untransformable(header, &block)?;
                    self.refuse_routed(&header.table, header.place)?;
                }
                self.follow_certainty(header, &mut block);
                Ok(Current::Loading(Arc::new(block)))
            }
            None => {
                let (table, at) = (header.table.to_string(), header.place);
                Err(self.dump_error(DumpError::NoColumns { table, at }))
            }
        }
    }

    /// For a database: COPY in the place of INSERT is right for a table alone, and where it is known.
    fn follow_certainty(&self, header: &CopyHeader, block: &mut Block) {
        if block.plan.form != RowForm::Copy || !header.insert || block.transformed.is_some() {
            return;
        }
        let name = self.schema.resolve(&header.table).name;
        block.plan.sql_only |= self.schema.certainty(&name) != Certainty::Table;
    }

    /// Rows go as SQL where settings change how their values are read, or where it is the server that finds their table.
    pub(super) fn follow_settings(&self, header: &CopyHeader, plan: &mut TablePlan) {
        plan.settings = Arc::from(self.point.session.prefix_of_rows(self.shape.no_owner));
        plan.sql_only |= self.point.session.bears_on_rows(self.schema.table(&header.table));
        let resolved = self.schema.resolve(&header.table);
        if !resolved.certain {
            plan.table = header.table.to_string();
            plan.sql_only = true;
        }
        // It may have an identity column that takes no values without OVERRIDING SYSTEM VALUE, which a row's change cannot say.
        plan.sql_only |= match self.schema.certainty(&resolved.name) {
            Certainty::Hazy => true,
            Certainty::Unknown => !self.identities.is_empty(),
            Certainty::Table | Certainty::NoTable | Certainty::NotSeen => false,
        };
    }
}
