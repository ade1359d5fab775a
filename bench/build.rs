//! Compiles the C peer and links it with the libei of the `erl` in PATH.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=c/libei_peer.c");
    println!("cargo::rerun-if-env-changed=PATH");
    let answer = Command::new("erl")
        .args([
            "-noinput",
            "-eval",
            "io:put_chars(code:lib_dir(erl_interface)), halt().",
        ])
        .output()
        .expect("erl must be in PATH: it is one of the peers and brings libei");
    let home = String::from_utf8(answer.stdout).expect("a path in UTF-8");
    assert!(
        answer.status.success() && !home.is_empty(),
        "this erl has no erl_interface"
    );
    cc::Build::new()
        .file("c/libei_peer.c")
        .include(format!("{home}/include"))
        .opt_level(2)
        .warnings(true)
        .extra_warnings(true)
        .compile("libei_peer");
    println!("cargo::rustc-link-search=native={home}/lib");
    println!("cargo::rustc-link-lib=static=ei");
    println!("cargo::rustc-env=OTP_ERL_INTERFACE={home}");
}
