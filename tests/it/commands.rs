//! The command line, and the commands other than `load`.

mod cli;
mod demo;
mod inspect;
mod ranges;
mod terminal;
mod verify;
