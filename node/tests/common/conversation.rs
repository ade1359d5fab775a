//! What two nodes say to each other over any transport, written once for both styles.

/// Defines `speak` and `hear`, the two sides of a conversation, in the style whose functions begin
/// with `$begin` and whose results are waited for with `$wait`, and the tests that have two nodes
/// `converse` over each transport of that style.
macro_rules! conversation {
    ([$($begin:tt)*], [$($wait:tt)*]) => {
        /// How many messages of mixed size there are.
        const MESSAGES: u32 = 10_000;

        /// How long the longest message is, in bytes.
        const LONGEST: usize = 64 << 20;

        /// The longest message consists of blocks that are full of their number.
        fn block(number: usize) -> [u8; 4096] {
            [number as u8; 4096]
        }

        /// A message tells its number, and is as long and full of what its number says.
        fn numbered(number: u32) -> (u32, Term) {
            let length = match number % 1000 {
                0 => 100_000,
                rest => rest as usize,
            };
            (number, Term::binary(&vec![number as u8; length]))
        }

        /// Says all there is to say, hears that it arrived, and closes while the other still speaks.
        $($begin)* speak<S: Socket>(mut link: Link<S>) {
            assert_eq!(link.session().peer.as_str(), "hearer@127.0.0.1");
            for number in 0..MESSAGES {
                link.send(name("any"), &numbered(number)) $($wait)* .unwrap();
            }
            let long: Vec<_> = (0..LONGEST / 4096).map(block).collect();
            let long = long.as_flattened();
            link.send(name("any"), &Term::binary(long)) $($wait)* .unwrap();
            let heard = link.receive(WAIT) $($wait)* .unwrap();
            assert_eq!(heard.message().unwrap().term().unwrap(), term("heard"));
            for number in 0..100 {
                link.send(name("any"), &numbered(number)) $($wait)* .unwrap();
            }
            link.close(WAIT) $($wait)* .unwrap();
        }

        /// Hears all of it in order, and at last the end.
        $($begin)* hear<S: Socket>(mut link: Link<S>) {
            assert_eq!(link.session().peer.as_str(), "speaker@127.0.0.1");
            for number in 0..MESSAGES {
                let heard = link.receive(WAIT) $($wait)* .unwrap();
                let heard: (u32, Term) = heard.message().unwrap().decode().unwrap();
                assert!(heard == numbered(number), "message {number}");
            }
            let long = link.receive(WAIT) $($wait)* .unwrap().message().unwrap().term().unwrap();
            let long = long.as_binary().unwrap();
            assert_eq!(long.len(), LONGEST);
            let mut blocks = long.chunks(4096).enumerate();
            assert!(blocks.all(|(number, bytes)| bytes == block(number)));
            link.send(name("any"), &term("heard")) $($wait)* .unwrap();
            for number in 0..100 {
                let heard = link.receive(WAIT) $($wait)* .unwrap();
                let heard: (u32, Term) = heard.message().unwrap().decode().unwrap();
                assert!(heard == numbered(number), "message {number}");
            }
            // The other writes no more, but still reads.
            let end = link.receive(WAIT) $($wait)* .unwrap_err();
            assert!(matches!(end, LinkError::Closed), "{end:?}");
            link.send(name("any"), &term("goodbye")) $($wait)* .unwrap();
        }

        /// Hears nothing but the end of a connection that the other has dropped.
        $($begin)* hear_the_end<S: Socket>(mut link: Link<S>) {
            let end = link.receive(WAIT) $($wait)* .unwrap_err();
            assert!(matches!(end, LinkError::Closed), "{end:?}");
        }

        #[test]
        fn over_tcp() {
            converse(Tcp, &anywhere());
        }

        #[test]
        fn over_tcp_of_ipv6() {
            converse(Tcp, &"[::1]:0".parse().unwrap());
        }

        #[test]
        fn over_unix_sockets() {
            let directory = tempfile::tempdir().unwrap();
            converse(
                Unix::default(),
                &Address::Unix(directory.path().join("node")),
            );
        }

        #[test]
        fn over_unix_sockets_of_the_abstract_namespace() {
            let address = format!("unix:@einode-{}", std::process::id());
            converse(Unix::default(), &address.parse().unwrap());
        }

        #[test]
        fn over_memory() {
            converse(Memory::default(), &Address::Other("here".into()));
        }

        #[test]
        fn over_any_transport() {
            converse(Any::new(Tcp), &anywhere());
        }

        #[test]
        fn over_a_recorded_transport() {
            let recorder = Arc::new(Recorder::new());
            converse(Recorded::new(Tcp, Arc::clone(&recorder)), &anywhere());
            // Four connections, seen from both ends.
            assert_eq!(recorder.connections(), 8);
            let said = 2 * (u64::from(MESSAGES) + 1 + 1 + 100);
            assert!(recorder.packets_written() > said, "{recorder:?}");
            assert!(recorder.bytes_read() > 2 * LONGEST as u64, "{recorder:?}");
        }
    };
}
