//! What an address means: a URL or `key=value` text, completed by libpq's environment variables. Pure.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::secret::Secret;
use parameters::Parameters;

mod parameters;
mod text;

/// Where the database is, and how to get in.
///
/// Neither `Display` nor `Debug` shows the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub(crate) hosts: Vec<Host>,
    pub(crate) database: String,
    pub(crate) user: String,
    pub(crate) password: Option<Secret>,
    pub(crate) passfile: Option<PathBuf>,
    pub(crate) security: Security,
    pub(crate) connect_timeout: Duration,
    pub(crate) keepalive: Option<Keepalive>,
    pub(crate) tcp_user_timeout: Option<Duration>,
    pub(crate) read_write: bool,
    pub(crate) options: Option<String>,
}

/// One of the servers to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    /// A name, an IP address, or the folder of a Unix socket.
    pub(crate) name: String,
    /// Where to connect to instead of looking the name up.
    pub(crate) ip: Option<IpAddr>,
    pub(crate) port: u16,
}

impl Host {
    pub(crate) fn is_socket(&self) -> bool {
        self.ip.is_none() && self.name.starts_with('/')
    }
}

/// libpq's `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    /// Never TLS.
    Disable,
    /// TLS only where the server refuses a login without it.
    Allow,
    /// TLS where the server has it, and else none.
    Prefer,
    /// TLS, whoever answers.
    Require,
    /// TLS with a certificate of a trusted authority, for whatever name.
    VerifyCa,
    /// TLS with a certificate of a trusted authority for this host.
    VerifyFull,
}

/// Which authorities are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Roots {
    None,
    /// The system's.
    System,
    File(PathBuf),
}

/// How the connection is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Security {
    pub(crate) mode: SslMode,
    pub(crate) roots: Roots,
    /// The client's certificate and its key.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
    /// TLS from the first byte, without asking the server first.
    pub(crate) direct: bool,
    pub(crate) binding: Binding,
}

/// libpq's `channel_binding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binding {
    Disable,
    Prefer,
    Require,
}

/// When the system asks a silent server whether it is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keepalive {
    pub(crate) idle: Duration,
    pub(crate) interval: Duration,
    pub(crate) count: u32,
}

/// Why an address cannot be used. It shows no part of the text that may be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// The text is neither of the two forms.
    #[error("{0}")]
    Syntax(&'static str),
    /// A parameter of libpq that this program does not have.
    #[error("{name} is not supported: {advice}")]
    Unsupported {
        /// The parameter or environment variable.
        name: &'static str,
        /// What to do instead.
        advice: &'static str,
    },
    /// A parameter that nobody knows. Its name is not shown, as it may be the rest of a password.
    #[error(
        "parameter {0} of the address has a name that is not known; in a password write %3F, %26 and %40 for ?, & and @"
    )]
    Unknown(usize),
    /// A value that its parameter cannot have.
    #[error("{name}: {expected}")]
    Invalid {
        /// The parameter.
        name: &'static str,
        /// What it can be.
        expected: &'static str,
    },
    /// A part without which there is no address.
    #[error("the address names no {what}: add it, or set {variable}")]
    Missing {
        /// What is missing.
        what: &'static str,
        /// The environment variable that would do.
        variable: &'static str,
    },
}

impl Address {
    /// Reads `text`, a URL or `key=value` pairs, and completes it from the environment as libpq does. `variable` gives an
    /// environment variable's value.
    ///
    /// User and database must be named, here or there: no default decides what is filled.
    ///
    /// # Errors
    /// [`AddressError`] for what cannot be read, or is not supported.
    pub fn parse(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, AddressError> {
        let mut parameters = Parameters::new(text::pairs(text)?, variable)?;
        let hosts = hosts(&mut parameters)?;
        let user = parameters.take("user").ok_or(missing("user", "PGUSER"))?;
        let database = parameters.take("dbname").ok_or(missing("database", "PGDATABASE"))?;
        let home = variable("HOME").filter(|home| !home.is_empty());
        let passfile = parameters.take("passfile").map(PathBuf::from);
        Ok(Self {
            hosts,
            database,
            user,
            password: parameters.take("password").map(Secret::new),
            passfile: passfile.or_else(|| home.map(|home| PathBuf::from(home).join(".pgpass"))),
            security: security(&mut parameters)?,
            connect_timeout: seconds(&mut parameters, "connect_timeout", 10)?,
            keepalive: keepalive(&mut parameters)?,
            tcp_user_timeout: number::<u64>(&mut parameters, "tcp_user_timeout")?
                .filter(|time| *time > 0)
                .map(Duration::from_millis),
            read_write: read_write(&mut parameters)?,
            options: parameters.take("options"),
        })
    }

    /// The address with another password than the one that it has, or with one.
    #[must_use]
    pub fn with_password(mut self, password: Secret) -> Self {
        self.password = Some(password);
        self
    }

    /// The same server and login, and another database.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        Self { database: name.to_owned(), ..self.clone() }
    }

    /// The database's name.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The role that logs in.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// How the connection is protected.
    #[must_use]
    pub fn ssl_mode(&self) -> SslMode {
        self.security.mode
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@", self.user)?;
        for (index, host) in self.hosts.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            match host.name.contains(':') {
                true => write!(f, "{comma}[{}]:{}", host.name, host.port)?,
                false => write!(f, "{comma}{}:{}", host.name, host.port)?,
            }
        }
        write!(f, "/{}", self.database)
    }
}

const fn missing(what: &'static str, variable: &'static str) -> AddressError {
    AddressError::Missing { what, variable }
}

fn hosts(parameters: &mut Parameters) -> Result<Vec<Host>, AddressError> {
    let list = |text: Option<String>| -> Vec<String> {
        text.map(|text| text.split(',').map(|part| part.trim().to_owned()).collect()).unwrap_or_default()
    };
    let names = list(parameters.take("host"));
    let ips = list(parameters.take("hostaddr"));
    let ports = list(parameters.take("port"));
    let count = names.len().max(ips.len()).max(1);
    let fits = |length: usize| length <= 1 && count == 1 || length == 0 || length == count;
    if !fits(names.len()) || !fits(ips.len()) {
        return Err(invalid("hostaddr", "as many addresses as there are hosts"));
    }
    if !fits(ports.len()) && ports.len() != 1 {
        return Err(invalid("port", "one number, or as many as there are hosts"));
    }
    let host = |index: usize| {
        let ip = ips.get(index).filter(|ip| !ip.is_empty());
        let ip = ip.map(|ip| IpAddr::from_str(ip).map_err(|_| invalid("hostaddr", "an IP address")));
        let ip = ip.transpose()?;
        let name = names.get(index).filter(|name| !name.is_empty()).cloned();
        let name = name.or_else(|| ip.map(|ip| ip.to_string())).unwrap_or_else(|| "localhost".to_owned());
        let port = ports.get(index).or_else(|| ports.first()).filter(|port| !port.is_empty());
        let port = port.map_or(Ok(5432), |port| port.parse().ok().filter(|port| *port > 0).ok_or(()));
        let port = port.map_err(|()| invalid("port", "a number from 1 to 65535"))?;
        Ok(Host { name, ip, port })
    };
    (0..count).map(host).collect()
}

fn security(parameters: &mut Parameters) -> Result<Security, AddressError> {
    let asked = parameters.take("sslmode");
    let roots = match parameters.take("sslrootcert") {
        None => Roots::None,
        Some(name) if name == "system" => Roots::System,
        Some(file) => Roots::File(file.into()),
    };
    let mode = match asked.as_deref() {
        // libpq too takes system's authorities for the wish to be sure.
        None if roots == Roots::System => SslMode::VerifyFull,
        None => SslMode::Prefer,
        Some(text) => mode(text).ok_or(invalid(
            "sslmode",
            "it is one of disable, allow, prefer, require, verify-ca and verify-full",
        ))?,
    };
    // As with libpq, a require with an authority checks the certificate.
    let mode =
        if mode == SslMode::Require && matches!(roots, Roots::File(_)) { SslMode::VerifyCa } else { mode };
    match (mode, &roots) {
        (SslMode::VerifyCa | SslMode::VerifyFull, Roots::None) => {
            return Err(invalid(
                "sslrootcert",
                "sslmode verify-ca and verify-full need a file with the authority's certificate, or `system`",
            ));
        }
        (SslMode::VerifyFull, _) | (_, Roots::None | Roots::File(_)) => {}
        (_, Roots::System) => {
            return Err(invalid(
                "sslmode",
                "with sslrootcert=system it must be verify-full, as anybody can have a certificate from there",
            ));
        }
    }
    let client = match (parameters.take("sslcert"), parameters.take("sslkey")) {
        (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
        (None, None) => None,
        _ => {
            return Err(invalid(
                "sslcert",
                "a client certificate needs its key (sslkey), and a key its certificate",
            ));
        }
    };
    let direct = match parameters.take("sslnegotiation").as_deref() {
        None | Some("postgres") => false,
        Some("direct") if matches!(mode, SslMode::Disable | SslMode::Allow | SslMode::Prefer) => {
            return Err(invalid("sslnegotiation", "direct needs sslmode require or stricter"));
        }
        Some("direct") => true,
        Some(_) => return Err(invalid("sslnegotiation", "it is postgres or direct")),
    };
    let binding = match parameters.take("channel_binding").as_deref() {
        None | Some("prefer") => Binding::Prefer,
        Some("disable") => Binding::Disable,
        Some("require") => Binding::Require,
        Some(_) => return Err(invalid("channel_binding", "it is disable, prefer or require")),
    };
    Ok(Security { mode, roots, client, direct, binding })
}

fn mode(text: &str) -> Option<SslMode> {
    Some(match text {
        "disable" => SslMode::Disable,
        "allow" => SslMode::Allow,
        "prefer" => SslMode::Prefer,
        "require" => SslMode::Require,
        "verify-ca" => SslMode::VerifyCa,
        "verify-full" => SslMode::VerifyFull,
        _ => return None,
    })
}

/// On by default, and sooner than the system's two hours: a server that is gone is to be noticed.
fn keepalive(parameters: &mut Parameters) -> Result<Option<Keepalive>, AddressError> {
    let on = number::<u32>(parameters, "keepalives")?.unwrap_or(1) != 0;
    let keepalive = Keepalive {
        idle: seconds(parameters, "keepalives_idle", 30)?,
        interval: seconds(parameters, "keepalives_interval", 10)?,
        count: number(parameters, "keepalives_count")?.filter(|count| *count > 0).unwrap_or(6),
    };
    Ok(on.then_some(keepalive))
}

fn read_write(parameters: &mut Parameters) -> Result<bool, AddressError> {
    match parameters.take("target_session_attrs").as_deref() {
        None | Some("any") => Ok(false),
        // What the others ask for cannot be filled, or is the same.
        Some("read-write" | "primary") => Ok(true),
        Some(_) => {
            Err(invalid("target_session_attrs", "a database that is filled is any, read-write or primary"))
        }
    }
}

/// A time in seconds; 0 is the default, as the system has its own.
fn seconds(parameters: &mut Parameters, name: &'static str, default: u64) -> Result<Duration, AddressError> {
    let given = number::<u64>(parameters, name)?.filter(|seconds| *seconds > 0);
    Ok(Duration::from_secs(given.unwrap_or(default)))
}

fn number<T: FromStr>(parameters: &mut Parameters, name: &'static str) -> Result<Option<T>, AddressError> {
    let parse =
        |text: String| text.trim().parse().map_err(|_| invalid(name, "it is a number that is not negative"));
    parameters.take(name).map(parse).transpose()
}

const fn invalid(name: &'static str, expected: &'static str) -> AddressError {
    AddressError::Invalid { name, expected }
}

#[cfg(test)]
mod tests;
