//! Pure: which runs may start, and which wait at which place.
//!
//! Places are given in the order of creation to every run that fits. So a run for a busy Redis does not block a run
//! for another Redis.

use crds::ReplicaBootstrap;
use crds::v1alpha1::Phase;
use k8s_openapi::jiff::Timestamp;

use crate::controller::validate::{Address, Validated, validate};
use crate::names;

/// The Redis of a run, as far as the spec shows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// The server.
    pub server: String,
    /// The set.
    pub set: String,
}

impl Target {
    /// The target of an object. A host without dots is another host in each namespace, and so is a Secret.
    #[must_use]
    pub fn of(object: &Validated) -> Self {
        let server = match &object.address {
            Address::Secret(name, key) => format!("{}/{name}/{key}", object.namespace),
            Address::Url(url) => {
                let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
                let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
                let host = host.split(['/', '?']).next().unwrap_or(host);
                server(host, &object.namespace)
            }
        };
        let key = object.spec.redis.key.as_deref().unwrap_or("kasho:changes");
        Self { server, set: format!("{}/{key}", database(&object.address)) }
    }
}

/// One spelling of a server: in lower case, with its port; a Service in the cluster by its namespace and name.
fn server(host: &str, namespace: &str) -> String {
    let host = host.to_ascii_lowercase();
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !port.is_empty() => {
            (name, port)
        }
        _ => (host.as_str(), "6379"),
    };
    let name = name.trim_end_matches('.');
    let parts: Vec<&str> = name.split('.').collect();
    match parts.as_slice() {
        [service] => format!("{namespace}/{service}:{port}"),
        [service, of] | [service, of, "svc"] | [service, of, "svc", "cluster", "local"] => {
            format!("{of}/{service}:{port}")
        }
        _ => format!("{name}:{port}"),
    }
}

/// The number of the database in a URL.
fn database(address: &Address) -> &str {
    let Address::Url(url) = address else { return "0" };
    let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    let number = path.split(['?', '/']).next().unwrap_or("");
    if number.is_empty() { "0" } else { number }
}

/// A run that is active, or wants to be.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The object's UID.
    pub uid: String,
    /// Its target.
    pub target: Target,
    /// Its rank: the time of creation, then the name, so that the order is unique.
    pub rank: (Option<Timestamp>, String, String),
}

/// A complete run in a set, as far as statuses show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complete {
    /// The object's UID.
    pub uid: String,
    /// Its target.
    pub target: Target,
    /// The name under which the runner has registered it.
    pub run: String,
    /// Its sequence numbers.
    pub range: (i64, i64),
}

impl Complete {
    /// The complete run of an object; `None` if there is none, or if the set must have expired by now.
    #[must_use]
    pub fn of(object: &ReplicaBootstrap, now: Timestamp) -> Option<Self> {
        let status = object.status.as_ref().filter(|status| status.phase == Some(Phase::Succeeded))?;
        let said = status.run.as_ref().filter(|run| Some(&run.id) == status.run_id.as_ref())?;
        if said.buffer_expires.as_ref().is_some_and(|time| time.0 < now) {
            return None;
        }
        let range = said.range.as_ref()?;
        let valid = validate(object).ok()?;
        let run = names::redis_run(&valid.namespace, &valid.name);
        let range = (range.first?, range.last?);
        Some(Self { target: Target::of(&valid), uid: valid.uid, run, range })
    }
}

/// Why the object cannot begin beside another run in its set. The runner would refuse it too.
#[must_use]
pub fn beside(me: &Validated, all: &[Complete]) -> Option<String> {
    if me.spec.sequence.as_ref().is_some_and(|sequence| sequence.beside_other_runs) {
        return None;
    }
    let target = Target::of(me);
    let mut others: Vec<_> = all.iter().filter(|one| one.uid != me.uid && one.target == target).collect();
    others.sort_by(|a, b| a.run.cmp(&b.run));
    let named: Vec<_> = others
        .iter()
        .map(|one| format!("{} (complete, sequences {} to {})", one.run, one.range.0, one.range.1))
        .collect();
    (!named.is_empty()).then(|| {
        format!(
            "run {} cannot begin beside {}, in the same set: the replica applies all of them, so rows that are in several dumps arrive there several times; delete the entries of the other run (pg-bootstrap-sync ranges purge) and its object, choose another redis.key, or set sequence.besideOtherRuns if this is intended",
            names::redis_run(&me.namespace, &me.name),
            named.join(", ")
        )
    })
}

/// The limits on active runs.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// In total; `None` means no limit.
    pub total: Option<usize>,
    /// For one Redis. For one set the limit is one.
    pub per_redis: usize,
}

/// The queue's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The run may start.
    Go,
    /// The run waits at this place, from one on, for this reason.
    Wait(usize, String),
}

/// The answer to `me`, who is among `waiting`.
#[must_use]
pub fn ask(me: &str, mut running: Vec<Claim>, mut waiting: Vec<Claim>, limits: Limits) -> Answer {
    waiting.sort_by(|a, b| a.rank.cmp(&b.rank));
    running.retain(|one| one.uid != me);
    let mut place = 0;
    for one in waiting {
        let obstacle = obstacle(&one, &running, limits);
        let is_me = one.uid == me;
        match obstacle {
            None if is_me => return Answer::Go,
            None => running.push(one),
            Some(why) => {
                place += 1;
                if is_me {
                    return Answer::Wait(place, why);
                }
            }
        }
    }
    Answer::Go
}

/// The reason why a run has to wait.
fn obstacle(one: &Claim, running: &[Claim], limits: Limits) -> Option<String> {
    if running.iter().any(|other| other.target == one.target) {
        return Some("another run has the same set in Redis".to_owned());
    }
    let beside = running.iter().filter(|other| other.target.server == one.target.server).count();
    if beside >= limits.per_redis {
        return Some(format!("{beside} at the same Redis, as many as --max-runs-per-redis allows"));
    }
    let total = limits.total.filter(|total| running.len() >= *total)?;
    Some(format!("{} run, and --max-concurrent-runs is {total}", running.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::fixtures::{object, validated};

    fn claim(uid: &str, server: &str, set: &str) -> Claim {
        let target = Target { server: server.into(), set: set.into() };
        Claim { uid: uid.into(), target, rank: (None, String::new(), uid.into()) }
    }

    fn limits(total: Option<usize>, per_redis: usize) -> Limits {
        Limits { total, per_redis }
    }

    #[test]
    fn the_first_goes_and_the_others_have_places() {
        let waiting = || vec![claim("c", "r", "s"), claim("a", "r", "s"), claim("b", "r", "s")];
        let ask = |me| ask(me, vec![], waiting(), limits(None, 1));
        assert_eq!(ask("a"), Answer::Go);
        assert!(matches!(ask("b"), Answer::Wait(1, why) if why.contains("same set")));
        assert!(matches!(ask("c"), Answer::Wait(2, _)));
    }

    #[test]
    fn one_set_takes_one_run_whatever_the_limit() {
        let answer = ask("a", vec![claim("x", "r", "s")], vec![claim("a", "r", "s")], limits(None, 9));
        assert!(matches!(answer, Answer::Wait(1, _)));
        let answer = ask("a", vec![claim("x", "r", "t")], vec![claim("a", "r", "s")], limits(None, 9));
        assert_eq!(answer, Answer::Go);
        let answer = ask("a", vec![claim("x", "r", "t")], vec![claim("a", "r", "s")], limits(None, 1));
        assert!(matches!(answer, Answer::Wait(1, why) if why.contains("--max-runs-per-redis")));
    }

    #[test]
    fn a_busy_redis_holds_nobody_else_up() {
        let waiting = vec![claim("a", "busy", "s"), claim("b", "free", "s")];
        assert_eq!(ask("b", vec![claim("x", "busy", "s")], waiting, limits(None, 1)), Answer::Go);
    }

    #[test]
    fn the_total_holds_and_the_one_ahead_takes_the_free_place() {
        let waiting = || vec![claim("a", "1", "s"), claim("b", "2", "s")];
        let running = || vec![claim("x", "3", "s")];
        assert_eq!(ask("a", running(), waiting(), limits(Some(2), 1)), Answer::Go);
        assert!(
            matches!(ask("b", running(), waiting(), limits(Some(2), 1)), Answer::Wait(1, why) if why.contains("2 run"))
        );
    }

    #[test]
    fn who_runs_already_does_not_stand_in_its_own_way() {
        assert_eq!(
            ask("a", vec![claim("a", "r", "s")], vec![claim("a", "r", "s")], limits(Some(1), 1)),
            Answer::Go
        );
    }

    /// An object of another name, whose run is complete.
    fn complete(name: &str) -> ReplicaBootstrap {
        let mut object = object();
        object.metadata.name = Some(name.to_owned());
        object.metadata.uid = Some(name.to_owned());
        object.status = Some(
            serde_json::from_value(serde_json::json!({
                "phase": "Succeeded", "runId": "1",
                "run": {"id": "1", "range": {"first": 1, "last": 402}, "bufferExpires": "2026-01-02T00:00:00Z"},
            }))
            .unwrap(),
        );
        object
    }

    #[test]
    fn nobody_begins_beside_a_complete_run() {
        let now = "2026-01-01T12:00:00Z".parse().unwrap();
        let asks = |me: &ReplicaBootstrap, other: &ReplicaBootstrap| {
            let all: Vec<_> = Complete::of(other, now).into_iter().collect();
            beside(&validated(me), &all)
        };
        let (me, other) = (object(), complete("us"));
        let said = asks(&me, &other).unwrap();
        for text in ["shop.eu", "shop.us", "sequences 1 to 402", "sequence.besideOtherRuns"] {
            assert!(said.contains(text), "no {text} in {said}");
        }
        // Its own run, another set, and what nobody knows to be there.
        let mut own = other.clone();
        own.metadata.uid = me.metadata.uid.clone();
        assert_eq!(asks(&me, &own), None);
        let mut elsewhere = other.clone();
        elsewhere.spec.redis.key = Some("other".to_owned());
        assert_eq!(asks(&me, &elsewhere), None);
        let late = "2026-01-03T00:00:00Z".parse().unwrap();
        assert_eq!(Complete::of(&other, late), None);
        let changes: [fn(&mut crds::ReplicaBootstrapStatus); 3] = [
            |status| status.phase = Some(Phase::Failed),
            |status| status.run_id = Some("2".to_owned()),
            |status| status.run.as_mut().unwrap().range.as_mut().unwrap().last = None,
        ];
        for change in changes {
            let mut other = other.clone();
            change(other.status.as_mut().unwrap());
            assert_eq!(Complete::of(&other, now), None);
        }
        let mut meant = me;
        meant.spec.sequence = Some(serde_json::from_str(r#"{"besideOtherRuns": true}"#).unwrap());
        assert_eq!(asks(&meant, &other), None);
    }

    #[test]
    fn references_are_compared_as_far_as_they_tell() {
        let target = |url: &str, namespace: &str| {
            let mut object = object();
            object.spec.redis.url = Some(url.to_owned());
            object.metadata.namespace = Some(namespace.to_owned());
            Target::of(&validated(&object))
        };
        assert_eq!(target("redis://r.data:6379/0", "a"), target("rediss://user@r.data:6379", "b"));
        assert_ne!(target("redis://r:6379", "a"), target("redis://r:6379", "b"));
        for same in [
            "redis://R",
            "redis://r.a:6379/0",
            "rediss://r.a.svc",
            "redis://r.a.svc.cluster.local.:6379/?x=1",
        ] {
            assert_eq!(target("redis://r:6379", "a"), target(same, "a"), "{same}");
        }
        assert_ne!(target("redis://r:6379", "a"), target("redis://r:6380", "a"));
        assert_ne!(target("redis://r:6379", "a").set, target("redis://r:6379/1", "a").set);
        assert_eq!(target("redis://r:6379", "a").server, target("redis://r:6379/1", "a").server);
        assert_eq!(target("redis://r:6379", "a"), target("redis://r:6379/", "a"));
    }
}
