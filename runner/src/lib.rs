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
//! - **Nothing is passed over without a word**: statements that are left out are counted by kind, rows that cannot be
//!   loaded end the run or are kept in the reject file.
//! - **Memory is bounded** by bytes between the stages ([`budget`]), whatever the size of the dump or of a table.
//!
//! # What is assumed
//!
//! - Kasho's services read the set as release 0.6.0 does.
//! - Redis does what it acknowledges. Where it later turns out to have lost something (a failover, a flush), the run
//!   goes back to what is there, or says that it cannot.
//!
//! # The modules
//!
//! [`cli`] is the command line as typed, [`config`] what it means, [`load`] the course of a run, [`pipeline`] its
//! threads, [`selection`] what is left out by choice, [`planner`] and [`render`] the pure part that makes changes, [`sink`] the way out, [`checkpoint`] what
//! survives, [`inspect`] a look at a dump beforehand, [`verify`] the comparison of what lies in Redis with the dump, [`error`] what may pass and what the exit
//! codes are, [`off_thread`] where disks are waited for.

pub mod base;
pub mod commands;
pub mod load;
pub mod read;
pub mod show;

pub use commands::run;
