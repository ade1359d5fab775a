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
    run_command(&mut cargo(&[
        "build",
        "--package",
        "einode-libei",
        "--profile",
        "libei",
    ]))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || workspace().join("target"),
        |target| workspace().join(target),
    );
    let prefix = install(&target.join("libei"), &prefix)
        .map_err(|error| Failure::new(format!("installing to {}: {error}", prefix.display())))?;
    println!("The C library is in {}", prefix.display());
    Ok(())
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
    let shared = &format!("libei{}", std::env::consts::DLL_SUFFIX);
    for (from, to) in [
        ("libei.a", "libei.a"),
        ("libei.a", "libei_st.a"),
        (shared, shared),
    ] {
        // A program that runs keeps the library that it has open.
        let to = lib.join(to);
        let new = to.with_extension("new");
        fs::copy(built.join(from), &new)?;
        fs::rename(new, to)?;
    }
    fs::write(pkgconfig.join("erl_ei.pc"), description(&prefix))?;
    Ok(prefix)
}

/// What pkg-config says about the library.
fn description(prefix: &Path) -> String {
    format!(
        "prefix={}\n\
         includedir=${{prefix}}/include\n\
         libdir=${{prefix}}/lib\n\
         \n\
         Name: erl_ei\n\
         Description: The external term format of Erlang\n\
         Version: {}\n\
         Cflags: -I${{includedir}} -pthread\n\
         Libs: -L${{libdir}} -lei -pthread\n",
        prefix.display(),
        env!("CARGO_PKG_VERSION"),
    )
}
