//! Addresses: the meaning of a URL, and its form without secrets.

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};

/// The server of a URL.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// This server.
    Server(ConnectionInfo),
    /// The master of this name, as the sentinels know it.
    Sentinel { sentinels: Vec<ConnectionAddr>, master: String, login: Box<RedisConnectionInfo>, tls: bool },
    /// The node that serves our keys' slot, as any of these nodes knows it.
    Cluster(Vec<ConnectionInfo>),
}

/// Parses a URL. The error says what is wrong without showing the URL.
pub(crate) fn parse(url: &str) -> Result<Target, &'static str> {
    let (scheme, rest) = url.split_once("://").ok_or("it needs a scheme such as redis://")?;
    match scheme {
        "redis" | "rediss" | "unix" | "redis+unix" => Ok(Target::Server(server(url)?)),
        "redis-sentinel" => sentinel(rest, false),
        "rediss-sentinel" => sentinel(rest, true),
        "redis-cluster" => Ok(Target::Cluster(servers("redis", rest)?.0)),
        "rediss-cluster" => Ok(Target::Cluster(servers("rediss", rest)?.0)),
        _ => Err(
            "the scheme must be redis, rediss, redis+unix, redis-sentinel, rediss-sentinel, redis-cluster \
                  or rediss-cluster",
        ),
    }
}

/// The URL with everything in front of the host and every password in the query replaced.
pub(crate) fn redact(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return "an address without scheme".to_owned();
    };
    let (location, query) = match rest.split_once('?') {
        Some((location, query)) => (location, Some(query)),
        None => (rest, None),
    };
    // The last @ counts: a password that should have been escaped may contain others. For the same reason a query
    // with an @ is not shown at all.
    let location = match location.rsplit_once('@') {
        Some((_, host)) => format!("***@{host}"),
        None => location.to_owned(),
    };
    match query {
        None => format!("{scheme}://{location}"),
        Some(query) if query.contains('@') => {
            format!("{scheme}://***{}", query.rsplit_once('@').map_or("", |q| q.1))
        }
        Some(query) => format!("{scheme}://{location}?{}", redact_query(query)),
    }
}

fn redact_query(query: &str) -> String {
    let public = |name: &str| matches!(name, "db" | "protocol");
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if public(name) => pair.to_owned(),
        Some((name, _)) => format!("{name}=***"),
        None => "***".to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

fn server(url: &str) -> Result<ConnectionInfo, &'static str> {
    if url.contains('#') {
        return Err("it has a # (TLS without verification is not supported; in a password write %23)");
    }
    url.into_connection_info().map_err(|_| "its host, port, database or an escape sequence is not valid")
}

/// `host:port,host:port/master?db=1`; the login before it is that of the servers.
fn sentinel(rest: &str, tls: bool) -> Result<Target, &'static str> {
    let (servers, master) = servers(if tls { "rediss" } else { "redis" }, rest)?;
    let master = master
        .ok_or("the name of the master is missing after the hosts: redis-sentinel://host:26379/name")?;
    let login = servers.first().map(|first| first.redis_settings().clone()).ok_or("it contains no host")?;
    let sentinels = servers.iter().map(|server| server.addr().clone()).collect();
    Ok(Target::Sentinel { sentinels, master, login: Box::new(login), tls })
}

/// All hosts of a list, each in the form of a URL with one host, and the path after them.
fn servers(scheme: &str, rest: &str) -> Result<(Vec<ConnectionInfo>, Option<String>), &'static str> {
    let (location, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (login, location) = match location.rsplit_once('@') {
        Some((login, location)) => (format!("{login}@"), location),
        None => (String::new(), location),
    };
    let (hosts, path) = location.split_once('/').unwrap_or((location, ""));
    let database = query.split('&').find_map(|pair| pair.strip_prefix("db=")).unwrap_or("0");
    let default_port = if path.is_empty() { "6379" } else { "26379" };
    let servers = hosts
        .split(',')
        .map(|host| server(&format!("{scheme}://{login}{}/{database}", with_port(host, default_port))))
        .collect::<Result<_, _>>()?;
    Ok((servers, Some(path.to_owned()).filter(|path| !path.is_empty())))
}

fn with_port(host: &str, default: &str) -> String {
    // An IPv6 address has colons too, but in brackets.
    let name_end = host.rfind(']').unwrap_or(0);
    if host[name_end..].contains(':') { host.to_owned() } else { format!("{host}:{default}") }
}
