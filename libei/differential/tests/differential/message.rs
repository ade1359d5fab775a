//! Messages over pairs of sockets: what is written, and what becomes of what is read.

use std::ffi::{CStr, c_char, c_int, c_uchar, c_uint};
use std::io::{Read, Write};
use std::mem::zeroed;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::ptr;

use ei::types::*;
use einode_libei_differential::assert_same;

use crate::corpus::terms;

/// A pid of `a@h`, as it is written.
const PID: &[u8] = b"Xw\x03a@h\0\0\0\x01\0\0\0\x02\0\0\0\x03";
const TOKEN: &[u8] = b"h\x05a\x01a\x02a\x03Xw\x03t@h\0\0\0\x01\0\0\0\x02\0\0\0\x03b\0\0\x01\0";

/// Two ends of a connection: the library has the first.
fn pair() -> (UnixStream, UnixStream) {
    crate::prepare_otp();
    let (near, far) = UnixStream::pair().unwrap();
    far.set_nonblocking(true).unwrap();
    (near, far)
}

/// What has come out at the far end.
fn written(mut far: &UnixStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Err(error) = far.read_to_end(&mut bytes) {
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    }
    bytes
}

fn packet(parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut packet = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    packet.extend(body);
    packet
}

fn pid() -> erlang_pid {
    // SAFETY: a pid is numbers.
    let mut pid: erlang_pid = unsafe { zeroed() };
    for (to, byte) in pid.node.iter_mut().zip(c"tä@höst".to_bytes()) {
        *to = byte.cast_signed();
    }
    (pid.num, pid.serial, pid.creation) = (1 << 20, 2, 3);
    pid
}

/// A node with a name, as far as messages need it.
fn node() -> Box<ei_cnode> {
    // SAFETY: a node is numbers, and pointers that may be null.
    let mut node: Box<ei_cnode> = unsafe { Box::new(zeroed()) };
    node.self_ = pid();
    node.thisnodename[..16].copy_from_slice(&node.self_.node[..16]);
    node
}

/// The strings of a program are not constant for old functions.
fn text(text: &CStr) -> *mut c_char {
    text.as_ptr().cast_mut()
}

fn messages() -> Vec<Vec<u8>> {
    let mut messages: Vec<_> = terms()
        .iter()
        .take(200)
        .map(|term| [&[131], &term[usize::from(term.first() == Some(&131))..]].concat())
        // Others are received by OTP's library only.
        .filter(|message| einode_etf::Reader::new(&message[1..]).skip().is_ok())
        .collect();
    assert!(messages.len() > 150, "{}", messages.len());
    messages.push([&b"\x83m\0\x01\0\0"[..], &[7; 1 << 16]].concat());
    messages
}

#[test]
fn messages_are_sent_with_the_same_bytes() {
    let names = [c"rex", c"", c"n\xc3\xa5m", c"n\xe5m"];
    let long = std::ffi::CString::new(vec![b'x'; 300]).unwrap();
    // Nobody reads until all are sent, so they have to fit the socket.
    for message in messages().into_iter().filter(|bytes| bytes.len() < 4000) {
        for name in names.into_iter().chain([long.as_c_str()]) {
            let (buf, len) = (message.as_ptr().cast_mut().cast(), message.len() as c_int);
            assert_same!(
                {
                    let (near, far) = pair();
                    let (fd, mut to, mut ec) = (near.as_raw_fd(), pid(), node());
                    let results = [
                        ei_send(fd, &mut to, buf, len),
                        ei_send_tmo(fd, &mut to, buf, len, 5000),
                        ei_send_encoded(fd, &to, buf, len),
                        ei_send_encoded_tmo(fd, &to, buf, len, 5000),
                        ei_send_reg_encoded(fd, &to, name.as_ptr(), buf, len),
                        ei_send_reg_encoded_tmo(fd, &to, name.as_ptr(), buf, len, 5000),
                        ei_reg_send(&mut *ec, fd, text(name), buf, 3),
                        ei_reg_send_tmo(&mut *ec, fd, text(name), buf, 0, 5000),
                        ei_send_exit(fd, &to, &ec.self_, name.as_ptr()),
                        ei_send_exit_tmo(fd, &to, &ec.self_, name.as_ptr(), 5000),
                        *__erl_errno_place(),
                    ];
                    (results, written(&far))
                },
                "to {name:?}: {message:02x?}"
            );
        }
    }
}

#[test]
fn calls_are_sent_with_the_same_bytes() {
    for flags in [0, EI_RPC_FETCH_STDOUT] {
        assert_same!(
            {
                let (near, far) = pair();
                let (fd, mut ec) = (near.as_raw_fd(), node());
                let (module, function) = (text(c"erlang"), text(c"n\xe5mn"));
                let list = c"l\x01\x01\x01\x01".as_ptr();
                let results = [
                    ei_rpc_to(&mut *ec, fd, module, function, list, 5),
                    ei_xrpc_to(&mut *ec, fd, module, function, list, 5, flags),
                ];
                (results, written(&far))
            },
            "flags {flags}"
        );
    }
}

#[test]
fn what_cannot_be_sent_fails_alike() {
    let bytes = c"\x83j".as_ptr().cast_mut();
    assert_same!(
        {
            let (mut to, mut ec) = (pid(), node());
            let mut results = Vec::new();
            for fd in [-1, 1000] {
                // With a limit, OTP says that it took too long.
                results.push((ei_send(fd, &mut to, bytes, 2), *__erl_errno_place()));
                let sent = ei_reg_send(&mut *ec, fd, text(c"rex"), bytes, 2);
                results.push((sent, *__erl_errno_place()));
            }
            results
        },
        "descriptors that are none"
    );
}

/// What a program can see of a message.
type Seen = (
    (c_int, c_int, i64),
    [(String, c_uint, c_uint, c_uint); 3],
    [String; 2],
    [i64; 4],
    Vec<u8>,
);

fn seen(result: c_int, errno: c_int, msg: &erlang_msg, bytes: &[u8]) -> Seen {
    let name = |name: &[c_char]| {
        // SAFETY: it was zeros, or a name that ends with one.
        let name = unsafe { CStr::from_ptr(name.as_ptr()) };
        name.to_bytes().escape_ascii().to_string()
    };
    let pid = |pid: &erlang_pid| (name(&pid.node), pid.num, pid.serial, pid.creation);
    (
        (result, errno, msg.msgtype),
        [pid(&msg.from), pid(&msg.to), pid(&msg.token.from)],
        [name(&msg.toname), name(&msg.cookie)],
        [
            msg.token.serial,
            msg.token.prev,
            msg.token.label,
            msg.token.flags,
        ],
        bytes.to_vec(),
    )
}

/// Well-formed packets of all kinds.
fn packets() -> Vec<Vec<u8>> {
    let head: &[u8] = b"p\x83";
    let exit: &[u8] = b"h\x02w\x03whyk\0\x01x";
    let message: &[u8] = b"\x83h\x02w\x01aj";
    let mut packets = vec![
        vec![0; 4],
        packet(&[head, b"h\x03a\x01", PID, PID]),
        packet(&[head, b"h\x03a\x02w\0", PID, message]),
        packet(&[head, b"h\x03a\x02d\0\x03abc", PID, message]),
        packet(&[head, b"h\x03a\x02s\x02\xe5b", PID, message]),
        packet(&[head, b"i\0\0\0\x03b\0\0\0\x02w\0", PID, message]),
        packet(&[head, b"h\x04a\x03", PID, PID, exit]),
        packet(&[head, b"h\x03a\x04", PID, PID]),
        packet(&[head, b"h\x04a\x06", PID, b"w\0w\x04n\xc3\xa5m", message]),
        packet(&[head, b"h\x03a\x07", PID, PID]),
        packet(&[head, b"h\x04a\x08", PID, PID, exit]),
        packet(&[head, b"h\x04a\x0cw\0", PID, TOKEN, message]),
        packet(&[head, b"h\x05a\x0d", PID, PID, TOKEN, exit]),
        packet(&[head, b"h\x05a\x10", PID, b"w\0w\x01n", TOKEN, message]),
        packet(&[head, b"h\x05a\x12", PID, PID, TOKEN, exit]),
        packet(&[
            head,
            b"h\x04a\x13",
            PID,
            b"w\x01n",
            b"Z\0\x01w\x01n\0\0\0\x01\0\0\0\x02",
        ]),
        packet(&[head, b"h\x03a\x16", PID, PID, message]),
        packet(&[head, b"h\x04a\x23a\x07", PID, PID]),
        packet(&[
            head,
            b"h\x04a\x23n\x08\0\x01\x02\x03\x04\x05\x06\x07\xff",
            PID,
            PID,
        ]),
        packet(&[head, b"h\x02a\x63j", message]),
        packet(&[head, b"h\x01a\x05"]),
    ];
    for term in messages() {
        packets.push(packet(&[head, b"h\x03a\x02w\0", PID, &term]));
    }
    packets
}

#[test]
fn messages_are_received_alike() {
    for packet in packets() {
        for (room, grows) in [
            (0, true),
            (4, true),
            (3000, true),
            (4, false),
            (100_000, false),
        ] {
            assert_same!(
                {
                    let (near, mut far) = pair();
                    far.set_nonblocking(false).unwrap();
                    let sender = {
                        let packet = packet.clone();
                        std::thread::spawn(move || {
                            far.write_all(&packet).unwrap();
                            // What follows is still understood.
                            far.write_all(&[0; 4]).unwrap();
                            far.set_nonblocking(true).unwrap();
                            far
                        })
                    };
                    let fd = near.as_raw_fd();
                    let mut msg: erlang_msg = zeroed();
                    let mut x = ei_x_buff {
                        buff: libc::malloc(room.max(1) as usize).cast(),
                        buffsz: room,
                        index: 0,
                    };
                    *__erl_errno_place() = 77;
                    let result = if grows {
                        ei_xreceive_msg_tmo(fd, &mut msg, &mut x, 5000)
                    } else {
                        ei_receive_msg_tmo(fd, &mut msg, &mut x, 5000)
                    };
                    let errno = *__erl_errno_place();
                    let bytes = std::slice::from_raw_parts(x.buff.cast::<u8>(), x.index as usize);
                    let first = seen(result, errno, &msg, bytes);
                    let second = ei_xreceive_msg_tmo(fd, &mut msg, &mut x, 5000);
                    let size = x.buffsz;
                    libc::free(x.buff.cast());
                    (first, second, size, written(&sender.join().unwrap()))
                },
                "{room} {grows} {packet:02x?}"
            );
        }
    }
}

#[test]
fn encoded_messages_are_received_alike() {
    for packet in packets() {
        assert_same!(
            {
                let (near, mut far) = pair();
                far.set_nonblocking(false).unwrap();
                let sender = {
                    let packet = packet.clone();
                    std::thread::spawn(move || far.write_all(&packet).map(|()| far).unwrap())
                };
                let mut msg: erlang_msg = zeroed();
                let (mut buff, mut size, mut length) = (ptr::null_mut(), 0, -7);
                let (buff, fd) = (&raw mut buff, near.as_raw_fd());
                *__erl_errno_place() = 77;
                let result =
                    ei_receive_encoded_tmo(fd, buff, &mut size, &mut msg, &mut length, 5000);
                let errno = *__erl_errno_place();
                let bytes: &[u8] = match length {
                    1.. => std::slice::from_raw_parts((*buff).cast(), length as usize),
                    _ => &[],
                };
                let seen = seen(result, errno, &msg, bytes);
                libc::free((*buff).cast());
                drop(sender.join().unwrap());
                (seen, size, length)
            },
            "{packet:02x?}"
        );
    }
}

#[test]
fn raw_packets_are_received_alike() {
    assert_same!(
        {
            let (near, mut far) = pair();
            far.write_all(&[&[0; 4][..], &packet(&[b"any"])].concat())
                .unwrap();
            let mut results = Vec::new();
            for _ in 0..3 {
                let mut bytes: [c_uchar; 8] = [0; 8];
                *__erl_errno_place() = 77;
                let result = ei_receive_tmo(near.as_raw_fd(), bytes.as_mut_ptr(), 8, 50);
                let bytes = bytes[..result.max(0) as usize].to_vec();
                results.push((result, *__erl_errno_place(), bytes));
            }
            (results, written(&far))
        },
        "a tick, a packet, and nothing"
    );
}

#[test]
fn answers_of_calls_are_unwrapped_alike() {
    for message in [
        &b"\x83h\x02w\x03rexh\x02w\x01aj"[..],
        b"\x83h\x02d\0\x03rexm\0\0\0\x02ab",
        b"\x83i\0\0\0\x02s\x03rexj",
        b"\x83h\x02w\x06badrpcj",
        b"\x83h\x03w\x03rexjj",
        b"\x83w\x03rex",
    ] {
        assert_same!(
            {
                let (near, mut far) = pair();
                far.write_all(&[0; 4]).unwrap();
                far.write_all(&packet(&[b"p\x83h\x03a\x02w\0", PID, message]))
                    .unwrap();
                let (fd, mut ec, mut x) = (near.as_raw_fd(), node(), zeroed());
                ei_x_new(&mut x);
                let (module, function) = (text(c"erlang"), text(c"node"));
                let result = ei_rpc(&mut *ec, fd, module, function, c"j".as_ptr(), 1, &mut x);
                let bytes = std::slice::from_raw_parts(x.buff.cast::<u8>(), x.index as usize);
                let bytes = (result == 0).then(|| bytes.to_vec());
                ei_x_free(&mut x);
                (result, bytes, (result != 0).then(|| *__erl_errno_place()))
            },
            "{message:02x?}"
        );
    }
    assert_same!(
        {
            let (near, far) = pair();
            let (mut ec, mut msg, mut x) = (node(), zeroed(), zeroed());
            ei_x_new(&mut x);
            let result = ei_rpc_from(&mut *ec, near.as_raw_fd(), 10, &mut msg, &mut x);
            ei_x_free(&mut x);
            drop(far);
            (result, *__erl_errno_place())
        },
        "a silent peer"
    );
}

/// What was printed to a file.
unsafe fn printed(file: *mut libc::FILE) -> String {
    // SAFETY: it is open, and nobody else has it.
    unsafe {
        let mut text = vec![0_u8; libc::ftell(file) as usize];
        libc::rewind(file);
        libc::fread(text.as_mut_ptr().cast(), 1, text.len(), file);
        libc::fclose(file);
        text.escape_ascii().to_string()
    }
}

#[test]
fn messages_are_shown_alike() {
    let message = b"\x83h\x07w\x01ak\0\x02abk\0\x02\x01\x02l\0\0\0\x02a\x01b\xff\xff\xff\xffj\
                    m\0\0\0\x02abn\x08\0\x01\x01\x01\x01\x01\x01\x01\x01F\x3f\xf8\0\0\0\0\0\0";
    let nested = [
        b"\x83h\x03",
        PID,
        b"Z\0\x02w\x01n\0\0\0\x01\0\0\0\x02\0\0\0\x03x",
        b"w\x01n\0\0\0\x01\0\0\0\x02\0\0\0\x03",
    ]
    .concat();
    for kind in [1, 2, 3, 4, 6, 7, 8, 12, 13, 16, 18, 19, 36] {
        for message in [&message[..], &nested] {
            assert_same!(
                {
                    let mut msg: erlang_msg = zeroed();
                    msg.msgtype = kind;
                    (msg.from, msg.to) = (pid(), pid());
                    msg.token.from = pid();
                    (msg.token.flags, msg.token.label) = (19, -2);
                    msg.toname[0] = b'n'.cast_signed();
                    let file = libc::tmpfile();
                    ei_show_recmsg(file, &mut msg, message.as_ptr().cast_mut().cast());
                    printed(file)
                },
                "{kind} {message:02x?}"
            );
        }
    }
    for control in [
        [&b"h\x03a\x02w\0"[..], PID].concat(),
        [&b"h\x04a\x06"[..], PID, b"w\0w\x01n"].concat(),
        [&b"h\x03a\x01"[..], PID, PID].concat(),
        [&b"h\x04a\x0cw\0"[..], PID, TOKEN].concat(),
        [&b"h\x05a\x10"[..], PID, b"w\0w\x01n", TOKEN].concat(),
        b"h\x03a\x02w\0k".to_vec(),
        b"k".to_vec(),
    ] {
        let head = packet(&[b"p\x83", &control]);
        assert_same!(
            {
                let file = libc::tmpfile();
                let message = c"\x83a\x07".as_ptr();
                let result = ei_show_sendmsg(file, head.as_ptr().cast(), message);
                (result, printed(file))
            },
            "{control:02x?}"
        );
    }
}

#[test]
fn tokens_are_kept_alike() {
    assert_same!(
        {
            let shown = |token: *mut erlang_trace| token.as_ref().map(|t| (t.serial, t.prev));
            let mut token: erlang_trace = zeroed();
            token.from = pid();
            let mut results = Vec::new();
            for (serial, query) in [
                (0, -1),
                (0, 0),
                (7, 1),
                (0, 0),
                (0, 0),
                (3, 1),
                (0, 0),
                (0, -1),
                (0, 0),
            ] {
                token.serial = serial;
                results.push(shown(ei_trace(query, &mut token)));
            }
            results
        },
        "ei_trace"
    );
}
