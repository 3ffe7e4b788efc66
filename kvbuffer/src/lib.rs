//! The key-value buffer of the Kasho change pipeline: its changes, how they are written, and the Redis sorted set
//! that holds them until the replica has applied them.
//!
//! ```text
//!                 Change ◀────────── decode ◀──────────┐
//!                    │                                 │
//! Position           └▶ encode ─▶ bytes ─▶ Batch ─▶ Writer ─▶ Redis ─▶ Buffer::read_after, subscribe
//!   Sequence ─▶ Score     ▲       (member)    ▲        │        ▲
//!   Lsn ──────▶ Score     │                   │        │        └ Ranges: who may write which sequences
//!                RowHead, push_string      Sequence    └▶ Durable
//!                (rows by the million)
//! ```
//!
//! The crate does not know dumps or transforms. It is for programs that write changes into the buffer and for
//! programs that read them.
//!
//! # Floors
//!
//! Each floor knows only those below it.
//!
//! ```text
//! ranges                        the registry of runs: who may write which sequences
//! redis                         the connection: batches, the writer, the reader
//! split                         the parts of a row
//! decode, encode, wire          bytes to changes, changes to bytes, the size of a change as a message
//! change, error                 a change; what can go wrong, and what to do about it
//! footprint                     how much memory the set takes
//! holder, position, timestamp   who holds a lease; sequences and scores; texts that are read as timestamps
//! ```
//!
//! # Writing
//!
//! ```no_run
//! use std::time::Duration;
//! use kvbuffer::{Batch, Buffer, ConnectOptions, Keys, Process, Ranges, Request, RowHead, ROW_TAIL, Writer};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let options = ConnectOptions::new("redis://localhost:6379");
//! let buffer = Buffer::connect(options, Keys::default(), Duration::from_secs(24 * 3600)).await?;
//!
//! // Nobody else writes to this buffer while the lease is ours.
//! let ranges = Ranges::new(buffer.clone());
//! let request = Request {
//!     run: "shop-1".into(),
//!     owner: "shop".into(),
//!     config: "a hash".into(),
//!     source: "a file".into(),
//!     first: None,
//!     gap: 1000,
//!     lease: Duration::from_secs(60),
//!     process: Process::current(),
//!     snapshot_lsn: None,
//!     begin_with: None,
//!     token: Request::new_token()?,
//! };
//! let acquired = ranges.acquire(&request).await?;
//! let state = ranges.load_run("shop-1").await?;
//! let mut next = state.and_then(|state| state.sequence).unwrap_or(acquired.first);
//!
//! let mut writer = Writer::new(buffer.clone(), "shop-1", &acquired.token, next, 4);
//! let mut head = RowHead::new("public.users", &["id", "name"], next);
//! let mut batch = Batch::new(buffer.keys());
//! for row in ["1,\"Ann\"", "2,\"Bob\""] {
//!     let mut member = Vec::new();
//!     head.push(&mut member);
//!     member.extend_from_slice(row.as_bytes());
//!     member.extend_from_slice(ROW_TAIL);
//!     batch.push(next, &member);
//!     next = next.checked_add(1).ok_or("no sequences left")?;
//! }
//! writer.send(batch, b"where the source was read to".to_vec(), next, ()).await?;
//! while let Some(durable) = writer.next_ack().await {
//!     println!("everything before {} is in Redis", durable?.next);
//! }
//! ranges.finish("shop-1", &acquired.token, next.checked_sub(1)).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//!
//! - **The same change is the same bytes**, in every version with the same [`ENCODER_REVISION`]. A member of a
//!   sorted set is identified by its bytes, so writing a change again changes nothing. A writer that resumes after a
//!   crash therefore writes each change exactly once in effect.
//! - **Changes arrive as they were written**: the consumer's reading rules are in [`decode`], and [`push_string`]
//!   prevents text from being read as a timestamp.
//! - **A checkpoint never counts changes that Redis does not have.** It moves in the transaction that writes its
//!   members, by a script that checks that they are there, that the checkpoint is still where this writer left it,
//!   and that the writer still has its lease. A flush, a failover to a replica that lags behind, a failed command
//!   within the transaction, a second writer: each breaks the chain, and is a named error (see [`ErrorKind`]).
//! - **The crate never sends anything twice by itself.** A lost connection is an error. [`Writer::resume`] asks Redis
//!   which batches have arrived and sends only the rest.
//! - **No secret is shown**: addresses in messages and in `Debug` are without user and password.
//!
//! # Assumptions
//!
//! - Kasho from 0.6.0 on. Older releases use another key and another field name and cannot tell NULL from an empty
//!   text; they are not supported.
//! - One Redis (a single server, a master behind sentinels, or one node of a cluster: all keys are in one slot),
//!   version 6.2 or newer, without eviction. With any other `maxmemory-policy` than `noeviction` Redis may drop the
//!   whole set while every write succeeds. [`Buffer::memory`] returns the policy; the caller decides whether to
//!   refuse it.
//! - Every write renews the keys' time to live. A writer that pauses for longer renews it by [`Buffer::touch`] or
//!   [`Ranges::renew`].
//! - Publishing, if it is switched on, is at least once: a consumer applies a change each time it is published.
//!
//! # Out of scope
//!
//! - Whether sequences stay below a snapshot's log position: compare [`Score`]s.
//! - Retries: [`Error::is_retryable`] and [`Error::needs_reconnect`] tell whether one may help.

pub mod change;
mod decode;
mod encode;
mod error;
pub mod footprint;
mod holder;
pub mod position;
pub mod ranges;
pub mod redis;
mod split;
mod timestamp;
mod wire;

pub use crate::redis::{
    Batch, Buffer, ConnectOptions, Durable, Entry, KeyType, Keys, Memory, Role, RunState, Server, Stopped,
    Subscription, Unacknowledged, Writer,
};
pub use change::{Change, ChangeData, ChangeType, Ddl, Dml, OldKeys, Operation, Value};
pub use decode::{DecodeError, decode, decode_value};
pub use encode::{
    BOOTSTRAP_USER, ENCODER_REVISION, ROW_TAIL, RowHead, encode, encode_ddl, push_string, push_text,
};
pub use error::{Error, ErrorKind};
pub use holder::{Holder, Process};
pub use position::{Lsn, ParsePositionError, Position, Score, Sequence};
pub use ranges::{Acquired, Lease, Range, Ranges, Request, State};
pub use split::{RowParts, read_head, split_row};
pub use timestamp::{Timestamp, looks_like as looks_like_timestamp};
pub use wire::{MAX_WIRE_SIZE, wire_size_bound};
