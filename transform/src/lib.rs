//! Replaces personal data in the rows of a dump before they are written anywhere, by the configuration file that
//! Kasho's users already have.
//!
//! ```text
//! transforms.yml ─▶ Config ─┐
//! table, columns, types ────┼─▶ Plan ─▶ apply(row) ─▶ values
//! key ─▶ Key ───────────────┘
//! ```
//!
//! # Floors
//!
//! Each floor knows only those below it.
//!
//! ```text
//! draft                               a whole configuration against a whole schema: all that is wrong at once
//! plan, suggest                       the transforms of one table's rows; a first configuration
//! resolve                             what unique and foreign keys demand of a configuration
//! suit                                which transform suits which column
//! action                              what becomes of one value
//! number, password                    noise on numbers and dates; password hashes
//! config                              the configuration file
//! detect, fake                        columns that look personal; made-up values
//! check_digits, json, keyed, lists    IBANs and card numbers; JSON; choices by the key; lists of fakes
//! permute, sql, template, yaml        permutations by the key; types and values of columns; the files' languages
//! error, locale, mask, near           why something is refused; small helpers
//! pattern, siphash, table, text, uuid
//! ```
//!
//! A [`Draft`] is compared with a whole schema, and says all that is wrong at once; one without faults is a [`Config`].
//! A [`Config`] is read once; with a [`Key`] and a table's definition it makes a [`Plan`], which refuses what could
//! not give valid values; a plan transforms any number of rows in any number of threads, each with a [`Scratch`] of
//! its own. What becomes of a value is a function of the value, the key and the configuration, and for some
//! transforms of the row and its number, but never of time, order or chance.
//!
//! [`Inspector`] finds columns that look personal, and [`suggest`] writes a first configuration for them.
//!
//! The crate does no I/O and does not know dumps or Redis.

pub use config::{Config, LISTS, REVISION};
pub use detect::{Finding, Inspector, Sort};
pub use draft::{Checked, Draft};
pub use error::{Place, Problem, Problems, Reason, RowError, RowPolicy};
pub use keyed::{Key, KeyError};
pub use plan::{Plan, Scratch};
pub use resolve::{
    ChildTable, FixedColumn, ForeignKey, KeyExpression, Keys, UniqueKey, is_schema_hash, schema_hash,
};
pub use suggest::{suggest, undecided};
pub use table::{Column, Table};

mod action;
mod check_digits;
mod config;
mod detect;
mod draft;
mod error;
mod fake;
mod json;
mod keyed;
mod lists;
mod locale;
mod mask;
mod near;
mod number;
mod password;
mod pattern;
mod permute;
mod plan;
mod resolve;
mod siphash;
mod sql;
mod suggest;

mod suit;
mod table;
mod template;
mod text;
mod uuid;
mod yaml;
