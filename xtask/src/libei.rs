//! `cargo xtask libei`: the C library as a tree that compilers and pkg-config understand.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::{cargo, run as run_command, workspace};
use crate::{Failure, Outcome};

/// Builds the library and copies it, with its headers, to where the arguments say.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let prefix = match arguments {
        [] => workspace().join("target/libei"),
        [option, directory] if option == "--prefix" => {
            std::env::current_dir().unwrap_or_default().join(directory)
        }
        _ => return Err(Failure::new("expected --prefix DIR or nothing")),
    };
    // One after the other: in one build, each would have the other's features.
    for (package, name) in [("einode-libei", "libei"), ("einode-libei-tls", "libeinode")] {
        build(package, name)?;
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || workspace().join("target"),
        |target| workspace().join(target),
    );
    let prefix = install(&target.join("libei"), &prefix)
        .map_err(|error| Failure::new(format!("installing to {}: {error}", prefix.display())))?;
    println!("The C library is in {}", prefix.display());
    Ok(())
}

/// Builds the libraries of a package. They are no crates for Rust here, since those would not be optimized
/// as a whole.
fn build(package: &str, name: &str) -> Outcome {
    let mut command = cargo(&["rustc", "--lib", "--profile", "libei"]);
    command.args(["--crate-type", "staticlib,cdylib", "--package", package]);
    // Elsewhere, shared libraries have no such names, or have them from the linker.
    if cfg!(target_os = "linux") {
        command.args(["--", "-C"]);
        command.arg(format!("link-arg=-Wl,-soname,{name}.so"));
    }
    run_command(&mut command)
}

/// Copies what was built; gives the prefix as an absolute path.
fn install(built: &Path, prefix: &Path) -> std::io::Result<PathBuf> {
    let include = prefix.join("include");
    let lib = prefix.join("lib");
    let pkgconfig = lib.join("pkgconfig");
    fs::create_dir_all(&include)?;
    fs::create_dir_all(&pkgconfig)?;
    let prefix = prefix.canonicalize()?;
    for header in fs::read_dir(workspace().join("libei/include"))? {
        let header = header?;
        fs::copy(header.path(), include.join(header.file_name()))?;
    }
    // One archive has both forms of erl_errno, so it serves programs with and without threads.
    let shared = |name| format!("{name}{}", std::env::consts::DLL_SUFFIX);
    for (from, to) in [
        ("libei.a".to_owned(), "libei.a".to_owned()),
        ("libei.a".to_owned(), "libei_st.a".to_owned()),
        (shared("libei"), shared("libei")),
        // With TLS. The crate `einode` has this name in Rust.
        ("libeinode_c.a".to_owned(), "libeinode.a".to_owned()),
        (shared("libeinode_c"), shared("libeinode")),
    ] {
        // A program that runs keeps the library that it has open.
        let to = lib.join(to);
        let new = to.with_extension("new");
        fs::copy(built.join(from), &new)?;
        fs::rename(new, to)?;
    }
    for (name, library, purpose) in [
        ("erl_ei", "ei", "C nodes for Erlang clusters"),
        ("einode", "einode", "C nodes for Erlang clusters, with TLS"),
    ] {
        let text = description(&prefix, name, library, purpose);
        fs::write(pkgconfig.join(name).with_extension("pc"), text)?;
    }
    Ok(prefix)
}

/// What pkg-config says about a library.
fn description(prefix: &Path, name: &str, library: &str, purpose: &str) -> String {
    format!(
        "prefix={}\n\
         includedir=${{prefix}}/include\n\
         libdir=${{prefix}}/lib\n\
         \n\
         Name: {name}\n\
         Description: {purpose}\n\
         Version: {}\n\
         Cflags: -I${{includedir}} -pthread\n\
         Libs: -L${{libdir}} -l{library} -pthread\n",
        prefix.display(),
        env!("CARGO_PKG_VERSION"),
    )
}
