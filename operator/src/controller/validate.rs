//! Pure: checks an object, and converts it to a form from which a Job can be made.
//!
//! The definition's rules have refused most errors. Objects that an older definition accepted are refused here.

use crds::v1alpha1::{PersistentVolumeClaimSource, Phase, RedisSpec, S3Source};
use crds::{ReplicaBootstrap, ReplicaBootstrapSpec};
use kube::ResourceExt;

/// An object with exactly one variant of each union.
#[derive(Debug, Clone, PartialEq)]
pub struct Validated {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Where the dump is.
    pub source: Source,
    /// Where Redis is.
    pub address: Address,
    /// All other fields.
    pub spec: ReplicaBootstrapSpec,
}

/// Where the dump is.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A file on a volume.
    Volume(PersistentVolumeClaimSource),
    /// An object in S3.
    S3(S3Source),
}

/// The address of Redis. The operator compares addresses; it does not read Secrets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// The URL.
    Url(String),
    /// Name and key of a Secret.
    Secret(String, String),
}

/// An error in the object, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The object was not read from an API server.
    #[error("the object has no namespace, name or UID")]
    Nameless,
    /// Neither or both are set.
    #[error("spec.source must have exactly one of persistentVolumeClaim and s3")]
    Source,
    /// Neither or both are set.
    #[error("spec.redis must have exactly one of url and urlSecretRef")]
    Redis,
    /// The path would lead out of the volume.
    #[error("spec.source.persistentVolumeClaim.path must be relative and must not contain ..")]
    Path,
    /// Everybody who can read the object would see the password.
    #[error(
        "spec.redis.url contains a password: put the URL into a Secret and name it in spec.redis.urlSecretRef"
    )]
    Password,
    /// The change stream needs a start position.
    #[error("spec.changeStream.start needs spec.snapshotLSN")]
    StartWithoutLsn,
}

/// Checks that a Job can be made from the object.
///
/// # Errors
/// The first error in the object.
pub fn validate(object: &ReplicaBootstrap) -> Result<Validated, Invalid> {
    let spec = &object.spec;
    let (Some(namespace), Some(name), Some(uid)) =
        (object.namespace(), object.metadata.name.clone(), object.uid())
    else {
        return Err(Invalid::Nameless);
    };
    let source = match (&spec.source.persistent_volume_claim, &spec.source.s3) {
        (Some(claim), None) if leads_out(&claim.path) => return Err(Invalid::Path),
        (Some(claim), None) => Source::Volume(claim.clone()),
        (None, Some(s3)) => Source::S3(s3.clone()),
        _ => return Err(Invalid::Source),
    };
    let stream_starts = spec.change_stream.as_ref().is_some_and(|stream| stream.start);
    if stream_starts && spec.snapshot_lsn.is_none() {
        return Err(Invalid::StartWithoutLsn);
    }
    Ok(Validated { namespace, name, uid, source, address: address(&spec.redis)?, spec: spec.clone() })
}

fn leads_out(path: &str) -> bool {
    path.starts_with('/') || path.split('/').any(|part| part == "..")
}

fn address(redis: &RedisSpec) -> Result<Address, Invalid> {
    match (&redis.url, &redis.url_secret_ref) {
        (Some(url), None) if holds_password(url) => Err(Invalid::Password),
        (Some(url), None) => Ok(Address::Url(url.clone())),
        (None, Some(secret)) => Ok(Address::Secret(secret.name.clone(), secret.key.clone())),
        _ => Err(Invalid::Redis),
    }
}

fn holds_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let user = rest.rsplit_once('@').map(|(user, _)| user);
    user.is_some_and(|user| user.contains(':'))
        || ["?pass=", "&pass=", "?password=", "&password="].iter().any(|word| url.contains(word))
}

impl Validated {
    /// The run's name.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.spec.run.id
    }

    /// The run's Job.
    #[must_use]
    pub fn job_name(&self) -> String {
        crate::names::job(&self.name, self.run())
    }
}

/// Whether the current run of the object has ended for good.
#[must_use]
pub fn has_ended(object: &ReplicaBootstrap) -> bool {
    object.status.as_ref().is_some_and(|status| {
        status.phase.is_some_and(Phase::is_final)
            && status.run_id.as_deref() == Some(object.spec.run.id.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::fixtures::object;

    /// A change to a good object, and what it is refused for.
    type Case = (fn(&mut ReplicaBootstrap), Invalid);

    #[test]
    fn each_mistake_is_named() {
        let table: [Case; 9] = [
            (|o| o.metadata.uid = None, Invalid::Nameless),
            (|o| o.spec.source.persistent_volume_claim = None, Invalid::Source),
            (
                |o| o.spec.source.s3 = Some(serde_json::from_str(r#"{"bucket":"b","key":"k"}"#).unwrap()),
                Invalid::Source,
            ),
            (
                |o| o.spec.source.persistent_volume_claim.as_mut().unwrap().path = "/etc/passwd".into(),
                Invalid::Path,
            ),
            (
                |o| o.spec.source.persistent_volume_claim.as_mut().unwrap().path = "a/../../b".into(),
                Invalid::Path,
            ),
            (|o| o.spec.redis.url = None, Invalid::Redis),
            (|o| o.spec.redis.url = Some("redis://:geheim@r".into()), Invalid::Password),
            (|o| o.spec.redis.url = Some("redis+unix:///s?db=1&pass=geheim".into()), Invalid::Password),
            (
                |o| {
                    o.spec.snapshot_lsn = None;
                    o.spec.change_stream = Some(serde_json::from_str(r#"{"address":"a:1"}"#).unwrap());
                },
                Invalid::StartWithoutLsn,
            ),
        ];
        assert!(validate(&object()).is_ok());
        for (number, (break_it, wanted)) in table.into_iter().enumerate() {
            let mut object = object();
            break_it(&mut object);
            assert_eq!(validate(&object), Err(wanted), "case {number}");
        }
    }

    #[test]
    fn a_user_without_a_password_passes() {
        let mut object = object();
        object.spec.redis.url = Some("redis://user@host:6379".into());
        assert!(validate(&object).is_ok());
    }

    #[test]
    fn an_end_counts_for_its_own_run_only() {
        let mut object = object();
        assert!(!has_ended(&object));
        let ended = crds::ReplicaBootstrapStatus {
            phase: Some(Phase::Failed),
            run_id: Some("1".into()),
            ..Default::default()
        };
        object.status = Some(ended);
        assert!(has_ended(&object));
        object.spec.run.id = "2".into();
        assert!(!has_ended(&object));
    }
}
