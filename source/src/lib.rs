//! Where the bytes of a dump come from, and which dump it is.
//!
//! ```text
//! Location: file, object, pipe ─▶ open ─▶ decompress ─▶ archive ─▶ bytes     Identity: which dump it is, compared
//!           directory             ▲                                 │       on resume
//!              object: ranges, tried again                        trail: a pipe's bytes, hashed as they come
//! ```
//!
//! # Floors
//!
//! Each floor knows only those below it.
//!
//! ```text
//! location                            the name of a dump as typed
//! open                                an open dump: reading, skipping, its identity at an offset
//! archive                             an archive of pg_dump, as the script that it stands for
//! object, trail                       object stores, web servers: ranges, tried again; the hash of a pipe's bytes
//! identity                            which dump it is
//! decompress, error, restrict, retry  gzip, zstd, lz4; errors; bytes that do not count for a pipe's identity; backoff
//! ahead, counted                      bytes unpacked ahead, by a thread; bytes that were read, counted
//! ```
//!
//! # Guarantees
//!
//! - A dump that is not the one of the checkpoint is an error, at the latest where its bytes differ.
//! - A stream that is cut off, or a file that is written to while it is read, is an error.
//! - Messages contain no secrets.

mod ahead;
mod archive;
mod counted;
pub mod decompress;
pub mod error;
pub mod identity;
mod location;
pub mod object;
mod open;
mod restrict;
pub mod retry;
mod trail;

pub use dump::archive::{Choice, EntryStart};
pub use identity::Identity;
pub use location::{Location, Pipe, PipeFrom};
pub use open::Source;
