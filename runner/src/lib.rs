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
//! - **A change is a pure function** of the dump, the configuration and its sequence number. So the same bytes lie
//!   in Redis for any number of workers, any batch size, any compression, and after any number of interruptions;
//!   sending a change twice changes nothing.
//! - **Only what Redis has acknowledged counts.** The checkpoint is written in the transaction that writes its
//!   changes, and only while the run's chain of batches is unbroken; progress and the checkpoint's file follow it.
//! - **Nothing is skipped silently**: statements that are left out are counted by kind, rows that cannot be
//!   loaded end the run or are kept in the reject file.
//! - **Memory is bounded** by bytes between the stages ([`base::budget`]), whatever the size of the dump or of a table.
//!
//! # What is assumed
//!
//! - Kasho's services read the set as release 0.6.0 does.
//! - Redis does what it acknowledges. Where it later turns out to have lost something (a failover, a flush), the run
//!   goes back to what is there, or says that it cannot.
//!
//! # Floors
//!
//! Each knows only those below it.
//!
//! ```text
//! commands   cli as typed, config as meant, one module a command, the dispatch
//! show       progress bar, log lines, summary, metrics, the status in Kubernetes
//! load       from items to durable: batches, checkpoint, mirror, reject file, sinks, the change stream
//! read       the pipeline: threads, one reading of the dump and what is learned from it
//! base       errors and exit codes, stop, budget, buffers, work that blocks
//! ──────────────────────────────────────────────────────────────────────────────────────────────
//! crates     convert: events to changes, pure.  source: where bytes come from
//! ```

pub mod base;
pub mod commands;
pub mod load;
pub mod read;
pub mod show;

pub use commands::run;
