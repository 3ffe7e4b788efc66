//! The change stream is notified once that the bootstrap starts and once that it is complete, whatever happens in
//! between.

use pg_bootstrap_tests::binary::Runner;
use pg_bootstrap_tests::loads::Lab;
use pg_bootstrap_tests::servers::{RedisServer, Stream, free_port};

use crate::harness::{Input, LIMIT, changes, dump, expect, expect_untouched, runner, snapshot};

const LSN: &str = "16/B374D848";

fn told(runner: Runner, stream: &Stream) -> Runner {
    runner.args(["--change-stream", &stream.address(), "--start-bootstrap", "--complete-bootstrap"])
}

#[test]
fn the_client_is_what_its_proto_file_makes() {
    let made = concat!(env!("OUT_DIR"), "/client/change_stream.rs");
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/../runner/proto/change_stream.rs");
    let same = std::fs::read(made).unwrap() == std::fs::read(kept).unwrap();
    assert!(same, "runner/proto/change_stream.rs is not up to date: cp {made} {kept}");
}

#[test]
fn from_waiting_to_streaming() {
    let (redis, input, stream) = (RedisServer::start(), Input::of(&dump(100)), Stream::start());
    let run = || told(runner(&redis, &input.file), &stream).args(["--snapshot-name", "00000003-1"]);
    let said = ["WAITING, now it is ACCUMULATING", "ACCUMULATING, now it is STREAMING"];
    expect(run().run(LIMIT), 0, &said);
    let now = stream.now();
    assert_eq!((now.state.as_str(), now.start_position.as_str()), ("STREAMING", LSN));
    assert_eq!(
        (now.snapshot_name.as_str(), now.calls.as_slice()),
        ("00000003-1", ["start", "complete"].as_slice())
    );
    assert_eq!(snapshot(&redis).count, changes(100));
    // Called again, as a pod is whose end nobody noticed.
    expect(run().run(LIMIT), 0, &["already knows this bootstrap", "already streaming"]);
    assert_eq!(stream.now().calls, ["start", "complete"]);
    // A set that is streamed is neither written nor deleted.
    let before = snapshot(&redis);
    expect(run().arg("--restart").run(LIMIT), 4, &["already streaming", "not done"]);
    expect(run().args(["--run-id", "other"]).run(LIMIT), 4, &["already streaming", "not done"]);
    assert_eq!(snapshot(&redis), before);
}

#[test]
fn killed_in_between() {
    let (lab, input, stream) = (Lab::new(), Input::of(&dump(20_000)), Stream::start());
    let run = || told(runner(&lab.redis, &input.file), &stream);
    let mut running = run().args(["--max-rate", "20000"]).spawn();
    assert!(lab.reaches(&mut running, "default", 5000), "{}", running.stderr_so_far());
    assert_eq!(stream.now().state, "ACCUMULATING");
    running.kill();
    let _ = running.wait(LIMIT);
    expect(run().run(LIMIT), 0, &["already knows this bootstrap", "continuing from the checkpoint"]);
    assert_eq!(stream.now().calls, ["start", "complete"]);
}

#[test]
fn a_reply_that_is_lost() {
    let (redis, input, stream) = (RedisServer::start(), Input::of(&dump(10)), Stream::start());
    stream.set(|state| state.forgetful = 1);
    expect(
        told(runner(&redis, &input.file), &stream).run(LIMIT),
        0,
        &["the reply was lost", "already knows this"],
    );
    let completing = Stream::start();
    completing.set(|state| {
        (state.state, state.start_position) = ("ACCUMULATING".into(), LSN.into());
        state.forgetful = 1;
    });
    let run = runner(&redis, &input.file)
        .args(["--change-stream", &completing.address(), "--complete-bootstrap"])
        .run(LIMIT);
    expect(run, 0, &["the reply was lost", "already streaming"]);
    assert_eq!((stream.now().calls.len(), completing.now().calls.len()), (2, 1));
}

#[test]
fn one_that_is_away() {
    let (redis, input, stream) = (RedisServer::start(), Input::of(&dump(10)), Stream::start());
    stream.set(|state| state.away = 3);
    expect(told(runner(&redis, &input.file), &stream).run(LIMIT), 0, &["retrying", "Unavailable"]);

    let other = RedisServer::start();
    let nobody = format!("127.0.0.1:{}", free_port());
    let start = ["--change-stream", nobody.as_str(), "--start-bootstrap", "--retry-timeout", "500ms"];
    let away = runner(&other, &input.file).args(start).run(LIMIT);
    expect(away, 13, &["start the bootstrap", &nobody, "retryable=true"]);
    expect_untouched(&other);
    // What is loaded stays loaded; the next call only tells.
    let complete = ["--change-stream", nobody.as_str(), "--complete-bootstrap", "--retry-timeout", "500ms"];
    expect(runner(&other, &input.file).args(complete).run(LIMIT), 13, &["complete the bootstrap"]);
    assert_eq!(snapshot(&other).count, changes(10));
    // A signal does not wait for it.
    let waiting = ["--change-stream", nobody.as_str(), "--start-bootstrap"];
    let mut running = runner(&other, &input.file).args(waiting).spawn();
    running.wait_for_stderr("retrying", LIMIT);
    running.signal("TERM");
    expect(running.wait(LIMIT), 143, &[]);
}

#[test]
fn states_that_do_not_fit() {
    let (redis, input) = (RedisServer::start(), Input::of(&dump(10)));
    for (state, position, said) in [
        ("ACCUMULATING", "16/0", "start position 16/0, ours is 16/B374D848"),
        ("STREAMING", "16/0", "start position 16/0, ours is 16/B374D848"),
        ("STREAMING", "", "is STREAMING"),
        ("BROKEN", LSN, "is BROKEN"),
    ] {
        let stream = Stream::start();
        stream.set(|now| (now.state, now.start_position) = (state.into(), position.into()));
        expect(told(runner(&redis, &input.file), &stream).run(LIMIT), 4, &[said, "retryable=false"]);
        expect_untouched(&redis);
        assert!(stream.now().calls.is_empty());
    }
    // Loaded, and nobody had told it to keep changes.
    let stream = Stream::start();
    let complete = ["--change-stream", &stream.address(), "--complete-bootstrap"];
    expect(runner(&redis, &input.file).args(complete).run(LIMIT), 4, &["is WAITING", "--start-bootstrap"]);
    assert!(stream.now().calls.is_empty());
}

#[test]
fn options_that_do_not_fit() {
    let input = Input::of(&dump(3));
    let bare = |args: &[&str]| {
        let file = input.file.display().to_string();
        Runner::new()
            .args([&["--dump-file", file.as_str(), "--kv-url", "redis://x"], args].concat())
            .run(LIMIT)
    };
    expect(bare(&["--start-bootstrap"]), 2, &["--start-bootstrap needs --change-stream"]);
    expect(bare(&["--change-stream", "kasho:1"]), 2, &["--start-bootstrap, --complete-bootstrap or both"]);
    expect(bare(&["--change-stream", "kasho:1", "--start-bootstrap"]), 2, &["--snapshot-lsn"]);
    expect(
        bare(&["--change-stream", "kasho", "--complete-bootstrap"]),
        2,
        &["--change-stream kasho", "port"],
    );
    let name = ["--change-stream", "kasho:1", "--complete-bootstrap", "--snapshot-name", "x"];
    expect(bare(&name), 2, &["--snapshot-name", "--start-bootstrap"]);
}
