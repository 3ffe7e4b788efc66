//! One reading of the dump for a comparison: its statements and its rows, in their order.

use std::sync::Arc;

use convert::render::Block;
use convert::render::members::Rendered;
use kvbuffer::Sequence;

use crate::base::budget::Share;
use crate::base::error::Error;
use crate::base::stop::Stop;
use crate::load::config::Config;
use crate::load::progress::Progress;
use crate::load::reject::{first_fatal, row_error};
use crate::read::item::{Item, Mark, converted};
use crate::read::pipeline::Pipeline;

/// A piece of the dump.
pub(super) enum Piece {
    /// Statements that one of the dump's became.
    Statements(Vec<String>),
    /// Rows of a table.
    Rows(Slab),
}

/// Rows, as they would go into the database.
pub(super) struct Slab {
    pub(super) block: Arc<Block>,
    pub(super) rendered: Rendered,
    pub(super) rows: u64,
    /// Their part of the budget.
    _share: Share,
}

/// The dump, while it is read.
pub(super) struct Reading<'a> {
    pipeline: Pipeline,
    config: &'a Config,
    progress: &'a Progress,
    stop: &'a Stop,
}

impl<'a> Reading<'a> {
    pub(super) fn start(config: &'a Config, progress: &'a Progress, stop: &'a Stop) -> Result<Self, Error> {
        let pipeline = Pipeline::start(config.task(Sequence::FIRST))?;
        Ok(Self { pipeline, config, progress, stop })
    }

    /// The next piece; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Piece>, Error> {
        loop {
            let item = tokio::select! {
                biased;
                signal = self.stop.wait() => return Err(Error::Stopped(signal)),
                item = self.pipeline.items.recv() => item,
            };
            let ended =
                || Error::Internal("the thread that reads the dump ended without a result".to_owned());
            match item.ok_or_else(ended)? {
                Item::Sql { members, after, .. } => {
                    self.moved(&after, after.rows, None);
                    return texts(&members).map(|texts| Some(Piece::Statements(texts)));
                }
                Item::Rows { mut rows, count, table, block, before, share, .. } => {
                    let converted = converted(&mut rows, self.stop).await?;
                    if let Some(reject) = first_fatal(&converted.rejects, 0) {
                        return Err(row_error(&self.config.location.name(), &table, reject, &before));
                    }
                    self.moved(&before, before.rows + count, Some(&table));
                    let rendered = converted.rendered;
                    return Ok(Some(Piece::Rows(Slab { block, rendered, rows: count, _share: share })));
                }
                Item::Failed(error) => return Err(*error),
                Item::End { .. } => return Ok(None),
                Item::LeftOut { .. } | Item::TableEnd { .. } => {}
            }
        }
    }

    fn moved(&self, mark: &Mark, rows: u64, table: Option<&str>) {
        self.progress.looked_at(mark.raw.unwrap_or(mark.scan.offset), rows, 0, table);
    }

    pub(super) fn recycle(&self, slab: Slab) {
        self.pipeline.recycle(slab.rendered);
    }

    /// Ends the threads.
    pub(super) async fn end<T>(self, result: &Result<T, Error>) -> Result<(), Error> {
        self.pipeline.end(self.stop, result).await
    }
}

/// The members of a rendered statement, or of rows that are statements.
pub(super) fn texts(rendered: &Rendered) -> Result<Vec<String>, Error> {
    let text = |index| String::from_utf8(rendered.member(index).to_vec());
    let texts: Result<_, _> = (0..rendered.members.len()).map(text).collect();
    // Without the error, which has the bytes.
    texts.map_err(|_| Error::Internal("a statement for the database is not UTF-8".to_owned()))
}
