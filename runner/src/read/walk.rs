//! One reading of a dump: from its bytes to planned work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dump::{Event, Place, ScanPoint, Scanner, Slab, SlabSize};
use kvbuffer::Sequence;

use super::first;
use super::task::{Start, Task};
use crate::base::error::Error;
use crate::base::memory;
use crate::base::spares::Spares;
use convert::error::{DumpError, Error as ConvertError};
use convert::planner::psql::LOOKED_AT;
use convert::planner::{PlanPoint, Planner, Work};
use convert::render::Block;
use convert::render::block::slabs;
use convert::render::members::Rendered;
use convert::sample::Samples;
use convert::tables::Found;
use source::{EntryStart, Source};

/// One reading of a dump: from its bytes to planned work. It does nothing else, so it can also be used to count.
pub struct Walk {
    pub(super) source: Source,
    pub(super) scanner: Scanner,
    slabs: SlabSize,
    pub(super) planner: Planner,
    name: String,
    /// When a row or statement is this large, the memory is looked at.
    looked_at: usize,
    /// How many statements there were.
    statements: usize,
}

/// What a dump needs of a server.
#[derive(Debug)]
pub struct Needed {
    /// Roles, extensions and other things that its statements name.
    pub needs: dump::Needs,
    /// Its encoding, by PostgreSQL's name.
    pub encoding: &'static str,
}

/// Smaller rows and statements fit everywhere.
const LARGE: usize = 32 << 20;
/// The memory is looked at after so many statements: what is kept of them is smaller, but for statements that are long.
const STATEMENTS: usize = 64;
const OF_STATEMENTS: u64 = 4 << 20;

impl Walk {
    /// Opens the dump and goes to the place where the task begins. Definitions before that place are read again.
    ///
    /// # Errors
    /// As reading and planning; [`Error::Checkpoint`] if it is not the dump of the checkpoint.
    pub fn begin(task: &Task, name: &str) -> Result<Self, Error> {
        Self::over(task.location.open()?, task, name)
    }

    fn over(mut source: Source, task: &Task, name: &str) -> Result<Self, Error> {
        task.choose(&mut source)?;
        let planner = Planner::new(Arc::clone(&task.shape), name, task.first, task.limit.clone());
        let border = task.shape.selection.border();
        let slabs = SlabSize { border, ..slabs(task.shape.rows, task.shape.transforms.is_some()) };
        let scanner = Scanner::new().with_slabs(slabs);
        let mut walk =
            Self { source, scanner, slabs, planner, name: name.to_owned(), looked_at: LARGE, statements: 0 };
        if let Start::At { scan, plan, next, identity, entry } = &task.start {
            walk.source.expect(identity, name)?;
            walk.go_to(scan, plan, *next, entry.as_ref())?;
        }
        Ok(walk)
    }

    fn go_to(
        &mut self,
        scan: &ScanPoint,
        plan: &PlanPoint,
        next: Sequence,
        entry: Option<&EntryStart>,
    ) -> Result<(), Error> {
        let rebuilt = match plan.data_begins {
            Some(begins) if !plan.late_definitions => begins.min(scan.offset),
            _ => scan.offset,
        };
        let (slabs, stop) = (Spares::default(), AtomicBool::new(false));
        // The end of a slab over the point, where everything is read again.
        let mut ahead = Vec::new();
        while self.scanner.point().offset < rebuilt {
            match self.event(&slabs, &stop)? {
                Some(Event::CopyStart(_)) if self.scanner.point().offset > rebuilt => break,
                Some(Event::End) | None => break,
                Some(event) => {
                    if let Event::Rows(slab) = &event {
                        let over = slab.end_offset().saturating_sub(scan.offset) as usize;
                        ahead = slab.bytes()[slab.bytes().len() - over.min(slab.bytes().len())..].to_vec();
                    }
                    self.pass(event, &slabs)?;
                }
            }
            self.source.pass(self.scanner.point().offset.min(scan.offset));
        }
        ahead.extend(
            self.scanner.read_ahead(scan.offset.max(self.scanner.point().offset)).unwrap_or_default(),
        );
        let scanner = Scanner::resume(scan).map_err(|error| self.dump_error(error))?;
        self.scanner = scanner.with_slabs(self.slabs);
        if scan.offset > self.source.offset() {
            let skipped = self.source.skip_to(scan.offset, entry);
            skipped.map_err(|error| self.source.error(&self.name, error))?;
        } else {
            self.scanner.push(&ahead);
        }
        self.planner.resume(plan.clone(), next, &self.scanner)?;
        self.scanner.set_slabs(self.planner.slabs(self.slabs));
        Ok(())
    }

    /// What becomes of an event.
    pub(super) fn plan(&mut self, event: Event) -> Result<Option<(Work, Sequence)>, Error> {
        let starts = matches!(event, Event::CopyStart(_));
        if matches!(event, Event::Statement(_)) {
            self.expect_memory_for_definitions()?;
        }
        let work = self.planner.plan(event, &self.scanner)?;
        if starts {
            self.scanner.set_slabs(self.planner.slabs(self.slabs));
        }
        Ok(work)
    }

    /// Plans an event without using the result.
    fn pass(&mut self, event: Event, slabs: &Spares<Vec<u8>>) -> Result<(), Error> {
        if let Some((Work::Rows { slab, .. } | Work::LeftOut(slab), _)) = self.plan(event)? {
            slabs.put(slab.into_buffer());
        }
        Ok(())
    }

    /// The next event; `None` after a stop.
    pub(super) fn event(
        &mut self,
        slabs: &Spares<Vec<u8>>,
        stop: &AtomicBool,
    ) -> Result<Option<Event>, Error> {
        loop {
            if let Some(event) = self.scanner.next_event().map_err(|error| self.dump_error(error))? {
                return Ok(Some(event));
            }
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            while let Some(buffer) = slabs.get() {
                self.scanner.recycle(buffer);
            }
            self.expect_memory()?;
            let count = self
                .source
                .read(self.scanner.room())
                .map_err(|error| self.source.error(&self.name, error))?;
            match count {
                0 => self.scanner.finish(),
                count => self.scanner.fill(count),
            }
        }
    }

    /// A row or a statement is needed twice at least: as it was read, and as a change.
    fn expect_memory(&mut self) -> Result<(), Error> {
        let held = self.scanner.held();
        if held < LARGE {
            self.looked_at = LARGE;
        }
        if held < self.looked_at {
            return Ok(());
        }
        self.looked_at = held + held / 8;
        if !memory::lacks(held as u64) {
            return Ok(());
        }
        let what = format!("a row or statement of more than {} MiB", held >> 20);
        Err(self.too_little_memory(
            what,
            "it takes twice as much memory at least, and the limit of the container or of ulimit -v is lower: raise it",
        ))
    }

    /// What is known of tables stays in memory until the end, and grows with their number.
    fn expect_memory_for_definitions(&mut self) -> Result<(), Error> {
        self.statements += 1;
        if !self.statements.is_multiple_of(STATEMENTS) || !memory::lacks(OF_STATEMENTS) {
            return Ok(());
        }
        let tables = self.planner.schema().tables().count();
        Err(self.too_little_memory(
            format!("the definitions of more than {tables} tables"),
            "they stay in memory, a few KiB for each table, and the limit of the container or of ulimit -v is too low for them and what reads the rows: raise it, or use fewer --workers",
        ))
    }

    fn too_little_memory(&self, what: String, advice: &'static str) -> Error {
        let point = self.scanner.point();
        let at = Place { offset: point.offset, line: point.line };
        let error = DumpError::Unsupported { what, at, advice };
        ConvertError::Dump { source_name: self.name.clone(), error }.into()
    }

    /// Reads to the end, to learn the definitions, and which tables have rows but no definition.
    ///
    /// # Errors
    /// As reading and planning. The caller reports [`Error::Stopped`].
    pub fn definitions(mut self, sample: bool, stop: &AtomicBool) -> Result<Found, Error> {
        let slabs = Spares::default();
        let mut undefined = Vec::new();
        let mut samples = sample.then(Samples::default);
        while let Some(event) = self.event(&slabs, stop)? {
            let end = matches!(event, Event::End);
            let starts = matches!(event, Event::CopyStart(_));
            match self.plan(event)? {
                Some((Work::Rows { block, slab, .. }, _)) => {
                    if let Some(samples) = &mut samples {
                        samples.look(&block, &slab, self.planner.schema());
                    }
                    slabs.put(slab.into_buffer());
                }
                Some((Work::LeftOut(slab), _)) => slabs.put(slab.into_buffer()),
                _ => {}
            }
            if starts {
                undefined.extend(self.planner.undefined());
            }
            if end {
                break;
            }
        }
        let found = Found::new(self.planner.schema(), undefined);
        let findings = samples.map(Samples::findings).unwrap_or_default();
        Ok(Found { findings, renamed: self.planner.renamed(), changed: self.planner.changer(), ..found })
    }

    /// Passes the rows of tables with transforms to `see`, with the number of each slab's first row, until it has
    /// enough or the dump ends.
    ///
    /// # Errors
    /// As reading and planning.
    pub fn transformed(mut self, stop: &AtomicBool, mut see: impl FnMut(&Block, &Slab)) -> Result<(), Error> {
        let slabs = Spares::default();
        while let Some(event) = self.event(&slabs, stop)? {
            let end = matches!(event, Event::End);
            match self.plan(event)? {
                Some((Work::Rows { block, slab, .. }, _)) => {
                    if block.transformed.is_some() {
                        see(&block, &slab);
                    }
                    slabs.put(slab.into_buffer());
                }
                Some((Work::LeftOut(slab), _)) => slabs.put(slab.into_buffer()),
                _ => {}
            }
            if end {
                break;
            }
        }
        Ok(())
    }

    /// Passes the statements that become changes to `see`, each with the number of its first line and with
    /// `standard_conforming_strings`.
    ///
    /// # Errors
    /// As reading and planning.
    pub fn statements(
        mut self,
        stop: &AtomicBool,
        mut see: impl FnMut(&str, u64, bool),
    ) -> Result<(), Error> {
        let slabs = Spares::default();
        while let Some(event) = self.event(&slabs, stop)? {
            let end = matches!(event, Event::End);
            let statement = match &event {
                Event::Statement(statement) => Some((statement.text.clone(), statement.place.line)),
                _ => None,
            };
            match (self.plan(event)?, statement) {
                (Some((Work::Sql(_), _)), Some((text, line))) => {
                    see(&text, line, self.scanner.standard_strings())
                }
                (Some((Work::Rows { slab, .. } | Work::LeftOut(slab), _)), _) => {
                    slabs.put(slab.into_buffer())
                }
                _ => {}
            }
            if end {
                break;
            }
        }
        Ok(())
    }

    /// Reads and plans up to the first statement, to check that there is a dump at all. A pipe is at its start again
    /// afterwards.
    ///
    /// # Errors
    /// As reading and planning.
    pub fn look_at_first_statement(task: &Task, stop: &AtomicBool) -> Result<(), Error> {
        let name = task.location.name();
        let mut walk = Self::over(task.location.peek()?, task, &name)?;
        let slabs = Spares::default();
        while let Some(event) = walk.event(&slabs, stop)? {
            let is_command = matches!(event, Event::Meta(..));
            if let Event::Statement(statement) = &event {
                first::recognise(&statement.text).map_err(|error| walk.dump_error(error))?;
            }
            walk.pass(event, &slabs)?;
            if !is_command {
                break;
            }
        }
        task.location.put_back(walk.source);
        Ok(())
    }

    /// Reads the beginning, to find out whether a database must be chosen. Other errors there are found again during
    /// the load.
    ///
    /// # Errors
    /// [`DumpError::Databases`], [`DumpError::GlobalsOnly`] and [`DumpError::SecondDatabase`].
    pub fn look_for_databases(mut self, stop: &AtomicBool) -> Result<(), Error> {
        let slabs = Spares::default();
        while self.scanner.point().offset < LOOKED_AT {
            let Ok(Some(event)) = self.event(&slabs, stop) else { break };
            let end = matches!(event, Event::End);
            match self.pass(event, &slabs) {
                Err(Error::Convert(ConvertError::Dump {
                    source_name,
                    error: DumpError::SecondDatabase { first, second, at, .. },
                })) => {
                    let error = DumpError::SecondDatabase { first, second, at, loaded: None };
                    return Err(ConvertError::Dump { source_name, error }.into());
                }
                Err(
                    error @ Error::Convert(ConvertError::Dump {
                        error: DumpError::Databases { .. } | DumpError::GlobalsOnly,
                        ..
                    }),
                ) => return Err(error),
                Err(_) => break,
                Ok(()) if end => break,
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Reads to the end, for what the statements need of a server.
    ///
    /// # Errors
    /// As reading and planning. The caller reports [`Error::Stopped`].
    pub fn needs(mut self, stop: &AtomicBool) -> Result<Needed, Error> {
        let slabs = Spares::default();
        let mut needs = dump::Needs::default();
        while let Some(event) = self.event(&slabs, stop)? {
            let end = matches!(event, Event::End);
            match self.plan(event)? {
                Some((Work::Sql(texts), _)) => texts.iter().for_each(|text| needs.see(text)),
                Some((Work::Rows { slab, .. } | Work::LeftOut(slab), _)) => slabs.put(slab.into_buffer()),
                Some((Work::TableEnd, _)) | None => {}
            }
            if end {
                break;
            }
        }
        Ok(Needed { needs, encoding: self.scanner.encoding().name() })
    }

    /// Reads to the end, or until it is stopped, and returns the number after the last change.
    ///
    /// # Errors
    /// As reading and planning.
    pub fn count(mut self, stop: &AtomicBool) -> Result<Sequence, Error> {
        let slabs = Spares::default();
        while let Some(event) = self.event(&slabs, stop)? {
            let end = matches!(event, Event::End);
            self.pass(event, &slabs)?;
            if end {
                break;
            }
        }
        Ok(self.planner.next())
    }

    pub(super) fn sql(&self, texts: &[String], first: Sequence) -> Rendered {
        let mut rendered = Rendered::default();
        for (index, text) in texts.iter().enumerate() {
            if let Some(sequence) = first.checked_add(index as u64) {
                self.planner.encode_sql(&mut rendered.bytes, sequence, text);
                rendered.ends_member(index as u32, 0);
            }
        }
        rendered
    }

    fn dump_error(&self, error: dump::ScanError) -> Error {
        ConvertError::Dump { source_name: self.name.clone(), error: DumpError::Scan(error) }.into()
    }
}
