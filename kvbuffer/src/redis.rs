//! The connection to the buffer.
//!
//! [`Buffer`] is one connection to one server, shared by its clones. It never reconnects by itself: a lost connection
//! is an error, because the commands on their way may or may not have arrived, and only the caller knows what that
//! means. [`Buffer::reconnect`] makes a new one, and asks the sentinels or the cluster again.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue, RedisError};

use crate::error::{Error, ErrorKind};

mod address;
mod batch;
mod commit;
mod connect;
mod delete;
mod keys;
mod plain;
mod reader;
mod reply;
mod rights;
mod run;
mod server;
mod subscription;
mod tls;
mod writer;

pub use batch::Batch;
pub use keys::Keys;
pub use reader::Entry;
pub use run::RunState;
pub(crate) use run::load_run;
pub use server::{KeyType, Memory, Role, Server};
pub use subscription::Subscription;
pub use writer::{Durable, Stopped, Unacknowledged, Writer};

pub(crate) use reply::exec_replies;

/// How to reach Redis.
///
/// The URL has one of these forms; user, password and database are optional everywhere:
///
/// | form | meaning |
/// |---|---|
/// | `redis://user:password@host:6379/0` | one server |
/// | `rediss://…` | the same with TLS; the certificate is verified by the system's roots or `ca_file` |
/// | `redis+unix:///path/to/socket?db=0&user=…&pass=…`, `unix://…` | a socket on this machine |
/// | `redis-sentinel://user:password@sentinel1:26379,sentinel2:26379/master?db=0` | the master of that name; the login is the servers'; that of the sentinels has options of its own |
/// | `redis-cluster://user:password@node1:6379,node2:6379` | the node that serves the set's slot; there is only database 0 |
/// | `rediss-sentinel://…`, `rediss-cluster://…` | the same with TLS |
#[derive(Clone)]
pub struct ConnectOptions {
    /// The address.
    pub url: String,
    /// The user, if it is not in the URL.
    pub username: Option<String>,
    /// The password, if it is not in the URL.
    pub password: Option<String>,
    /// The user for sentinels, if they require a login.
    pub sentinel_username: Option<String>,
    /// The password for sentinels.
    pub sentinel_password: Option<String>,
    /// PEM file with the certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM file with the client certificate, for servers that require one.
    pub client_cert_file: Option<PathBuf>,
    /// PEM file with its key.
    pub client_key_file: Option<PathBuf>,
    /// How long to wait for a connection, including TLS and login.
    pub connect_timeout: Duration,
    /// How long to wait for an answer.
    pub response_timeout: Duration,
}

impl ConnectOptions {
    /// Ten seconds for a connection, thirty for an answer; no certificates.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            username: None,
            password: None,
            sentinel_username: None,
            sentinel_password: None,
            ca_file: None,
            client_cert_file: None,
            client_key_file: None,
            connect_timeout: Duration::from_secs(10),
            response_timeout: Duration::from_secs(30),
        }
    }

    /// The address for messages: without user and password.
    pub fn redacted_url(&self) -> String {
        address::redact(&self.url)
    }
}

/// Shows neither user nor password.
impl std::fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectOptions").field("url", &self.redacted_url()).finish_non_exhaustive()
    }
}

/// A connection to the buffer; clones share it.
///
/// # Guarantees
///
/// - A lost connection is an error of kind [`ErrorKind::Unreachable`]; nothing is ever sent twice on its own.
/// - Commands of one task reach the server in the order in which their futures were first polled.
///
/// # Assumptions
///
/// - It lives within a tokio runtime with I/O and time.
#[derive(Clone)]
pub struct Buffer {
    shared: Arc<Shared>,
    connection: MultiplexedConnection,
    /// How many microseconds the longest call took, on this connection and those before it.
    longest: Arc<AtomicU64>,
}

/// The part that all clones of a connection share.
struct Shared {
    options: ConnectOptions,
    keys: Keys,
    ttl: Duration,
    /// For messages: without secrets, and with the node that sentinels or a cluster have named.
    address: Arc<str>,
    client: redis::Client,
}

impl Buffer {
    /// Connects, logs in, and checks that the server answers.
    ///
    /// `ttl` is the time to live of the keys, which every write renews. It is rounded to whole milliseconds.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidUrl`], [`ErrorKind::Auth`] and [`ErrorKind::Tls`], which do not pass;
    /// [`ErrorKind::Unreachable`], [`ErrorKind::Timeout`] and [`ErrorKind::Loading`], which may pass.
    pub async fn connect(options: ConnectOptions, keys: Keys, ttl: Duration) -> Result<Self, Error> {
        Self::connect_after(options, keys, ttl, Arc::default()).await
    }

    async fn connect_after(
        options: ConnectOptions,
        keys: Keys,
        ttl: Duration,
        longest: Arc<AtomicU64>,
    ) -> Result<Self, Error> {
        let connected = connect::connect(&options, &keys).await?;
        let shared = Shared { options, keys, ttl, address: connected.address, client: connected.client };
        let buffer = Self { shared: Arc::new(shared), connection: connected.connection, longest };
        // A server that accepts connections but does not answer is not connected.
        match tokio::time::timeout(buffer.shared.options.connect_timeout, buffer.ping()).await {
            Ok(answer) => answer?,
            Err(_) => return Err(buffer.error("connect", ErrorKind::Timeout)),
        }
        Ok(buffer)
    }

    /// A new connection with the same options.
    ///
    /// # Errors
    ///
    /// As for [`Buffer::connect`].
    pub async fn reconnect(&self) -> Result<Self, Error> {
        let shared = &self.shared;
        let longest = Arc::clone(&self.longest);
        Self::connect_after(shared.options.clone(), shared.keys.clone(), shared.ttl, longest).await
    }

    /// How long the longest call took so far that was answered, on this connection and those that it comes from by
    /// [`Buffer::reconnect`]: from when it was sent, so behind those that were sent before it.
    pub fn longest_call(&self) -> Duration {
        Duration::from_micros(self.longest.load(Ordering::Relaxed))
    }

    pub(crate) fn took(&self, began: Instant) {
        let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.longest.fetch_max(took, Ordering::Relaxed);
    }

    /// The keys of this buffer.
    pub fn keys(&self) -> &Keys {
        &self.shared.keys
    }

    /// The time to live that every write renews.
    pub fn ttl(&self) -> Duration {
        self.shared.ttl
    }

    /// The address of this connection, without secrets.
    pub fn address(&self) -> &str {
        &self.shared.address
    }

    /// Renews the time to live of the set, the registry and the run. A writer that pauses must call this.
    ///
    /// `false` when the set or the run does not exist.
    ///
    /// # Errors
    ///
    /// Connection and permission errors.
    pub async fn touch(&self, run: &str) -> Result<bool, Error> {
        const ACTION: &str = "renew the time to live";
        let keys = self.keys();
        let mut all = true;
        for (key, needed) in [(keys.set(), true), (&keys.ranges(), false), (&keys.run(run), true)] {
            let found: bool = self.query(ACTION, redis::cmd("PEXPIRE").arg(key).arg(self.ttl_ms())).await?;
            all &= found || !needed;
        }
        Ok(all)
    }

    async fn ping(&self) -> Result<(), Error> {
        match self.query::<()>("connect", &redis::cmd("PING")).await {
            // A user who may not even ping may still have all permissions that matter.
            Err(error) if *error.kind() == ErrorKind::Permission => Ok(()),
            result => result,
        }
    }

    pub(crate) fn ttl_ms(&self) -> u64 {
        u64::try_from(self.shared.ttl.as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn connection(&self) -> MultiplexedConnection {
        self.connection.clone()
    }

    pub(crate) async fn query<T: FromRedisValue>(&self, action: &'static str, cmd: &Cmd) -> Result<T, Error> {
        let began = Instant::now();
        let answer = self.wait_for(action, cmd).await?;
        self.took(began);
        Ok(answer)
    }

    /// The same for a command that is meant to wait.
    pub(crate) async fn wait_for<T: FromRedisValue>(
        &self,
        action: &'static str,
        cmd: &Cmd,
    ) -> Result<T, Error> {
        cmd.query_async(&mut self.connection()).await.map_err(|error| self.redis_error(action, error))
    }

    pub(crate) fn error(&self, action: &'static str, kind: ErrorKind) -> Error {
        Error::new(kind, action, &self.shared.address)
    }

    pub(crate) fn redis_error(&self, action: &'static str, error: RedisError) -> Error {
        self.error(action, reply::kind(&error)).because(error)
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Buffer").field("address", &self.shared.address).finish_non_exhaustive()
    }
}
