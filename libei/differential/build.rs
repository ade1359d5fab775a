//! Links OTP's libei, with every symbol renamed from `x` to `otp_x`, and what our ei.h has C compilers
//! inline. It is the libei of the OTP that the tests run against: the one that `EINODE_OTP_DIR` names, or
//! else that of the `erl` in PATH.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(otp_libei)");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PATH");
    println!("cargo::rerun-if-env-changed=EINODE_OTP_DIR");
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
            println!(
                "cargo::rustc-env=OTP_EI_LIBRARY={}",
                out.join(LINKED).display()
            );
        }
        // The test that needs it says so when it is run; nothing else depends on it.
        Err(reason) => println!("cargo::rustc-env=OTP_LIBEI_MISSING={reason}"),
    }
}

/// OTP's library as it is, but for what this system calls otherwise: C programs are linked with it.
const LINKED: &str = "linked.a";

/// What newer systems than this one may have called functions of theirs, when they built the library.
const SYSTEM: &[(&str, &str)] = &[
    ("__isoc23_sscanf", "__isoc99_sscanf"),
    ("__isoc23_strtol", "strtol"),
];

/// Puts the renamed library into `out`; gives the path of the original.
fn renamed(out: &Path) -> Result<PathBuf, String> {
    let library = home()?.join("lib/libei.a");
    let symbols = output(
        Command::new("nm")
            .args([
                "--extern-only",
                "--defined-only",
                "--format=just-symbols",
                "--quiet",
            ])
            .arg(&library),
    )?;
    let symbols = symbols
        .lines()
        .filter(|line| !line.is_empty() && !line.ends_with(':'));
    let renamed = symbols.map(|symbol| (symbol, format!("otp_{symbol}")));
    let system = SYSTEM.iter().map(|&(new, old)| (new, old.to_owned()));
    rename(&library, system.clone().collect(), &out.join(LINKED))?;
    rename(
        &library,
        renamed.chain(system).collect(),
        &out.join("libotp_ei.a"),
    )?;
    Ok(library)
}

/// Where OTP's `erl_interface` is.
fn home() -> Result<PathBuf, String> {
    let mut erl = Command::new("erl");
    if let Some(directory) = std::env::var_os("EINODE_OTP_DIR").map(PathBuf::from) {
        // The root of another system, whose `erl` does not run here.
        let applications = directory.join("usr/lib/erlang/lib");
        if applications.exists() {
            return applications
                .read_dir()
                .map_err(|error| format!("{}: {error}", applications.display()))?
                .filter_map(|entry| Some(entry.ok()?.path()))
                .find(|path| {
                    path.file_name()
                        .is_some_and(|name| name.to_string_lossy().starts_with("erl_interface-"))
                })
                .ok_or_else(|| format!("no erl_interface in {}", applications.display()));
        }
        erl = Command::new(directory.join("bin/erl"));
    }
    output(erl.args([
        "-noinput",
        "-eval",
        "io:put_chars(code:lib_dir(erl_interface)), halt().",
    ]))
    .map(PathBuf::from)
}

/// Copies a library, with other names for symbols in it.
fn rename(library: &Path, names: Vec<(&str, String)>, to: &Path) -> Result<(), String> {
    let lines: String = names
        .iter()
        .map(|(old, new)| format!("{old} {new}\n"))
        .collect();
    let list = to.with_extension("names");
    std::fs::write(&list, lines).map_err(|error| format!("{}: {error}", list.display()))?;
    output(
        Command::new("objcopy")
            .arg(format!("--redefine-syms={}", list.display()))
            .args([library, to]),
    )?;
    Ok(())
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
