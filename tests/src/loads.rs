//! Disturbed loads, and their expected result: the set of an undisturbed load.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::binary::{Finished, Runner, Running};
use crate::fidelity::SNAPSHOT_LSN;
use crate::fixtures::Packing;
use crate::meter::Meter;
use crate::proxy::Proxy;
use crate::resp::{RedisClient, Reply};
use crate::rng::Rng;
use crate::servers::{RedisOptions, RedisServer, wait_until};
use crate::zset::{Difference, Snapshot, diff};

/// No load of these tests takes longer, on any machine.
pub const LIMIT: Duration = Duration::from_secs(600);

/// Batches that the runner has in flight at most.
pub const IN_FLIGHT: u64 = 6;

/// Whether the long form of the tests was asked for.
pub fn long() -> bool {
    std::env::var_os("PGBOOTSTRAP_LONG").is_some_and(|value| value != "0")
}

/// `short` times, or `long` ones where that was asked for.
pub fn times(short: usize, long_form: usize) -> usize {
    if long() { long_form } else { short }
}

/// The generator of a test, from `PGBOOTSTRAP_SEED` or a fixed seed, which is printed: a failing test shows it.
#[expect(clippy::print_stdout, reason = "cargo test shows it with a test that fails")]
pub fn seeded(name: &str) -> Rng {
    let seed =
        std::env::var("PGBOOTSTRAP_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_122);
    println!("{name}: PGBOOTSTRAP_SEED={seed}");
    Rng::new(seed ^ name.bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(byte.into())))
}

/// How the dump comes to the runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A plain file.
    Plain,
    /// A file packed by gzip.
    Gzip,
    /// Standard input, from its start each time.
    Pipe,
}

/// A dump in a separate folder, in the forms of [`Input`].
#[derive(Debug)]
pub struct Dump {
    /// The plain file.
    pub plain: PathBuf,
    gzip: PathBuf,
    folder: TempDir,
}

impl Dump {
    /// Writes the dump.
    pub fn new(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("make a folder");
        let (plain, gzip) = (folder.path().join("dump.sql"), folder.path().join("dump.sql.gz"));
        std::fs::write(&plain, bytes).expect("write the dump");
        Self { plain, gzip, folder }
    }

    /// The folder; further files of the test may lie there.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Gives the dump to a runner.
    pub fn give(&self, runner: Runner, input: Input) -> Runner {
        match input {
            Input::Plain => runner.arg("--dump-file").arg(&self.plain),
            Input::Pipe => runner.args(["--dump-file", "-"]).stdin_file(&self.plain),
            Input::Gzip => {
                if !self.gzip.exists() {
                    let bytes = std::fs::read(&self.plain).expect("read the dump");
                    let packed = Packing::Gzip.pack(&bytes).expect("pack the dump");
                    std::fs::write(&self.gzip, packed).expect("write the packed dump");
                }
                runner.arg("--dump-file").arg(&self.gzip)
            }
        }
    }

    /// What an undisturbed load of it makes of an empty Redis.
    pub fn undisturbed(&self) -> Snapshot {
        Snapshot::take(&mut self.load_undisturbed().client()).expect("read the set")
    }

    fn load_undisturbed(&self) -> RedisServer {
        let redis = RedisServer::start();
        let runner = self.give(runner(&redis.url()), Input::Plain);
        runner.run(LIMIT).expect_code(0);
        redis
    }

    /// Panics with the first differences unless this Redis holds what an undisturbed load makes.
    #[track_caller]
    pub fn expect_same(&self, client: &mut RedisClient, undisturbed: &Snapshot, what: &str) {
        let found = Snapshot::take(client).expect("read the set");
        if found == *undisturbed {
            return;
        }
        let (wanted, got) = (self.folder().join("wanted"), self.folder().join("got"));
        let again =
            Snapshot::take_to_file(&mut self.load_undisturbed().client(), &wanted).expect("read the set");
        assert_eq!(again, *undisturbed, "two undisturbed loads differ");
        Snapshot::take_to_file(client, &got).expect("read the set");
        let shown = diff(&wanted, &got, 5).expect("compare the sets").into_iter().map(shorten);
        panic!(
            "{what}: another set\n wanted {undisturbed:?}\n  found {found:?}\n{:#?}",
            shown.collect::<Vec<_>>()
        );
    }
}

fn shorten(difference: Difference) -> String {
    format!("{difference:?}").chars().take(300).collect()
}

/// The runner with what all loads have in common. The address is not checked by the caller: a proxy's, mostly.
pub fn runner(url: &str) -> Runner {
    Runner::new().args(["--kv-url", url, "--snapshot-lsn", SNAPSHOT_LSN, "--progress", "never"])
}

/// Redis behind a proxy that counts the bytes that are sent.
#[derive(Debug)]
pub struct Lab {
    /// The server.
    pub redis: RedisServer,
    /// What the runner connects to.
    pub proxy: Proxy,
    /// What has passed the proxy.
    pub meter: Meter,
}

impl Lab {
    /// A Redis without persistence.
    pub fn new() -> Self {
        Self::with(RedisOptions::default())
    }

    /// A Redis with these options.
    pub fn with(options: RedisOptions) -> Self {
        let redis = RedisServer::start_with(options);
        let meter = Meter::default();
        let proxy = Proxy::metered(redis.port(), &meter);
        Self { redis, proxy, meter }
    }

    /// The runner, which connects to the proxy.
    pub fn runner(&self) -> Runner {
        runner(&self.redis.url_at(self.proxy.port()))
    }

    /// The next sequence of a run as Redis has it now; `None` if Redis does not know the run, or cannot be reached.
    pub fn sequence(&self, run: &str) -> Option<u64> {
        RedisClient::connect(self.redis.port(), None).ok().and_then(|mut client| sequence(&mut client, run))
    }

    /// Waits until the run's sequence is at least `target`; `false` when the runner ended before.
    pub fn reaches(&self, running: &mut Running, run: &str, target: u64) -> bool {
        let mut client = self.redis.client();
        let mut there = false;
        wait_until(LIMIT, || {
            // Several looks at Redis for each look at the process: the moment must be met precisely.
            for _ in 0..20 {
                there = there || sequence(&mut client, run).is_some_and(|at| at >= target);
            }
            there || !running.is_running()
        });
        there
    }

    /// Empties Redis and resets the counts.
    pub fn clear(&self) {
        self.redis.client().command(&["FLUSHALL"]).expect("empty Redis");
        self.meter.reset();
    }
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

/// The next sequence of a run.
pub fn sequence(client: &mut RedisClient, run: &str) -> Option<u64> {
    match client.command(&["HGET", &run_key(run), "sequence"]) {
        Ok(Reply::Bulk(bytes)) => std::str::from_utf8(&bytes).ok()?.parse().ok(),
        _ => None,
    }
}

/// Where a run keeps its checkpoint.
pub fn run_key(run: &str) -> String {
    format!("{{kasho:changes}}:bootstrap:run:{run}")
}

/// Panics unless the run ended with this code and said each of these.
#[track_caller]
pub fn expect_refused(finished: Finished, code: i32, says: &[&str]) {
    let finished = finished.expect_code(code);
    for text in says {
        assert!(finished.stderr.contains(text), "no {text:?} in:\n{}", finished.stderr);
    }
}
