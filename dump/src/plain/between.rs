//! Between statements: comments, what pg_dump says in them, psql's commands, and the end.

use memchr::{memchr, memchr2};

use super::inserts::{Attempt, begins_insert, is_insert};
use super::{Event, Scanner, State};
use crate::detect;
use crate::encoding::Encoding;
use crate::error::{Closing, ScanError};
use crate::meta::{Meta, Refused};
use crate::statement::{Boundary, Mark};
use crate::token::is_space;

impl Scanner {
    pub(super) fn start(&mut self) -> Result<bool, ScanError> {
        let bytes = self.window.bytes();
        if bytes.len() < detect::ENOUGH && !self.whole {
            return Ok(false);
        }
        let skip = detect::plain_start(bytes)?;
        self.window.consume(skip);
        self.state = State::Between;
        Ok(true)
    }

    /// Skips blanks and comments up to a statement, a command or the end.
    pub(super) fn between(&mut self) -> Result<Option<Event>, ScanError> {
        loop {
            let bytes = self.window.bytes();
            let blank = bytes.iter().position(|&b| !is_space(b)).unwrap_or(bytes.len());
            self.advance(blank);
            let bytes = self.window.bytes();
            match bytes {
                [] if self.whole => return self.end().map(Some),
                [] => return Ok(None),
                [b'\\', ..] => return self.meta(),
                [b'-' | b'/'] if !self.whole => return Ok(None),
                [b'-', b'-', ..] => {
                    if !self.line_comment()? {
                        return Ok(None);
                    }
                }
                [b'/', b'*', ..] => {
                    let Some(token) = crate::token::token(bytes, 0, false, self.standard) else {
                        if self.whole {
                            return Err(ScanError::TruncatedStatement { began: self.place() });
                        }
                        self.check_length(bytes.len())?;
                        return Ok(None);
                    };
                    self.advance(token.end);
                }
                // A semicolon alone ends nothing.
                [b';', ..] => self.advance(1),
                _ if is_insert(bytes) => {
                    self.state = State::Insert(Attempt::default());
                    return Ok(None);
                }
                _ if !self.whole && begins_insert(bytes) => return Ok(None),
                _ => {
                    self.state = State::Statement(Boundary::default());
                    return Ok(None);
                }
            }
        }
    }

    fn line_comment(&mut self) -> Result<bool, ScanError> {
        let bytes = self.window.bytes();
        let Some(end) = memchr2(b'\n', b'\r', bytes).or(self.whole.then_some(bytes.len())) else {
            return Ok(false);
        };
        if let Some(mark) = Mark::of(&bytes[..end]) {
            self.mark(mark)?;
        }
        self.advance(end);
        Ok(true)
    }

    /// A dump begins or is complete. Where one begins before the one before it is complete, that one was cut off.
    fn mark(&mut self, mark: Mark) -> Result<(), ScanError> {
        match mark {
            Mark::Head | Mark::ClusterHead if self.head && !self.complete => return Err(self.unfinished()),
            Mark::Head => (self.head, self.complete) = (true, false),
            Mark::ClusterHead if self.cluster_open => return Err(self.unfinished()),
            Mark::ClusterHead => (self.cluster, self.cluster_open) = (true, true),
            Mark::Complete => self.complete = true,
            Mark::ClusterComplete if self.head && !self.complete => return Err(self.unfinished()),
            Mark::ClusterComplete => self.cluster_open = false,
        }
        Ok(())
    }

    fn unfinished(&self) -> ScanError {
        let closing = if self.head && !self.complete { Closing::Dump } else { Closing::Cluster };
        ScanError::Unfinished { at: self.place(), closing }
    }

    fn meta(&mut self) -> Result<Option<Event>, ScanError> {
        let bytes = self.window.bytes();
        let Some(end) = memchr(b'\n', bytes).map(|at| at + 1).or(self.whole.then_some(bytes.len())) else {
            self.check_length(bytes.len())?;
            return Ok(None);
        };
        let place = self.place();
        let refused = |Refused { command, why }| ScanError::Command { at: place, command, why };
        // A command is ASCII; what follows it need not be of the encoding, to be refused.
        let meta = match self.decode(&bytes[..end]) {
            Ok(line) => Meta::parse(&line, &self.variables).map_err(refused)?,
            Err(error) => {
                let line = String::from_utf8_lossy(&bytes[..end]);
                return Err(Meta::parse(&line, &self.variables).map_or_else(refused, |_| error));
            }
        };
        if self.restricted && meta != Meta::Other("unrestrict".to_owned()) {
            let why = "psql refuses it between \\restrict and \\unrestrict: put it before or behind them";
            return Err(refused(Refused::because(&String::from_utf8_lossy(&bytes[..end]), why)));
        }
        self.follow(&meta)?;
        self.advance(end);
        self.statements += 1;
        Ok(Some(Event::Meta(meta, place)))
    }

    /// What a command changes for the reading of what follows it.
    fn follow(&mut self, meta: &Meta) -> Result<(), ScanError> {
        match meta {
            Meta::Encoding(name) => self.set_encoding(name)?,
            // A session that begins anew, with PostgreSQL's defaults.
            Meta::Connect { .. } => (self.standard, self.encoding) = (true, Encoding::Utf8),
            Meta::Set(name) => self.variables.set(name),
            Meta::Other(name) if name == "restrict" => self.restricted = true,
            Meta::Other(name) if name == "unrestrict" => self.restricted = false,
            Meta::Other(_) => {}
        }
        Ok(())
    }

    fn end(&mut self) -> Result<Event, ScanError> {
        if self.window.offset() == 0 {
            return Err(ScanError::Empty);
        }
        if self.head && !self.complete || self.cluster_open {
            return Err(self.unfinished());
        }
        if self.statements == 0 {
            return Err(ScanError::NotADump { what: "it holds no statement".to_owned() });
        }
        self.state = State::Finished;
        Ok(Event::End)
    }
}
