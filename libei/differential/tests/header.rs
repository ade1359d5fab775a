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
