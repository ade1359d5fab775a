//! libei as a peer, behind `c/libei_peer.c`.

use std::ffi::{c_char, c_int, c_long};
use std::ptr;

/// The head of `struct node` in `c/libei_peer.c`; only C looks inside.
#[repr(C)]
#[derive(Clone, Copy)]
struct Node([u64; 2]);

/// `ei_x_buff` of ei.h.
#[repr(C)]
struct XBuff {
    buff: *mut c_char,
    size: c_int,
    index: c_int,
}

unsafe extern "C" {
    fn peer_skip(buf: *const u8) -> c_long;
    fn peer_walk(buf: *const u8, scratch: *mut u8) -> c_long;
    fn peer_tree(buf: *const u8, root: *mut Node) -> c_int;
    fn peer_free(root: *mut Node);
    fn peer_node_size() -> usize;
    fn peer_encode(root: *const Node, buf: *mut u8) -> c_long;
    fn peer_x_encode(root: *const Node, x: *mut XBuff) -> c_long;
    fn ei_init() -> c_int;
    fn ei_x_new(x: *mut XBuff) -> c_int;
    fn ei_x_free(x: *mut XBuff) -> c_int;
}

/// Prepares libei; once per process, before anything else here.
pub fn init() {
    // SAFETY: neither call has a precondition.
    unsafe {
        assert_eq!(
            peer_node_size(),
            size_of::<Node>(),
            "struct node has changed"
        );
        assert_eq!(ei_init(), 0);
    }
}

/// `ei_skip_term`: the offset behind the term.
///
/// libei takes no lengths, so all functions here trust `bytes` to be a whole, well-formed term.
pub fn skip(bytes: &[u8]) -> Option<u64> {
    // SAFETY: the payloads are well-formed terms.
    u64::try_from(unsafe { peer_skip(bytes.as_ptr()) }).ok()
}

/// Reads every scalar; the number of terms. `scratch` must be as long as `bytes`, plus 1 for C's final zero.
pub fn walk(bytes: &[u8], scratch: &mut [u8]) -> Option<u64> {
    assert!(scratch.len() > bytes.len());
    // SAFETY: as above, and no string is longer than the term around it.
    u64::try_from(unsafe { peer_walk(bytes.as_ptr(), scratch.as_mut_ptr()) }).ok()
}

/// A tree of nodes from malloc, freed when dropped.
pub struct Tree(Node);

impl Tree {
    /// Decodes a whole term.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut root = Node([0; 2]);
        // SAFETY: the payloads are well-formed terms, and C leaves nothing to free when it fails.
        (unsafe { peer_tree(bytes.as_ptr(), &mut root) } == 0).then_some(Self(root))
    }

    /// Encodes with `ei_encode_*`; the number of bytes written. `out` must be large enough.
    pub fn encode(&self, out: &mut [u8]) -> Option<u64> {
        // SAFETY: the caller gives a buffer larger than the term this tree was made from.
        u64::try_from(unsafe { peer_encode(&self.0, out.as_mut_ptr()) }).ok()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // SAFETY: the tree was made by `peer_tree` and is freed once.
        unsafe { peer_free(&mut self.0) }
    }
}

/// A growing buffer for `ei_x_encode_*`, kept between terms.
pub struct Growing(XBuff);

impl Growing {
    /// An empty buffer.
    pub fn new() -> Self {
        let mut x = XBuff {
            buff: ptr::null_mut(),
            size: 0,
            index: 0,
        };
        // SAFETY: `ei_x_new` initialises what it is given.
        assert_eq!(unsafe { ei_x_new(&mut x) }, 0);
        Self(x)
    }

    /// Replaces the contents with an encoded tree.
    pub fn encode(&mut self, tree: &Tree) -> Option<u64> {
        // SAFETY: both come from libei.
        u64::try_from(unsafe { peer_x_encode(&tree.0, &mut self.0) }).ok()
    }

    /// The bytes of the last `encode`.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: libei keeps `index` initialised bytes at `buff`.
        unsafe { std::slice::from_raw_parts(self.0.buff.cast(), self.0.index as usize) }
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        // SAFETY: the buffer was made by `ei_x_new` and is freed once.
        unsafe { ei_x_free(&mut self.0) };
    }
}
