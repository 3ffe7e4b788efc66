//! What a load gives: the same bytes in Redis each time, and a replica that is equal to a database that psql filled.

mod determinism;
mod differential;
mod fidelity;
mod packed;
mod select;
mod versions;
