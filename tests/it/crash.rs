//! Whatever ends or disturbs a load, the next call completes the set: it contains the same bytes as after an
//! undisturbed load, or the call is refused with a reason.
//!
//! The short form runs by default. `PGBOOTSTRAP_LONG=1` takes 200,000 rows and kills the program at more than two
//! hundred moments. No time is asserted: where possible, a moment is a position in the run, and only the outcome
//! counts.

mod failover;
mod file;
mod made_again;
mod pipe;
mod refused;
mod restart;
mod rivals;
mod signals;

use std::sync::OnceLock;
use std::time::Duration;

use pg_bootstrap_tests::binary::{Finished, Runner, Running};
use pg_bootstrap_tests::dumpgen;
use pg_bootstrap_tests::loads::{Dump, IN_FLIGHT, Input, LIMIT, Lab, long, seeded};
use pg_bootstrap_tests::rng::Rng;
use pg_bootstrap_tests::zset::Snapshot;

/// Sequences at the start and the end of the dump that are statements.
const STATEMENTS: u64 = 240;
const RUN: &str = "default";
const RESUMED: &str = "continuing from the checkpoint";

fn rows() -> u64 {
    if long() { 200_000 } else { 60_000 }
}

fn bytes() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| dumpgen::dump(rows()))
}

/// The dump. Once it is there, what it makes is known: a load that is under way does not wait for that.
fn dump() -> Dump {
    undisturbed();
    Dump::new(bytes())
}

/// What all these loads are to make; found once.
fn undisturbed() -> &'static Snapshot {
    static SNAPSHOT: OnceLock<Snapshot> = OnceLock::new();
    SNAPSHOT.get_or_init(|| {
        let snapshot = Dump::new(bytes()).undisturbed();
        assert!(snapshot.count >= rows() + 2 * STATEMENTS, "{snapshot:?}");
        let last = (snapshot.count as i64 - 1_000_000).to_string();
        assert_eq!(snapshot.range, Some(("-999999".to_owned(), last)), "no holes");
        snapshot
    })
}

/// A form of rows, and what loads of the dump are to make in it.
#[derive(Clone, Copy)]
struct Form {
    args: &'static [&'static str],
    whole: &'static Snapshot,
}

fn single() -> Form {
    Form { args: &[], whole: undisturbed() }
}

/// A sequence within the dump, more often where statements are than their number says.
fn moment(rng: &mut Rng, end: u64) -> u64 {
    match rng.below(6) {
        0 => 1 + rng.below(STATEMENTS.min(end)),
        1 => end - rng.below(STATEMENTS.min(end)),
        _ => 1 + rng.below(end),
    }
}

/// The same from the middle part: neither at once nor about to end.
fn midway(rng: &mut Rng) -> u64 {
    let end = undisturbed().count;
    end / 10 + rng.below(end * 11 / 20)
}

/// A load that takes a second at least, so that it is met on its way.
fn slowly(runner: Runner) -> Runner {
    runner.args(["--batch-size", "500", "--max-rate", &rows().to_string()])
}

#[derive(Debug, Default)]
struct Tally {
    kills: u64,
    too_late: u64,
    resumes: u64,
    resent: u64,
    allowed: u64,
}

/// Kills one load after the other at random moments until one is done. Each goes on exactly where Redis' own
/// checkpoint was, with any batch size and any number of workers.
fn kill_and_resume(dump: &Dump, form: Form, input: Input, rounds: usize, name: &str) {
    let end = form.whole.count;
    let lab = Lab::new();
    let mut rng = seeded(name);
    let mut tally = Tally::default();
    for round in 0..rounds {
        lab.clear();
        let mut moments: Vec<_> = (0..1 + rng.below(6)).map(|_| moment(&mut rng, end)).collect();
        moments.sort_unstable();
        let mut before = 0;
        let mut allowed = 0;
        for at in moments {
            let resumed = durable(&lab);
            let (batch, mut running) = start(&lab, dump, (form, input), &mut rng, at - before);
            if rng.one_in(8) {
                // While it connects, registers, or reads on to where it was.
                std::thread::sleep(Duration::from_micros(rng.below(60_000)));
            } else {
                lab.reaches(&mut running, RUN, at);
                std::thread::sleep(Duration::from_micros(rng.below(2_000)));
            }
            if running.is_running() {
                running.kill();
                tally.kills += 1;
            } else {
                tally.too_late += 1;
            }
            allowed += IN_FLIGHT * batch;
            check(&lab, running.wait(LIMIT), resumed, &mut tally);
            before = at;
        }
        let resumed = durable(&lab);
        let (_, running) = start(&lab, dump, (form, input), &mut rng, end - before);
        let finished = running.wait(LIMIT).expect_code(0);
        check(&lab, finished, resumed, &mut tally);
        dump.expect_same(&mut lab.redis.client(), form.whole, &format!("{name}, round {round}"));
        let resent = lab.meter.resent();
        assert!(
            resent <= allowed,
            "round {round}: {resent} members were sent again, {allowed} could be in flight"
        );
        tally.resent += resent;
        tally.allowed += allowed;
    }
    println!("{name}: {tally:?} in {rounds} loads");
}

/// Small batches where the next moment is near.
fn start(lab: &Lab, dump: &Dump, (form, input): (Form, Input), rng: &mut Rng, way: u64) -> (u64, Running) {
    let batch = if way < 2000 { 1 + rng.below(20) } else { [200, 1000, 1000, 5000][rng.below(4) as usize] };
    let workers = [1, 2, 7][rng.below(3) as usize];
    let runner = dump.give(lab.runner(), input);
    let runner = runner.args(["--batch-size", &batch.to_string(), "--workers", &workers.to_string()]);
    let runner = runner.args(form.args);
    (batch, runner.spawn())
}

/// The sequence that is next by Redis' checkpoint: what is sent from now on may not lie before it.
fn durable(lab: &Lab) -> u64 {
    let next = lab.sequence(RUN).unwrap_or(1);
    // In this order: what a killed process had sent may arrive in between, and then lies behind it.
    lab.meter.take_lowest();
    next
}

/// It went on where Redis' checkpoint was, and sent nothing before that. (What a killed process had sent may still
/// arrive after the look at Redis: then it went on further behind.)
fn check(lab: &Lab, finished: Finished, durable: u64, tally: &mut Tally) {
    if let Some(lowest) = lab.meter.take_lowest() {
        assert!(
            lowest >= durable as i64 - 1_000_000,
            "{durable} is next, {lowest} was sent:\n{}",
            finished.stderr
        );
    }
    if finished.stderr.contains(RESUMED) {
        tally.resumes += 1;
        let next = finished.stderr.split_once(" next=").and_then(|(_, rest)| rest.split_whitespace().next());
        let next = next.and_then(|number| number.parse().ok());
        assert!(next >= Some(durable), "not from {durable}:\n{}", finished.stderr);
    } else if finished.code() == Some(0) {
        assert!(
            durable == 1 || finished.stdout.starts_with(b"done already"),
            "{durable}:\n{}",
            finished.stderr
        );
    }
}

/// Stops a load midway by SIGTERM.
fn stopped_midway(lab: &Lab, dump: &Dump, input: Input, args: &[&str], at: u64) {
    let mut running = slowly(dump.give(lab.runner(), input)).args(args).spawn();
    assert!(lab.reaches(&mut running, RUN, at));
    running.signal("TERM");
    running.wait(LIMIT).expect_code(143);
}

/// The next sequence of a checkpoint in a file.
fn next_in(file: &std::path::Path) -> u64 {
    let text = std::fs::read_to_string(file).unwrap();
    let checkpoint: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    checkpoint["next"].as_u64().unwrap()
}
