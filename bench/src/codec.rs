//! The contests: which peers do what to a payload, and that each of them does it right.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use crate::beam::Beam;
use crate::measure::{self, Contest, timed};
use crate::payload::Payload;
use crate::{Options, einode, libei};

/// Measures all operations on the payloads that are wanted, and prints a table for each.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    libei::init();
    let mut payloads = Payload::all();
    payloads.retain(|payload| {
        options.names.is_empty() || options.names.iter().any(|name| name == payload.name)
    });
    let beam = Rc::new(RefCell::new(Beam::start()?));
    println!("| payload | bytes | terms |\n| :-- | --: | --: |");
    for payload in &payloads {
        let (terms, len) = beam.borrow_mut().load(&payload.bytes)?;
        if (terms, len) != (payload.terms, payload.bytes.len() as u64) {
            let name = payload.name;
            return Err(io::Error::other(format!(
                "the BEAM sees {terms} terms, {len} bytes in {name}"
            )));
        }
        println!("| {} | {len} | {terms} |", payload.name);
    }

    let mut tables = Vec::new();
    for operation in Operation::ALL {
        let mut contests = Vec::new();
        for (payload, index) in payloads.iter().zip(0..) {
            let mut contest = operation.contest(payload, index, &beam)?;
            contest.calibrate(options.slice)?;
            contests.push(contest);
        }
        tables.push((operation, contests));
    }
    for round in 0..options.rounds {
        for contest in tables.iter_mut().flat_map(|(_, contests)| contests) {
            contest.run(round)?;
        }
    }
    for (operation, contests) in &tables {
        print_table(*operation, contests);
    }
    Ok(())
}

fn print_table(operation: Operation, contests: &[Contest<'_>]) {
    measure::print(operation.title(), contests, "einode", operation.peers());
}

/// What is measured. Each has its own table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Step over a term.
    Skip,
    /// Read every scalar, keep nothing.
    Scan,
    /// Decode into an owned tree and free it.
    Tree,
    /// Encode an owned tree.
    Encode,
}

impl Operation {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 4] = [Self::Skip, Self::Scan, Self::Tree, Self::Encode];

    /// The heading of the table.
    pub fn title(self) -> &'static str {
        match self {
            Self::Skip => "Skip a term",
            Self::Scan => "Read every scalar without keeping it",
            Self::Tree => "Decode to an owned tree and free it",
            Self::Encode => "Encode an owned tree",
        }
    }

    /// Who takes part beside einode.
    pub fn peers(self) -> &'static [&'static str] {
        match self {
            Self::Skip => &["libei skip"],
            Self::Scan => &["libei walk", "erltf borrowed"],
            Self::Tree => &["libei tree", "BEAM", "eetf", "erltf"],
            Self::Encode => &[
                "libei ei_encode",
                "libei ei_x_encode",
                "BEAM",
                "eetf",
                "erltf",
            ],
        }
    }

    /// Enters all peers for payload number `index`, after they have shown that they do it right.
    pub fn contest<'a>(
        self,
        payload: &'a Payload,
        index: u32,
        beam: &Rc<RefCell<Beam>>,
    ) -> io::Result<Contest<'a>> {
        let bytes = payload.bytes.as_slice();
        let mut contest = Contest::new(payload.name, payload.terms);
        let judge = |peer: &str, encoded: &[u8]| {
            let same = beam.borrow_mut().same(index, encoded)?;
            require(same, peer, "made another term", payload)
        };
        match self {
            Self::Skip => {
                let whole = bytes.len() as u64;
                require(
                    einode::skip(bytes) == Some(whole),
                    "einode skip",
                    "stopped early",
                    payload,
                )?;
                contest.enter("einode", timed(move || einode::skip(bytes)));

                require(
                    libei::skip(bytes) == Some(whole),
                    "libei skip",
                    "stopped early",
                    payload,
                )?;
                contest.enter("libei skip", timed(move || libei::skip(bytes)));
            }
            Self::Scan => {
                require(
                    einode::scan(bytes) == Ok(payload.terms),
                    "einode",
                    "miscounted",
                    payload,
                )?;
                contest.enter("einode", timed(move || einode::scan(bytes)));

                let mut scratch = vec![0; bytes.len() + 1];
                let count = libei::walk(bytes, &mut scratch);
                require(
                    count == Some(payload.terms),
                    "libei walk",
                    "miscounted",
                    payload,
                )?;
                contest.enter(
                    "libei walk",
                    timed(move || libei::walk(bytes, &mut scratch)),
                );

                let decoded = erltf::decode_borrowed(bytes).map_err(io::Error::other)?;
                let encoded = erltf::encode(&decoded.to_owned()).map_err(io::Error::other)?;
                judge("erltf borrowed", &encoded)?;
                contest.enter(
                    "erltf borrowed",
                    timed(move || erltf::decode_borrowed(bytes)),
                );
            }
            // The trees are judged by what they encode to.
            Self::Tree => {
                contest.enter("einode", timed(move || einode::tree(bytes)));
                contest.enter("libei tree", timed(move || libei::Tree::decode(bytes)));
                let beam = Rc::clone(beam);
                let decode = move |count| beam.borrow_mut().decode(index, count);
                contest.enter("BEAM", Box::new(decode));
                contest.enter("eetf", timed(move || eetf::Term::decode(bytes)));
                contest.enter("erltf", timed(move || erltf::decode(bytes)));
            }
            Self::Encode => {
                let term = einode::tree(bytes).map_err(io::Error::other)?;
                let mut out = Vec::new();
                einode::encode(&term, &mut out).map_err(io::Error::other)?;
                judge("einode", &out)?;
                contest.enter("einode", timed(move || einode::encode(&term, &mut out)));

                let tree = libei::Tree::decode(bytes).map(Rc::new);
                let tree = tree.ok_or_else(|| io::Error::other("libei tree failed"))?;
                let mut out = vec![0; bytes.len() * 2];
                let written = tree.encode(&mut out).unwrap_or_default();
                judge("libei ei_encode", &out[..written as usize])?;
                let mut growing = libei::Growing::new();
                require(
                    growing.encode(&tree).is_some(),
                    "ei_x_encode",
                    "failed",
                    payload,
                )?;
                judge("libei ei_x_encode", growing.bytes())?;
                let same = Rc::clone(&tree);
                contest.enter("libei ei_encode", timed(move || same.encode(&mut out)));
                contest.enter("libei ei_x_encode", timed(move || growing.encode(&tree)));

                let beam = Rc::clone(beam);
                let encode = move |count| beam.borrow_mut().encode(index, count);
                contest.enter("BEAM", Box::new(encode));

                let term = eetf::Term::decode(bytes).map_err(io::Error::other)?;
                let mut out = Vec::new();
                term.encode(&mut out).map_err(io::Error::other)?;
                judge("eetf", &out)?;
                let encode = move || {
                    out.clear();
                    term.encode(&mut out)
                };
                contest.enter("eetf", timed(encode));

                let term = erltf::decode(bytes).map_err(io::Error::other)?;
                judge("erltf", &erltf::encode(&term).map_err(io::Error::other)?)?;
                contest.enter("erltf", timed(move || erltf::encode(&term)));
            }
        }
        Ok(contest)
    }
}

fn require(right: bool, peer: &str, what: &str, payload: &Payload) -> io::Result<()> {
    if right {
        Ok(())
    } else {
        Err(io::Error::other(format!(
            "{peer} {what} of {}",
            payload.name
        )))
    }
}
