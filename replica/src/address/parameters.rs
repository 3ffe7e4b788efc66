//! libpq's parameters: those that are supported, their environment variables, and those that are refused.

use std::collections::BTreeMap;

use super::AddressError;

/// What is supported: the parameter and its environment variable.
const SUPPORTED: &[(&str, Option<&str>)] = &[
    ("host", Some("PGHOST")),
    ("hostaddr", Some("PGHOSTADDR")),
    ("port", Some("PGPORT")),
    ("dbname", Some("PGDATABASE")),
    ("user", Some("PGUSER")),
    ("password", Some("PGPASSWORD")),
    ("passfile", Some("PGPASSFILE")),
    ("sslmode", Some("PGSSLMODE")),
    ("sslrootcert", Some("PGSSLROOTCERT")),
    ("sslcert", Some("PGSSLCERT")),
    ("sslkey", Some("PGSSLKEY")),
    ("sslnegotiation", Some("PGSSLNEGOTIATION")),
    ("channel_binding", Some("PGCHANNELBINDING")),
    ("connect_timeout", Some("PGCONNECT_TIMEOUT")),
    ("keepalives", None),
    ("keepalives_idle", None),
    ("keepalives_interval", None),
    ("keepalives_count", None),
    ("tcp_user_timeout", None),
    ("target_session_attrs", Some("PGTARGETSESSIONATTRS")),
    ("options", Some("PGOPTIONS")),
];

const SERVICE: &str = "write host, port, user and database into the address";
const GSS: &str = "there is no login by GSSAPI or Kerberos; use a password or a client certificate";
const REVOKED: &str = "lists of revoked certificates are not read";
const CHOSEN: &str = "TLS 1.2 and 1.3 are used, by what both sides know";
const LOGIN: &str =
    "require a login by password with channel_binding=require, or by certificate on the server";

/// What libpq knows and this program does not, with its environment variable where ignoring that would be less safe than
/// what was asked for.
const REFUSED: &[(&str, Option<&str>, &str)] = &[
    ("service", Some("PGSERVICE"), SERVICE),
    ("servicefile", None, SERVICE),
    ("krbsrvname", None, GSS),
    ("gsslib", None, GSS),
    ("gssdelegation", None, GSS),
    ("sslpassword", None, "the client's key must be without a password of its own"),
    ("sslcrl", Some("PGSSLCRL"), REVOKED),
    ("sslcrldir", Some("PGSSLCRLDIR"), REVOKED),
    ("sslcompression", None, "TLS does not compress any more"),
    ("sslcertmode", Some("PGSSLCERTMODE"), "name a client certificate by sslcert, or none"),
    ("sslsni", None, "the host's name is always sent"),
    ("ssl_min_protocol_version", Some("PGSSLMINPROTOCOLVERSION"), CHOSEN),
    ("ssl_max_protocol_version", Some("PGSSLMAXPROTOCOLVERSION"), CHOSEN),
    ("requiressl", Some("PGREQUIRESSL"), "use sslmode"),
    ("ssl", None, "use sslmode"),
    ("requirepeer", Some("PGREQUIREPEER"), "use TLS to be sure of the server"),
    ("require_auth", Some("PGREQUIREAUTH"), LOGIN),
    ("application_name", None, "the program names its sessions, to find them again"),
    ("fallback_application_name", None, "the program names its sessions, to find them again"),
    ("client_encoding", None, "the connection is always in UTF-8"),
    ("load_balance_hosts", None, "hosts are tried in their order"),
    ("replication", None, "the address is that of a database to fill"),
];

/// Values by name.
pub(super) struct Parameters(BTreeMap<&'static str, String>);

impl Parameters {
    /// Brings the parameters of an address together with the environment's. The address wins.
    pub(super) fn new(
        pairs: Vec<(String, String)>,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, AddressError> {
        let mut known = BTreeMap::new();
        for (index, (name, value)) in pairs.into_iter().enumerate() {
            let supported = SUPPORTED.iter().map(|(known, _)| *known).find(|known| *known == name);
            match supported {
                // The last one counts; empty is as if it were not there.
                Some(name) if value.is_empty() => drop(known.remove(name)),
                Some(name) => drop(known.insert(name, value)),
                None => refuse(&name, &value, index + 1)?,
            }
        }
        for (name, from) in SUPPORTED {
            if let Some(value) = from.and_then(|from| set(variable, from)) {
                known.entry(name).or_insert(value);
            }
        }
        for (_, from, advice) in REFUSED {
            if let Some(name) = from.filter(|from| set(variable, from).is_some()) {
                return Err(AddressError::Unsupported { name, advice });
            }
        }
        match set(variable, "PGGSSENCMODE") {
            Some(value) if value == "require" => {
                Err(AddressError::Unsupported { name: "PGGSSENCMODE=require", advice: GSS })
            }
            _ => Ok(Self(known)),
        }
    }

    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }
}

fn set(variable: &dyn Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    variable(name).filter(|value| !value.is_empty())
}

fn refuse(name: &str, value: &str, number: usize) -> Result<(), AddressError> {
    if name == "gssencmode" {
        // The other two let a client without GSSAPI in.
        return match value {
            "require" => Err(AddressError::Unsupported { name: "gssencmode=require", advice: GSS }),
            _ => Ok(()),
        };
    }
    let refused = REFUSED.iter().find(|(refused, ..)| *refused == name);
    Err(refused.map_or(AddressError::Unknown(number), |(name, _, advice)| AddressError::Unsupported {
        name,
        advice,
    }))
}
