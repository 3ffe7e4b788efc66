//! Events of a dump to changes. Pure: no I/O, no clock, no threads, no command line.
//!
//! ```text
//! dump::Event ─▶ planner ─┬─▶ SQL text, each with its number          kvbuffer's encoder ─▶ members
//!                         └─▶ slabs of rows with their Block ─▶ render ─▶ members, faults
//! ```
//!
//! # Floors
//!
//! Each floor knows only those below it.
//!
//! ```text
//! planner             which statements and rows become which changes, and their numbers
//! received            changes back to statements, and rows in COPY's text form
//! shape               what shapes them: form, selection, transforms, options
//! sample, transforms  rows that look personal; a configuration brought together with the dump's tables
//! tables              what a dump says of its tables
//! selection           what is left out by choice
//! error               why a dump cannot become changes
//! render              rows to members: block ─▶ copy_form, transformed, statements ─▶ changes ─▶ rows, packed, pieces, verbatim
//! definitions, form   literals of definitions; single, packed or copy
//! ```
//!
//! # Guarantees
//!
//! - **A change is a pure function** of the dump, the shape and its sequence number.
//! - Numbers are given in the dump's order, before any conversion.
//! - Nothing is skipped silently: what is left out is counted by kind, what cannot be loaded is an error with its place.

pub mod definitions;
pub mod error;
pub mod form;
pub mod planner;
pub mod received;
pub mod render;
pub mod sample;
pub mod selection;
pub mod shape;
pub mod tables;
pub mod transforms;
