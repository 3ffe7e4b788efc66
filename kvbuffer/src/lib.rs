//! kvbuffer
