//! Errors of reading a dump: what, where, and what to do about it.

use std::fmt;

/// A place in a dump: counted on the decompressed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Byte offset from the start of the dump, 0-based.
    pub offset: u64,
    /// Line, 1-based.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}, line {}", self.offset, self.line)
    }
}

/// The line by which a dump says that it is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// pg_dump's.
    Dump,
    /// pg_dumpall's.
    Cluster,
}

impl fmt::Display for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dump => "-- PostgreSQL database dump complete",
            Self::Cluster => "-- PostgreSQL database cluster dump complete",
        })
    }
}

/// Why a dump cannot be read on. None of these goes away by trying again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// Not one byte.
    #[error("the dump is empty: no byte was read")]
    Empty,
    /// What `pg_dump` writes as a script does not look like this.
    #[error("this is not a plain dump of pg_dump: {what}")]
    NotADump {
        /// What was found instead, and what to do.
        what: String,
    },
    /// The bytes end inside a statement or a comment.
    #[error(
        "the dump is cut off: it ends inside the statement that began at {began}; make the dump again, or copy it again"
    )]
    TruncatedStatement {
        /// Where the unfinished statement began.
        began: Place,
    },
    /// The bytes end inside the data of a table.
    #[error(
        "the dump is cut off: it ends inside the data of {table} (COPY at {began}), after {rows} complete rows; make the dump again, or copy it again"
    )]
    TruncatedCopy {
        /// The table as the dump spells it.
        table: String,
        /// Where the COPY statement began.
        began: Place,
        /// Rows of this block that are whole.
        rows: u64,
    },
    /// The head of pg_dump was there, its closing line was not.
    #[error(
        "the dump is cut off: it begins with pg_dump's head, but its closing line, `{closing}`, is missing at {at}; make the dump again, or copy it again"
    )]
    Unfinished {
        /// Where the bytes end, or where the next dump begins.
        at: Place,
        /// Which line is missing.
        closing: Closing,
    },
    /// A command to psql that is not followed.
    #[error("psql's {command} at {at} cannot be followed: {why}")]
    Command {
        /// Where its backslash stands.
        at: Place,
        /// The command, with its backslash.
        command: String,
        /// What psql would do, and what to do instead.
        why: String,
    },
    /// A reference to a variable of psql, which would put the value in its place.
    #[error(
        "psql's variable {name} at {at} cannot be followed: psql would put its value there; write the value itself"
    )]
    Variable {
        /// Where it stands.
        at: Place,
        /// The reference, with its colon.
        name: String,
    },
    /// An escape string that psql and the server read differently.
    #[error(
        "the literal at {at} goes on behind a line end, with a backslash in it, which psql and the server read differently: write it as one literal"
    )]
    LiteralGoesOn {
        /// Where it begins.
        at: Place,
    },
    /// pg_dump's head or closing line, as a comment within a statement.
    #[error(
        "pg_dump's line at {at} stands within a statement, which began at {began}: what begins there (a prompt, a warning?) is no SQL, and psql would refuse it together with what follows up to the next `;`; remove it, or dump with `pg_dump --file=NAME`"
    )]
    MarkInStatement {
        /// Where the statement began.
        began: Place,
        /// Where the line is.
        at: Place,
    },
    /// A NUL byte in a statement.
    #[error("the statement has a NUL byte at {at}, as no text of PostgreSQL has; copy the dump again")]
    Nul {
        /// Where it is.
        at: Place,
    },
    /// A statement larger than any that PostgreSQL takes.
    #[error(
        "the statement at {began} is longer than {limit} bytes: no `;` ends it; is this a dump of pg_dump?"
    )]
    StatementTooLong {
        /// Where it began.
        began: Place,
        /// The limit in bytes.
        limit: usize,
    },
    /// A row larger than any that PostgreSQL writes.
    #[error(
        "the row at {began} is longer than {limit} bytes, as none of PostgreSQL is: nothing ends it; is this a dump of pg_dump?"
    )]
    RowTooLong {
        /// Where it began.
        began: Place,
        /// The limit in bytes.
        limit: usize,
    },
    /// A COPY statement in a form that pg_dump does not write.
    #[error("the COPY statement at {at} cannot be read: {what}")]
    Copy {
        /// Where the statement began.
        at: Place,
        /// What about it.
        what: String,
    },
    /// The bytes end inside the rows of INSERT statements.
    #[error(
        "the dump is cut off: it ends inside the data of {table} (INSERT at {began}), after {rows} complete rows; make the dump again, or copy it again"
    )]
    TruncatedInsert {
        /// The table as the dump spells it.
        table: String,
        /// Where the first of the statements with the same head began.
        began: Place,
        /// Rows since then that are whole.
        rows: u64,
    },
    /// An INSERT statement that began as pg_dump writes it, and does not go on so.
    #[error("the INSERT statement's row at {at} cannot be read: {what}")]
    Insert {
        /// Where the row began.
        at: Place,
        /// What about it.
        what: String,
    },
    /// A statement whose bytes are not of the encoding that the dump says.
    #[error(
        "the statement at {at} has bytes at offset {offset} that are not {encoding}; dump with `pg_dump --encoding=UTF8`"
    )]
    Undecodable {
        /// Where the statement begins.
        at: Place,
        /// The first byte that does not decode.
        offset: u64,
        /// `client_encoding`.
        encoding: String,
    },
    /// A `client_encoding` that is not supported.
    #[error("the dump's encoding cannot be read, set at {at}: {reason}")]
    UnsupportedEncoding {
        /// Where it is set.
        at: Place,
        /// Which one, and what to do.
        reason: String,
    },
}
