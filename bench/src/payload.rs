//! The payloads: what goes over the wire between nodes, in nine shapes.
//!
//! They are written byte by byte here, without any codec under test, and then shown to the BEAM, which must count
//! the same number of terms. All are the same in every run.

/// One payload: a term in the external format, with its version byte.
pub struct Payload {
    /// What the tables call it.
    pub name: &'static str,
    /// The encoded term.
    pub bytes: Vec<u8>,
    /// Terms in it. The tail that ends a proper list is not counted.
    pub terms: u64,
}

impl Payload {
    /// All payloads, in the order of the tables.
    pub fn all() -> Vec<Self> {
        let sorted = ["active", "age", "balance", "email", "id", "level", "name"];
        // The BEAM writes a small map's keys in term order up to OTP 25, since OTP 26 atoms in the order in which
        // they were first seen.
        let seen = ["id", "name", "email", "age", "balance", "active", "level"];
        let payload = |name, terms, bytes| Self { name, bytes, terms };
        vec![
            payload("a_rpc", 11, rpc()),
            payload("b_tuples", 50_001, tuples()),
            payload(
                "c_maps",
                15_001,
                maps(&sorted, |out, key| {
                    out.binary(key.as_bytes());
                }),
            ),
            payload(
                "c_maps_atoms",
                15_001,
                maps(&seen, |out, key| {
                    out.atom(key);
                }),
            ),
            payload("d1_ints", 100_001, integers()),
            payload("d2_bigs", 100_001, bigs()),
            payload("e_bin16m", 1, binary(16 << 20)),
            payload("f_json", 64_140, json()),
            payload("g_string", 1, string(60_000)),
        ]
    }
}

/// A call as `rpc:call` sends it:
/// `{'$gen_call', {Pid, Ref}, {call, erlang, node, [], user}}`, 111 bytes.
fn rpc() -> Vec<u8> {
    let mut out = Bytes::new();
    out.tuple(3).atom("$gen_call").tuple(2);
    out.tag(88)
        .atom("bench@localhost")
        .u32(1234)
        .u32(0)
        .u32(0x6543_2100);
    out.tag(90).u16(3).atom("bench@localhost").u32(0x6543_2100);
    out.u32(0x0003_1234).u32(0x9876_5432).u32(0x1357_9bdf);
    out.tuple(5)
        .atom("call")
        .atom("erlang")
        .atom("node")
        .nil()
        .atom("user");
    out.0
}

/// 10 000 × `{Level, Int, Float, <<16 bytes>>}`, with eight different levels.
fn tuples() -> Vec<u8> {
    let levels = [
        "ok", "error", "info", "warning", "debug", "notice", "critical", "shutdown",
    ];
    let mut out = Bytes::new();
    out.list(10_000);
    for n in 0..10_000 {
        out.tuple(4)
            .atom(levels[n % 8])
            .int(100_000 + n as i32)
            .float(n as f64 * 0.25 + 0.1);
        out.binary(format!("message {n:08}").as_bytes());
    }
    out.nil();
    out.0
}

/// 1000 maps of seven pairs, e.g. `#{active => true, age => 33, balance => 1.5, email => <<…>>, id => 7, level => 3,
/// name => <<…>>}`, with `key` writing the keys in the given order.
fn maps(keys: &[&str], key: impl Fn(&mut Bytes, &str)) -> Vec<u8> {
    const SIZE: usize = 134_467;
    let build = |filler: &dyn Fn(usize) -> usize| {
        let mut out = Bytes::new();
        out.list(1000);
        for n in 0..1000 {
            out.map(7);
            for name in keys {
                key(&mut out, name);
                match *name {
                    "active" => out.atom(if n % 3 == 0 { "false" } else { "true" }),
                    "age" => out.int(18 + (n % 60) as i32),
                    "balance" => out.float(n as f64 * 1.25 - 100.0),
                    "email" => out.binary(&text(n, filler(n))),
                    "id" => out.int(n as i32),
                    "level" => out.int((n % 8) as i32),
                    _ => out.binary(format!("No {n}").as_bytes()),
                };
            }
        }
        out.nil();
        out.0
    };
    fitted(SIZE, 1000, build)
}

/// A list of 100 000 integers that need `INTEGER_EXT`, of both signs.
fn integers() -> Vec<u8> {
    let mut out = Bytes::new();
    out.list(100_000);
    for n in 0..100_000 {
        out.int((256 + n * 1327) * if n % 2 == 0 { 1 } else { -1 });
    }
    out.nil();
    out.0
}

/// A list of 100 000 integers that need eight bytes as `SMALL_BIG_EXT`, all within an `i64`.
fn bigs() -> Vec<u8> {
    let mut out = Bytes::new();
    out.list(100_000);
    for n in 0..100_000_u64 {
        out.tag(110)
            .tag(8)
            .tag(0)
            .0
            .extend(((1 << 60) + n * 40_000_000_000_007).to_le_bytes());
    }
    out.nil();
    out.0
}

fn binary(len: usize) -> Vec<u8> {
    let mut out = Bytes::new();
    out.binary(&text(7, len));
    out.0
}

fn string(len: u16) -> Vec<u8> {
    let mut out = Bytes::new();
    out.tag(107).u16(len).0.extend(text(3, len.into()));
    out.0
}

/// 2069 documents as a JSON decoder gives them: maps with binary keys (in order), a list, a map within, 31 terms each.
fn json() -> Vec<u8> {
    const SIZE: usize = 1_049_907;
    let build = |filler: &dyn Fn(usize) -> usize| {
        let mut out = Bytes::new();
        out.list(2069);
        for n in 0..2069 {
            out.map(11);
            out.binary(b"about").binary(&text(n, filler(n)));
            out.binary(b"address")
                .binary(format!("{n} Example Street, Springfield, 12345").as_bytes());
            out.binary(b"age").int(18 + (n % 60) as i32);
            out.binary(b"balance").float(n as f64 * 3.75 + 0.5);
            out.binary(b"email")
                .binary(format!("customer.{n}@example.com").as_bytes());
            out.binary(b"geo").map(2);
            out.binary(b"lat").float(47.0 + n as f64 / 1000.0);
            out.binary(b"lon").float(8.0 - n as f64 / 1000.0);
            out.binary(b"guid")
                .binary(format!("{n:08x}-4c1b-4d5e-9f00-{n:012x}").as_bytes());
            out.binary(b"id").int(n as i32);
            out.binary(b"isActive")
                .atom(if n % 2 == 0 { "true" } else { "false" });
            out.binary(b"name")
                .binary(format!("Customer Number {n}").as_bytes());
            out.binary(b"tags").list(4);
            for tag in ["lorem", "ipsum", "consectetur", "sit"] {
                out.binary(tag.as_bytes());
            }
            out.nil();
        }
        out.nil();
        out.0
    };
    fitted(SIZE, 2069, build)
}

/// Calls `build` with a length for the free text of each record, so that the whole has exactly `size` bytes.
/// The lengths vary from record to record; the last one takes what is left over.
fn fitted(
    size: usize,
    records: usize,
    build: impl Fn(&dyn Fn(usize) -> usize) -> Vec<u8>,
) -> Vec<u8> {
    let free = size - build(&|_| 0).len();
    let mean = free / records;
    let varied = |n: usize| mean - mean / 4 - 1 + (n * 7) % (mean / 2 + 1);
    let last = free - (0..records - 1).map(varied).sum::<usize>();
    build(&|n| if n == records - 1 { last } else { varied(n) })
}

/// Printable text that differs between seeds.
fn text(seed: usize, len: usize) -> Vec<u8> {
    (0..len)
        .map(|n| b'a' + ((n * n + seed * 11 + n / 3) % 26) as u8)
        .collect()
}

/// The external format, as far as the payloads need it.
struct Bytes(Vec<u8>);

impl Bytes {
    fn new() -> Self {
        Self(vec![131])
    }

    fn tag(&mut self, byte: u8) -> &mut Self {
        self.0.push(byte);
        self
    }

    fn u16(&mut self, value: u16) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn int(&mut self, value: i32) -> &mut Self {
        match u8::try_from(value) {
            Ok(small) => self.tag(97).tag(small),
            Err(_) => self.tag(98).u32(value as u32),
        }
    }

    fn float(&mut self, value: f64) -> &mut Self {
        self.tag(70).0.extend(value.to_be_bytes());
        self
    }

    fn atom(&mut self, name: &str) -> &mut Self {
        self.tag(119)
            .tag(name.len() as u8)
            .0
            .extend(name.as_bytes());
        self
    }

    fn binary(&mut self, bytes: &[u8]) -> &mut Self {
        self.tag(109).u32(bytes.len() as u32).0.extend(bytes);
        self
    }

    fn tuple(&mut self, arity: u8) -> &mut Self {
        self.tag(104).tag(arity)
    }

    fn list(&mut self, len: u32) -> &mut Self {
        self.tag(108).u32(len)
    }

    fn map(&mut self, pairs: u32) -> &mut Self {
        self.tag(116).u32(pairs)
    }

    fn nil(&mut self) -> &mut Self {
        self.tag(106)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_the_tables_name() {
        let sizes: Vec<usize> = Payload::all()
            .iter()
            .map(|payload| payload.bytes.len())
            .collect();
        let c = 134_467;
        assert_eq!(
            sizes,
            [
                111, 446_257, c, c, 500_007, 1_100_007, 16_777_222, 1_049_907, 60_004
            ]
        );
    }
}
