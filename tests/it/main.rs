//! The tests that need real servers, in one program: from outside, as a user sees it.
//!
//! | folder | what is tested |
//! |---|---|
//! | `commands` | the command line, and the commands `inspect`, `verify` and `ranges` |
//! | `crash` | a load is killed, stopped or disturbed at any moment, and called again: from a `file` or a `pipe`; `failover`: Redis restarts or loses data; `rivals`: several runs at once; `signals`; `refused`: calls that must not resume; `restart`: `--restart-once`; `made_again`: a second pg_dump |
//! | `dump` | which dumps are read or refused: `archives`, `broken`, `encodings`, `files` and pipes, `forms` of scripts, `psql`'s language, `rejects`, `s3`, `scripts` by people and other tools, `stores` besides S3, `web` servers |
//! | `faults` | one fault at a time, its exit code and its message: `redis` itself, no `room` in it, `lost` data, local `files`, `neighbours` in the set, a `look` at the dump before anything else |
//! | `operator` | the operator against a real control plane |
//! | `replica` | a load that fills a PostgreSQL database: its `fidelity`, each row `once` whatever disturbs it, what is `refused`, and the tutorial |
//! | `result` | what a load gives: the bytes in Redis (`determinism`), the replica (`fidelity`, `packed`, `versions`), a selection (`select`), random scripts (`differential`) |
//! | `services` | the change stream, and the status in Kubernetes |
//! | `transforms` | transformed `values`, their `configuration`, and that no `originals` are anywhere else |
//!
//! `harness` has the helpers that these files share. The servers, the proxy, the reference consumer and other tools are
//! in `tests/src`, with their own tests beside them.

#![allow(clippy::print_stdout, reason = "cargo test shows it with a test that fails")]
#![allow(missing_docs, reason = "tests document themselves by their names")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

mod commands;
mod crash;
mod dump;
mod faults;
mod harness;
mod operator;
mod replica;
mod result;
mod services;
mod transforms;
