//! The tests that need real servers, in one program.

#![allow(clippy::print_stdout, reason = "cargo test shows it with a test that fails")]
#![allow(missing_docs, reason = "tests document themselves by their names")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

mod commands {
    mod cli;
    mod inspect;
    mod ranges;
    mod verify;
}
mod crash {
    mod file;
    mod made_again;
    mod restart;
}
mod dump {
    mod broken;
    mod forms;
    mod psql;
    mod s3;
    mod scripts;
}
mod faults {
    mod look;
    mod redis;
}
mod harness;
mod operator;
mod result {
    mod determinism;
    mod differential;
    mod fidelity;
    mod packed;
    mod select;
    mod versions;
}
mod services {
    mod change_stream;
    mod status;
}
mod transforms {
    mod values;
    pub(crate) use values::all_of;
}

use harness as kit;
