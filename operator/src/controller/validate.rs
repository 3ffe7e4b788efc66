//! Pure: checks an object, and converts it to a form from which a Job can be made.
//!
//! The definition's rules have refused most errors. Objects that an older definition accepted are refused here.

use crds::v1alpha1::{
    AzureSource, CaBundle, GcsSource, OnError, PersistentVolumeClaimSource, Phase, RedisSpec, S3Source,
    SourceSpec,
};
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
    S3(Box<S3Source>),
    /// An object in Google Cloud Storage.
    Gcs(GcsSource),
    /// An object in Azure Blob Storage.
    Azure(AzureSource),
    /// A file of a web server, and the certificates to trust.
    Https(Address, Option<CaBundle>),
}

/// The address of Redis, or of a file. The operator compares addresses; it does not read Secrets.
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
    /// None or several are set.
    #[error("spec.source must have exactly one of persistentVolumeClaim, s3, gcs, azure and https")]
    Source,
    /// Neither or both are set.
    #[error("spec.source.https must have exactly one of url and urlSecretRef")]
    Url,
    /// Neither or both are set.
    #[error("spec.redis must have exactly one of url and urlSecretRef")]
    Redis,
    /// The path would lead out of the volume.
    #[error("spec.source.persistentVolumeClaim.path must be relative and must not contain ..")]
    Path,
    /// A row that is set aside needs a file, and nothing else does.
    #[error("spec.errors.rejectFile must be set if onError is Skip, and only then")]
    Rejects,
    /// The path would lead out of the volume.
    #[error("spec.errors.rejectFile.path must be relative and must not contain ..")]
    RejectPath,
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
    let source = source(&spec.source)?;
    if let Some(errors) = &spec.errors {
        if (errors.on_error == OnError::Skip) != errors.reject_file.is_some() {
            return Err(Invalid::Rejects);
        }
        if errors.reject_file.as_ref().is_some_and(|file| leads_out(&file.path)) {
            return Err(Invalid::RejectPath);
        }
    }
    let stream_starts = spec.change_stream.as_ref().is_some_and(|stream| stream.start);
    if stream_starts && spec.snapshot_lsn.is_none() {
        return Err(Invalid::StartWithoutLsn);
    }
    Ok(Validated { namespace, name, uid, source, address: address(&spec.redis)?, spec: spec.clone() })
}

fn source(spec: &SourceSpec) -> Result<Source, Invalid> {
    let SourceSpec { persistent_volume_claim, s3, gcs, azure, https, database: _ } = spec;
    match (persistent_volume_claim, s3, gcs, azure, https) {
        (Some(claim), None, None, None, None) if leads_out(&claim.path) => Err(Invalid::Path),
        (Some(claim), None, None, None, None) => Ok(Source::Volume(claim.clone())),
        (None, Some(s3), None, None, None) => Ok(Source::S3(s3.clone())),
        (None, None, Some(gcs), None, None) => Ok(Source::Gcs(gcs.clone())),
        (None, None, None, Some(azure), None) => Ok(Source::Azure(azure.clone())),
        (None, None, None, None, Some(https)) => {
            let address = match (&https.url, &https.url_secret_ref) {
                (Some(url), None) => Address::Url(url.clone()),
                (None, Some(secret)) => Address::Secret(secret.name.clone(), secret.key.clone()),
                _ => return Err(Invalid::Url),
            };
            Ok(Source::Https(address, https.ca_bundle.clone()))
        }
        _ => Err(Invalid::Source),
    }
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

/// Wherever the runner would find one: before an `@`, or as a parameter, whose name may be written with escapes. The
/// parser of URLs leaves out tabs and line ends.
fn holds_password(url: &str) -> bool {
    let url = url.replace(['\t', '\n', '\r'], "");
    let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let user = rest.rsplit_once('@').map(|(user, _)| user);
    let mut parameters = rest.split(['?', '&']).skip(1).filter_map(|one| one.split('=').next());
    user.is_some_and(|user| user.contains(':'))
        || parameters.any(|name| name.to_ascii_lowercase().starts_with("pass") || name.contains('%'))
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
        let table: [Case; 12] = [
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
            (|o| o.spec.errors = serde_json::from_str(r#"{"onError":"Skip"}"#).ok(), Invalid::Rejects),
            (
                |o| {
                    o.spec.errors =
                        serde_json::from_str(r#"{"rejectFile":{"claimName":"c","path":"p"}}"#).ok();
                },
                Invalid::Rejects,
            ),
            (
                |o| {
                    o.spec.errors = serde_json::from_str(
                        r#"{"onError":"Skip","rejectFile":{"claimName":"c","path":"../p"}}"#,
                    )
                    .ok();
                },
                Invalid::RejectPath,
            ),
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
    fn a_password_is_found_in_every_spelling() {
        let mut object = object();
        for url in [
            "redis://:geheim@r",
            "redis://a@b:geheim@r:6379",
            "rediss-sentinel://u:geheim@a:1,b:2/main",
            "redis+unix:///s?PASS=geheim",
            "redis+unix:///s?db=1&p%61ss=geheim",
            "redis+unix:///s?pa\nss=geheim",
            "redis://r/0?password=geheim",
        ] {
            object.spec.redis.url = Some(url.into());
            assert_eq!(validate(&object), Err(Invalid::Password), "{url}");
        }
        for url in ["redis://user@host:6379", "redis+unix:///s?db=1", "redis-cluster://a:1,b:2?db=0"] {
            object.spec.redis.url = Some(url.into());
            assert!(validate(&object).is_ok(), "{url}");
        }
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
