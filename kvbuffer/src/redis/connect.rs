//! From options to a connection: which server to use, and how to reach it.

use std::future::Future;
use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, RedisConnectionInfo, RedisError,
    TlsCertificates, TlsMode,
};

use super::address::{self, Target};
use super::{ConnectOptions, Keys, plain, reply, tls};
use crate::error::{Cause, Error, ErrorKind};

const ACTION: &str = "connect";

pub(super) struct Connected {
    pub(super) client: Client,
    pub(super) connection: MultiplexedConnection,
    pub(super) address: Arc<str>,
}

/// Finds the server and connects to it.
pub(super) async fn connect(options: &ConnectOptions, keys: &Keys) -> Result<Connected, Error> {
    tls::ensure_provider();
    let connector = Connector::new(options)?;
    let target =
        address::parse(&options.url).map_err(|reason| connector.error(ErrorKind::InvalidUrl { reason }))?;
    match target {
        Target::Server(info) => connector.server(info).await,
        Target::Sentinel { sentinels, master, login, tls } => {
            connector.master(sentinels, master, &login, tls).await
        }
        Target::Cluster(seeds) => connector.owner(seeds, keys).await,
    }
}

struct Connector<'a> {
    options: &'a ConnectOptions,
    certificates: Option<TlsCertificates>,
    address: Arc<str>,
}

impl<'a> Connector<'a> {
    fn new(options: &'a ConnectOptions) -> Result<Self, Error> {
        let address: Arc<str> = options.redacted_url().into();
        let certificates = tls::certificates(options).map_err(|problem| match problem {
            tls::Problem::Half => {
                let reason = "a client certificate needs its key, and a key its certificate";
                Error::new(ErrorKind::InvalidUrl { reason }, ACTION, &address)
            }
            tls::Problem::File(cause) => Error::new(ErrorKind::Tls, ACTION, &address).because(cause),
        })?;
        Ok(Self { options, certificates, address })
    }

    async fn server(&self, info: ConnectionInfo) -> Result<Connected, Error> {
        let client = self.client(info)?;
        let connection = self.open(&client).await?;
        Ok(Connected { client, connection, address: Arc::clone(&self.address) })
    }

    /// Asks the sentinels. Their client also asks the master whether it is one.
    async fn master(
        &self,
        sentinels: Vec<ConnectionAddr>,
        master: String,
        login: &RedisConnectionInfo,
        tls: bool,
    ) -> Result<Connected, Error> {
        let builder = SentinelClientBuilder::new(sentinels, master, SentinelServerType::Master)
            .map_err(|error| self.failed(error))?
            .set_client_to_redis_db(login.db());
        let mut sentinel =
            self.logins(self.secured(builder, tls), login).build().map_err(|error| self.failed(error))?;
        let client = self.in_time(sentinel.async_get_client()).await?;
        let connection = self.open(&client).await?;
        let address = self.at_node(client.get_connection_info());
        Ok(Connected { client, connection, address })
    }

    /// The same certificates are used for sentinels and servers.
    fn secured(&self, mut builder: SentinelClientBuilder, tls: bool) -> SentinelClientBuilder {
        if tls {
            builder = builder
                .set_client_to_redis_tls_mode(TlsMode::Secure)
                .set_client_to_sentinel_tls_mode(TlsMode::Secure);
        }
        if let Some(certificates) = &self.certificates {
            builder = builder
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates.clone());
        }
        builder
    }

    /// The servers' login is that of the URL, unless the options have another. The sentinels' login is in the
    /// options.
    fn logins(
        &self,
        mut builder: SentinelClientBuilder,
        login: &RedisConnectionInfo,
    ) -> SentinelClientBuilder {
        if let Some(username) = self.options.username.as_deref().or(login.username()) {
            builder = builder.set_client_to_redis_username(username);
        }
        if let Some(password) = self.options.password.as_deref().or(login.password()) {
            builder = builder.set_client_to_redis_password(password);
        }
        if let Some(username) = &self.options.sentinel_username {
            builder = builder.set_client_to_sentinel_username(username);
        }
        if let Some(password) = &self.options.sentinel_password {
            builder = builder.set_client_to_sentinel_password(password);
        }
        builder
    }

    /// Asks the cluster's nodes in turn which of them serves our slot. One connection to that node is enough: all our
    /// keys are in the same slot, and so the order of commands is kept.
    async fn owner(&self, seeds: Vec<ConnectionInfo>, keys: &Keys) -> Result<Connected, Error> {
        let mut last = self.error(ErrorKind::Unreachable);
        for seed in seeds {
            match self.owner_by(&seed, keys).await {
                Ok(connected) => return Ok(connected),
                Err(error) if error.is_retryable() => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    async fn owner_by(&self, seed: &ConnectionInfo, keys: &Keys) -> Result<Connected, Error> {
        let client = self.client(seed.clone())?;
        let mut connection = self.open(&client).await?;
        let mut slot = redis::cmd("CLUSTER");
        slot.arg("KEYSLOT").arg(keys.set());
        let slot: u16 = slot.query_async(&mut connection).await.map_err(|error| self.failed(error))?;
        let mut slots = redis::cmd("CLUSTER");
        slots.arg("SLOTS");
        let slots: redis::Value =
            slots.query_async(&mut connection).await.map_err(|error| self.failed(error))?;
        let (host, port) = owner_of(slot, &slots).ok_or_else(|| self.error(ErrorKind::ClusterDown))?;
        // An empty host means the host that was asked.
        let node = seed.clone().set_addr(moved(seed.addr(), host, port));
        let client = self.client(node)?;
        let connection = self.open(&client).await?;
        let address = self.at_node(client.get_connection_info());
        Ok(Connected { client, connection, address })
    }

    fn client(&self, info: ConnectionInfo) -> Result<Client, Error> {
        let mut login = info.redis_settings().clone();
        if let Some(username) = &self.options.username {
            login = login.set_username(username);
        }
        if let Some(password) = &self.options.password {
            login = login.set_password(password);
        }
        let tls = matches!(info.addr(), ConnectionAddr::TcpTls { .. });
        let info = info.set_redis_settings(login);
        let client = match &self.certificates {
            Some(certificates) if tls => Client::build_with_tls(info, certificates.clone()),
            _ => Client::open(info),
        };
        client.map_err(|error| self.error(ErrorKind::Tls).because(error))
    }

    async fn open(&self, client: &Client) -> Result<MultiplexedConnection, Error> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.options.connect_timeout))
            .set_response_timeout(Some(self.options.response_timeout));
        let opening = self.in_time(client.get_multiplexed_async_connection_with_config(&config));
        let info = client.get_connection_info();
        let ConnectionAddr::TcpTls { host, port, .. } = info.addr() else { return opening.await };
        let mut opening = std::pin::pin!(opening);
        // A server without TLS takes the greeting for a command, and waits for its end.
        let half = self.options.connect_timeout / 2;
        let opened = tokio::time::timeout(half, &mut opening).await;
        if let Ok(Ok(opened)) = opened {
            return Ok(opened);
        }
        if plain::answers(host, *port, half / 2).await {
            let cause = "the server answers without TLS: use its TLS port, or redis:// in the URL";
            return Err(self.error(ErrorKind::Tls).because(Cause::Reply(cause.to_owned())));
        }
        match opened {
            Ok(failed) => failed,
            Err(_) => opening.await,
        }
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, RedisError>>) -> Result<T, Error> {
        match tokio::time::timeout(self.options.connect_timeout, work).await {
            Ok(result) => result.map_err(|error| self.failed(error)),
            Err(_) => Err(self.error(ErrorKind::Timeout)),
        }
    }

    fn at_node(&self, info: &ConnectionInfo) -> Arc<str> {
        format!("{} ({})", self.address, info.addr()).into()
    }

    fn failed(&self, error: RedisError) -> Error {
        self.error(reply::kind(&error)).because(error)
    }

    fn error(&self, kind: ErrorKind) -> Error {
        Error::new(kind, ACTION, &self.address)
    }
}

/// The same way of connecting, to another host.
fn moved(addr: &ConnectionAddr, host: String, port: u16) -> ConnectionAddr {
    match addr {
        ConnectionAddr::TcpTls { host: seed, insecure, tls_params, .. } => ConnectionAddr::TcpTls {
            host: if host.is_empty() { seed.clone() } else { host },
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        },
        ConnectionAddr::Tcp(seed, _) if host.is_empty() => ConnectionAddr::Tcp(seed.clone(), port),
        _ => ConnectionAddr::Tcp(host, port),
    }
}

/// The master of a slot, from `CLUSTER SLOTS`: `[[first, last, [host, port, …], replicas…], …]`.
fn owner_of(slot: u16, slots: &redis::Value) -> Option<(String, u16)> {
    let redis::Value::Array(ranges) = slots else { return None };
    ranges.iter().find_map(|range| {
        let redis::Value::Array(range) = range else { return None };
        let [redis::Value::Int(first), redis::Value::Int(last), redis::Value::Array(master), ..] = &range[..]
        else {
            return None;
        };
        if !(*first..=*last).contains(&i64::from(slot)) {
            return None;
        }
        let [host, redis::Value::Int(port), ..] = &master[..] else { return None };
        let host = match host {
            redis::Value::BulkString(host) => String::from_utf8_lossy(host).into_owned(),
            _ => String::new(),
        };
        Some((host, u16::try_from(*port).ok()?))
    })
}
