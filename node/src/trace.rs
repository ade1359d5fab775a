//! What a node tells those who subscribe to the events of the crate `tracing`, with the feature of that
//! name; nothing, and at no cost, without it.
//!
//! `docs/observability.md` is the same for users. What is said never has a cookie, a digest, or what is in a
//! message.

use std::fmt::{Debug, Display};

use einode_dist::NodeName;

use crate::address::Address;
use crate::carrier::Side;

/// Functions that tell of an event: its level, its target, what it is in words, and its fields: `%` for those
/// that are displayed, `?` for those that are debugged, `#` for numbers. What nobody subscribes to is not even
/// put together.
macro_rules! events {
    ($($level:ident $target:literal $words:literal
        $name:ident($($how:tt $field:ident: $type:ty),*);)*) => { $(
        #[inline]
        pub(crate) fn $name($($field: $type),*) {
            #[cfg(feature = "tracing")]
            tracing::event!(
                target: $target,
                tracing::Level::$level,
                $($field = events!($how $field),)*
                $words
            );
            #[cfg(not(feature = "tracing"))]
            let _ = ($($field,)*);
        }
    )* };
    (% $field:ident) => { tracing::field::display(&$field) };
    (? $field:ident) => { tracing::field::debug(&$field) };
    (# $field:ident) => { $field };
}

events! {
    DEBUG "einode::connection" "connecting" connecting(%node: &NodeName);
    DEBUG "einode::connection" "dialing" dialing(%address: &Address);
    INFO "einode::connection" "node up" up(%node: &NodeName, ?side: Side, #creation: u32);
    INFO "einode::connection" "not connected" not_connected(%node: &NodeName, %reason: impl Display);
    INFO "einode::connection" "node down" closed(%node: &NodeName, %reason: impl Display);
    WARN "einode::connection" "node down" lost(%node: &NodeName, %reason: impl Display);
    DEBUG "einode::connection" "busy" busy(%node: &NodeName, #queued: usize);
    DEBUG "einode::connection" "ready" ready(%node: &NodeName, #queued: usize);

    DEBUG "einode::handshake" "accepted" accepted(%address: &Address, %node: &NodeName);
    DEBUG "einode::handshake" "yielded" yielded(%address: &Address, %reason: impl Display);
    WARN "einode::handshake" "refused" refused(%address: &Address, %reason: impl Display);

    INFO "einode::epmd" "registered" registered(#creation: u32);
    WARN "einode::epmd" "registration lost" registration_lost();
    DEBUG "einode::epmd" "not registered" not_registered(%reason: impl Display);

    DEBUG "einode::message" "no such process" no_process(?to: impl Debug);
    DEBUG "einode::message" "process of another life" other_life(?to: impl Debug);
    DEBUG "einode::message" "unknown operation" unknown(%node: &NodeName, #operation: u64);
    WARN "einode::message" "malformed" malformed(%node: &NodeName, %reason: impl Display);

    WARN "einode::process" "too many messages" overflown(%process: impl Display, #limit: usize);
    ERROR "einode::process" "panicked" panicked(%process: impl Display, %reason: impl Display);
}

/// What events are within.
#[derive(Clone)]
pub(crate) struct Span(#[cfg(feature = "tracing")] tracing::Span);

impl Span {
    /// The life of a connection.
    pub(crate) fn connection(node: &NodeName) -> Self {
        #[cfg(not(feature = "tracing"))]
        let _ = node;
        Self(
            #[cfg(feature = "tracing")]
            tracing::info_span!(target: "einode::connection", "connection", %node),
        )
    }

    /// What somebody does who has reached our port.
    pub(crate) fn handshake(address: &Address) -> Self {
        #[cfg(not(feature = "tracing"))]
        let _ = address;
        Self(
            #[cfg(feature = "tracing")]
            tracing::debug_span!(target: "einode::handshake", "handshake", %address),
        )
    }

    /// Does something within it.
    #[inline]
    pub(crate) fn enter<R>(&self, work: impl FnOnce() -> R) -> R {
        #[cfg(feature = "tracing")]
        return self.0.in_scope(work);
        #[cfg(not(feature = "tracing"))]
        work()
    }

    /// The same for a task.
    #[cfg(feature = "tokio")]
    pub(crate) async fn around<F: Future>(self, work: F) -> F::Output {
        let mut work = std::pin::pin!(work);
        std::future::poll_fn(|cx| self.enter(|| work.as_mut().poll(cx))).await
    }
}
