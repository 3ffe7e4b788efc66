//! Rows of tables: by sums where these agree, else by the server.
//!
//! ```text
//! first look    rows of the dump ─▶ a sum for each table ─▶ the replica's sum ─┬─▶ equal
//!                                   and for each part of a large one           ▼ another one, or rows that only the server reads
//! second look   rows of the dump, of the parts that differ ─▶ a temporary table of the same types ─▶ the server compares
//! ```
//!
//! A sum that agrees proves that the rows are equal: the text of the replica's rows is that of the dump's. One that does not may be
//! another spelling of the same value, and proves nothing.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::replica::{Compared, CopyInto, Detail, Expected, Look, Relation, Rows};
use bytes::Bytes;
use convert::render::{Block, TablePlan};
use dump::last_part;

use super::failed;
use super::reading::{Slab, texts};
use super::report::{How, TableReport, Verdict};
use super::statements::{self, Foretold};
use super::sums::{Parts, Seed, Summing};
use crate::base::error::{Error, chain};

/// How far a table is.
enum Stage {
    /// Its rows are summed up.
    Summing(Summing),
    /// The server is to compare its rows, which go into a table beside it.
    Server(Option<Expected>, Option<Chosen>),
    /// There is nothing more to be found out.
    Told(Verdict, Option<String>),
}

/// Only some rows of a large table are compared: all others are equal, as their sums say.
struct Chosen {
    summing: Summing,
    parts: Parts,
    /// Rows of the replica.
    found: u64,
}

struct Table {
    relation: Option<Relation>,
    /// The columns that all of its rows name, without quotes.
    columns: Vec<String>,
    encoding: &'static str,
    masked: Vec<String>,
    rows: u64,
    bytes: u64,
    stage: Stage,
    /// The block that was met last.
    block: Option<Arc<Block>>,
    note: Option<String>,
    took: Duration,
}

/// The tables that the dump has rows of.
pub(super) struct Tables {
    all: HashMap<String, Table>,
    /// In the order of the dump.
    order: Vec<String>,
    seed: Seed,
    /// Rows go to the server at once, or are counted only until it is known for which tables it is needed.
    filling: bool,
    counting: bool,
    /// So many tables are divided into parts.
    divided: usize,
    /// The table whose rows came last.
    last: String,
}

/// So many large tables are divided into parts, each of which takes 16 KiB.
const DIVIDED: usize = 1000;
/// Rows of the replica are copied beside it in blocks of so many bytes.
const BLOCK: usize = 1 << 20;
/// How the server has printed the rows that are copied beside it.
const PRINTED: &str =
    "SET LOCAL DateStyle = 'ISO, MDY'; SET LOCAL IntervalStyle = postgres; SET LOCAL TimeZone = 'UTC';";

impl Tables {
    /// Without sums, where the dump is read only once.
    pub(super) fn new(once: bool) -> Self {
        let (all, order, last) = (HashMap::new(), Vec::new(), String::new());
        Self { all, order, seed: Seed::by_chance(), filling: once, counting: true, divided: 0, last }
    }

    /// The object identifiers of those that are there.
    pub(super) fn known(&self) -> HashSet<u32> {
        self.all.values().filter_map(|table| Some(table.relation.as_ref()?.oid)).collect()
    }

    /// Takes rows of the dump.
    pub(super) async fn see(&mut self, look: &mut Look, slab: &Slab) -> Result<(), Error> {
        let plan = slab.block.written();
        if !self.all.contains_key(&plan.table) {
            let table = Table::begin(look, &slab.block, self.seed, self.filling).await?;
            self.order.push(plan.table.clone());
            self.all.insert(plan.table.clone(), table);
        }
        self.pause_others(&plan.table);
        let Some(table) = self.all.get_mut(&plan.table) else { return Ok(()) };
        if self.counting {
            table.rows += slab.rows;
            table.bytes += slab.rendered.bytes.len() as u64;
        }
        table.meet(&slab.block);
        if slab.rendered.as_sql > 0 {
            return table.statements(look, slab, self.filling).await;
        }
        match &mut table.stage {
            Stage::Summing(summing) => {
                let before = summing.is_divided();
                summing.add(&slab.rendered.bytes);
                self.divided += usize::from(summing.is_divided() && !before);
            }
            Stage::Server(..) if self.filling => table.fill(look, slab).await?,
            Stage::Server(..) | Stage::Told(..) => {}
        }
        Ok(())
    }

    /// Rows of another table than before come.
    fn pause_others(&mut self, name: &str) {
        if self.last == name {
            return;
        }
        if let Some(Table { stage: Stage::Summing(summing), .. }) = self.all.get_mut(&self.last) {
            summing.pause();
        }
        name.clone_into(&mut self.last);
        if self.divided >= DIVIDED
            && let Some(Table { stage: Stage::Summing(summing), .. }) = self.all.get_mut(name)
        {
            summing.pause();
        }
    }

    /// Compares sums. Returns whether rows have to go to the server.
    pub(super) async fn compare_sums(&mut self, look: &Look) -> Result<bool, Error> {
        for name in &self.order {
            let Some(table) = self.all.get_mut(name) else { continue };
            let began = Instant::now();
            table.compare_sum(look).await?;
            table.took += began.elapsed();
        }
        (self.filling, self.counting) = (true, false);
        Ok(self.all.values().any(|table| matches!(table.stage, Stage::Server(..))))
    }

    /// Lets the server compare what it has got, and says what is known of every table. `reader` is another session, for rows
    /// that are copied beside their table.
    pub(super) async fn finish(
        self,
        look: &mut Look,
        reader: &Look,
        detail: Detail,
    ) -> Result<Vec<TableReport>, Error> {
        let Self { mut all, order, .. } = self;
        let mut reports = Vec::new();
        for name in order {
            let Some(table) = all.remove(&name) else { continue };
            reports.push(table.finish(name, (look, reader), detail).await?);
        }
        Ok(reports)
    }
}

/// Names without quotes.
fn plain(columns: &[String]) -> Vec<String> {
    columns.iter().map(|name| last_part(name).unwrap_or_else(|| name.clone())).collect()
}

impl Table {
    async fn begin(look: &Look, block: &Block, seed: Seed, filling: bool) -> Result<Self, Error> {
        let plan = block.written();
        let relation = look.relation(&plan.table).await.map_err(failed("look at a table"))?;
        let columns = plain(&plan.columns);
        let stage = match &relation {
            None => Stage::Told(Verdict::Different, Some("the table is missing".to_owned())),
            Some(relation) if !relation.has_rows() => Stage::Told(
                Verdict::Unknown,
                Some(
                    "the dump's rows go through a view or a rule, and where they are then is not known"
                        .to_owned(),
                ),
            ),
            Some(relation) => match columns.iter().find(|name| relation.column(name).is_none()) {
                Some(name) => Stage::Told(Verdict::Different, Some(format!("column {name} is missing"))),
                None if filling => Stage::Server(None, None),
                None => Stage::Summing(Summing::new(seed, instants(relation, &columns))),
            },
        };
        let masked = block.transformed.as_deref().map(|by| by.names().map(str::to_owned).collect());
        Ok(Self {
            relation,
            columns,
            encoding: plan.encoding.name(),
            masked: masked.unwrap_or_default(),
            rows: 0,
            bytes: 0,
            stage,
            block: None,
            note: None,
            took: Duration::ZERO,
        })
    }

    /// Rows of a block come: one of other columns than those before is for the server.
    fn meet(&mut self, block: &Arc<Block>) {
        if self.block.as_ref().is_some_and(|known| Arc::ptr_eq(known, block)) {
            return;
        }
        self.block = Some(Arc::clone(block));
        let plan = block.written();
        let mut columns = plain(&plan.columns);
        if columns.is_empty() && plan.sql_only {
            // Values without names are for all columns.
            columns = self.stored();
            if self.columns.is_empty() {
                self.columns.clone_from(&columns);
            }
        }
        if self.columns == columns && self.encoding == plan.encoding.name() {
            return;
        }
        self.columns.retain(|name| columns.contains(name));
        if matches!(self.stage, Stage::Summing(_)) {
            self.stage = Stage::Server(None, None);
        }
    }

    /// The columns that hold values.
    fn stored(&self) -> Vec<String> {
        let columns = self.relation.iter().flat_map(|relation| &relation.columns);
        columns.filter(|column| !column.generated).map(|column| column.name.clone()).collect()
    }

    /// Rows that are INSERT statements.
    async fn statements(&mut self, look: &mut Look, slab: &Slab, filling: bool) -> Result<(), Error> {
        let plan = slab.block.written();
        let texts = texts(&slab.rendered)?;
        if let Stage::Told(..) = self.stage {
            return Ok(());
        }
        if texts.iter().any(|text| !self.can_foretell(text, plan)) {
            let why = "some rows have defaults or expressions, whose values only a load knows";
            self.stage = Stage::Told(Verdict::Unknown, Some(why.to_owned()));
            return Ok(());
        }
        if matches!(self.stage, Stage::Summing(_)) {
            self.stage = Stage::Server(None, None);
        }
        if !filling {
            return Ok(());
        }
        let Some(other) = self.expected(look).await? else { return Ok(()) };
        for text in texts {
            let added = look.add_by(&statements::into_table(&text, &plan.table, &other)).await;
            self.added(added)?;
        }
        Ok(())
    }

    /// Whether the rows of statements give the same in a table without the defaults.
    fn can_foretell(&self, text: &str, plan: &TablePlan) -> bool {
        let defaults = |name: &String| {
            self.relation
                .as_ref()
                .and_then(|relation| relation.column(name))
                .is_some_and(|column| column.defaults)
        };
        let named = plain(&plan.columns);
        let others_default =
            !named.is_empty() && self.stored().iter().any(|name| !named.contains(name) && defaults(name));
        match statements::foretold(text) {
            Foretold::Yes => !others_default,
            Foretold::WithDefaults => !self.stored().iter().any(defaults),
            Foretold::No => false,
        }
    }

    /// The table for expected rows, which is made where it is not there.
    async fn expected(&mut self, look: &mut Look) -> Result<Option<String>, Error> {
        let (Stage::Server(expected, _), Some(relation)) = (&mut self.stage, &self.relation) else {
            return Ok(None);
        };
        if expected.is_none() {
            let made = look.expect(relation).await;
            *expected = Some(made.map_err(failed("make a temporary table for the rows of the dump"))?);
        }
        Ok(expected.as_ref().map(Expected::table))
    }

    async fn fill(&mut self, look: &mut Look, slab: &Slab) -> Result<(), Error> {
        let Some(table) = self.expected(look).await? else { return Ok(()) };
        let plan = slab.block.written();
        let encoding = Some(plan.encoding.name().to_owned());
        let into = Arc::new(CopyInto { table, columns: plan.columns.clone(), encoding });
        let mut rows = Rows::with_settings(Arc::clone(&slab.block.plan.settings));
        match &mut self.stage {
            Stage::Server(_, Some(Chosen { summing, parts, .. })) => {
                let mut picked = Vec::new();
                let count = summing.pick(&slab.rendered.bytes, parts, &mut picked);
                if count == 0 {
                    return Ok(());
                }
                rows.push(&into, picked.into(), count);
            }
            _ => rows.push(&into, Bytes::copy_from_slice(&slab.rendered.bytes), slab.rows),
        }
        let added = look.add(&rows).await;
        self.added(added)
    }

    /// What the types of the replica do not take, it does not hold.
    fn added(&mut self, added: Result<(), ::replica::Error>) -> Result<(), Error> {
        match added {
            Err(error) if error.server().is_some() && !error.is_retryable() && !error.ends_session() => {
                let why = format!("the table does not take the dump's rows: {}", chain(&error));
                self.stage = Stage::Told(Verdict::Different, Some(why));
                Ok(())
            }
            added => added.map_err(failed("put rows of the dump into a temporary table")),
        }
    }

    async fn compare_sum(&mut self, look: &Look) -> Result<(), Error> {
        let (Stage::Summing(summing), Some(relation)) = (&self.stage, &self.relation) else { return Ok(()) };
        let mut found = summing.anew();
        let read = async {
            let mut lines = look.lines(relation, &self.columns, self.encoding).await?;
            while let Some(line) = lines.next().await? {
                found.add(&line);
            }
            Ok::<(), ::replica::Error>(())
        };
        self.stage = match read.await {
            Ok(()) if found.sum == summing.sum => Stage::Told(Verdict::Equal, None),
            Ok(()) => {
                let found_rows = found.sum.rows;
                let chosen = summing.parts_that_differ(&found).map(|parts| Chosen {
                    summing: found,
                    parts,
                    found: found_rows,
                });
                Stage::Server(None, chosen)
            }
            // Characters that the dump's encoding does not have.
            Err(error) if is_untranslatable(&error) => Stage::Server(None, None),
            Err(error) => return Err(failed("read the rows of a table")(error)),
        };
        Ok(())
    }

    /// Copies the rows of the replica that are in the chosen parts beside the table.
    async fn copy_chosen(
        &self,
        chosen: &mut Chosen,
        relation: &Relation,
        (look, reader): (&mut Look, &Look),
    ) -> Result<Expected, ::replica::Error> {
        let copied = look.expect(relation).await?;
        let columns: Vec<_> = self.columns.iter().map(|name| dump::quote_name(name)).collect();
        let encoding = Some(self.encoding.to_owned());
        let into = Arc::new(CopyInto { table: copied.table(), columns, encoding });
        let mut lines = reader.lines(relation, &self.columns, self.encoding).await?;
        let (mut block, mut count) = (Vec::new(), 0);
        loop {
            let line = lines.next().await?;
            if let Some(line) = &line {
                count += chosen.summing.pick(line, &chosen.parts, &mut block);
            }
            if block.len() >= BLOCK || line.is_none() && count > 0 {
                let mut rows = Rows::with_settings(PRINTED.into());
                rows.push(&into, std::mem::take(&mut block).into(), std::mem::take(&mut count));
                look.add(&rows).await?;
            }
            if line.is_none() {
                return Ok(copied);
            }
        }
    }

    async fn finish(
        mut self,
        name: String,
        (look, reader): (&mut Look, &Look),
        detail: Detail,
    ) -> Result<TableReport, Error> {
        let began = Instant::now();
        // Of a table without rows in the second look too.
        if matches!(self.stage, Stage::Server(None, _)) {
            self.expected(look).await?;
        }
        let mut copied = None;
        if let Some(relation) = self.relation.clone()
            && let Stage::Server(_, chosen) = &mut self.stage
            && let Some(mut chosen) = chosen.take()
        {
            let copying = self.copy_chosen(&mut chosen, &relation, (&mut *look, reader)).await;
            copied = Some((copying.map_err(failed("copy rows beside their table"))?, chosen.found));
        }
        let columns = std::mem::take(&mut self.columns);
        if self.relation.is_some() {
            let left: Vec<_> = self.stored().into_iter().filter(|name| !columns.contains(name)).collect();
            if !left.is_empty() {
                self.note =
                    Some(format!("the dump has no values of {}: they are not compared", left.join(", ")));
            }
        }
        let mut report = TableReport {
            rows: self.rows,
            bytes: self.bytes,
            masked: self.masked,
            note: self.note,
            ..TableReport::named(name)
        };
        match self.stage {
            Stage::Told(verdict, note) => {
                report.verdict = verdict;
                report.how = (verdict == Verdict::Equal).then_some(How::Sums);
                report.found = (verdict == Verdict::Equal).then_some(self.rows);
                report.note = note.or(report.note);
                if self.relation.is_none() {
                    report.missing = self.rows;
                }
            }
            Stage::Server(Some(expected), _) => {
                let (copied, all) = copied.unzip();
                let compared = look.compare(expected, copied, &columns, detail).await;
                let Compared { found, missing, extra, different, columns, rows } =
                    compared.map_err(failed("compare the rows of a table"))?;
                report.how = Some(How::Server);
                report.found = Some(all.unwrap_or(found));
                (report.missing, report.extra, report.different) = (missing, extra, different);
                let equal = missing + extra + different == 0;
                report.verdict = if equal { Verdict::Equal } else { Verdict::Different };
                report.columns = columns;
                report.differences = rows.into_iter().map(Into::into).collect();
            }
            Stage::Server(None, _) | Stage::Summing(_) => {}
        }
        report.seconds = (self.took + began.elapsed()).as_secs_f64();
        Ok(report)
    }
}

fn is_untranslatable(error: &::replica::Error) -> bool {
    error.server().is_some_and(|error| error.code == "22P05")
}

/// The places of columns whose text depends on the time zone.
fn instants(relation: &Relation, columns: &[String]) -> Vec<usize> {
    let is = |name: &String| relation.column(name).is_some_and(|column| column.instant);
    (0..columns.len()).filter(|index| is(&columns[*index])).collect()
}
