//! The command `run`: from the command line to the last reconcile.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use kube::runtime::events::{Recorder, Reporter};
use kube::{Client, Config};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::admin::{self, Admin};
use crate::cli::RunArgs;
use crate::context::Context;
use crate::controller::build::Settings;
use crate::controller::watch::{Watches, stopped as told};
use crate::error::Error;
use crate::leader::Lease;
use crate::queue::Limits;

/// How long running reconciles may take after a signal: well within the 30 s that Kubernetes allows.
const LAST_WORDS: Duration = Duration::from_secs(15);

/// Runs until a signal comes or the lease is lost.
///
/// # Errors
/// [`Error::Config`] and [`Error::Listen`] before anything is done; [`Error::LeaseLost`], after which the process
/// must end at once.
pub async fn run(args: RunArgs) -> Result<(), Error> {
    // Caught from the very first: who sees that the operator starts may stop it at once.
    let caught = Caught::new();
    let client = connect().await.map_err(Error::Config)?;
    let admin = Arc::new(Admin::default());
    let bound = admin::serve(args.admin_addr, Arc::clone(&admin)).await?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), admin = %bound, "the operator starts");
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(signals(caught, stop));
    let identity = identity();
    if !args.leader_election {
        act(&args, client, admin, identity, stopped).await;
        return Ok(());
    }
    let namespace =
        args.leader_election_namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
    let mut lease = Lease::new(client.clone(), &namespace, &args.leader_election_id, identity.clone());
    let mut signal = stopped.clone();
    tokio::select! {
        () = lease.acquire() => tracing::info!(lease = %args.leader_election_id, "this process is now the leader"),
        _ = signal.wait_for(|stop| *stop) => return Ok(()),
    }
    let lost = tokio::select! {
        lost = lease.hold() => lost.map(|never| match never {}),
        () = act(&args, client, admin, identity, stopped) => Ok(()),
    };
    if lost.is_ok() {
        lease.release().await;
    }
    lost
}

/// A client that reports each answer at once. kube would repeat requests that got 429, 503 or 504 for minutes, and a
/// webhook may deny with such a code. Whoever asks here has pauses of their own.
async fn connect() -> Result<Client, String> {
    let mut config = Config::infer().await.map_err(|error| error.to_string())?;
    config.default_retry = false;
    Client::try_from(config).map_err(|error| error.to_string())
}

/// Watches and reconciles until it is stopped.
async fn act(
    args: &RunArgs,
    client: Client,
    admin: Arc<Admin>,
    identity: String,
    stopped: watch::Receiver<bool>,
) {
    let (namespaces, excluded) = (names_in(&args.watch_namespaces), names_in(&args.exclude_namespaces));
    let watches: Vec<Watches> = if namespaces.is_empty() {
        vec![Watches::new(&client, None, &excluded, &admin)]
    } else {
        namespaces.iter().map(|namespace| Watches::new(&client, Some(namespace), &[], &admin)).collect()
    };
    let context = Arc::new(context(args, client, Arc::clone(&admin), identity, &watches));
    // Set only once: a process becomes active only once.
    let counted = Arc::clone(&context);
    let _ = admin.count.set(Box::new(move || counted.phases()));
    admin.metrics.set_leader(true);
    let signal = stopped.clone();
    let all = join_all(watches.into_iter().map(|watches| watches.run(Arc::clone(&context), stopped.clone())));
    let overdue = async {
        told(signal).await;
        tokio::time::sleep(LAST_WORDS).await;
    };
    tokio::select! {
        _ = all => {}
        () = overdue => tracing::warn!("reconciles have not ended after {} s: they are abandoned", LAST_WORDS.as_secs()),
    }
    admin.metrics.set_leader(false);
    tracing::info!("the operator has stopped: runs continue without it");
}

/// The names in a list that may have spaces or nothing between its commas.
fn names_in(list: &[String]) -> Vec<&str> {
    list.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).collect()
}

/// What all reconciles share.
fn context(
    args: &RunArgs,
    client: Client,
    admin: Arc<Admin>,
    identity: String,
    watches: &[Watches],
) -> Context {
    let reporter = Reporter { controller: crds::OPERATOR_MANAGER.to_owned(), instance: Some(identity) };
    Context::new(
        client.clone(),
        Settings { runner_image: args.runner_image.clone() },
        Limits {
            total: args.max_concurrent_runs.and_then(|most| usize::try_from(most).ok()),
            per_redis: usize::try_from(args.max_runs_per_redis).unwrap_or(usize::MAX),
        },
        Duration::from_secs(args.resync_seconds),
        watches.iter().map(|watches| watches.scope.clone()).collect(),
        Recorder::new(client, reporter),
        admin,
    )
}

/// The signals that stop the operator. They are caught from the moment that this exists.
struct Caught {
    term: Signal,
    int: Signal,
}

impl Caught {
    /// None where signals cannot be caught.
    fn new() -> Option<Self> {
        let caught = signal(SignalKind::terminate())
            .and_then(|term| signal(SignalKind::interrupt()).map(|int| Self { term, int }));
        caught
            .inspect_err(
                |error| tracing::error!(%error, "signals cannot be caught: one ends the process at once"),
            )
            .ok()
    }

    /// Waits for the next, and says its name.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.int.recv() => "SIGINT",
        }
    }
}

/// Stops at the first signal.
async fn signals(caught: Option<Caught>, stop: watch::Sender<bool>) {
    let Some(mut caught) = caught else { return std::future::pending().await };
    let name = caught.next().await;
    tracing::info!(signal = name, "stopping");
    stop.send_replace(true);
    // After another signal, running reconciles are not awaited.
    caught.next().await;
    std::process::exit(130);
}

/// The pod's name, if there is one, and a part that no other process has.
fn identity() -> String {
    let host = std::env::var("POD_NAME")
        .or_else(|_| std::fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned()))
        .unwrap_or_else(|_| "pg-bootstrap-operator".to_owned());
    let nanos =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_nanos());
    let unique = crate::names::hash(format!("{}.{nanos}", std::process::id()).as_bytes());
    format!("{host}_{unique}")
}
