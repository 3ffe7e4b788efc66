//! A PostgreSQL database as the place of a load: statements and rows in, a database out, each exactly once. And a look at what
//! it holds then.
//!
//! ```text
//!  Address ─▶ Replica ─┬─▶ preflight ─▶ Report: all that is wrong
//!                      └─▶ begin ─▶ Run ─▶ apply(Batch, point): one transaction ─▶ the rows, and the record
//!                                    ▲          │ the connection is lost
//!                                    └─ recover ┘ Committed, or NotCommitted
//!
//!  Address ─▶ Look ─┬─▶ rows, sequences, large objects, as they are
//!                   └─▶ expect ─▶ add(Rows) ─▶ compare: what is missing, extra, different
//!          ─▶ Scratch ─▶ run(definitions), for whoever compares them
//! ```
//!
//! The crate knows no dump and no Redis.
//!
//! # Floors
//!
//! Each floor knows only those below it.
//!
//! ```text
//! replica              a database to fill, before and after a run
//! run, expected        batches with their points, each exactly once; recovery; rows that must be there, compared with those that are
//! worker               a session beside the run's: work that the run commits; rows without those that are refused
//! preflight, look      what stands in the way, all at once; what a filled database holds
//! waiting              sessions of others that wait
//! skipped              the list of what was left out
//! record, scratch      the record of runs; who may go on; orphaned sessions; a database for definitions alone
//! session, libpq       settings, statements, rows; the way there for libpq's programs
//! sieve                which rows to try next, until the bad ones are found
//! connect, batch       hosts, TLS and login; what one transaction does
//! passfile, tls        libpq's password file; what rustls is to trust
//! error                what can go wrong, and what to do about it
//! address, mask        what an address means; messages without values
//! secret, sqlstate     a text that no message shows; which errors are worth another try
//! name, record_text    names and literals of SQL; the text of a row value
//! ```
//!
//! # Use
//!
//! ```no_run
//! use std::sync::Arc;
//! use replica::{Address, Batch, Claim, ConnectOptions, CopyInto, Needs, Recovered, Replica, Rows};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let environment = |name: &str| std::env::var(name).ok();
//! let address = Address::parse("postgres://loader@localhost/shop?sslmode=prefer", &environment)?;
//! let replica = Replica::connect(ConnectOptions::new(address)).await?;
//! if replica.record("shop-1").await?.is_none() {
//!     let report = replica.preflight("shop-1", &Needs::default()).await?;
//!     for fault in &report.faults {
//!         println!("{fault}");
//!     }
//! }
//! let claim = Claim { run: "shop-1".into(), source: "a hash".into(), shape: "a hash".into() };
//! let mut run = replica.begin(claim).await?;
//! if run.record().step == 0 {
//!     run.apply(&Batch::statement("CREATE TABLE public.t (a int)"), "1").await?;
//! }
//! let table = Arc::new(CopyInto { table: "public.t".into(), columns: vec!["a".into()], encoding: None });
//! let mut rows = Rows::default();
//! rows.push(&table, "1\n2\n".into(), 2);
//! let batch = Batch::from(rows);
//! while let Err(error) = run.apply(&batch, "2").await {
//!     if !error.is_retryable() {
//!         return Err(error.into());
//!     }
//!     // A real program waits longer each time, and recovers again where this fails.
//!     if error.ends_session() && run.recover().await? == Recovered::Committed {
//!         break;
//!     }
//! }
//! run.finish().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//!
//! - **Exactly once.** A batch is one transaction, and moves the run's record in `kasho_bootstrap.runs`. The update names
//!   the run, the session and the step before, and comes first: whoever was replaced does no work and cannot commit. Where
//!   the answer to COMMIT was lost, the record tells.
//! - **Several at once.** [`Worker`]s do the work of batches beside each other. Their commits are one after the other, so
//!   the record is a chain of points as with one session, and a point may say what beyond it is done.
//! - **What is left out is listed.** Rows and statements that PostgreSQL refuses can be left out; what is noted of them is
//!   committed with the point after them.
//! - **Nothing is tried again by itself.** [`Error::is_retryable`] tells whether it may help, and one function decides that.
//! - **No secret is shown, and no value of a row**: `Display` and `Debug` of addresses hide passwords; PostgreSQL's messages
//!   lose the values that they quote.
//!
//! # Assumptions
//!
//! - PostgreSQL 13 or newer, reached directly, or by a pooler that keeps a session for a client.
//! - Texts of statements do not end the transaction that they run in, and nothing else changes the record.
//! - TLS is rustls with ring: TLS 1.2 and 1.3. A server's certificate needs the host's name among its alternative names,
//!   and cannot be its own authority.

mod address;
mod batch;
mod connect;
mod error;
mod expected;
mod libpq;
mod look;
mod mask;
mod name;
mod passfile;
mod preflight;
mod record;
mod record_text;
mod replica;
mod run;
mod scratch;
mod secret;
mod session;
mod sieve;
mod skipped;
mod sqlstate;
mod tls;
mod waiting;
mod worker;

pub use address::{Address, AddressError, SslMode};
pub use batch::{Batch, CopyInto, Rows};
pub use connect::ConnectOptions;
pub use error::{Error, ErrorKind, ServerError};
pub use expected::{Compared, Detail, DifferentRow, Expected, RowFault, Values};
pub use libpq::environment;
pub use look::{Attribute, Filled, Lines, Look, Relation};
pub use mask::Place;
pub use preflight::{Fault, Needs, Report, Warning};
pub use record::{Claim, Record};
pub use replica::Replica;
pub use run::{Recovered, Run};
pub use scratch::Scratch;
pub use secret::Secret;
pub use skipped::{Skipped, SkippedList};
pub use waiting::Waiting;
pub use worker::{Refused, Sifted, Untaken, Worker};
