//! The contents of large objects, which a dump writes between `lo_open` and `lo_close`: each piece by itself.

use dump::{LargeObject, Place};

use super::Planner;
use crate::error::Error;

impl Planner {
    /// The text that writes a part; none where a part only opens or closes.
    pub(super) fn large_object(&mut self, part: &LargeObject, place: Place) -> Result<Option<String>, Error> {
        match part {
            LargeObject::Open(_) if self.point.large_object.is_some() => {
                return Err(self.unsupported(
                    "lo_open of a large object while another one is open",
                    place,
                    "which of them a lowrite is for is not followed: close the first one before",
                ));
            }
            LargeObject::Open(oid) => self.point.large_object = Some((*oid, 0)),
            LargeObject::Close => self.point.large_object = None,
            LargeObject::Whole => {}
            LargeObject::Write { literal, bytes } => {
                let Some((oid, offset)) = self.point.large_object else {
                    return Err(self.unsupported(
                        "lowrite outside of lo_open and lo_close",
                        place,
                        "dump with pg_dump 13 or later",
                    ));
                };
                self.point.large_object = Some((oid, offset + bytes));
                return Ok(Some(format!("SELECT pg_catalog.lo_put({oid}, {offset}, {literal});")));
            }
        }
        Ok(None)
    }
}
