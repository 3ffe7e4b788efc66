//! Random scripts, run by psql and by the loader: the replica is equal to psql's database, or the loader gives the
//! reason.
//!
//! ```text
//! seed ─▶ grammar ─▶ Script ─▶ Lab: psql | loader + consumer ─▶ Verdict ─▶ campaign: counts, smaller scripts
//! ```
//!
//! `PGBOOTSTRAP_SEED` is the first seed and `PGBOOTSTRAP_SCRIPTS` the number of scripts. A script's seed gives the
//! script; [`Campaign`] prints it with each finding.

mod campaign;
mod grammar;
mod lab;
mod script;
mod shrink;
mod state;
mod verdict;

pub use campaign::{Campaign, Finding, Question, Tally};
pub use grammar::{literal_scripts, masked_script, script as script_of_seed};
pub use lab::{Lab, ROLES, server};
pub use script::{Lines, Piece, Script};
pub use shrink::shrink;
pub use state::{Observer, State};
pub use verdict::{Form, Grade, Outcome, Verdict};
