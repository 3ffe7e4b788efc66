//! From an address to a session: hosts, TLS, the password.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::config::{ChannelBinding, SslMode as Encryption, SslNegotiation, TargetSessionAttrs};
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::address::{Address, Binding, Host, SslMode};
use crate::error::{Error, ErrorKind};
use crate::passfile::{self, Login};
use crate::secret::Secret;
use crate::tls::{self, Problem};

const ACTION: &str = "connect";
/// The name of a session that belongs to no run yet.
const NAME: &str = "pg-bootstrap";

/// How to connect.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// Where to, and how.
    pub address: Address,
    /// A file that holds the password and nothing else. It wins over the address.
    pub password_file: Option<PathBuf>,
}

impl ConnectOptions {
    /// The address, with a password from there or from a password file of libpq's.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self { address, password_file: None }
    }
}

/// Tries the hosts in their order, until one lets us in.
pub(crate) async fn connect(options: &ConnectOptions, name: &Arc<str>) -> Result<Client, Error> {
    let mut last = Error::new(ErrorKind::Unreachable, ACTION, name);
    for host in &options.address.hosts {
        match (Door { options, host, name }).open().await {
            Err(error) if error.is_retryable() => last = error,
            result => return result,
        }
    }
    Err(last)
}

/// One host of an address.
struct Door<'a> {
    options: &'a ConnectOptions,
    host: &'a Host,
    name: &'a Arc<str>,
}

impl Door<'_> {
    /// Connects in the ways that the mode allows, one after the other.
    async fn open(&self) -> Result<Client, Error> {
        let mode = self.options.address.security.mode;
        let mut first = None;
        for encryption in ways(mode, self.host.is_socket()) {
            match self.try_one(*encryption).await {
                Err(error) if error.refuses_this_way() => {
                    // With prefer the first way is the wanted one, with allow it is the last.
                    if first.is_none() || mode == SslMode::Allow {
                        first = Some(error);
                    }
                }
                result => return result,
            }
        }
        Err(first.unwrap_or_else(|| Error::new(ErrorKind::Unreachable, ACTION, self.name)))
    }

    async fn try_one(&self, encryption: Encryption) -> Result<Client, Error> {
        let config = self.config(encryption)?;
        let tls = tls::config(&self.options.address.security).map_err(|problem| self.failed(problem))?;
        let opening = config.connect(MakeRustlsConnect::new(tls));
        let opened = tokio::time::timeout(self.options.address.connect_timeout, opening).await;
        let (client, connection) = opened
            .map_err(|_| Error::new(ErrorKind::Timeout, ACTION, self.name))?
            .map_err(|error| Error::of(error, ACTION, self.name, false))?;
        // It ends with the client. Its error is what the next request gets.
        tokio::spawn(connection);
        Ok(client)
    }

    fn config(&self, encryption: Encryption) -> Result<Config, Error> {
        let address = &self.options.address;
        let mut config = Config::new();
        config.host(&self.host.name).port(self.host.port).user(&address.user).dbname(&address.database);
        if let Some(ip) = self.host.ip {
            config.hostaddr(ip);
        }
        if let Some(password) = self.password()? {
            config.password(password.expose());
        }
        if let Some(options) = &address.options {
            config.options(options);
        }
        config.application_name(NAME).ssl_mode(encryption);
        if address.security.direct && encryption == Encryption::Require {
            config.ssl_negotiation(SslNegotiation::Direct);
        }
        config.channel_binding(match address.security.binding {
            Binding::Disable => ChannelBinding::Disable,
            Binding::Prefer => ChannelBinding::Prefer,
            Binding::Require => ChannelBinding::Require,
        });
        if address.read_write {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        // A name may have several addresses: the second is to have its chance too.
        config.connect_timeout(address.connect_timeout / 2).keepalives(address.keepalive.is_some());
        if let Some(keepalive) = address.keepalive {
            config.keepalives_idle(keepalive.idle).keepalives_interval(keepalive.interval);
            config.keepalives_retries(keepalive.count);
        }
        config.tcp_user_timeout(address.tcp_user_timeout.unwrap_or(Duration::ZERO));
        Ok(config)
    }

    fn password(&self) -> Result<Option<Secret>, Error> {
        let address = &self.options.address;
        if let Some(file) = &self.options.password_file {
            return password_of(file, self.name).map(Some);
        }
        let Some(file) = address.passfile.as_deref().filter(|_| address.password.is_none()) else {
            return Ok(address.password.clone());
        };
        if !file.exists() {
            return Ok(None);
        }
        let (host, port) = (self.host.name.as_str(), self.host.port);
        let login = Login { host, port, database: &address.database, user: &address.user };
        let found = passfile::find(&self.read(file)?, login);
        if found.is_some() && is_open(file) {
            return Err(self.file(file, "others can read it; chmod 0600"));
        }
        Ok(found)
    }

    fn read(&self, file: &Path) -> Result<String, Error> {
        read(file, self.name)
    }

    fn file(&self, file: &Path, what: &'static str) -> Error {
        of_file(file, what, self.name)
    }

    fn failed(&self, problem: Problem) -> Error {
        let error = Error::new(problem.kind, ACTION, self.name);
        match problem.cause {
            Some(cause) => error.because(cause),
            None => error,
        }
    }
}

/// The password that does not depend on the host: of its own file, or of the address.
pub(crate) fn password_in(options: &ConnectOptions) -> Result<Option<Secret>, Error> {
    match &options.password_file {
        Some(file) => password_of(file, &options.address.to_string().into()).map(Some),
        None => Ok(options.address.password.clone()),
    }
}

fn password_of(file: &Path, name: &Arc<str>) -> Result<Secret, Error> {
    Ok(Secret::new(read(file, name)?.trim_end_matches(['\n', '\r'])))
}

fn read(file: &Path, name: &Arc<str>) -> Result<String, Error> {
    std::fs::read_to_string(file).map_err(|error| of_file(file, "it cannot be read", name).because(error))
}

fn of_file(file: &Path, what: &'static str, name: &Arc<str>) -> Error {
    Error::new(ErrorKind::File { path: file.display().to_string(), what }, ACTION, name)
}

/// A socket needs no encryption, and has none.
fn ways(mode: SslMode, socket: bool) -> &'static [Encryption] {
    match mode {
        _ if socket => &[Encryption::Disable],
        SslMode::Disable => &[Encryption::Disable],
        SslMode::Allow => &[Encryption::Disable, Encryption::Require],
        SslMode::Prefer => &[Encryption::Prefer, Encryption::Disable],
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => &[Encryption::Require],
    }
}

/// Whether others than the owner have rights to the file.
fn is_open(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}
