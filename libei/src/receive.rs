//! Messages from other nodes.
//!
//! What is read are the four bytes of a packet's length and then exactly the packet: nothing is left
//! over for the next call, and the socket may be waited for with `poll`. Whatever is wrong with a
//! message, the packet is read to its end, so the next one can be received.

use std::ffi::{c_char, c_int, c_long, c_uchar, c_uint};
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::slice;
use std::sync::atomic::{AtomicU32, Ordering};

use einode_etf::{Slice, Source};

use crate::ahead;
use crate::callbacks::Timeout;
use crate::control::{self, Control, HEAD, Parts, UNLINK_ID, UNLINK_ID_ACK};
use crate::errno::Errno;
use crate::ffi::{ERROR, OK, guard, put};
use crate::ids::member;
use crate::note;
use crate::send::{answer, timed};
use crate::table::{self, Receiving};
use crate::trace;
use crate::turn::Turn;
use crate::types::{ERL_MSG, ERL_TICK, ERL_UNLINK, ei_x_buff, erlang_msg};

/// A tick: a packet of no bytes.
const TICK: [u8; 4] = [0; 4];

/// The memory that a message gets before any of it has come; what has come is doubled then.
const AHEAD: usize = 1 << 20;

timed! {
    /// Reads a packet, which is to fit `bufsize` bytes, and returns how many it has. A tick is answered,
    /// and reported as `ERL_TICK`.
    ei_receive, ei_receive_tmo(fd: c_int, bufp: *mut c_uchar, bufsize: c_int) |ms| {
        match packet(fd, bufp, bufsize, ms) {
            Ok(0) => tick(),
            Ok(length) => length,
            Err(errno) => errno.fail(),
        }
    };

    /// Receives a message into a buffer that does not grow. What does not fit is lost, with `EMSGSIZE`.
    ///
    /// Returns `ERL_MSG` with the kind of message in `msg->msgtype`, `ERL_TICK` if there was only a
    /// tick, which was answered, or `ERL_ERROR`.
    ei_receive_msg, ei_receive_msg_tmo(fd: c_int, msg: *mut erlang_msg, x: *mut ei_x_buff) |ms| {
        into_buffer(fd, msg, x, false, ms)
    };

    /// [`ei_receive_msg`] into a buffer that grows.
    ei_xreceive_msg, ei_xreceive_msg_tmo(fd: c_int, msg: *mut erlang_msg, x: *mut ei_x_buff) |ms| {
        into_buffer(fd, msg, x, true, ms)
    };

    /// Receives a message into `*bufp`, which is from `malloc`, has room for `*bufsz` bytes and grows.
    /// Gives the number of bytes in `*msglen` and returns the kind of message, `ERL_TICK` or
    /// `ERL_ERROR`.
    ei_receive_encoded,
    ei_receive_encoded_tmo(
        fd: c_int,
        bufp: *mut *mut c_char,
        bufsz: *mut c_int,
        to: *mut erlang_msg,
        msglen: *mut c_int,
    ) |ms| {
        let (Some(buff), Some(size), false) = (bufp.as_mut(), bufsz.as_mut(), to.is_null()) else {
            return Errno(libc::EINVAL).fail();
        };
        match receive(fd, to, Room { buff, size, grows: true }, ms) {
            Ok(Received::Tick) => {
                put(msglen, 0);
                ERL_TICK
            }
            Ok(Received::Message { op, length, .. }) => {
                put(msglen, length);
                c_int::try_from(op).unwrap_or_else(|_| Errno::IO.fail())
            }
            Err(errno) => errno.fail(),
        }
    };
}

/// # Safety
/// `bufp` is null or has `bufsize` bytes.
unsafe fn packet(
    fd: c_int,
    bufp: *mut c_uchar,
    bufsize: c_int,
    ms: c_uint,
) -> Result<c_int, Errno> {
    let Some(mut packet) = Packet::next(fd, Timeout::of(ms))? else {
        return Ok(0);
    };
    match c_int::try_from(packet.left) {
        Ok(length) if length <= bufsize && !bufp.is_null() => {
            // SAFETY: there is room.
            packet.read(unsafe { slice::from_raw_parts_mut(bufp, length as usize) })?;
            Ok(length)
        }
        _ => {
            let length = packet.left;
            packet.drain()?;
            Err(too_long(length, bufsize))
        }
    }
}

fn too_long(length: usize, room: c_int) -> Errno {
    let text = format_args!("the peer sent {length} bytes, there is room for {room}");
    note::because(Errno(libc::EMSGSIZE), text)
}

/// # Safety
/// `msg` is null or has room for a message; `x` is null or a buffer.
unsafe fn into_buffer(
    fd: c_int,
    msg: *mut erlang_msg,
    x: *mut ei_x_buff,
    grows: bool,
    ms: c_uint,
) -> c_int {
    // SAFETY: as the caller promised.
    unsafe {
        let (Some(x), false) = (x.as_mut(), msg.is_null()) else {
            return Errno(libc::EINVAL).fail();
        };
        let room = Room {
            buff: &mut x.buff,
            size: &mut x.buffsz,
            grows,
        };
        match receive(fd, msg, room, ms) {
            Ok(Received::Tick) => tick(),
            Ok(Received::Message { length, known, .. }) => {
                x.index = length;
                if known { ERL_MSG } else { Errno::IO.fail() }
            }
            Err(errno) => errno.fail(),
        }
    }
}

fn tick() -> c_int {
    Errno(libc::EAGAIN).set();
    ERL_TICK
}

/// What a packet was.
pub(crate) enum Received {
    Tick,
    Message {
        /// As programs are told it.
        op: c_long,
        /// How many bytes are in the caller's room.
        length: c_int,
        /// Whether all that the control message says is in the caller's `erlang_msg`; if not, the rest
        /// of its tuple is in the room too.
        known: bool,
    },
}

/// Where a message goes: memory from `malloc` if it grows.
pub(crate) struct Room<'r> {
    pub(crate) buff: &'r mut *mut c_char,
    pub(crate) size: &'r mut c_int,
    pub(crate) grows: bool,
}

/// Receives a message that is well-formed, or a tick, which is answered.
///
/// # Safety
/// `msg` has room for a message, and `room` is what it says.
pub(crate) unsafe fn receive(
    fd: c_int,
    msg: *mut erlang_msg,
    mut room: Room<'_>,
    ms: c_uint,
) -> Result<Received, Errno> {
    let timeout = Timeout::of(ms);
    let Some(mut packet) = Packet::next(fd, timeout)? else {
        return Ok(Received::Tick);
    };
    trace::stop();
    // SAFETY: as the caller promised.
    let received = unsafe { packet.message(msg, &mut room) };
    packet.drain()?;
    received
}

/// How many bytes a packet of any connection may have that has no limit of its own; 0 is no limit.
static MOST: AtomicU32 = AtomicU32::new(0);

/// Limits the packets of a connection to `bytes` bytes, or, if `fd` is -1, those of all connections that
/// have no limit of their own; 0 is no limit. A packet that is longer is read and forgotten; the function
/// that receives it fails with `EMSGSIZE`.
#[unsafe(no_mangle)]
pub extern "C" fn einode_max_packet(fd: c_int, bytes: c_uint) -> c_int {
    guard(ERROR, || {
        if fd == ahead::ALL {
            MOST.store(bytes, Ordering::Relaxed);
            return OK;
        }
        match table::set_most(fd, bytes) {
            Ok(()) => OK,
            Err(errno) => errno.fail(),
        }
    })
}

/// A packet whose length has been read.
struct Packet {
    receiving: Receiving,
    timeout: Timeout,
    /// How many of its bytes have not been read.
    left: usize,
}

impl Packet {
    /// Waits for a packet. `None` is a tick, which has been answered.
    fn next(fd: c_int, timeout: Timeout) -> Result<Option<Self>, Errno> {
        let mut receiving = table::receiving(fd)?;
        let mut length = [0; 4];
        receiving.read_exact(&mut length, timeout)?;
        if length == TICK {
            // The peer wants a sign of life. If some other thread is writing, that is one.
            if let Some(_turn) = Turn::now(fd) {
                // If it cannot be written, the next read will tell.
                let _ = receiving
                    .port
                    .write_all(&mut [IoSlice::new(&TICK)], timeout);
            }
            return Ok(None);
        }
        let most = receiving
            .most
            .unwrap_or_else(|| MOST.load(Ordering::Relaxed));
        let length = u32::from_be_bytes(length);
        let mut packet = Self {
            receiving,
            timeout,
            left: length as usize,
        };
        if most > 0 && length > most {
            packet.drain()?;
            let text =
                format_args!("the peer sent a packet of {length} bytes, the limit is {most}");
            return Err(note::because(Errno(libc::EMSGSIZE), text));
        }
        Ok(Some(packet))
    }

    /// Reads the next bytes; there are so many. After an error there is nothing left to read.
    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Errno> {
        let left = self.left.saturating_sub(bytes.len());
        self.left = 0;
        self.receiving.read_exact(bytes, self.timeout)?;
        self.left = left;
        Ok(())
    }

    /// Reads what is left, and forgets it.
    fn drain(&mut self) -> Result<(), Errno> {
        while self.left > 0 {
            let mut bytes = Head::new();
            self.read(bytes.of(self.left))?;
        }
        Ok(())
    }

    /// # Safety
    /// As for [`receive`].
    unsafe fn message(
        &mut self,
        msg: *mut erlang_msg,
        room: &mut Room<'_>,
    ) -> Result<Received, Errno> {
        let malformed = |what| {
            move |_| {
                let text = format_args!("the peer sent {what} that is malformed");
                note::because(Errno(libc::EBADMSG), text)
            }
        };
        let mut head = Head::new();
        let head = head.of(self.left);
        self.read(head)?;
        let mut source = Slice::new(head);
        // SAFETY: as the caller promised.
        let control = unsafe { control::read(&mut source, msg) };
        let control = control.map_err(malformed("a control message"))?;
        let start = source.take(source.remaining()).unwrap_or_default();
        // SAFETY: as above.
        let body = unsafe { self.body(start, room) }?;
        control.check(body).map_err(malformed("a message"))?;
        let known = control::layout(control.op).is_some();
        // SAFETY: as above.
        unsafe {
            self.act(&control, msg, body)?;
            put(member!(msg, msgtype), control::shown(control.op));
        }
        Ok(Received::Message {
            op: control::shown(control.op),
            length: body.len() as c_int,
            known,
        })
    }

    /// Puts what follows a control message into the room. `start` of it has been read.
    ///
    /// # Safety
    /// As for [`receive`].
    unsafe fn body<'r>(&mut self, start: &[u8], room: &'r mut Room<'_>) -> Result<&'r [u8], Errno> {
        let total = start.len() + self.left;
        // An index could not tell more.
        let fits = c_int::try_from(total).is_ok_and(|total| room.grows || total <= *room.size);
        if !fits {
            let room = if room.grows { c_int::MAX } else { *room.size };
            return Err(too_long(total, room));
        }
        let mut have = start.len();
        // SAFETY: the room is what it says, and grows before it is filled.
        unsafe {
            room.reserve(total.min(AHEAD.max(have)))?;
            if !start.is_empty() {
                room.buff
                    .copy_from_nonoverlapping(start.as_ptr().cast(), have);
            }
            while have < total {
                // What there is room for already costs nothing.
                let ahead = AHEAD.max(2 * have).max(room.has());
                let end = total.min(ahead);
                room.reserve(end)?;
                let to = room.buff.add(have).cast();
                self.read(slice::from_raw_parts_mut(to, end - have))?;
                have = end;
            }
            match total {
                0 => Ok(&[]),
                _ => Ok(slice::from_raw_parts(room.buff.cast(), total)),
            }
        }
    }

    /// Does what a control message asks of us before the program learns of it.
    ///
    /// # Safety
    /// `msg` is what was read.
    unsafe fn act(
        &mut self,
        control: &Control<'_>,
        msg: *mut erlang_msg,
        body: &[u8],
    ) -> Result<(), Errno> {
        // SAFETY: as the caller promised.
        let msg = unsafe { &mut *msg };
        match control.op {
            // We never ask for one.
            UNLINK_ID_ACK => {
                msg.msgtype = UNLINK_ID_ACK;
                return Err(Errno(libc::EBADMSG));
            }
            UNLINK_ID => {
                let parts = Parts {
                    from: &raw const msg.to,
                    to: &raw const msg.from,
                    id: control.id,
                    ..Parts::default()
                };
                // SAFETY: the pids are those that were read.
                let packet = unsafe { control::write(UNLINK_ID_ACK, &parts, 0) }?;
                trace::sending(&packet, &[]);
                let port = &mut self.receiving.port;
                let _turn = Turn::wait(port.fd, self.timeout)?;
                port.write_all(&mut [IoSlice::new(&packet)], self.timeout)?;
                answer(Ok(()));
            }
            // To a program these would be what they are not.
            11..=18 if control::layout(control.op).is_none() => return Err(Errno::IO),
            _ => {}
        }
        if let Some((fields, _)) = control::layout(control.op) {
            msg.msgtype = if control.op == UNLINK_ID {
                ERL_UNLINK
            } else {
                control.op
            };
            trace::received(msg, body);
            if fields.contains(&control::Field::Token) {
                trace::start(&msg.token);
            }
        }
        Ok(())
    }
}

/// Memory for the head of a packet, which is not cleared before it is needed.
struct Head([MaybeUninit<u8>; HEAD]);

impl Head {
    const fn new() -> Self {
        Self([MaybeUninit::uninit(); HEAD])
    }

    /// As many bytes as there are of `wanted`.
    fn of(&mut self, wanted: usize) -> &mut [u8] {
        let bytes = self.0.get_mut(..wanted.min(HEAD)).unwrap_or_default();
        bytes.fill(MaybeUninit::new(0));
        // SAFETY: they are filled.
        unsafe { slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), bytes.len()) }
    }
}

impl Room<'_> {
    /// How many bytes there is room for.
    fn has(&self) -> usize {
        match usize::try_from(*self.size) {
            Ok(size) if !self.buff.is_null() => size,
            _ => 0,
        }
    }

    /// Makes room for `end` bytes, if it may.
    ///
    /// # Safety
    /// It is what it says.
    unsafe fn reserve(&mut self, end: usize) -> Result<(), Errno> {
        if end <= self.has() {
            return Ok(());
        }
        match c_int::try_from(end) {
            Ok(new) if self.grows => {
                // SAFETY: as the caller promised.
                let grown = unsafe { libc::realloc((*self.buff).cast(), end) };
                if grown.is_null() {
                    return Err(Errno(libc::ENOMEM));
                }
                *self.buff = grown.cast();
                *self.size = new;
                Ok(())
            }
            _ => Err(Errno(libc::EMSGSIZE)),
        }
    }
}
