//! Links the libei of the `erl` in PATH, with every symbol renamed from `x` to `otp_x`, and what our ei.h
//! has C compilers inline.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(otp_libei)");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PATH");
    println!("cargo::rerun-if-changed=../include");
    cc::Build::new()
        .file("src/inlined.c")
        .include("../include")
        .opt_level(2)
        .warnings(true)
        .extra_warnings(true)
        .compile("ei_inlined");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("set by cargo"));
    match renamed(&out) {
        Ok(library) => {
            println!("cargo::rerun-if-changed={}", library.display());
            println!("cargo::rustc-cfg=otp_libei");
            println!("cargo::rustc-link-search=native={}", out.display());
            println!("cargo::rustc-link-lib=static=otp_ei");
            let include = library.with_file_name("../include");
            println!("cargo::rustc-env=OTP_EI_INCLUDE={}", include.display());
        }
        // The test that needs it says so when it is run; nothing else depends on it.
        Err(reason) => println!("cargo::rustc-env=OTP_LIBEI_MISSING={reason}"),
    }
}

/// Puts the renamed library into `out`; gives the path of the original.
fn renamed(out: &Path) -> Result<PathBuf, String> {
    let home = output(Command::new("erl").args([
        "-noinput",
        "-eval",
        "io:put_chars(code:lib_dir(erl_interface)), halt().",
    ]))?;
    let library = Path::new(&home).join("lib/libei.a");
    let symbols: String = output(
        Command::new("nm")
            .args([
                "--extern-only",
                "--defined-only",
                "--format=just-symbols",
                "--quiet",
            ])
            .arg(&library),
    )?
    .lines()
    .filter(|line| !line.is_empty() && !line.ends_with(':'))
    .map(|symbol| format!("{symbol} otp_{symbol}\n"))
    .collect();
    let names = out.join("names");
    std::fs::write(&names, symbols).map_err(|error| error.to_string())?;
    output(
        Command::new("objcopy")
            .arg(format!("--redefine-syms={}", names.display()))
            .arg(&library)
            .arg(out.join("libotp_ei.a")),
    )?;
    Ok(library)
}

fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().display().to_string();
    let output = command
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        String::from_utf8(output.stdout).map_err(|error| format!("{name}: {error}"))
    } else {
        let reason = String::from_utf8_lossy(&output.stderr);
        Err(format!(
            "{name}: {}",
            reason.lines().next().unwrap_or("failed")
        ))
    }
}
