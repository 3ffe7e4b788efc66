//! The services that keep objects.

/// A service that keeps objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// Amazon S3, or a service with its protocol.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
    /// A web server.
    Web,
}

impl Store {
    /// The service of a URI; `None` for any other text.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let (scheme, _) = name.split_once("://")?;
        match scheme.to_ascii_lowercase().as_str() {
            "s3" => Some(Self::S3),
            "gs" => Some(Self::Gcs),
            "az" => Some(Self::Azure),
            "https" | "http" => Some(Self::Web),
            _ => None,
        }
    }

    /// What its URIs begin with, if it is not a web server.
    pub(super) fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3://",
            Self::Gcs => "gs://",
            Self::Azure => "az://",
            Self::Web => "",
        }
    }

    /// The form of its URIs.
    #[must_use]
    pub fn form(self) -> &'static str {
        match self {
            Self::S3 => "s3://bucket/key",
            Self::Gcs => "gs://bucket/key",
            Self::Azure => "az://container/key",
            Self::Web => "https://host/path",
        }
    }

    /// What to do if it denies access.
    pub(super) fn denied(self) -> &'static str {
        match self {
            Self::Web => "the URL may have expired; the program sends no credentials but those in its query",
            Self::S3 | Self::Gcs | Self::Azure => "check the credentials and their permissions",
        }
    }
}
