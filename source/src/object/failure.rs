//! Why an object cannot be read, and whether a retry may help.

use std::error::Error as StdError;
use std::fmt::Display;

use object_store::client::HttpError;

use crate::error::{self, Error};

/// Why reading an object ended.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The object has changed.
    #[error("{0}")]
    Changed(String),
    /// The service refuses, and would refuse again.
    #[error("{0}")]
    Refused(String),
    /// There is no such object.
    #[error("{0}")]
    Missing(String),
    /// The service could not be reached for too long.
    #[error("tried for {waited} s: {why}")]
    Away {
        /// Seconds.
        waited: u64,
        /// The last failure.
        why: String,
    },
    /// An error in this program.
    #[error("{0}")]
    Internal(String),
}

impl Failure {
    pub(super) fn internal(error: &dyn Display) -> Self {
        Self::Internal(error.to_string())
    }

    /// Converts the failure to an error of the run. A changed object is not the one of the checkpoint, whether this
    /// is noticed while reading or at the beginning. So both have the same exit code, which is not worth a retry: the
    /// next call finds the same.
    #[must_use]
    pub fn into_error(self, action: &'static str, name: &str) -> Error {
        match self {
            Self::Changed(what) => Error::OtherDump(format!(
                "{name} was replaced while it was read: {what}; what was loaded is from the old object: put that back, or use --restart to delete what was loaded and start over"
            )),
            Self::Refused(what) | Self::Missing(what) => {
                Error::Usage(format!("--dump-file {name} cannot be read: {what}"))
            }
            Self::Internal(what) => Error::Internal(format!("{action} {name}: {what}")),
            away @ Self::Away { .. } => {
                Error::Read { action, name: name.to_owned(), error: std::io::Error::other(away) }
            }
        }
    }
}

/// The result of one failed request.
pub(super) enum Trouble {
    /// It may pass.
    Passing(String),
    /// It will not pass.
    Fatal(Failure),
}

/// Classifies an error of the store.
pub(super) fn judge(error: &object_store::Error) -> Trouble {
    let refused = |what: String| Trouble::Fatal(Failure::Refused(what));
    if let object_store::Error::Precondition { .. } = error {
        return Trouble::Fatal(Failure::Changed("its ETag has changed".to_owned()));
    }
    let text = error.to_string();
    if let Some((status, body)) = status(&text) {
        return judge_status(status, body);
    }
    if let object_store::Error::NotSupported { .. } = error {
        return refused(
            "the server sends no ranges, which the program reads by: use a pipe, curl … | pg-bootstrap-sync --dump-file -".to_owned(),
        );
    }
    if text.contains("redirect without LOCATION") {
        return refused("the bucket is in another region: name it with --s3-region".to_owned());
    }
    if let Some(cause @ rustls::Error::InvalidCertificate(_)) = find::<rustls::Error>(error) {
        return refused(format!("{cause}; --s3-ca-file names certificates to trust"));
    }
    let transport = find::<HttpError>(error);
    Trouble::Passing(transport.map_or_else(|| error::chain(error), |transport| error::chain(transport)))
}

fn judge_status(status: u16, body: &str) -> Trouble {
    let text = reply(status, body);
    match status {
        408 | 429 | 500.. => Trouble::Passing(text),
        404 => Trouble::Fatal(Failure::Missing(text)),
        416 => Trouble::Fatal(Failure::Changed("it is shorter than it was".to_owned())),
        _ => Trouble::Fatal(Failure::Refused(text)),
    }
}

/// The status of an error reply, and its text. The type that contains them has no public name in the store's crate.
fn status(text: &str) -> Option<(u16, &str)> {
    let (_, rest) = text.split_once("status code: ")?;
    let status = rest.get(..3)?.parse().ok()?;
    Some((status, rest))
}

/// The description of an error reply, with S3's own error code. The rest of its text may repeat secrets.
fn reply(status: u16, body: &str) -> String {
    let code = body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    let word = code.map_or_else(String::new, |(code, _)| format!(" {code}"));
    let advice = match status {
        301 | 307 => "; check that the address, or --s3-region, is the right one",
        401 | 403 => "; check the credentials and their permissions",
        404 => "; there is no such object",
        _ => "",
    };
    format!("the reply is {status}{word}{advice}")
}

/// The first error of that type in the chain of this one.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        // An error that an I/O error wraps is not its source, but it has one.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn StdError + 'static)),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_name_the_code_and_nothing_else() {
        let body = "Server returned non-2xx status code: 403 Forbidden: <Error><Code>SignatureDoesNotMatch</Code><StringToSign>abc</StringToSign></Error>";
        let (status, body) = status(body).unwrap();
        let text = reply(status, body);
        assert!(text.contains("403 SignatureDoesNotMatch; check the credentials"), "{text}");
        assert!(!text.contains("abc"));
        assert_eq!(reply(400, "<html>"), "the reply is 400");
    }

    #[test]
    fn what_may_pass() {
        for (status, passes) in
            [(503, true), (500, true), (429, true), (403, false), (404, false), (416, false)]
        {
            assert_eq!(matches!(judge_status(status, ""), Trouble::Passing(_)), passes, "{status}");
        }
        assert!(status("error sending request").is_none());
    }
}
