//! Names that a whole cluster knows: the module `global` of any of its nodes, called by way of `rex`.

use std::ffi::{c_char, c_int};
use std::ptr;

use einode_etf::{Slice, Writer, tag};

use crate::atom;
use crate::control;
use crate::errno::Errno;
use crate::ffi::{self, ERROR, Fault, guard};
use crate::ids::{read_pid, write_pid};
use crate::node::ei_self;
use crate::raw::Read;
use crate::receive::{Received, Room, receive};
use crate::rpc::{call, open_answer};
use crate::types::*;

/// All names that are atoms of Latin-1, in one piece of memory, which the caller frees: pointers, a
/// null pointer, and what they point to. `*count` gets their number. Null if it fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_global_names(
    ec: *mut ei_cnode,
    fd: c_int,
    count: *mut c_int,
) -> *mut *mut c_char {
    let failed = |errno: Errno| {
        errno.set();
        ptr::null_mut()
    };
    guard(ptr::null_mut(), || {
        let mut answer = Answer::new();
        // SAFETY: the pointers are what ei.h says.
        unsafe {
            match answer
                .ask(fd, ei_self(ec), b"registered_names", &[tag::NIL_EXT])
                .and_then(|mut source| names(&mut source))
                .and_then(|names| block(&names))
            {
                Ok((block, length)) => {
                    ffi::put(count, length);
                    block
                }
                Err(errno) => failed(errno),
            }
        }
    })
}

/// The process with a name, and the name of its node in UTF-8, if `node` is not null. -1 if there is
/// none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_global_whereis(
    ec: *mut ei_cnode,
    fd: c_int,
    name: *const c_char,
    pid: *mut erlang_pid,
    node: *mut c_char,
) -> c_int {
    guard(ERROR, || {
        let mut answer = Answer::new();
        let mut found = control::NOBODY;
        // SAFETY: the pointers are what ei.h says.
        unsafe {
            let result = arguments(name, |_| Ok(())).and_then(|arguments| {
                let mut source = answer.ask(fd, ei_self(ec), b"whereis_name", &arguments)?;
                read_pid(&mut source, &raw mut found).map_err(|_| Errno::IO)
            });
            if result.is_ok() {
                ffi::put(pid, found);
                if !node.is_null() {
                    let length = ffi::text(found.node.as_ptr()).map_or(0, <[u8]>::len);
                    ptr::copy_nonoverlapping(found.node.as_ptr(), node, length + 1);
                }
            }
            crate::send::answer(result)
        }
    })
}

/// Registers a name for a process of this node. -1 if it is taken.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_global_register(
    fd: c_int,
    name: *const c_char,
    self_: *mut erlang_pid,
) -> c_int {
    // The special resolution `cnode` has a conflict told by a message.
    // SAFETY: the pointers are what ei.h says.
    unsafe {
        change(
            fd,
            self_,
            name,
            b"register_name_external",
            b"yes",
            |arguments| {
                write_pid(arguments, self_)?;
                Writer::new(&mut *arguments).tuple(2)?;
                atom::write(arguments, b"global", ERLANG_LATIN1)?;
                atom::write(arguments, b"cnode", ERLANG_LATIN1)
            },
        )
    }
}

/// Gives up a name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ei_global_unregister(
    ec: *mut ei_cnode,
    fd: c_int,
    name: *const c_char,
) -> c_int {
    // SAFETY: the pointers are what ei.h says.
    unsafe {
        change(
            fd,
            ei_self(ec),
            name,
            b"unregister_name_external",
            b"ok",
            |_| Ok(()),
        )
    }
}

/// Calls a function that answers with the atom `expected` if it has done what it shall.
///
/// # Safety
/// `from` is null or a pid; `name` is null or a string.
unsafe fn change(
    fd: c_int,
    from: *const erlang_pid,
    name: *const c_char,
    function: &[u8],
    expected: &[u8],
    more: impl FnOnce(&mut Vec<u8>) -> Result<(), Fault>,
) -> c_int {
    guard(ERROR, || {
        let mut answer = Answer::new();
        // SAFETY: as the caller promised.
        let result = unsafe {
            arguments(name, more).and_then(|arguments| {
                let mut source = answer.ask(fd, from, function, &arguments)?;
                match atom::name(&mut source) {
                    Ok((name, _)) if name == expected => Ok(()),
                    _ => Err(Errno::IO),
                }
            })
        };
        crate::send::answer(result)
    })
}

/// The list of a name and of what `more` writes.
///
/// # Safety
/// `name` is null or a string.
unsafe fn arguments(
    name: *const c_char,
    more: impl FnOnce(&mut Vec<u8>) -> Result<(), Fault>,
) -> Result<Vec<u8>, Errno> {
    let mut elements = Vec::new();
    // SAFETY: as the caller promised.
    atom::write(&mut elements, unsafe { ffi::text(name) }?, ERLANG_LATIN1)?;
    let only = elements.len();
    more(&mut elements)?;
    let length = if elements.len() == only { 1 } else { 3 };
    let mut list = Vec::new();
    Writer::new(&mut list).list(length).map_err(Fault::from)?;
    list.extend(elements);
    list.push(tag::NIL_EXT);
    Ok(list)
}

/// Memory for an answer.
struct Answer {
    buff: *mut c_char,
    size: c_int,
}

impl Answer {
    const fn new() -> Self {
        Self {
            buff: ptr::null_mut(),
            size: 0,
        }
    }

    /// Calls a function of `global` and waits for its result. `global` links or monitors the processes
    /// whose names it knows; nothing else may come in the meantime.
    ///
    /// # Safety
    /// `from` is null or a pid.
    unsafe fn ask(
        &mut self,
        fd: c_int,
        from: *const erlang_pid,
        function: &[u8],
        arguments: &[u8],
    ) -> Result<Slice<'_>, Errno> {
        // SAFETY: as the caller promised.
        unsafe { call(fd, from, b"global", function, arguments, b"user") }?;
        let mut msg = control::nothing();
        let length = loop {
            let room = Room {
                buff: &mut self.buff,
                size: &mut self.size,
                grows: true,
            };
            // SAFETY: there is room for a message, and the buffer is from `malloc`.
            match unsafe { receive(fd, &raw mut msg, room, 0) }? {
                Received::Tick => {}
                Received::Message { op, length, .. } if op == ERL_SEND => break length,
                Received::Message { op, .. } if EXPECTED.contains(&op) => {}
                Received::Message { .. } => return Err(Errno::IO),
            }
        };
        // SAFETY: the message is there.
        let message = unsafe { ffi::bytes(self.buff.cast(), length) }?;
        let mut source = Slice::new(message);
        open_answer(&mut source).map_err(|_| Errno::IO)?;
        Ok(source)
    }
}

/// The ends of links and monitors, as `receive` tells them.
const EXPECTED: [i64; 4] = [
    ERL_LINK,
    ERL_UNLINK,
    control::shown(ERL_MONITOR_P),
    control::shown(ERL_DEMONITOR_P),
];

impl Drop for Answer {
    fn drop(&mut self) {
        // SAFETY: it is null or from `malloc`.
        unsafe { libc::free(self.buff.cast()) };
    }
}

/// The atoms of a list as C strings, one after the other, and how many there are.
fn names(source: &mut Slice<'_>) -> Result<Vec<Vec<u8>>, Errno> {
    let malformed = |_| Errno::IO;
    let mut names = Vec::new();
    let length = source.read(|reader| reader.list()).map_err(malformed)?;
    for _ in 0..length {
        let mut name = [0; MAXATOMLEN];
        let mut ahead = *source;
        // SAFETY: there is room for an atom.
        let read = unsafe {
            atom::read(
                &mut ahead,
                name.as_mut_ptr(),
                MAXATOMLEN as c_int,
                ERLANG_LATIN1,
            )
        };
        if read.is_ok() {
            // SAFETY: it ends with NUL.
            let text = unsafe { ffi::text(name.as_ptr()) }?;
            names.push(text.to_vec());
        }
        source.read(|reader| reader.skip()).map_err(|_| Errno::IO)?;
    }
    Ok(names)
}

/// Names as one piece of memory for C.
fn block(names: &[Vec<u8>]) -> Result<(*mut *mut c_char, c_int), Errno> {
    let pointers = names.len() + 1;
    let text: usize = names.iter().map(|name| name.len() + 1).sum();
    let size = pointers * size_of::<*mut c_char>() + text;
    // SAFETY: there is room for the pointers, and after them for the text.
    unsafe {
        let block: *mut *mut c_char = libc::malloc(size).cast();
        if block.is_null() {
            return Err(Errno(libc::ENOMEM));
        }
        let mut text: *mut c_char = block.add(pointers).cast();
        for (at, name) in names.iter().enumerate() {
            block.add(at).write(text);
            text.copy_from_nonoverlapping(name.as_ptr().cast(), name.len());
            text.add(name.len()).write(0);
            text = text.add(name.len() + 1);
        }
        block.add(names.len()).write(ptr::null_mut());
        Ok((block, names.len() as c_int))
    }
}
