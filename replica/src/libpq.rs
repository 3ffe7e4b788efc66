//! The way to a database for libpq's programs: environment variables, as a command line can be read by others.

use std::time::Duration;

use crate::address::{Binding, Roots, SslMode};
use crate::connect::{ConnectOptions, password_in};
use crate::error::Error;

/// libpq's variables that lead a program to the database. The password is among them.
///
/// # Errors
/// A file with the password that cannot be read.
pub fn environment(options: &ConnectOptions) -> Result<Vec<(&'static str, String)>, Error> {
    let address = &options.address;
    let list = |part: &dyn Fn(&crate::address::Host) -> String| {
        address.hosts.iter().map(part).collect::<Vec<_>>().join(",")
    };
    let mut all = vec![
        ("PGHOST", list(&|host| host.name.clone())),
        ("PGPORT", list(&|host| host.port.to_string())),
        ("PGUSER", address.user.clone()),
        ("PGDATABASE", address.database.clone()),
        ("PGSSLMODE", mode(address.security.mode).to_owned()),
        ("PGCHANNELBINDING", binding(address.security.binding).to_owned()),
        ("PGCONNECT_TIMEOUT", address.connect_timeout.max(Duration::from_secs(2)).as_secs().to_string()),
        ("PGAPPNAME", "pg-bootstrap".to_owned()),
        ("PGTARGETSESSIONATTRS", if address.read_write { "read-write" } else { "any" }.to_owned()),
    ];
    if address.hosts.iter().any(|host| host.ip.is_some()) {
        all.push(("PGHOSTADDR", list(&|host| host.ip.map(|ip| ip.to_string()).unwrap_or_default())));
    }
    match &address.security.roots {
        Roots::None => {}
        Roots::System => all.push(("PGSSLROOTCERT", "system".to_owned())),
        Roots::File(path) => all.push(("PGSSLROOTCERT", path.display().to_string())),
    }
    if let Some((certificate, key)) = &address.security.client {
        all.push(("PGSSLCERT", certificate.display().to_string()));
        all.push(("PGSSLKEY", key.display().to_string()));
    }
    if address.security.direct {
        all.push(("PGSSLNEGOTIATION", "direct".to_owned()));
    }
    if let Some(options) = &address.options {
        all.push(("PGOPTIONS", options.clone()));
    }
    if let Some(file) = &address.passfile {
        all.push(("PGPASSFILE", file.display().to_string()));
    }
    if let Some(password) = password_in(options)? {
        all.push(("PGPASSWORD", password.expose().to_owned()));
    }
    Ok(all)
}

fn mode(mode: SslMode) -> &'static str {
    match mode {
        SslMode::Disable => "disable",
        SslMode::Allow => "allow",
        SslMode::Prefer => "prefer",
        SslMode::Require => "require",
        SslMode::VerifyCa => "verify-ca",
        SslMode::VerifyFull => "verify-full",
    }
}

fn binding(binding: Binding) -> &'static str {
    match binding {
        Binding::Disable => "disable",
        Binding::Prefer => "prefer",
        Binding::Require => "require",
    }
}
