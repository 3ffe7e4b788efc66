//! Rows of a dump to members of the set.
//!
//! ```text
//! slab ─▶ copy_form ─▶ transformed ─▶ changes: rows, packed, pieces, verbatim ─▶ members
//!          (INSERT)     (where asked)
//!             └─▶ statements: what has no such form
//! ```
//!
//! What a value means is decided here and nowhere else. [`block`] walks the line for a slab. There are three forms: [`rows`],
//! a change for each row, [`packed`], a statement for many, and [`verbatim`], COPY's text for a database; what is too large for
//! the first two goes in [`pieces`]. Rows of
//! INSERT statements are brought into the form of COPY's first, by [`copy_form`], where [`literals`] says that they have
//! one; else they go as the SQL that they are, by [`statements`].

pub mod block;
pub mod changes;
pub mod copy_form;
pub mod expressions;
pub mod fault;
pub mod lines;
pub mod literals;
pub mod members;
pub mod packed;
pub mod pieces;
pub mod rows;
pub mod statements;
pub mod table_plan;
pub mod transformed;
pub mod values;
pub mod verbatim;

pub use block::Block;
pub use table_plan::TablePlan;
