//! Applies the changes to the replica, one after the other.
//!
//! A row is sent without waiting for the answer to the previous one. Nobody can observe this: the server executes the
//! messages of a session in order, each in its own transaction. Everything else (SQL text, another session, the
//! sequences) waits until no answer is outstanding.

use std::collections::VecDeque;
use std::io;

use super::decode::{Change, Decoded, Dml, decode};
use super::entries::Entry;
use super::pool::Pool;
use super::report::{Failure, Fatal, Kind, Lost, Report};
use super::{MAX_MESSAGE, Options, SequenceSync, canonical, encoded_len, sequences};
use crate::pgwire::{Connection, Outcome, ServerError, Target};

/// Statements under way at most, and how many are sent at once. Small enough that the answers fit into the
/// socket's buffer while we are still writing.
const WINDOW: usize = 128;
const BATCH_BYTES: usize = 1 << 17;

struct Sent {
    position: String,
    sql: String,
}

struct Run<'a> {
    pool: Pool<'a>,
    report: Report,
    waiting: VecDeque<Sent>,
    /// How many of `waiting` are on the wire.
    on_wire: usize,
    rows_since_sync: u64,
}

pub(super) fn run(
    target: &Target,
    options: &Options,
    entries: impl Iterator<Item = io::Result<Entry>>,
) -> io::Result<Report> {
    let mut run = Run {
        pool: Pool::new(target, options)?,
        report: Report::default(),
        waiting: VecDeque::new(),
        on_wire: 0,
        rows_since_sync: 0,
    };
    for entry in entries.take(options.limit.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX)))
    {
        let entry = entry?;
        run.report.entries += 1;
        if run.report.fatal.is_some() {
            run.report.not_delivered += 1;
            continue;
        }
        run.entry(&entry)?;
        if let SequenceSync::EveryChanges(n) = options.sync
            && run.rows_since_sync >= n
        {
            run.sync(target)?;
        }
    }
    run.drain()?;
    run.replace()?;
    if options.sync != SequenceSync::Never && run.rows_since_sync > 0 {
        run.sync(target)?;
    }
    run.report.sessions = run.pool.opened;
    Ok(run.report)
}

impl Run<'_> {
    fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        let change = match decode(&entry.member) {
            Ok(change) => change,
            Err(reason) => {
                self.report.lose(Lost { score: entry.score, reason, member: head(&entry.member) });
                return Ok(());
            }
        };
        if let Some(what) = canonical::check(entry.score, &entry.member, &change) {
            self.report.note(&change.position, what);
        }
        if let Some(reason) = breaks_the_stream(&change) {
            self.report.not_delivered += 1;
            self.report.fatal = Some(Fatal { position: change.position, reason });
            return Ok(());
        }
        if self.pool.is_due() {
            self.drain()?;
            self.replace()?;
        }
        match change.data {
            Decoded::Ddl(ddl) => self.ddl(change.position, ddl.ddl),
            Decoded::Dml(dml) => self.row(change.position, &dml),
        }
    }

    fn row(&mut self, position: String, dml: &Dml) -> io::Result<()> {
        let sql = dml.to_sql();
        self.pool.current()?.send(sql.as_bytes());
        self.waiting.push_back(Sent { position, sql });
        self.on_wire += 1;
        self.rows_since_sync += 1;
        let full = self.on_wire.is_multiple_of(WINDOW / 2);
        if full || self.pool.current()?.buffered() >= BATCH_BYTES {
            self.flush()?;
            while self.waiting.len() > WINDOW / 2 {
                self.receive_row()?;
            }
        }
        Ok(())
    }

    fn ddl(&mut self, position: String, sql: String) -> io::Result<()> {
        self.drain()?;
        if let Some(what) = relies_on_session(&sql) {
            self.report.note(&position, format!("{what} has no place in a change of its own"));
        }
        let session = self.pool.current()?;
        session.send(sql.as_bytes());
        let outcome = session.flush().and_then(|()| session.receive());
        self.account(Kind::Ddl, Sent { position, sql }, outcome);
        Ok(())
    }

    /// Sends the buffered rows. If the session is gone, the unanswered rows go through another session: they were
    /// never executed.
    fn flush(&mut self) -> io::Result<()> {
        if self.pool.current()?.flush().is_ok() {
            return Ok(());
        }
        while !self.waiting.is_empty() {
            let Ok(outcome) = self.pool.current()?.receive() else { break };
            let Some(sent) = self.waiting.pop_front() else { break };
            if self.account(Kind::Dml, sent, Ok(outcome)) {
                break;
            }
        }
        self.resend()
    }

    fn receive_row(&mut self) -> io::Result<()> {
        let outcome = self.pool.current()?.receive();
        let Some(sent) = self.waiting.pop_front() else { return Ok(()) };
        self.on_wire -= 1;
        if self.account(Kind::Dml, sent, outcome) {
            self.resend()?;
        }
        Ok(())
    }

    fn resend(&mut self) -> io::Result<()> {
        self.pool.forget();
        let session = self.pool.current()?;
        for sent in &self.waiting {
            session.send(sent.sql.as_bytes());
        }
        self.on_wire = self.waiting.len();
        session.flush()
    }

    /// Waits until nothing is under way.
    fn drain(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.flush()?;
        while !self.waiting.is_empty() {
            self.receive_row()?;
        }
        self.on_wire = 0;
        Ok(())
    }

    fn replace(&mut self) -> io::Result<()> {
        if let Some(left) = self.pool.replace()? {
            self.report.note("before the session was put away", format!("settings left behind: {left}"));
        }
        Ok(())
    }

    fn sync(&mut self, target: &Target) -> io::Result<()> {
        self.drain()?;
        let errors = sequences::sync(&mut Connection::open(target)?)?;
        self.report.sequence_errors.extend(errors);
        self.report.sequence_syncs += 1;
        self.rows_since_sync = 0;
        Ok(())
    }

    /// Books the answer to one statement; true when the session is of no use any more.
    fn account(&mut self, kind: Kind, sent: Sent, outcome: io::Result<Outcome>) -> bool {
        let refused = |severity: &str, message: String| ServerError {
            severity: severity.into(),
            code: String::new(),
            message,
        };
        let (error, gone) = match outcome {
            Ok(outcome) if outcome.copy => {
                (Some(refused("FATAL", "COPY killed the connection".into())), true)
            }
            Ok(outcome) => {
                if outcome.transaction == b'T' || outcome.transaction == b'E' {
                    self.report.note(&sent.position, "left its transaction open".into());
                }
                let gone = outcome.error.as_ref().is_some_and(|e| e.severity != "ERROR");
                (outcome.error, gone)
            }
            Err(error) => (Some(refused("FATAL", format!("the connection is gone: {error}"))), true),
        };
        if gone {
            self.pool.forget();
        }
        match (error, kind) {
            (Some(error), _) => {
                let statement = head(sent.sql.as_bytes());
                self.report.fail(Failure { position: sent.position, kind, error, statement });
            }
            (None, Kind::Ddl) => self.report.applied_ddl += 1,
            (None, Kind::Dml) => self.report.applied_dml += 1,
        }
        gone
    }
}

/// What ends the real stream, with everything after it.
fn breaks_the_stream(change: &Change) -> Option<String> {
    let size = encoded_len(change);
    if size > MAX_MESSAGE {
        return Some(format!("{size} bytes as protobuf, more than {MAX_MESSAGE}"));
    }
    let Decoded::Dml(dml) = &change.data else { return None };
    if dml.values.len() < dml.names.len() {
        return Some(format!(
            "{} values for {} columns crash the consumer",
            dml.values.len(),
            dml.names.len()
        ));
    }
    // The crash needs more than that (a short text in `users.password`), but no writer may come near it.
    if !dml.table.contains('.') {
        return Some(format!("the table {:?} has no schema, which can crash the consumer", dml.table));
    }
    None
}

/// Whether a text begins with a statement that only has a sense for what follows in the same session: with luck it
/// works, so it must be told even when nothing failed.
fn relies_on_session(sql: &str) -> Option<&'static str> {
    const NEVER: [&str; 9] = [
        "SET",
        "RESET",
        "BEGIN",
        "START TRANSACTION",
        "COMMIT",
        "END",
        "ROLLBACK",
        "DISCARD",
        "SELECT pg_catalog.set_config",
    ];
    let starts = |word: &str| {
        let sql = sql.trim_start();
        let (head, rest) = sql.split_at_checked(word.len())?;
        (head.eq_ignore_ascii_case(word) && !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
            .then_some(())
    };
    NEVER.into_iter().find(|word| starts(word).is_some() && starts("SET LOCAL").is_none())
}

fn head(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(300)];
    String::from_utf8_lossy(head).into_owned()
}
