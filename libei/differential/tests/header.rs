//! What C sees: ei.h says the same as OTP's and as the code does, and programs build with it.

use std::ffi::OsStr;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use ei::types::*;
use einode_libei_differential::{INCLUDE, OTP_INCLUDE, PROTOTYPES};

/// What has to stay as it is, for programs that were compiled before.
const SYMBOLS: &str = include_str!("../../abi/symbols.txt");
const PROTOTYPES_IN_C: &str = include_str!("../../abi/prototypes.txt");
const LAYOUT: &str = include_str!("../../abi/layout.txt");

/// OTP's symbols that are not ours, each with what it is for.
const ABSENT: &str = include_str!("../../abi/absent.txt");

/// The C type of a type as [`PROTOTYPES`] says it.
fn c_type(rust: &str) -> String {
    if let Some(target) = rust.strip_prefix("*mut ") {
        return format!("{} *", c_type(target));
    }
    if let Some(target) = rust.strip_prefix("*const ") {
        return format!("const {} *", c_type(target));
    }
    match rust {
        "" => "void",
        "Text" => "const char *",
        "Index" => "int *",
        "Buffer" => "ei_x_buff *",
        "Node" => "ei_cnode *",
        "Callbacks" => "ei_socket_callbacks *",
        "hostent" => "struct hostent",
        "Encoding" => "erlang_char_encoding",
        "usize" => "size_t",
        "c_longlong" => "long long",
        "c_ulong" => "unsigned long",
        "c_ulonglong" => "unsigned long long",
        "c_uchar" => "unsigned char",
        "c_uint" => "unsigned int",
        _ => rust.strip_prefix("c_").unwrap_or(rust),
    }
    .to_owned()
}

/// Exported, but not declared in ei.h.
const UNDECLARED: &[&str] = &[
    "ei_distversion",
    "ei_epmd_connect_tmo",
    "ei_epmd_port",
    "ei_epmd_port_tmo",
    "ei_epmd_publish",
    "ei_epmd_publish_tmo",
    "ei_fd_to_cnode",
    "ei_free",
    "ei_getfdcookie",
    "ei_malloc",
    "ei_mutex_create",
    "ei_mutex_free",
    "ei_mutex_lock",
    "ei_mutex_unlock",
    "ei_realloc",
    "ei_send_exit",
    "ei_send_exit_tmo",
    "ei_show_recmsg",
    "ei_show_sendmsg",
    "ei_thiscookie",
    "ei_trace",
];

/// Sizes and offsets of the types in Rust, as the snapshot says them.
fn layout() -> Vec<String> {
    let mut lines = Vec::new();
    macro_rules! layouts {
        ($($type:ident { $($c:literal $($member:ident).+),* })*) => { $(
            lines.push(format!("{} size {}", stringify!($type), size_of::<$type>()));
            $( lines.push(format!("{}.{} offset {}", stringify!($type), $c,
                std::mem::offset_of!($type, $($member).+))); )*
        )* };
    }
    layouts! {
        erlang_pid { "node" node, "num" num, "serial" serial, "creation" creation }
        erlang_port { "node" node, "id" id, "creation" creation }
        erlang_ref { "node" node, "len" len, "n" n, "creation" creation }
        erlang_trace { "serial" serial, "prev" prev, "from" from, "label" label, "flags" flags }
        erlang_msg {
            "msgtype" msgtype, "from" from, "to" to, "toname" toname, "cookie" cookie, "token" token
        }
        erlang_fun {
            "arity" arity, "module" module, "type" r#type, "u.closure.md5" u.closure.md5,
            "u.closure.index" u.closure.index, "u.closure.old_index" u.closure.old_index,
            "u.closure.uniq" u.closure.uniq, "u.closure.n_free_vars" u.closure.n_free_vars,
            "u.closure.pid" u.closure.pid, "u.closure.free_var_len" u.closure.free_var_len,
            "u.closure.free_vars" u.closure.free_vars, "u.exprt.func" u.exprt.func,
            "u.exprt.func_allocated" u.exprt.func_allocated
        }
        erlang_big { "arity" arity, "is_neg" is_neg, "digits" digits }
        ei_term { "ei_type" ei_type, "arity" arity, "size" size, "value" value }
        ei_x_buff { "buff" buff, "buffsz" buffsz, "index" index }
        ErlConnect { "ipadr" ipadr, "nodename" nodename }
        ei_socket_callbacks {
            "flags" flags, "socket" socket, "close" close, "listen" listen, "accept" accept,
            "connect" connect, "writev" writev, "write" write, "read" read,
            "handshake_packet_header_size" handshake_packet_header_size,
            "connect_handshake_complete" connect_handshake_complete,
            "accept_handshake_complete" accept_handshake_complete, "get_fd" get_fd
        }
        ei_cnode {
            "thishostname" thishostname, "thisnodename" thisnodename, "thisalivename" thisalivename,
            "ei_connect_cookie" ei_connect_cookie, "creation" creation, "self" self_, "cbs" cbs,
            "setup_context" setup_context, "pidsn" pidsn
        }
    }
    lines.sort_unstable();
    lines
}

/// A C file that compiles with an ei.h whose prototypes, layouts and constants are ours.
fn expectations() -> String {
    let mut text = String::from(
        "#include <stddef.h>\n#include \"ei.h\"\ntypedef struct ei_mutex_s ei_mutex_t;\n",
    );
    for (name, arguments, result) in PROTOTYPES {
        let mut arguments: Vec<_> = arguments.iter().map(|rust| c_type(rust)).collect();
        if arguments.is_empty() {
            arguments.push("void".to_owned());
        }
        // OTP's errors are volatile, which Rust's types do not say.
        let result = match *name {
            "__erl_errno_place" => "volatile int *".to_owned(),
            _ => c_type(result),
        };
        if !UNDECLARED.contains(name) {
            // Taking the address needs the header's own declaration.
            writeln!(text, "void (*p_{name})(void) = (void (*)(void))&{name};").expect("a string");
        }
        writeln!(text, "{result} {name}({});", arguments.join(", ")).expect("a string");
    }
    for line in LAYOUT.lines() {
        let (what, value) = line.rsplit_once(' ').expect("a number");
        let measured = match what.split_once('.') {
            Some((of, member)) => {
                format!("offsetof({of}, {})", member.trim_end_matches(" offset"))
            }
            None => format!("sizeof({})", what.trim_end_matches(" size")),
        };
        writeln!(text, "_Static_assert({measured} == {value}, \"{what}\");").expect("a string");
    }
    for (name, value) in [
        ("MAXATOMLEN", MAXATOMLEN),
        ("MAXATOMLEN_UTF8", MAXATOMLEN_UTF8),
        ("ERLANG_ASCII", ERLANG_ASCII as usize),
        ("ERLANG_LATIN1", ERLANG_LATIN1 as usize),
        ("ERLANG_UTF8", ERLANG_UTF8 as usize),
        ("EI_FUN_CLOSURE", EI_FUN_CLOSURE as usize),
        ("EI_FUN_EXPORT", EI_FUN_EXPORT as usize),
        ("MAXNODELEN", MAXNODELEN),
        ("EI_MAXHOSTNAMELEN", EI_MAXHOSTNAMELEN),
        ("EI_MAXALIVELEN", EI_MAXALIVELEN),
        ("EI_MAX_COOKIE_SIZE", EI_MAX_COOKIE_SIZE),
        ("EI_SCLBK_INF_TMO", EI_SCLBK_INF_TMO as usize),
        ("EI_SCLBK_FLG_FULL_IMPL", EI_SCLBK_FLG_FULL_IMPL as usize),
        ("ERL_TICK", ERL_TICK as usize),
        ("ERL_MSG", ERL_MSG as usize),
        ("ERL_LINK", ERL_LINK as usize),
        ("ERL_SEND", ERL_SEND as usize),
        ("ERL_EXIT", ERL_EXIT as usize),
        ("ERL_UNLINK", ERL_UNLINK as usize),
        ("ERL_REG_SEND", ERL_REG_SEND as usize),
        ("ERL_GROUP_LEADER", ERL_GROUP_LEADER as usize),
        ("ERL_EXIT2", ERL_EXIT2 as usize),
        ("ERL_SEND_TT", ERL_SEND_TT as usize),
        ("ERL_EXIT_TT", ERL_EXIT_TT as usize),
        ("ERL_REG_SEND_TT", ERL_REG_SEND_TT as usize),
        ("ERL_EXIT2_TT", ERL_EXIT2_TT as usize),
        ("ERL_MONITOR_P", ERL_MONITOR_P as usize),
        ("ERL_DEMONITOR_P", ERL_DEMONITOR_P as usize),
        ("ERL_PASS_THROUGH", ERL_PASS_THROUGH as usize),
        ("EI_RPC_FETCH_STDOUT", EI_RPC_FETCH_STDOUT as usize),
    ] {
        writeln!(text, "_Static_assert({name} == {value}, \"{name}\");").expect("a string");
    }
    text
}

/// Runs the C compiler; its messages, if it fails.
fn cc<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) {
    let output = Command::new("cc")
        .args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-D_REENTRANT"])
        .args(arguments)
        .output()
        .expect("a C compiler");
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{messages}");
}

/// A file in a directory of this test.
fn file(directory: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = directory.path().join(name);
    std::fs::write(&path, text).expect("a file");
    path
}

fn compile(text: &str, include: &str) {
    let directory = tempfile::tempdir().expect("a directory");
    let source = file(&directory, "expectations.c", text);
    cc([
        Path::new("-fsyntax-only"),
        Path::new("-I"),
        Path::new(include),
        &source,
    ]);
}

#[test]
fn the_header_declares_what_is_defined() {
    compile(&expectations(), INCLUDE);
}

#[test]
fn otps_header_declares_the_same() {
    compile(&expectations(), otp_include());
}

#[test]
fn types_are_those_of_the_snapshot() {
    assert_eq!(layout().join("\n"), LAYOUT.trim_end());
}

/// The directory of OTP's ei.h.
fn otp_include() -> &'static str {
    OTP_INCLUDE.expect("OTP's ei.h, which comes with its libei (Debian: erlang-dev)")
}

/// What ei.h declares after these lines, by name, as gcc says it.
fn declared(include: &str, lines: &str) -> Vec<String> {
    let directory = tempfile::tempdir().expect("a directory");
    let source = file(
        &directory,
        "declared.c",
        &format!("{lines}\n#include \"ei.h\"\n"),
    );
    let told = directory.path().join("declared.txt");
    cc::<&OsStr>([
        "-fsyntax-only".as_ref(),
        "-aux-info".as_ref(),
        told.as_ref(),
        "-I".as_ref(),
        include.as_ref(),
        source.as_ref(),
    ]);
    // Such as `/* include/ei.h:258:NC */ extern int ei_init (void);`.
    let mut declared: Vec<_> = std::fs::read_to_string(told)
        .expect("text")
        .lines()
        .filter_map(|line| line.split_once(" */ extern "))
        .filter(|(place, _)| place.contains("/ei.h:"))
        .map(|(_, prototype)| prototype.to_owned())
        .collect();
    declared.sort_by_key(|prototype| {
        let (before, _) = prototype.split_once(" (").expect("a function");
        before.rsplit([' ', '*']).next().map(str::to_owned)
    });
    declared
}

#[test]
fn prototypes_are_those_of_the_snapshot() {
    for include in [INCLUDE, otp_include()] {
        let declared = declared(include, "");
        assert_eq!(declared.join("\n"), PROTOTYPES_IN_C.trim_end(), "{include}");
    }
}

#[test]
fn functions_of_gnu_mp_are_declared_on_the_same_occasions() {
    let without = PROTOTYPES_IN_C.lines().count();
    for (major, minor, more) in [
        (3, 1, 0),
        (4, 0, 0),
        (4, 1, 3),
        (4, 3, 3),
        (5, 1, 0),
        (6, 2, 0),
    ] {
        // What is in gmp.h as far as ei.h is concerned.
        let gmp = format!(
            "typedef struct {{ int size; }} mpz_t[1];\n\
             #define __GNU_MP_VERSION {major}\n#define __GNU_MP_VERSION_MINOR {minor}"
        );
        let ours = declared(INCLUDE, &gmp);
        assert_eq!(ours.len(), without + more, "{major}.{minor}");
        assert_eq!(ours, declared(otp_include(), &gmp), "{major}.{minor}");
    }
}

/// Every macro with a value, as the preprocessor knows them after ei.h.
fn macros(include: &str) -> Vec<String> {
    let directory = tempfile::tempdir().expect("a directory");
    let with = file(&directory, "with.c", "#include \"ei.h\"\n");
    let output = Command::new("cc")
        .args(["-D_REENTRANT", "-dM", "-E", "-I", include])
        .arg(with)
        .output()
        .expect("a C compiler");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("text");
    let ours = text.lines().filter(|line| {
        let name = line.split([' ', '(']).nth(1).unwrap_or_default();
        ["ERL", "EI_", "MAX", "NEW_FLOAT"]
            .iter()
            .any(|start| name.starts_with(start))
    });
    ours.map(|line| {
        line.replace(['(', ')'], " ")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    })
    .collect()
}

#[test]
fn constants_are_those_of_otp() {
    let theirs = macros(otp_include());
    let ours = macros(INCLUDE);
    assert!(ours.len() > 40, "{ours:?}");
    for line in ours {
        let same = theirs
            .iter()
            .any(|theirs| theirs.replace(' ', "") == line.replace(' ', ""));
        // The one is OTP's product 255*4, the other is ours; both are checked above.
        let is_length = line.contains("MAXATOMLEN_UTF8");
        assert!(same || is_length || line.contains("EI_H"), "{line}");
    }
}

/// Where this test's own build put the library.
fn built() -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    test.parent().expect("a directory").to_owned()
}

const PROGRAM: &str = r#"
#include <stdio.h>
#include <string.h>
#include "ei.h"

int main(void)
{
    ei_x_buff x;
    int index = 0, version;
    erlang_pid pid;
    memset(&pid, 0, sizeof pid);
    strcpy(pid.node, "c@host");
    pid.num = 7;
    if (ei_init() || ei_x_new(&x) || ei_x_format(&x, "{ok,[~i,~s|~d],~p,#{a=>'B c'}}", 42, "text", 0.5, &pid))
        return 1;
    if (ei_decode_version(x.buff, &index, &version) || version != 131)
        return 2;
    if (ei_print_term(stdout, x.buff, &index) < 0 || index != x.index || erl_errno != 0)
        return 3;
    return ei_x_free(&x);
}
"#;

const PRINTED: &str = "{ok, [42, \"text\" | 0.500000], <c@host.7.0>, #{a => 'B c'}}";

fn build_and_run(link: &[&OsStr]) {
    let directory = tempfile::tempdir().expect("a directory");
    let source = file(&directory, "program.c", PROGRAM);
    let program = directory.path().join("program");
    let mut arguments: Vec<&OsStr> = vec!["-I".as_ref(), INCLUDE.as_ref(), source.as_ref()];
    arguments.extend(link);
    arguments.extend(["-o".as_ref(), program.as_os_str()]);
    cc(arguments);
    let output = Command::new(program)
        .env("LD_LIBRARY_PATH", built())
        .output();
    let output = output.expect("the program");
    assert_eq!(String::from_utf8_lossy(&output.stdout), PRINTED);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_program_links_the_static_library() {
    build_and_run(&[built().join("libei.a").as_ref(), "-lpthread".as_ref()]);
}

#[test]
fn a_program_without_threads_has_the_plain_erl_errno() {
    build_and_run(&[built().join("libei.a").as_ref(), "-U_REENTRANT".as_ref()]);
}

#[test]
fn a_program_links_the_shared_library() {
    build_and_run(&["-L".as_ref(), built().as_ref(), "-lei".as_ref()]);
}

#[test]
fn an_optimized_program_links_the_static_library() {
    build_and_run(&[
        "-O2".as_ref(),
        built().join("libei.a").as_ref(),
        "-lpthread".as_ref(),
    ]);
}

#[test]
fn code_within_programs_compiles_without_a_warning() {
    let directory = tempfile::tempdir().expect("a directory");
    let c = file(&directory, "program.c", PROGRAM);
    let cpp = file(&directory, "program.cpp", PROGRAM);
    for (source, standards) in [
        (&c, &["c99", "c11", "c17", "gnu17"][..]),
        (&cpp, &["c++11", "c++17", "c++20"]),
    ] {
        for standard in standards {
            for level in ["-Og", "-O2"] {
                let standard = format!("-std={standard}");
                let options = [
                    level,
                    &standard,
                    "-Wshadow",
                    "-Wconversion",
                    "-Wcast-qual",
                    "-c",
                ];
                let to = ["-o", "/dev/null", "-I", INCLUDE].map(OsStr::new);
                cc(options
                    .map(OsStr::new)
                    .into_iter()
                    .chain(to)
                    .chain([source.as_ref()]));
            }
        }
    }
}

/// The functions that [`TERMS`] calls.
const INLINED: &str = "get_type decode_version decode_long decode_ulong decode_longlong decode_ulonglong \
    decode_double decode_tuple_header decode_list_header decode_map_header decode_atom decode_atom_as \
    decode_string decode_binary encode_version encode_long encode_ulong encode_longlong encode_ulonglong \
    encode_char encode_double encode_tuple_header encode_list_header encode_map_header encode_binary";

/// Calls functions with what is common, and says which library did the work: the one that it is linked
/// with, whose functions do nothing but give [`CALLED`], or the header.
const TERMS: &str = r#"
#include <stdio.h>
#include "ei.h"

#define CALL(function, buf, ...) (index = 0, calls++, called += ei_##function(buf, &index, __VA_ARGS__) == CALLED)

int main(void)
{
    int (*volatile address)(const char *, int *, int *) = ei_decode_version;
    int calls = 0, called = 0, index, number, type;
    long whole;
    unsigned long natural;
    EI_LONGLONG wide;
    EI_ULONGLONG wide_natural;
    double real;
    char text[300];
    erlang_char_encoding encoding;

    CALL(get_type, "w\2ok", &type, &number);
    CALL(decode_version, "\203", &number);
    CALL(decode_long, "a\7", &whole);
    CALL(decode_long, "b\1\2\3\4", &whole);
    CALL(decode_ulong, "b\1\2\3\4", &natural);
    CALL(decode_longlong, "n\5\1\1\2\3\4\5", &wide);
    CALL(decode_ulonglong, "n\10\0\1\2\3\4\5\6\7\310", &wide_natural);
    CALL(decode_double, "F\1\2\3\4\5\6\7\10", &real);
    CALL(decode_tuple_header, "h\3", &number);
    CALL(decode_list_header, "l\0\0\0\1", &number);
    CALL(decode_list_header, "j", &number);
    CALL(decode_map_header, "t\0\0\0\1", &number);
    CALL(decode_atom, "w\2ok", text);
    CALL(decode_atom_as, "w\11undefined", text, sizeof text, ERLANG_UTF8, &encoding, &encoding);
    CALL(decode_string, "k\0\2ab", text);
    CALL(decode_binary, "m\0\0\0\2ab", text, &whole);
    calls++, index = 0, called += ei_encode_version(text, &index) == CALLED;
    CALL(encode_long, text, -1);
    CALL(encode_ulong, text, 1);
    CALL(encode_longlong, text, -1);
    CALL(encode_ulonglong, text, 1);
    CALL(encode_char, text, 'a');
    CALL(encode_double, text, 0.5);
    CALL(encode_tuple_header, text, 1);
    CALL(encode_list_header, text, 0);
    CALL(encode_map_header, text, 1);
    CALL(encode_binary, text, "ab", 2);
    index = 0;
    if (address("\203", &index, &number) != CALLED)
        return 1;
    printf("%s", called == 0 ? "the header" : called == calls ? "the library" : "both");
    return 0;
}
"#;

const CALLED: i32 = -77;

#[test]
fn common_terms_do_not_reach_the_library() {
    let directory = tempfile::tempdir().expect("a directory");
    let define =
        |name| format!("int ei_{name}(void); int ei_{name}(void) {{ return {CALLED}; }}\n");
    let library = INLINED.split_whitespace().map(define).collect::<String>();
    let library = file(&directory, "library.c", &library);
    let source = file(&directory, "program.c", TERMS);
    let program = directory.path().join("program");
    for (options, did) in [
        ("-O1", "the header"),
        ("-O2", "the header"),
        ("-O0", "the library"),
        ("-Os", "the library"),
        ("-O2 -fno-inline", "the library"),
        ("-O2 -DEI_NO_INLINE", "the library"),
    ] {
        let called = format!("-DCALLED={CALLED}");
        let mut arguments: Vec<&OsStr> = options.split(' ').map(OsStr::new).collect();
        arguments.extend([OsStr::new(&called), "-I".as_ref(), INCLUDE.as_ref()]);
        arguments.extend([
            source.as_ref(),
            library.as_ref(),
            OsStr::new("-o"),
            program.as_ref(),
        ]);
        cc(arguments);
        let output = Command::new(&program).output().expect("the program");
        assert!(
            output.status.success(),
            "{options}: an address is not the library's"
        );
        assert_eq!(String::from_utf8_lossy(&output.stdout), did, "{options}");
    }
}

/// The symbols that a library defines for programs.
fn symbols(options: &[&str], library: &Path) -> Vec<String> {
    let output = Command::new("nm")
        .args([
            "--extern-only",
            "--defined-only",
            "--format=just-symbols",
            "--quiet",
        ])
        .args(options)
        .arg(library)
        .output()
        .expect("nm of binutils");
    let mut symbols: Vec<_> = std::str::from_utf8(&output.stdout)
        .expect("text")
        .lines()
        // The files in an archive are named, too.
        .filter(|line| !line.is_empty() && !line.ends_with(':'))
        .map(str::to_owned)
        .collect();
    symbols.sort_unstable();
    symbols
}

#[test]
fn the_shared_library_exports_what_the_snapshot_says() {
    let exported = symbols(&["--dynamic"], &built().join("libei.so"));
    assert_eq!(exported.join("\n"), SYMBOLS.trim_end());
}

#[test]
fn otps_symbols_are_ours_or_known_to_be_absent() {
    let library = Path::new(otp_include()).with_file_name("lib");
    let mut theirs = symbols(&[], &library.join("libei.a"));
    theirs.extend(symbols(&[], &library.join("libei_st.a")));
    let ours: Vec<_> = SYMBOLS.lines().collect();
    let absent: Vec<_> = ABSENT
        .lines()
        .filter_map(|line| line.split_once(' '))
        .collect();
    assert_eq!(
        absent.len(),
        ABSENT.lines().count(),
        "a symbol without a reason"
    );
    for symbol in &theirs {
        let is_absent = absent.iter().any(|(name, _)| name == symbol);
        assert_ne!(is_absent, ours.contains(&symbol.as_str()), "{symbol}");
    }
    for symbol in ours {
        let is_theirs = theirs.iter().any(|theirs| theirs == symbol);
        assert!(is_theirs || symbol.starts_with("einode_"), "{symbol}");
    }
}
