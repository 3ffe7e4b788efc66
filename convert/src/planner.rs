//! Events of a dump to pieces of work with their numbers.
//!
//! ```text
//! Event::Statement ─▶ Kind ─┬─▶ a change of SQL text, one number (or several changes, or none)
//!                           └─▶ a setting, a skip: remembered, counted
//! Event::Rows ─────▶ as many numbers as rows, or as packs; converted elsewhere
//! ```
//!
//! Numbers are given here, in the dump's order and before any conversion, so that they depend on the dump and
//! the configuration alone. Everything here is pure: no I/O, no clock.

use std::sync::Arc;

use dump::identity::{self, AlwaysIdentity};
use dump::{
    Event, Kind, LargeObject, Learned, Meta, Place, Scanner, Schema, Skip, Slab, SlabSize, Statement,
};
use kvbuffer::{MAX_WIRE_SIZE, Sequence};

use crate::error::{DumpError, Error, RangeError};
use crate::form::RowForm;
use crate::render::lines::Numbers;
use crate::render::{Block, pieces};
use crate::selection::{Follow, Unmatched};
use crate::shape::Shape;
use crate::tables::table_of_block;
use choice::{Choice, Held};
pub use limit::{Limit, LimitKind};
pub use point::{Counters, PlanPoint};
pub use refuse::{changed_by_code, renamed_after_rows};

mod block;
mod choice;
mod code;
mod identities;
mod large_objects;
mod limit;
mod point;
mod prefix;
pub mod psql;
mod refuse;
mod session;
mod settings;
mod transformed;

/// A piece of work, in the dump's order.
#[derive(Debug)]
pub enum Work {
    /// Changes of SQL text, which belong together: the checkpoint moves past all of them or none.
    Sql(Vec<String>),
    /// Rows of a table: a number each, or packs of them.
    Rows {
        /// What they become.
        block: Arc<Block>,
        /// The rows.
        slab: Slab,
        /// How many numbers they have.
        numbers: Numbers,
    },
    /// Rows of a table that is left out: only read over.
    LeftOut(Slab),
    /// A table's rows are complete.
    TableEnd,
}

/// Turns events into work.
#[derive(Debug)]
pub struct Planner {
    shape: Arc<Shape>,
    name: String,
    schema: Schema,
    point: PlanPoint,
    identities: Vec<AlwaysIdentity>,
    follow: Follow,
    held: Held,
    unmatched: Unmatched,
    /// The databases that were seen.
    databases: Vec<String>,
    /// Where something got another name after the first rows.
    renamed: Option<Place>,
    /// The last statement that may have changed anything: its first words, and where it is.
    changer: Option<(String, Place)>,
    current: Current,
    next: Sequence,
    /// Not everything before was seen.
    resumed: bool,
    limit: Option<Limit>,
    ddl_time: Arc<str>,
    database: Arc<str>,
}

fn exhausted() -> Error {
    Error::Range(RangeError::Exhausted(Sequence::MAX.get()))
}

/// The block of rows in hand.
#[derive(Debug, Clone)]
enum Current {
    None,
    Loading(Arc<Block>),
    /// The kind that its rows count as.
    LeftOut(&'static str),
}

impl Planner {
    /// A planner at the start of the dump called `name`, whose first change gets the number `first`.
    #[must_use]
    pub fn new(shape: Arc<Shape>, name: &str, first: Sequence, limit: Option<Limit>) -> Self {
        let ddl_time = Arc::from(shape.ddl_time.as_str());
        let database = Arc::from(shape.selection.database().unwrap_or(""));
        let unmatched = shape.selection.unmatched();
        Self {
            shape,
            name: name.to_owned(),
            schema: Schema::new(),
            point: PlanPoint::default(),
            identities: Vec::new(),
            follow: Follow::default(),
            held: Held::default(),
            unmatched,
            databases: Vec::new(),
            renamed: None,
            changer: None,
            current: Current::None,
            next: first,
            resumed: false,
            limit,
            ddl_time,
            database,
        }
    }

    /// Puts the planner at a point that a checkpoint holds. The definitions before it were planned already, on
    /// this planner, and their work was dropped.
    ///
    /// # Errors
    /// As [`Planner::plan`], for the block that the point may lie in.
    pub fn resume(&mut self, point: PlanPoint, next: Sequence, scanner: &Scanner) -> Result<(), Error> {
        // The one that was asked for, or else the only one that there may be.
        if self.shape.selection.database().is_none() {
            self.database = Arc::from(point.database.as_deref().unwrap_or(""));
        }
        // What was held at the point went with the work before it.
        self.held = Held::default();
        self.point = point;
        self.follow_session();
        self.next = next;
        self.resumed = true;
        self.current = match scanner.block() {
            Some(header) => self.block(&header, scanner)?,
            None => Current::None,
        };
        Ok(())
    }

    /// The number of the next change.
    #[must_use]
    pub fn next(&self) -> Sequence {
        self.next
    }

    /// What is to be known to go on from here.
    #[must_use]
    pub fn point(&self) -> &PlanPoint {
        &self.point
    }

    /// The counts so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.point.counters
    }

    /// The patterns of the choice that nothing so far has matched, each with its option; none where not everything was seen.
    #[must_use]
    pub fn unmatched(&self) -> Vec<(&'static str, String)> {
        if self.resumed { Vec::new() } else { self.unmatched.list() }
    }

    /// The definitions so far.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The last statement that may have changed anything: its first words, and where it is.
    #[must_use]
    pub fn changer(&self) -> Option<(String, Place)> {
        self.changer.clone()
    }

    /// Where a table, column or schema gets another name after the first rows.
    #[must_use]
    pub fn renamed(&self) -> Option<Place> {
        self.renamed
    }

    /// How large the slabs of the table in hand are to be, where those of others are as large as `usual`.
    #[must_use]
    pub fn slabs(&self, usual: SlabSize) -> SlabSize {
        match &self.current {
            Current::Loading(block) => block.slabs(usual),
            Current::None | Current::LeftOut(_) => usual,
        }
    }

    /// The table of the block in hand, where nothing has defined it.
    #[must_use]
    pub fn undefined(&self) -> Option<transform::Table> {
        let Current::Loading(block) = &self.current else { return None };
        let name = dump::QualifiedName::spelled(&block.plan.table);
        let defined = name.is_some_and(|name| self.schema.table(&name).is_some());
        (!defined).then(|| table_of_block(&block.plan, None))
    }

    /// Plans one event. `scanner` is the one that gave it, and stands after it.
    ///
    /// Returns the work and the number of its first change.
    ///
    /// # Errors
    /// [`Error::Dump`] for what cannot be loaded, [`Error::Range`] when the numbers reach their limit.
    pub fn plan(&mut self, event: Event, scanner: &Scanner) -> Result<Option<(Work, Sequence)>, Error> {
        if scanner.is_cluster() && self.shape.selection.database().is_none() {
            return self.no_choice(&event, scanner).map(|()| None);
        }
        let work = match event {
            Event::Statement(statement) => self.statement(statement, scanner)?.map(Work::Sql),
            Event::Meta(meta, place) => {
                if matches!(meta, Meta::Connect { .. }) {
                    self.refuse_unfinished("ends its session")?;
                }
                self.meta(meta, place)?;
                None
            }
            Event::CopyStart(header) => self.copy_start(&header, scanner)?.map(Work::Sql),
            Event::Rows(slab) => Some(match &self.current {
                Current::Loading(_) if slab.first_row >= self.shape.selection.border() => {
                    self.skip_many("row_over_limit", slab.rows);
                    Work::LeftOut(slab)
                }
                Current::Loading(block) => {
                    let numbers = block.numbers(&slab);
                    Work::Rows { block: Arc::clone(block), slab, numbers }
                }
                Current::LeftOut(kind) => {
                    self.skip_many(kind, slab.rows);
                    Work::LeftOut(slab)
                }
                Current::None => Work::LeftOut(slab),
            }),
            Event::CopyEnd { .. } => Some(Work::TableEnd),
            Event::End => {
                self.refuse_unfinished("ends")?;
                self.same_schema()?;
                let mut last = self.settle(&Choice::Load);
                last.extend(self.restore_identities());
                if last.is_empty() {
                    self.something_was_chosen()?;
                }
                (!last.is_empty()).then_some(Work::Sql(last))
            }
        };
        work.map(|work| self.number(work)).transpose()
    }

    fn number(&mut self, work: Work) -> Result<(Work, Sequence), Error> {
        let first = self.next;
        let count = match &work {
            Work::Sql(texts) => {
                self.point.counters.statements += texts.len() as u64;
                texts.len() as u64
            }
            Work::Rows { slab, numbers, .. } => {
                self.point.counters.rows += slab.rows;
                numbers.all
            }
            Work::LeftOut(_) | Work::TableEnd => 0,
        };
        self.next = first.checked_add(count).ok_or_else(exhausted)?;
        if count > 0
            && let Some(limit) = &self.limit
            && self.next.score().get() > limit.score
        {
            // The first number whose score is at the limit.
            let over =
                first.get().max((limit.score + first.get() as i64 - first.score().get()).max(1) as u64);
            let sequence = Sequence::new(over).ok_or_else(exhausted)?;
            return Err(Error::Range(limit.error("", first, sequence)));
        }
        Ok((work, first))
    }

    fn statement(&mut self, statement: Statement, scanner: &Scanner) -> Result<Option<Vec<String>>, Error> {
        let standard = scanner.standard_strings();
        if self.is_bookkeeping(&statement, standard)? {
            self.skip("kasho_object");
            return Ok(None);
        }
        let place = statement.place;
        if statement.kind == Kind::NotForReplica(Skip::Database) {
            let dumped = scanner.point().head || scanner.is_cluster();
            self.database_setting(&statement, standard, dumped);
        }
        if self.is_no_change(&statement.kind, place)? {
            return Ok(None);
        }
        if self.in_database() {
            self.point.session.touch();
        }
        let choice = self.choose(&statement, standard);
        if choice == Choice::Out {
            return Ok(None);
        }
        self.refuse_by_user(&statement, standard)?;
        self.refuse_other_rows(&statement)?;
        self.refuse_effects(&statement, standard)?;
        let mut texts = self.settle(&choice);
        texts.extend(self.around_data(&statement.kind));
        let text = match &statement.kind {
            Kind::Owner if self.shape.no_owner => {
                self.skip("owner");
                return Ok((!texts.is_empty()).then_some(texts));
            }
            Kind::Privileges if self.shape.no_privileges => {
                self.skip("privileges");
                return Ok((!texts.is_empty()).then_some(texts));
            }
            Kind::LargeObject(LargeObject::Whole) => statement.text.clone(),
            Kind::LargeObject(part) => match self.large_object(part, place)? {
                Some(text) => text,
                None => return Ok((!texts.is_empty()).then_some(texts)),
            },
            Kind::Definition => {
                self.refuse_renamed(&statement, standard)?;
                let open = self.point.restored < self.identities.len();
                if open && dump::copies_identities(&statement.text, standard) {
                    // As the script has them; rows that follow open them once more.
                    texts.extend(self.restore_identities());
                }
                self.definition(&statement, standard)
            }
            Kind::Insert => {
                self.refuse_untransformed(&statement, standard)?;
                statement.text.clone()
            }
            _ => {
                self.refuse_renamed(&statement, standard)?;
                if self.learn(&statement, standard) == Learned::Everything {
                    self.refuse_code(&statement)?;
                    // By which names they are to be found afterwards, nobody knows.
                    texts.extend(self.restore_identities());
                    self.identities.clear();
                    self.point.restored = 0;
                }
                statement.text.clone()
            }
        };
        let text = self.complete(&statement.kind, text, standard);
        let fits = self.is_one_change(&text);
        if let Choice::Hold(sequence) = choice {
            if !fits {
                let (size, limit) = (text.len(), MAX_WIRE_SIZE);
                return Err(self.dump_error(DumpError::StatementTooLarge { at: place, size, limit }));
            }
            self.held.push(sequence, text);
        } else if fits {
            texts.push(text);
        } else {
            let first = self.next.checked_add(texts.len() as u64).ok_or_else(exhausted)?;
            texts.extend(pieces::statement(&text, first));
        }
        Ok((!texts.is_empty()).then_some(texts))
    }

    /// Settings, transactions and what is not for a replica: remembered or counted.
    fn is_no_change(&mut self, kind: &Kind, place: Place) -> Result<bool, Error> {
        match kind {
            Kind::Setting(setting) => {
                let counted = self.point.session.set(setting).map_err(|why| self.refused(why, place))?;
                self.follow_session();
                if let Some(kind) = counted {
                    self.skip(&kind);
                }
            }
            Kind::ResetAll { discard } => {
                self.point.session.reset_all(*discard);
                self.follow_session();
                self.skip("setting");
            }
            Kind::Transaction(what) => {
                self.point.session.transact(what, place).map_err(|why| self.refused(why, place))?;
                self.follow_session();
                self.skip("transaction");
            }
            Kind::NotForReplica(skip) => self.skip(skip.name()),
            Kind::CopyElsewhere => {
                return Err(self.unsupported(
                    "a COPY of a file, a program or a query",
                    place,
                    "a replica's server has no such file, and a dump runs no program there: put the rows behind `COPY … FROM stdin;`, or leave the statement out",
                ));
            }
            Kind::Session(what) if self.in_database() => return Err(self.refuse_session(*what, place)),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The schema looks names up as the session in force does.
    fn follow_session(&mut self) {
        self.schema.set_search_path(self.point.session.path_names());
        self.schema.set_user(self.point.session.user());
    }

    /// Shows a definition to the schema, and opens identity columns for rows with values of their own.
    fn definition(&mut self, statement: &Statement, standard: bool) -> String {
        let learned = self.learn(statement, standard);
        if learned == Learned::NotUnderstood {
            self.point.counters.not_understood += 1;
        }
        if self.shape.rows != RowForm::Single {
            // A pack says OVERRIDING SYSTEM VALUE, and COPY takes values for such columns.
            return statement.text.clone();
        }
        let Some((text, columns)) = identity::by_default(&statement.text, standard) else {
            return statement.text.clone();
        };
        // CREATE TABLE IF NOT EXISTS, of one that is there.
        let nothing = learned == Learned::Nothing && dump::verb(&statement.text) == "CREATE TABLE";
        if !nothing {
            self.point.late_definitions |= self.point.data_seen;
            self.remember(columns);
        }
        text
    }

    fn learn(&mut self, statement: &Statement, standard: bool) -> Learned {
        if statement.kind == Kind::Owner && self.schema.follows_user() {
            self.schema.saw_role(&dump::owner(&statement.text, standard).unwrap_or_default());
        }
        let learned = if standard {
            self.schema.observe_as(&statement.kind, &statement.text)
        } else {
            self.schema.observe_as(&statement.kind, &dump::standard_strings(&statement.text))
        };
        self.follow_identities();
        match learned {
            Learned::Nothing => {}
            Learned::Around => self.point.post_data |= self.point.data_seen,
            Learned::Changed | Learned::NotUnderstood => self.point.late_definitions |= self.point.data_seen,
            Learned::Everything => {
                self.point.late_definitions |= self.point.data_seen;
                self.changer = Some((dump::verb(&statement.text), statement.place));
            }
        }
        learned
    }

    /// The change's text: what the statement relies on in front of it, literals in the form that needs no
    /// setting.
    fn complete(&self, kind: &Kind, text: String, standard: bool) -> String {
        let text = if standard { text } else { dump::standard_strings(&text) };
        let text = dump::without_concurrently(&text, true).unwrap_or(text);
        let fires = self.fires_as_in_psql(kind, &text);
        let prefix = self.point.session.prefix(kind, &text, fires, self.shape.no_owner);
        if prefix.is_empty() { text } else { format!("{prefix}{text}") }
    }

    fn is_one_change(&self, text: &str) -> bool {
        self.shape.rows == RowForm::Copy
            || text.len() + self.database.len() + self.ddl_time.len() + 100 <= MAX_WIRE_SIZE
    }

    fn skip(&mut self, kind: &str) {
        self.skip_many(kind, 1);
    }

    fn skip_many(&mut self, kind: &str, count: u64) {
        *self.point.counters.skipped.entry(kind.to_owned()).or_default() += count;
    }

    fn unsupported(&self, what: &str, at: Place, advice: &'static str) -> Error {
        self.dump_error(DumpError::Unsupported { what: what.to_owned(), at, advice })
    }

    fn dump_error(&self, error: DumpError) -> Error {
        Error::Dump { source_name: self.name.clone(), error }
    }

    /// Appends the change of one of the texts of [`Work::Sql`].
    pub fn encode_sql(&self, out: &mut Vec<u8>, sequence: Sequence, text: &str) {
        match self.shape.rows {
            RowForm::Copy => out.extend_from_slice(text.as_bytes()),
            RowForm::Single | RowForm::Packed => {
                kvbuffer::encode_ddl(out, sequence, &self.ddl_time, &self.database, text);
            }
        }
    }
}

#[cfg(test)]
mod tests;
