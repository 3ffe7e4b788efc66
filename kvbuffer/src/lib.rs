//! kvbuffer

pub mod change;
mod decode;
mod encode;
pub mod position;
mod timestamp;
mod wire;

pub use change::{Change, ChangeData, ChangeType, Ddl, Dml, Kind, OldKeys, Value};
pub use decode::{DecodeError, decode, decode_value};
pub use encode::{
    BOOTSTRAP_USER, ENCODER_REVISION, ROW_TAIL, RowHead, encode, encode_ddl, push_string, push_text,
};
pub use position::{Lsn, ParsePositionError, Position, Score, Sequence};
pub use timestamp::{Timestamp, looks_like as looks_like_timestamp};
pub use wire::{MAX_WIRE_SIZE, wire_size_bound};
