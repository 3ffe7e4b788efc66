//! Archives of pg_dump, as the SQL text that `pg_restore --file=-` writes for them.
//!
//! ```text
//! custom: one stream ──────────────┐
//! tar: one stream of members ──────┼─▶ Contents (header, entries) ─▶ order ─▶ Script ─▶ SQL text
//! directory: toc.dat, one file an ─┘                                            ▲
//!            entry, by a Folder           Store (data of an entry) ─ unpack ────┘
//! ```
//!
//! [`Script`] is a reader: whoever pulls at it gets the text, piece by piece, and nothing behind it has to know that
//! there was an archive. The text is that of the pg_restore that belongs to the pg_dump of the archive, apart from its
//! `\restrict` and `\unrestrict`, whose key is random.
//!
//! # Guarantees
//!
//! - The table of contents is in memory, the data of an entry never are: they pass in pieces.
//! - Each length and count of the archive is checked before it is used, and no memory is taken for what has not
//!   arrived. What is damaged or cut off is an error with its place, and never a panic.
//! - One forward pass is enough, so an archive may come through a pipe. Where the bytes can jump ([`Bytes`]), data that
//!   are not wanted, or that lie before the place to go on from, are not read.
//!
//! # Floors
//!
//! ```text
//! script      passes over the entries, gives the text
//! choice      which entries are read                       list      lists of entries, printed and read
//! text        the statements of an entry        objects   large objects as statements
//! order       which entries, in which order     custom, directory, tar: where data come from
//! format      by the first bytes                store     what these three have in common
//! contents    header and table of contents
//! input       bytes and numbers with their place          unpack    compression
//! error, starts
//! ```

mod choice;
mod contents;
mod custom;
mod directory;
mod error;
mod format;
mod input;
mod list;
mod objects;
mod order;
mod script;
mod starts;
mod store;
mod tar;
mod text;
mod unpack;

pub use choice::{Choice, Data};
pub use contents::CONTENTS;
pub use directory::Folder;
pub use error::{ArchiveError, Within};
pub use format::{ENOUGH, Format};
pub use input::{Bytes, Forward};
pub use list::read_list;
pub use script::Script;
pub use starts::{EntryStart, EntryStarts};
