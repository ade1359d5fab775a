//! What nodes do on threads and on tasks alike: the same scenarios in both styles.

#[path = "../common/mod.rs"]
mod common;
#[cfg(feature = "tokio")]
mod tasks;
mod threads;
