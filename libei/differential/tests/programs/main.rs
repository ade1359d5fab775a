//! C programs, linked with this library and with OTP's, and real nodes.

mod callbacks;
mod careless;
mod client;
mod connect;
mod erl_call;
mod global;
mod program;
mod server;
mod silence;
mod tracing;
