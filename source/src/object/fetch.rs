//! The thread that sends requests to the service.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{Attribute, GetOptions, GetRange, ObjectMeta, ObjectStore};
use tokio::sync::{mpsc, oneshot};
use twox_hash::XxHash3_64;

use super::connect::connect;
use super::failure::{Trouble, judge};
use super::store::Store;
use super::{Access, Failure, LEAST, Listener, MOST, Object, Order, Sizes, Version};
use crate::identity::hex;
use crate::retry::Backoff;

/// Reads the object's metadata and reports it, then sends ranges as they are ordered. A new order ends the previous
/// one. The thread ends when nobody can send orders any more.
pub(super) async fn serve(
    object: &Object,
    tell: oneshot::Sender<Result<Version, Failure>>,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let fetcher = match Fetcher::new(object).await {
        Ok(fetcher) => fetcher,
        Err(failure) => return drop(tell.send(Err(failure))),
    };
    if tell.send(Ok(fetcher.version.clone())).is_err() {
        return;
    }
    let mut order = orders.recv().await;
    while let Some(current) = order {
        let giving = async {
            fetcher.give(current).await;
            // Only another order, or the end of the last sender, ends the wait.
            std::future::pending::<()>().await;
        };
        order = tokio::select! {
            next = orders.recv() => next,
            () = giving => None,
        };
    }
}

/// What is below a prefix, as if it were one object.
pub(super) async fn list(prefix: &Object) -> Result<(Version, Sizes), Failure> {
    Fetcher::of(prefix)?.list().await
}

struct Fetcher {
    store: Store,
    client: Box<dyn ObjectStore>,
    path: Path,
    uri: String,
    retry: Duration,
    listener: Listener,
    version: Version,
}

impl Fetcher {
    /// Of an object, or of those below a prefix, before any request.
    fn of(object: &Object) -> Result<Self, Failure> {
        // A client of a web server has the whole URL already.
        let key = if object.store == Store::Web { "" } else { &object.key };
        let path = Path::parse(key).map_err(|error| Failure::Refused(error.to_string()))?;
        let client = connect(object)?;
        let version = Version { size: 0, etag: String::new() };
        let Access { retry, listener, .. } = object.access.clone();
        Ok(Self { store: object.store, client, path, uri: object.uri(), retry, listener, version })
    }

    async fn new(object: &Object) -> Result<Self, Failure> {
        let mut fetcher = Self::of(object)?;
        fetcher.version = fetcher.look().await?;
        Ok(fetcher)
    }

    /// The size of all objects below the path, and a hash of them in which their order does not count; and the size of
    /// each.
    async fn list(&self) -> Result<(Version, Sizes), Failure> {
        let mut failing = None;
        loop {
            let listed = self.client.list(Some(&self.path));
            let add = |(size, hash, mut sizes): (u64, u64, Sizes), found: ObjectMeta| async move {
                sizes.insert(found.location.filename().unwrap_or_default().to_owned(), found.size);
                Ok((size + found.size, hash.wrapping_add(hash_of(&found)), sizes))
            };
            match listed.try_fold((0, 0, Sizes::new()), add).await {
                Ok((_, _, sizes)) if sizes.is_empty() => {
                    return Err(Failure::Missing("there is no object below it".to_owned()));
                }
                Ok((size, hash, sizes)) => {
                    self.succeeded(&mut failing);
                    return Ok((Version { size, etag: hex(hash) }, sizes));
                }
                Err(error) => self.pause(judge(&error, self.store), &mut failing).await?,
            }
        }
    }

    /// The current metadata of the object.
    async fn look(&self) -> Result<Version, Failure> {
        let mut failing = None;
        loop {
            match self.client.get_opts(&self.path, self.glance()).await {
                Ok(found) => {
                    self.succeeded(&mut failing);
                    let etag = self.etag(found.meta.e_tag)?;
                    return Ok(Version { size: found.meta.size, etag });
                }
                Err(error) => {
                    let trouble = match judge(&error, self.store) {
                        // Of one byte at the beginning.
                        Trouble::Fatal(Failure::Changed(_)) => {
                            Trouble::Fatal(Failure::Refused("it is empty".to_owned()))
                        }
                        trouble => trouble,
                    };
                    self.pause(trouble, &mut failing).await?;
                }
            }
        }
    }

    /// The request for the object's metadata. A presigned URL is for GET alone, so a web server is asked for one byte.
    fn glance(&self) -> GetOptions {
        match self.store {
            Store::Web => GetOptions { range: Some(GetRange::Bounded(0..1)), ..GetOptions::default() },
            _ => GetOptions { head: true, ..GetOptions::default() },
        }
    }

    /// An ETag by which ranges can be compared.
    fn etag(&self, given: Option<String>) -> Result<String, Failure> {
        let unnoticed = "so a change of the object could not be noticed";
        let refused = |what: &str| Err(Failure::Refused(format!("the service gives {what}, {unnoticed}")));
        match given {
            None => refused("no ETag"),
            // The bytes of two such versions may differ, and If-Match takes none.
            Some(weak) if self.store == Store::Web && weak.starts_with("W/") => refused("only a weak ETag"),
            Some(etag) => Ok(etag),
        }
    }

    /// Sends range after range until the end, a failure, or until the receiver is gone.
    async fn give(&self, order: Order) {
        let (mut at, mut length) = (order.from, LEAST);
        while at < self.version.size {
            let end = (at + length).min(self.version.size);
            let range = self.fetch(at..end).await;
            let failed = range.is_err();
            if order.give.send(range).await.is_err() || failed {
                return;
            }
            at = end;
            length = (length * 2).min(MOST);
        }
    }

    /// Reads one range, with retries. Bytes that have arrived are not requested again.
    async fn fetch(&self, range: Range<u64>) -> Result<Bytes, Failure> {
        let length = (range.end - range.start) as usize;
        let mut bytes = Vec::with_capacity(length);
        let mut failing = None;
        while bytes.len() < length {
            let before = bytes.len();
            let result = self.get(range.start + before as u64..range.end, &mut bytes).await;
            if bytes.len() > before {
                self.succeeded(&mut failing);
            }
            let trouble = match result {
                Ok(()) if bytes.len() >= length => break,
                Ok(()) => Trouble::Passing("the reply ended early".to_owned()),
                Err(trouble) => trouble,
            };
            self.pause(trouble, &mut failing).await?;
        }
        Ok(bytes.into())
    }

    /// Appends the bytes of one request.
    async fn get(&self, range: Range<u64>, bytes: &mut Vec<u8>) -> Result<(), Trouble> {
        let judge = |error: object_store::Error| judge(&error, self.store);
        let options = GetOptions {
            range: Some(GetRange::Bounded(range.clone())),
            if_match: Some(self.version.etag.clone()),
            ..GetOptions::default()
        };
        let found = self.client.get_opts(&self.path, options).await.map_err(judge)?;
        // Not every service supports If-Match.
        let now = Version { size: found.meta.size, etag: found.meta.e_tag.clone().unwrap_or_default() };
        if now != self.version {
            return Err(Trouble::Fatal(Failure::Changed(format!(
                "it had {} bytes and ETag {}, now it has {} bytes and ETag {}",
                self.version.size, self.version.etag, now.size, now.etag
            ))));
        }
        let encoding =
            found.attributes.get(&Attribute::ContentEncoding).map(|value| value.as_ref().to_owned());
        let before = bytes.len();
        let whole = before + (range.end - range.start) as usize;
        let mut stream = found.into_stream();
        while let Some(part) = stream.next().await {
            let part = match part {
                Ok(part) => part,
                Err(error) => {
                    // Only a reply with the whole range shows that these are the object's bytes as stored.
                    if encoding.is_some() {
                        bytes.truncate(before);
                    }
                    return Err(judge(error));
                }
            };
            if bytes.len() + part.len() > whole {
                return Err(refused("it sends more bytes than requested".to_owned()));
            }
            bytes.extend_from_slice(&part);
        }
        match encoding {
            // Stored content that is encoded arrives as stored, with its full length.
            Some(encoding) if bytes.len() < whole => Err(refused(format!(
                "it encodes what it sends ({encoding}), so its bytes are not the object's"
            ))),
            _ => Ok(()),
        }
    }

    /// Waits before the next attempt, unless retries are useless or have lasted too long.
    async fn pause(&self, trouble: Trouble, failing: &mut Option<Backoff>) -> Result<(), Failure> {
        let why = match trouble {
            Trouble::Passing(why) => why,
            Trouble::Fatal(failure) => return Err(failure),
        };
        let backoff = failing.get_or_insert_default();
        if backoff.is_over(self.retry) {
            return Err(Failure::Away { waited: backoff.elapsed().as_secs(), why });
        }
        let most = self.retry.as_secs();
        self.listener.is_away(&format!("read {}: {why}; retrying for up to {most} s", self.uri));
        tokio::time::sleep(backoff.pause()).await;
        Ok(())
    }

    /// Ends a row of failures.
    fn succeeded(&self, failing: &mut Option<Backoff>) {
        if failing.take().is_some() {
            self.listener.is_back();
        }
    }
}

/// A hash of an object's name and version.
fn hash_of(found: &ObjectMeta) -> u64 {
    let ObjectMeta { location, last_modified, size, e_tag, .. } = found;
    let etag = e_tag.as_deref().unwrap_or_default();
    XxHash3_64::oneshot(format!("{location}\n{size}\n{etag}\n{last_modified}").as_bytes())
}

/// The service, or a proxy in front of it, violates the protocol. Its bytes cannot be trusted.
fn refused(what: String) -> Trouble {
    Trouble::Fatal(Failure::Refused(format!("the service, or a proxy in front of it, is at fault: {what}")))
}
