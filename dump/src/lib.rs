//! Reads what `pg_dump` writes: bytes in, statements and rows out, and the schema seen so far.
//!
//! This crate does no I/O and knows nothing of Redis, Kubernetes or changes. It turns the bytes of a plain dump,
//! however they are cut, into [`Event`]s:
//!
//! ```text
//! bytes ──▶ Scanner ──▶ Event::Statement   one statement, whole, with its Kind
//!            │          Event::Meta        a command to psql (\connect, \restrict, …)
//!            │          Event::CopyStart   COPY public.users (id, name) FROM stdin; or INSERT INTO public.users …
//!            │          Event::Rows        a Slab: whole rows as they stand, many at a time
//!            │          Event::CopyEnd     \.
//!            │          Event::End         the dump is complete
//!            └─▶ ScanPoint: where it stands, to go on from there later
//!
//! Event::Statement ──▶ Schema::observe ──▶ tables, columns, classes of types
//! ```
//!
//! # Floors
//!
//! Each floor knows only those below it.
//!
//! ```text
//! archive, plain, schema            archives as scripts; bytes to events; what the statements define
//! code, window                      what code of a script may do; the bytes that are not consumed yet
//! copy, subject                     blocks of COPY; the tables and schemas that a statement is about
//! insert, kind                      blocks of INSERT; what a statement is for
//! header, identity, object          heads of blocks; identity columns; objects of Kasho
//! needs, session, setting           roles and extensions; statements that concern the session
//! transaction                       the same, of transactions
//! detect, meta, name, statement     kinds of files; psql's commands; names; where a statement ends
//! encoding, error, token, variable  client encodings; errors; tokens; psql's variables
//! ```
//!
//! # Guarantees
//!
//! - **The same events for any cutting of the bytes**, down to one at a time, and from any [`ScanPoint`] on.
//! - **A slab's end is a function of the dump alone** ([`SLAB_BYTES`], [`SLAB_ROWS`]).
//! - **A dump that is cut off is an error**, wherever it is cut: in a statement, in rows, or between the head and
//!   the closing line that pg_dump writes.
//! - A statement's text is what the dump has, byte for byte, in UTF-8.
//! - Memory is bounded by a slab, or by the largest statement or row; the schema is extra.
//!
//! # What is assumed
//!
//! - Dumps of `pg_dump` 13 to 18, or scripts that `psql` would run the same way. Rows come by `COPY … FROM stdin`
//!   in the text format, or by `INSERT … VALUES` with nothing but `ON CONFLICT DO NOTHING` behind it; any other INSERT is a statement.
//! - Nothing inside a block of COPY has a meaning but the line `\.`. A block of INSERT is the statements that follow
//!   each other with the same head.
//!
//! # Reading a dump
//!
//! ```
//! use dump::{Event, Scanner};
//!
//! # fn main() -> Result<(), dump::ScanError> {
//! let dump = b"CREATE TABLE public.t (a integer);\nCOPY public.t (a) FROM stdin;\n1\n2\n\\.\n";
//! let mut scanner = Scanner::new();
//! scanner.room()[..dump.len()].copy_from_slice(dump);
//! scanner.fill(dump.len());
//! scanner.finish();
//! let mut rows = 0;
//! while let Some(event) = scanner.next_event()? {
//!     match event {
//!         Event::Rows(slab) => rows += slab.rows,
//!         Event::End => break,
//!         _ => {}
//!     }
//! }
//! assert_eq!(rows, 2);
//! # Ok(())
//! # }
//! ```

pub mod archive;
mod code;
pub mod copy;
pub mod detect;
pub mod encoding;
mod error;
mod header;
pub mod identity;
pub mod insert;
mod kind;
mod meta;
mod name;
mod needs;
pub mod object;
mod plain;
mod schema;
mod session;
mod setting;
mod statement;
mod subject;
pub mod token;
mod transaction;
mod variable;
mod window;

pub use code::{Code, Effect, Effects, Links, fires_event_triggers};
pub use copy::{SLAB_BYTES, SLAB_ROWS, Slab};
pub use encoding::Encoding;
pub use error::{Closing, Place, ScanError};
pub use header::{CopyColumns, CopyHeader};
pub use kind::{Kind, LargeObject, Skip, classify};
pub use meta::Meta;
pub use name::{QualifiedName, has_word, has_words, last_part, quote_name};
pub use needs::Needs;
pub use plain::{BlockPoint, Event, InsertPoint, ScanPoint, Scanner, SlabSize, Statement};
pub use schema::{
    Certainty, Column, Expression, Fixed, Foreign, Keys, Learned, Moved, Resolved, Schema, Table, TypeClass,
    Unique,
};
pub use session::{Session, without_concurrently};
pub use setting::{DatabaseSetting, Scope, Setting, Value, is_on, setting_of_database};
pub use statement::{Boundary, Stop};
pub use subject::{
    Section, Subject, copies_identities, foreign_key, made_by_query, mentions, owner, renames, section,
    subject, verb, writes_within,
};
pub use token::standard_strings;
pub use transaction::Transaction;
pub use variable::Variables;
