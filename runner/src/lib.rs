//! Reads a PostgreSQL dump and writes its changes into the Kasho buffer in Redis.
//!
//! ```text
//!  file, pipe                                                                 Redis: sorted set, checkpoint
//!      │                                                                                  ▲
//!      ▼                                                                                  │ MULTI: members,
//!  source ─▶ decompress ─▶ dump::Scanner ─▶ planner ─▶ numbers, in the dump's order       │ TTL, checkpoint
//!  (which dump is it?)                          │                                         │
//!                                   slabs of rows ─▶ N workers: render ─▶ load ─▶ sink ───┘
//!                                                                           ▲       │
//!                                          progress, checkpoint file ◀──────┴── durable
//! ```
//!
//! # Guarantees
//!
//! - **A change is a pure function** of the dump, the configuration and its sequence number. So Redis contains the
//!   same bytes for any number of workers, any batch size and any compression, and after any number of interruptions.
//!   Sending a change twice changes nothing.
//! - **Only changes that Redis has acknowledged count.** The checkpoint is written in the same transaction as its
//!   changes, and only while the run's chain of batches is unbroken. Progress and the checkpoint file follow it.
//! - **Nothing is skipped silently.** Statements that are left out are counted by kind. Rows that cannot be loaded
//!   end the run or are kept in the reject file.
//! - **Memory is limited**, in bytes between the stages ([`base::budget`]), whatever the size of the dump or of a
//!   table.
//!
//! # Assumptions
//!
//! - Kasho's services read the set as release 0.6.0 does.
//! - Redis keeps the data that it acknowledges. If it turns out later that it lost some (by a failover or a flush),
//!   the run goes back to the data that is still there, or reports that it cannot.
//!
//! # Floors
//!
//! Each floor knows only those below it.
//!
//! ```text
//! commands   the command line as typed, its meaning, one module for each command
//! show       progress bar, log lines, summary, metrics, the status in Kubernetes
//! load       from items to durable: batches, checkpoint, mirror, reject file, sinks, the change stream
//! read       the pipeline: threads, one reading of the dump and the facts learned from it
//! base       errors and exit codes, stop, budget, buffers, blocking work
//! ──────────────────────────────────────────────────────────────────────────────────────────────
//! crates     convert: events to changes, pure.  source: reads the bytes of a dump
//! ```

pub mod base;
pub mod commands;
pub mod load;
pub mod read;
pub mod show;

pub use commands::run;
