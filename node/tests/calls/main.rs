//! Calls of our nodes to real Erlang nodes and to each other: the same scenarios on threads and on tasks.

#[path = "../common/mod.rs"]
mod common;
#[cfg(feature = "tokio")]
mod tasks;
mod threads;
