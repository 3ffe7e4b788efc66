//! Statements: from their first byte to the semicolon, and what they change for the reading of what follows.

use std::sync::Arc;

use memchr::{memchr, memmem};

use super::{BlockPoint, Event, Scanner, State, Statement};
use crate::encoding::Encoding;
use crate::error::{Place, ScanError};
use crate::kind::{Kind, classify};
use crate::meta::{Meta, Refused};
use crate::setting::{Scope, Setting, is_on};
use crate::statement::Stop;

/// pg_dump's head within another line's text, where what is before it hides that it is a comment.
const HEAD: &[u8] = b"\n-- PostgreSQL database dump";

impl Scanner {
    pub(super) fn statement(&mut self) -> Result<Option<Event>, ScanError> {
        let State::Statement(boundary) = &mut self.state else { return Ok(None) };
        let bytes = self.window.bytes();
        let Some(stop) = boundary.find(bytes, self.whole, self.standard, &self.variables) else {
            if self.whole {
                return Err(self.unfinished_statement());
            }
            let length = bytes.len();
            self.check_length(length)?;
            return Ok(None);
        };
        let end = match stop {
            Stop::End(end) => end,
            Stop::Command(at) => return self.command_within(at),
            Stop::Variable { start, end } => return Err(self.variable(start, end)),
            Stop::Literal(at) => return Err(ScanError::LiteralGoesOn { at: self.place_at(at) }),
            Stop::Mark(at) => return Err(self.mark_within(at)),
        };
        if self.statements == 0
            && let Some(at) = memmem::find(&bytes[..end], HEAD)
        {
            return Err(self.mark_within(at + 1));
        }
        if let Some(at) = memchr(0, &bytes[..end]) {
            return Err(ScanError::Nul { at: self.place_at(at) });
        }
        let text = self.decode(&bytes[..end])?;
        let kind = classify(&text, self.standard);
        let place = self.place();
        self.advance(end);
        self.statements += 1;
        match &kind {
            Kind::Setting(setting) => self.apply(setting)?,
            Kind::ResetAll { .. } => self.reset_all()?,
            _ => {}
        }
        if kind == Kind::CopyFromStdin {
            let Place { offset, line } = place;
            let point = BlockPoint {
                statement: Arc::from(text),
                offset,
                line,
                data: 0,
                rows: 0,
                crlf: false,
                raw: None,
                insert: None,
            };
            self.state = State::CopyLine(Box::new(point));
            return self.next_event();
        }
        self.state = State::Between;
        Ok(Some(Event::Statement(Statement { text, place, kind })))
    }

    fn unfinished_statement(&self) -> ScanError {
        if self.statements == 0 {
            let bytes = self.window.bytes();
            if let Some(at) = memmem::find(bytes, HEAD) {
                return self.mark_within(at + 1);
            }
            let what = "its first statement does not end; archives and other formats are named where they are recognised".to_owned();
            return ScanError::NotADump { what };
        }
        ScanError::TruncatedStatement { began: self.place() }
    }

    /// A command within a statement, once its line is there.
    fn command_within(&self, at: usize) -> Result<Option<Event>, ScanError> {
        let line = &self.window.bytes()[at..];
        let Some(end) = memchr(b'\n', line).or(self.whole.then_some(line.len())) else {
            self.check_length(at + line.len())?;
            return Ok(None);
        };
        let Refused { command, why } = Meta::within_a_statement(&String::from_utf8_lossy(&line[..end]));
        Err(ScanError::Command { at: self.place_at(at), command, why })
    }

    fn variable(&self, start: usize, end: usize) -> ScanError {
        let name = String::from_utf8_lossy(&self.window.bytes()[start..end]).into_owned();
        ScanError::Variable { at: self.place_at(start), name }
    }

    fn mark_within(&self, at: usize) -> ScanError {
        ScanError::MarkInStatement { began: self.place(), at: self.place_at(at) }
    }

    fn reset_all(&mut self) -> Result<(), ScanError> {
        self.standard = true;
        if self.encoding == Encoding::Utf8 {
            return Ok(());
        }
        let reason =
            "RESET ALL sets client_encoding to its default, and which one that is, is not in the dump"
                .to_owned();
        Err(ScanError::UnsupportedEncoding { at: self.place(), reason })
    }

    fn apply(&mut self, setting: &Setting) -> Result<(), ScanError> {
        // It ends with its transaction, or at once.
        if setting.scope == Scope::Local {
            return Ok(());
        }
        match setting.name.as_str() {
            "client_encoding" if setting.value.is_some() => self.set_encoding(setting.plain())?,
            "client_encoding" => {
                let reason = "which one is the default is not in the dump".to_owned();
                return Err(ScanError::UnsupportedEncoding { at: self.place(), reason });
            }
            "standard_conforming_strings" => {
                self.standard = setting.value.as_ref().is_none_or(|value| is_on(&value.plain));
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn set_encoding(&mut self, name: &str) -> Result<(), ScanError> {
        self.encoding = Self::encoding_named(name, self.place())?;
        Ok(())
    }

    pub(super) fn encoding_named(name: &str, at: Place) -> Result<Encoding, ScanError> {
        Encoding::from_name(name)
            .map_err(|error| ScanError::UnsupportedEncoding { at, reason: error.to_string() })
    }
}
