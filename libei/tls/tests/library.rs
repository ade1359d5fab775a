//! What is in the two libraries, and what einode.h says of it.

use std::ffi::{c_char, c_int, c_uint};
use std::path::PathBuf;
use std::process::Command;

use ei::Setup;
use ei::types::ei_socket_callbacks;

/// The functions of einode.h: as they are defined, and as the header has to declare them.
macro_rules! functions {
    ($($name:path: fn($($type:ty),*) $(-> $result:ty)?, $declared:literal;)*) => {
        const DECLARED: &[&str] = &[$($declared),*];
        $( const _: unsafe extern "C" fn($($type),*) $(-> $result)? = $name; )*
    };
}

functions! {
    ei::einode_free: fn(*mut Setup), "void einode_free(einode_setup *)";
    ei::einode_ipv6: fn(*const c_char) -> *mut Setup, "einode_setup *einode_ipv6(const char *)";
    ei::einode_last_error: fn() -> *const c_char, "const char *einode_last_error(void)";
    ei::einode_max_packet: fn(c_int, c_uint) -> c_int, "int einode_max_packet(int, unsigned)";
    ei::einode_pending: fn(c_int) -> c_int, "int einode_pending(int)";
    ei::einode_read_ahead: fn(c_int, c_int) -> c_int, "int einode_read_ahead(int, int)";
    ei::einode_unix: fn(*const c_char, c_uint) -> *mut Setup,
        "einode_setup *einode_unix(const char *, unsigned)";
    einode_c::einode_tls_optfile: fn(*const c_char, c_int, *const Setup) -> *mut Setup,
        "einode_setup *einode_tls_optfile(const char *, int, const einode_setup *)";
    einode_c::einode_tls_pem:
        fn(*const c_char, *const c_char, *const c_char, c_int, *const Setup) -> *mut Setup,
        "einode_setup *einode_tls_pem(const char *, const char *, const char *, int, const einode_setup *)";
}

const SETS: [(&str, &ei_socket_callbacks); 3] = [
    ("einode_ipv6_callbacks", &ei::einode_ipv6_callbacks),
    ("einode_tls_callbacks", &einode_c::einode_tls_callbacks),
    ("einode_unix_callbacks", &ei::einode_unix_callbacks),
];

/// Runs a command; what it says on standard output.
fn run(command: &mut Command) -> String {
    let output = command.output().expect("cc, and nm of binutils");
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{messages}");
    String::from_utf8(output.stdout).unwrap()
}

/// A C compiler that knows where the headers are.
fn cc() -> Command {
    let mut cc = Command::new("cc");
    cc.args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-pthread"]);
    cc.args(["-I", concat!(env!("CARGO_MANIFEST_DIR"), "/../include")]);
    cc
}

/// Where this build put a library.
fn built(library: &str) -> PathBuf {
    std::env::current_exe().unwrap().with_file_name(library)
}

#[test]
fn the_header_declares_what_is_defined() {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("expectations.c");
    let mut text = String::from("#include \"einode.h\"\n");
    for declared in DECLARED {
        let name = declared.split('(').next().unwrap();
        let name = name.rsplit([' ', '*']).next().unwrap();
        // Taking the address needs the header's own declaration.
        text += &format!("void (*p_{name})(void) = (void (*)(void))&{name};\n{declared};\n");
    }
    for (name, callbacks) in SETS {
        assert_eq!(callbacks.flags, ei::types::EI_SCLBK_FLG_FULL_IMPL);
        text += &format!("ei_socket_callbacks *p_{name} = &{name};\n");
    }
    std::fs::write(&source, text).unwrap();
    run(cc().arg("-fsyntax-only").arg(&source));
    run(cc().args(["-xc++", "-fsyntax-only"]).arg(&source));
}

#[test]
fn the_library_with_tls_has_all_of_the_other_one() {
    let mut expected: Vec<_> = include_str!("../../abi/symbols.txt").lines().collect();
    expected.extend([
        "einode_tls_callbacks",
        "einode_tls_optfile",
        "einode_tls_pem",
    ]);
    expected.sort_unstable();
    let exported = run(Command::new("nm")
        .args(["-D", "--defined-only", "--format=just-symbols"])
        .arg(built("libeinode_c.so")));
    let mut exported: Vec<_> = exported.lines().collect();
    exported.sort_unstable();
    assert_eq!(exported, expected);
}

/// How many symbols of a program that calls this have to do with TLS.
fn tls_in(called: &str, library: &str) -> usize {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("node.c");
    let program = directory.path().join("node");
    let text = format!(
        "#include \"einode.h\"\n\
         int main(void) {{ ei_cnode ec; return ei_init() || ei_connect_init(&ec, \"c\", \"x\", 0) \
         || ei_connect(&ec, (char *)\"a@b\") < 0 || !{called}; }}\n"
    );
    std::fs::write(&source, text).unwrap();
    run(cc()
        .args([&source, &built(library)])
        // Of use only where this build has tokio in the library, for tests of other crates.
        .args(["-lm", "-o"])
        .arg(&program));
    let symbols = run(Command::new("nm").arg(program));
    let tls = ["rustls", "ring_core", "webpki"];
    let of_tls = |line: &&str| tls.iter().any(|word| line.contains(word));
    symbols.lines().filter(of_tls).count()
}

#[test]
fn programs_without_tls_do_not_carry_it() {
    assert_eq!(tls_in("einode_ipv6(NULL)", "libei.a"), 0);
    // Those with TLS do, so it would be noticed.
    let with = tls_in("einode_tls_optfile(\"x\", 0, NULL)", "libeinode_c.a");
    assert!(with > 100, "{with}");
    let shared = run(Command::new("nm").arg("-D").arg(built("libei.so")));
    assert!(!shared.contains("rustls"));
}
