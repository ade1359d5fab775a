//! Messages from peers that break the rules, or that say what OTP's library stumbles over.

use std::ffi::{c_char, c_int};
use std::io::{Read, Write};
use std::mem::zeroed;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use ei::types::*;
use ei::*;

const PID: &[u8] = b"Xw\x03a@h\0\0\0\x01\0\0\0\x02\0\0\0\x03";
const MESSAGE: &[u8] = b"\x83h\x02w\x01aj";

fn packet(parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut packet = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    packet.extend(body);
    packet
}

fn send(message: &[u8]) -> Vec<u8> {
    packet(&[b"p\x83h\x03a\x02w\0", PID, message])
}

/// Result, `erl_errno`, type and bytes of the next message.
fn receive(near: &UnixStream) -> (c_int, c_int, i64, Vec<u8>) {
    // SAFETY: messages and buffers are what ei.h says.
    unsafe {
        let (mut msg, mut x): (erlang_msg, ei_x_buff) = zeroed();
        let result = ei_xreceive_msg_tmo(near.as_raw_fd(), &raw mut msg, &raw mut x, 20_000);
        let errno = *__erl_errno_place();
        let bytes = match x.index {
            0 => Vec::new(),
            index => std::slice::from_raw_parts(x.buff.cast(), index as usize).to_vec(),
        };
        libc::free(x.buff.cast());
        (result, errno, msg.msgtype, bytes)
    }
}

/// What becomes of a packet. The next message has to be received all the same.
fn receive_one(packet: Vec<u8>) -> (c_int, c_int) {
    let (near, mut far) = UnixStream::pair().unwrap();
    let sender = std::thread::spawn(move || {
        far.write_all(&packet).unwrap();
        far.write_all(&send(MESSAGE)).unwrap();
        far
    });
    let (result, errno, ..) = receive(&near);
    let (next, _, kind, bytes) = receive(&near);
    assert_eq!((next, kind, &*bytes), (ERL_MSG, ERL_SEND, MESSAGE));
    drop(sender.join().unwrap());
    (result, errno)
}

#[test]
fn what_is_no_message_costs_only_itself() {
    let long = vec![b'x'; 100_000];
    for bad in [
        packet(&[b"x"]),
        packet(&[b"p\x83h\x03a\x02w\0", &PID[..7]]),
        packet(&[b"p\x83h\x04a\x02w\0", PID, MESSAGE]),
        packet(&[b"p\x83h\x03a\x01", PID, PID, MESSAGE]),
        packet(&[b"p\x83h\x04a\x23a\0", PID, PID]),
        packet(&[b"p\x83h\x03a\0", PID, PID]),
        packet(&[b"p\x83h\xffa\x02w\0", PID, MESSAGE]),
        packet(&[b"p\x83i\xff\xff\xff\xffa\x02w\0", PID, MESSAGE]),
        packet(&[&long]),
        send(b""),
        send(b"\x83"),
        send(b"a\x01"),
        send(b"\x83a"),
        send(b"\x83a\x01a\x02"),
        send(b"\x83m\xff\xff\xff\xffab"),
        send(b"\x83l\x7f\xff\xff\xffa\x01"),
        send(b"\x83k\xff\xff"),
        send(&[&b"\x83"[..], &b"l\0\0\0\x01".repeat(50_000)].concat()),
    ] {
        let shown = bad[..bad.len().min(60)].escape_ascii().to_string();
        assert_eq!(receive_one(bad), (-1, libc::EBADMSG), "{shown}");
    }
}

#[test]
fn signals_that_programs_are_not_told_cost_only_themselves() {
    let long = [&b"m\0\0\x27\x10"[..], &[7; 10_000]].concat();
    for signal in [
        packet(&[b"p\x83h\x04a\x13", PID, b"w\x01n", PID]),
        packet(&[b"p\x83h\x04a\x16", PID, PID, &long]),
        packet(&[b"p\x83h\x03a\x16", PID, PID, b"\x83", &long]),
        packet(&[b"p\x83h\x02a\x63", &long]),
        packet(&[b"p\x83h\x04a\x0bw\0", PID, PID, MESSAGE]),
    ] {
        let shown = signal[..signal.len().min(60)].escape_ascii().to_string();
        assert_eq!(receive_one(signal).0, -1, "{shown}");
    }
}

#[test]
fn reasons_of_any_size_are_received() {
    let reason = [&b"m\0\0\x27\x10"[..], &[7; 10_000]].concat();
    let exit = packet(&[b"p\x83h\x04a\x03", PID, PID, &reason]);
    assert_eq!(receive_one(exit).0, ERL_MSG);
}

#[test]
fn a_packet_that_does_not_fit_is_passed_over() {
    let (near, mut far) = UnixStream::pair().unwrap();
    far.write_all(&packet(&[b"too long"])).unwrap();
    far.write_all(&packet(&[b"fits"])).unwrap();
    let mut bytes = [0; 4];
    // SAFETY: the buffer has four bytes.
    unsafe {
        let fd = near.as_raw_fd();
        assert_eq!(ei_receive_tmo(fd, bytes.as_mut_ptr(), 4, 20_000), -1);
        assert_eq!(*__erl_errno_place(), libc::EMSGSIZE);
        assert_eq!(ei_receive_tmo(fd, bytes.as_mut_ptr(), 4, 20_000), 4);
    }
    assert_eq!(&bytes, b"fits");
}

#[test]
fn memory_grows_only_with_what_has_come() {
    let (near, mut far) = UnixStream::pair().unwrap();
    far.write_all(&0x7000_0000_u32.to_be_bytes()).unwrap();
    far.write_all(&send(b"\x83m\x6f\xff\xff\x00")[4..]).unwrap();
    drop(far);
    // SAFETY: the message and the buffer are what ei.h says.
    unsafe {
        let (mut msg, mut x): (erlang_msg, ei_x_buff) = zeroed();
        let received = ei_xreceive_msg_tmo(near.as_raw_fd(), &raw mut msg, &raw mut x, 20_000);
        assert_eq!((received, *__erl_errno_place()), (-1, libc::EIO));
        assert!(x.buffsz <= 1 << 20, "{}", x.buffsz);
        libc::free(x.buff.cast());
    }
}

#[test]
fn threads_send_while_others_receive() {
    let (near, far) = UnixStream::pair().unwrap();
    let text = vec![b'x'; 50_000];
    let message = [&b"\x83m\0\0\xc3\x50"[..], &text].concat();
    let fd = near.as_raw_fd();
    let sent = send(&message);
    std::thread::scope(|scope| {
        // Ticks and messages come in while messages go out; ticks are answered in between.
        let mut to_near = far.try_clone().unwrap();
        scope.spawn(move || {
            let message = send(MESSAGE);
            for at in 0..300 {
                // Their answers fit the socket, read or not.
                if at % 6 == 0 {
                    to_near.write_all(&[0; 4]).unwrap();
                }
                to_near.write_all(&message).unwrap();
            }
        });
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..100 {
                    // SAFETY: a pid is numbers, and the message is there.
                    unsafe {
                        let mut to: erlang_pid = zeroed();
                        for (at, byte) in b"a@h".iter().enumerate() {
                            to.node[at] = *byte as c_char;
                        }
                        (to.num, to.serial, to.creation) = (1, 2, 3);
                        let buf = message.as_ptr().cast_mut().cast();
                        assert_eq!(ei_send(fd, &raw mut to, buf, message.len() as c_int), 0);
                    }
                }
            });
        }
        scope.spawn(|| {
            let mut messages = 0;
            while messages < 300 {
                match receive(&near).0 {
                    ERL_TICK => {}
                    ERL_MSG => messages += 1,
                    failed => panic!("{failed}"),
                }
            }
        });
        let mut messages = 0;
        let mut from_near = &far;
        while messages < 200 {
            let mut length = [0; 4];
            from_near.read_exact(&mut length).unwrap();
            if length != [0; 4] {
                let mut body = vec![0; u32::from_be_bytes(length) as usize];
                from_near.read_exact(&mut body).unwrap();
                assert!(length == sent[..4] && body == sent[4..]);
                messages += 1;
            }
        }
    });
}
