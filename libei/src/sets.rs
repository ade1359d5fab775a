//! The ready-made sets of callbacks: Unix sockets, IPv6, and whatever a [`Layer`](crate::layer::Layer)
//! puts around sockets. They do the same, each with the setups of its kind.
//!
//! They keep to their `tmo`, and the descriptor blocks as the program left it.

use std::ffi::{c_char, c_int, c_short, c_uint, c_void};
use std::io::IoSlice;
use std::process;
use std::slice;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::address::Address;
use crate::callbacks::Timeout;
use crate::descriptor::{self, Descriptor};
use crate::errno::Errno;
use crate::layer::{Problem, Stream};
use crate::note;
use crate::setup::{Place, Setup};
use crate::table;
use crate::tcp::{code, count};
use crate::types::{EI_SCLBK_FLG_FULL_IMPL, ei_socket_callbacks};
use crate::unix;
use crate::wait::wait;

/// Unix sockets, with a setup of [`einode_unix`](crate::einode_unix).
#[unsafe(no_mangle)]
pub static einode_unix_callbacks: ei_socket_callbacks = callbacks(unix_socket);

/// IPv6, with a setup of [`einode_ipv6`](crate::einode_ipv6).
#[unsafe(no_mangle)]
pub static einode_ipv6_callbacks: ei_socket_callbacks = callbacks(ipv6_socket);

/// What makes a socket: the first thing that is called, and the only one that knows the setup.
type Begin = unsafe extern "C" fn(*mut *mut c_void, *mut c_void) -> c_int;

/// A set that begins with this.
pub const fn callbacks(begin: Begin) -> ei_socket_callbacks {
    ei_socket_callbacks {
        flags: EI_SCLBK_FLG_FULL_IMPL,
        socket: Some(begin),
        close: Some(close),
        listen: Some(listen),
        accept: Some(accept),
        connect: Some(connect),
        writev: Some(writev),
        write: Some(write),
        read: Some(read),
        handshake_packet_header_size: Some(header_size),
        connect_handshake_complete: Some(handshake_complete),
        accept_handshake_complete: Some(handshake_complete),
        get_fd: Some(get_fd),
    }
}

/// Whether the setup context that goes with these callbacks is a [`Setup`]: who makes the socket knows,
/// whatever the program has done with the others.
pub(crate) fn is_ready_made(cbs: &ei_socket_callbacks) -> bool {
    let sets: [Begin; 3] = [unix_socket, ipv6_socket, layered_socket];
    cbs.socket
        .is_some_and(|begin| sets.iter().any(|set| std::ptr::fn_addr_eq(begin, *set)))
}

/// A socket of a ready-made set.
struct Context {
    fd: c_int,
    setup: Arc<Setup>,
    /// The process that made it: another that has it by a fork only closes it.
    process: u32,
    /// What the host to connect to is called.
    host: OnceLock<String>,
    /// What stands around the socket, once it is connected.
    stream: OnceLock<Mutex<Box<dyn Stream>>>,
    /// The file of a Unix socket that listens.
    place: OnceLock<unix::Place>,
}

impl Context {
    fn make(fd: c_int, setup: Arc<Setup>) -> *mut c_void {
        let context = Self {
            fd,
            setup,
            process: process::id(),
            host: OnceLock::new(),
            stream: OnceLock::new(),
            place: OnceLock::new(),
        };
        Box::into_raw(Box::new(context)).cast()
    }

    /// Puts the layer of the setup around the socket, if there is one.
    fn surround(
        &self,
        make: impl FnOnce(&dyn crate::layer::Layer, Descriptor) -> Result<Box<dyn Stream>, Problem>,
    ) -> Result<(), Errno> {
        if let Some(layer) = &self.setup.layer {
            let stream = table::undisturbed(|| make(&**layer, Descriptor(self.fd)));
            let stream = stream.map_err(told)?;
            let _ = self.stream.set(Mutex::new(stream));
        }
        Ok(())
    }

    fn stream(&self) -> Option<MutexGuard<'_, Box<dyn Stream>>> {
        let stream = self.stream.get()?;
        Some(stream.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The error of a problem, whose text is noted.
fn told(problem: Problem) -> Errno {
    note::because(Errno(problem.errno), problem.text)
}

/// # Safety
/// The context is one of these sockets.
unsafe fn context<'a>(ctx: *mut c_void) -> &'a Context {
    // SAFETY: as the caller promised.
    unsafe { &*ctx.cast::<Context>() }
}

/// Says what the host that is connected to is called. Layers want to know it; without it they get the
/// address.
///
/// # Safety
/// The context is that of a socket that [`is_ready_made`].
pub(crate) unsafe fn connects_to(ctx: *mut c_void, host: &str) {
    // SAFETY: as the caller promised.
    let _ = unsafe { context(ctx) }.host.set(host.to_owned());
}

/// Says how the peer calls itself.
///
/// # Safety
/// The context is that of a socket that [`is_ready_made`].
pub(crate) unsafe fn is_named(ctx: *mut c_void, node: &str) -> Result<(), Errno> {
    // SAFETY: as the caller promised.
    match unsafe { context(ctx) }.stream() {
        Some(mut stream) => stream.named(node).map_err(told),
        None => Ok(()),
    }
}

/// Whether there is a stream around the socket.
///
/// # Safety
/// The context is that of a socket that [`is_ready_made`].
pub(crate) unsafe fn is_layered(ctx: *mut c_void) -> bool {
    // SAFETY: as the caller promised.
    unsafe { context(ctx) }.stream.get().is_some()
}

/// Frees a socket whose descriptor the program has closed itself.
///
/// # Safety
/// The context is that of a socket that [`is_ready_made`], and nobody uses it any more.
pub(crate) unsafe fn forget(ctx: *mut c_void) {
    // SAFETY: as the caller promised.
    drop(unsafe { Box::from_raw(ctx.cast::<Context>()) });
}

unsafe extern "C" fn unix_socket(ctx: *mut *mut c_void, setup: *mut c_void) -> c_int {
    // SAFETY: the same arguments.
    unsafe {
        begin(ctx, setup, "einode_unix", |setup| {
            matches!(setup.place, Place::Unix { .. }) && setup.layer.is_none()
        })
    }
}

unsafe extern "C" fn ipv6_socket(ctx: *mut *mut c_void, setup: *mut c_void) -> c_int {
    // SAFETY: the same arguments.
    unsafe {
        begin(ctx, setup, "einode_ipv6", |setup| {
            matches!(setup.place, Place::Inet6 { .. }) && setup.layer.is_none()
        })
    }
}

/// What a set with a layer begins with.
#[allow(clippy::missing_safety_doc, reason = "callbacks get what ei.h says")]
pub unsafe extern "C" fn layered_socket(ctx: *mut *mut c_void, setup: *mut c_void) -> c_int {
    // SAFETY: the same arguments.
    unsafe { begin(ctx, setup, "einode_tls", |setup| setup.layer.is_some()) }
}

/// Makes a socket of the family that the setup needs, if the setup belongs to the set.
unsafe fn begin(
    ctx: *mut *mut c_void,
    setup: *mut c_void,
    maker: &str,
    belongs: impl FnOnce(&Setup) -> bool,
) -> c_int {
    let setup = setup.cast_const().cast::<Setup>();
    code(|| {
        // SAFETY: null or a setup, as einode.h says.
        if !unsafe { setup.as_ref() }.is_some_and(belongs) {
            let text = format_args!("these callbacks need a setup of {maker} and got another");
            return Err(note::because(Errno(libc::EINVAL), text));
        }
        // SAFETY: as above.
        let setup = unsafe { Setup::share(setup) };
        let fd = descriptor::open(match setup.place {
            Place::Inet => libc::AF_INET,
            Place::Inet6 { .. } => libc::AF_INET6,
            Place::Unix { .. } => libc::AF_UNIX,
        })?;
        // SAFETY: the context has a place.
        unsafe { ctx.write(Context::make(fd, setup)) };
        Ok(())
    })
}

unsafe extern "C" fn close(ctx: *mut c_void) -> c_int {
    code(|| {
        // SAFETY: it is used no more.
        let context = unsafe { Box::from_raw(ctx.cast::<Context>()) };
        if context.process == process::id() {
            if let Some(place) = context.place.get() {
                place.leave();
            }
            if let Some(mut stream) = context.stream() {
                stream.close();
            }
        }
        descriptor::close(context.fd)
    })
}

unsafe extern "C" fn listen(
    ctx: *mut c_void,
    addr: *mut c_void,
    len: *mut c_int,
    backlog: c_int,
) -> c_int {
    code(|| {
        // SAFETY: the context and the address are what ei.h says.
        let (context, address) = unsafe { (context(ctx), Address::told(addr, *len)) };
        if let Some(layer) = &context.setup.layer {
            // Better to fail now than with every peer.
            table::undisturbed(|| layer.can_serve()).map_err(told)?;
        }
        match context.setup.place {
            Place::Unix { mode, .. } => {
                let place = unix::listen(context.fd, &address, mode, backlog)?;
                let _ = context.place.set(place);
                Ok(())
            }
            // SAFETY: as above.
            _ => unsafe { descriptor::listen(context.fd, addr, len, backlog) },
        }
    })
}

unsafe extern "C" fn accept(
    ctx: *mut *mut c_void,
    addr: *mut c_void,
    len: *mut c_int,
    tmo: c_uint,
) -> c_int {
    code(|| {
        // SAFETY: the context and the address are what ei.h says.
        let (listener, fd) = unsafe {
            let listener = context(*ctx);
            (listener, descriptor::accept(listener.fd, addr, len, tmo)?)
        };
        let accepted = Context::make(fd, Arc::clone(&listener.setup));
        // SAFETY: it has just been made.
        let begun = unsafe { context(accepted) }.surround(|layer, below| layer.server(below));
        match begun {
            // SAFETY: the context has a place.
            Ok(()) => unsafe { ctx.write(accepted) },
            Err(_) => {
                // SAFETY: nobody else has it.
                let _ = unsafe { close(accepted) };
            }
        }
        begun
    })
}

unsafe extern "C" fn connect(
    ctx: *mut c_void,
    addr: *mut c_void,
    len: c_int,
    tmo: c_uint,
) -> c_int {
    code(|| {
        // SAFETY: the context and the address are what ei.h says.
        let (context, mut address) = unsafe { (context(ctx), Address::told(addr, len)) };
        match context.setup.place {
            Place::Unix { .. } => unix::connect(context.fd, &mut address, tmo)?,
            // SAFETY: as above.
            _ => unsafe { descriptor::connect(context.fd, addr, len, tmo)? },
        }
        context.surround(|layer, below| {
            let host = context.host.get().cloned().or_else(|| {
                let address = address.socket()?;
                Some(address.ip().to_string())
            });
            layer.client(&host.unwrap_or_default(), below)
        })
    })
}

unsafe extern "C" fn writev(
    ctx: *mut c_void,
    iov: *const c_void,
    iovcnt: c_int,
    len: *mut isize,
    tmo: c_uint,
) -> c_int {
    // SAFETY: the context and the buffers are what ei.h says, slices have the form of the system's, and
    // the length has a place.
    unsafe {
        let context = context(ctx);
        let slices = || match usize::try_from(iovcnt) {
            Ok(0) | Err(_) => &[][..],
            Ok(number) => slice::from_raw_parts(iov.cast::<IoSlice<'_>>(), number),
        };
        count(len, || match context.stream.get() {
            Some(_) => send(context, slices(), tmo),
            None => descriptor::transfer(context.fd, libc::POLLOUT, tmo, |fd, flags| {
                descriptor::send(fd, iov, iovcnt, flags)
            }),
        })
    }
}

unsafe extern "C" fn write(
    ctx: *mut c_void,
    buf: *const c_char,
    len: *mut isize,
    tmo: c_uint,
) -> c_int {
    // SAFETY: the buffer holds the bytes that the length says.
    unsafe {
        let length = usize::try_from(*len).unwrap_or(0);
        let slices = [IoSlice::new(slice::from_raw_parts(buf.cast(), length))];
        writev(ctx, slices.as_ptr().cast(), 1, len, tmo)
    }
}

unsafe extern "C" fn read(
    ctx: *mut c_void,
    buf: *mut c_char,
    len: *mut isize,
    tmo: c_uint,
) -> c_int {
    // SAFETY: the context is what ei.h says, and the buffer has room for the length that is said.
    unsafe {
        let context = context(ctx);
        let room = usize::try_from(*len).unwrap_or(0);
        count(len, || match context.stream.get() {
            Some(_) => {
                let buf = slice::from_raw_parts_mut(buf.cast::<u8>(), room);
                let read = go_on(context, false, tmo, |stream| stream.read(buf))?;
                Ok(read as isize)
            }
            None => descriptor::transfer(context.fd, libc::POLLIN, tmo, |fd, flags| {
                libc::recv(fd, buf.cast(), room, flags)
            }),
        })
    }
}

/// Writes to the stream around a socket; what it has taken has left then.
fn send(context: &Context, slices: &[IoSlice<'_>], tmo: c_uint) -> Result<isize, Errno> {
    let mut taken = None;
    go_on(context, true, tmo, |stream| {
        let taken = match taken {
            Some(taken) => taken,
            None => *taken.insert(stream.write(slices)?),
        };
        stream.flush()?;
        Ok(taken as isize)
    })
}

/// Does something with the stream around a socket, as often as it takes. Nobody is kept from it while it
/// waits: others read while one writes.
fn go_on<T>(
    context: &Context,
    writing: bool,
    tmo: c_uint,
    mut step: impl FnMut(&mut dyn Stream) -> Result<T, Problem>,
) -> Result<T, Errno> {
    let until = Timeout::of_callback(tmo).until();
    loop {
        let Some(mut stream) = context.stream() else {
            return Err(Errno::IO);
        };
        let awaited: c_short = match step(&mut **stream) {
            Ok(done) => return Ok(done),
            Err(problem) if problem.errno == libc::EAGAIN => stream.awaits(writing),
            Err(problem) => return Err(told(problem)),
        };
        drop(stream);
        match wait(context.fd, awaited, until) {
            Err(Errno::TIMED_OUT) => {
                let stream = context.stream();
                let text = stream.map(|stream| stream.timed_out().text);
                return Err(note::because(Errno::TIMED_OUT, text.unwrap_or_default()));
            }
            waited => waited?,
        }
    }
}

unsafe extern "C" fn header_size(ctx: *mut c_void, sz: *mut c_int) -> c_int {
    // SAFETY: the context is what ei.h says, and the size has a place.
    unsafe {
        sz.write(if context(ctx).setup.layer.is_some() {
            4
        } else {
            2
        })
    };
    0
}

unsafe extern "C" fn handshake_complete(ctx: *mut c_void) -> c_int {
    // SAFETY: the context is what ei.h says.
    let context = unsafe { context(ctx) };
    code(|| match context.setup.place {
        Place::Unix { .. } => Ok(()),
        _ => descriptor::attend(context.fd),
    })
}

unsafe extern "C" fn get_fd(ctx: *mut c_void, fd: *mut c_int) -> c_int {
    // SAFETY: the context is what ei.h says, and the descriptor has a place.
    unsafe { fd.write(context(ctx).fd) };
    0
}
