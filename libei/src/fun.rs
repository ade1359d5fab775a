//! Funs: `fun Module:Function/Arity`, and code with the values that it closed over.

use std::ffi::{c_char, c_int, c_long, c_uint};
use std::mem::MaybeUninit;
use std::ptr;

use einode_etf::{Count, Sink, Source, tag};

use crate::atom;
use crate::ffi::{self, Fault, Outcome, decoders, encoders, guard, put};
use crate::ids::{member, read_pid, write_name, write_pid};
use crate::number::{read_signed, write_signed};
use crate::raw::{RawSource, Read};
use crate::types::{
    EI_FUN_CLOSURE, EI_FUN_EXPORT, ERLANG_UTF8, MAXATOMLEN_UTF8, erlang_closure, erlang_fun,
};

decoders! {
    /// A fun. `free_fun` frees what it holds.
    ei_decode_fun(p: *mut erlang_fun) |source| read(source, p);
}

encoders! {
    /// A fun.
    ei_encode_fun(p: *const erlang_fun),
    ei_x_encode_fun(p: *const erlang_fun) |sink| write(sink, p);
}

/// Frees what `ei_decode_fun` allocated for `f`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free_fun(f: *mut erlang_fun) {
    guard((), || {
        // SAFETY: null or a fun that was decoded, as ei.h says; its type says which member is set.
        unsafe {
            let Some(f) = f.as_mut() else {
                return;
            };
            if f.r#type != EI_FUN_EXPORT {
                libc::free(f.u.closure.free_vars.cast());
            } else if f.u.exprt.func_allocated != 0 {
                libc::free(f.u.exprt.func.cast());
            }
        }
    });
}

/// # Safety
/// `p` is null or has room for a fun.
pub(crate) unsafe fn read(source: &mut RawSource<'_>, p: *mut erlang_fun) -> Outcome {
    // SAFETY: as the caller promised.
    unsafe {
        match source.u8()? {
            tag::EXPORT_EXT => read_export(source, p),
            tag::NEW_FUN_EXT => read_closure(source, p),
            tag::FUN_EXT => read_old_closure(source, p),
            _ => Err(Fault::Refused),
        }
    }
}

/// # Safety
/// As for [`read`].
unsafe fn read_export(source: &mut RawSource<'_>, p: *mut erlang_fun) -> Outcome {
    let mut function = MaybeUninit::<[c_char; MAXATOMLEN_UTF8]>::uninit();
    // SAFETY: as the caller promised.
    unsafe {
        let module = member!(p, module);
        atom::read_utf8(source, module)?;
        atom::read_utf8(source, function.as_mut_ptr())?;
        let module: *mut c_char = module.cast();
        let arity = read_signed(source)?;
        if p.is_null() {
            return Ok(());
        }
        let function = ffi::text(function.as_ptr().cast())?;
        // The name has its place behind that of the module, where there is room.
        let used = ffi::text(module)?.len() + 1;
        let room = MAXATOMLEN_UTF8 - used;
        let (func, func_allocated) = if function.len() < room {
            (module.add(used), 0)
        } else {
            (allocate(function.len() + 1)?, 1)
        };
        ptr::copy_nonoverlapping(function.as_ptr(), func.cast(), function.len());
        func.add(function.len()).write(0);
        put(member!(p, arity), arity);
        put(member!(p, r#type), EI_FUN_EXPORT);
        put(member!(p, u.exprt.func), func);
        put(member!(p, u.exprt.func_allocated), func_allocated);
    }
    Ok(())
}

/// # Safety
/// As for [`read`].
unsafe fn read_closure(source: &mut RawSource<'_>, p: *mut erlang_fun) -> Outcome {
    let start = source.remaining();
    let size = source.count()?;
    // SAFETY: as the caller promised.
    unsafe {
        put(member!(p, r#type), EI_FUN_CLOSURE);
        put(member!(p, arity), c_long::from(source.u8()?));
        let md5: [u8; 16] = source.array()?;
        put(member!(p, u.closure.md5).cast(), md5);
        let index = i32::from_be_bytes(source.array()?);
        put(member!(p, u.closure.index), index.into());
        let free = source.count()?;
        put(member!(p, u.closure.n_free_vars), free.into());
        atom::read_utf8(source, member!(p, module))?;
        put(member!(p, u.closure.old_index), read_signed(source)?);
        put(member!(p, u.closure.uniq), read_signed(source)?);
        read_pid(source, member!(p, u.closure.pid))?;
        let free = take_terms(source, free)?;
        // The size counts itself. Believing it would mean to read where no term is.
        if start - source.remaining() != size as usize {
            return Err(Fault::Refused);
        }
        keep(free, p)
    }
}

/// # Safety
/// As for [`read`].
unsafe fn read_old_closure(source: &mut RawSource<'_>, p: *mut erlang_fun) -> Outcome {
    // SAFETY: as the caller promised.
    unsafe {
        let free = source.count()?;
        put(member!(p, r#type), EI_FUN_CLOSURE);
        put(member!(p, arity), -1 as c_long);
        put(member!(p, u.closure.n_free_vars), free.into());
        read_pid(source, member!(p, u.closure.pid))?;
        atom::read_utf8(source, member!(p, module))?;
        put(member!(p, u.closure.index), read_signed(source)?);
        put(member!(p, u.closure.uniq), read_signed(source)?);
        keep(take_terms(source, free)?, p)
    }
}

/// The bytes of as many terms.
fn take_terms<'a>(source: &mut RawSource<'a>, count: c_int) -> Result<&'a [u8], Fault> {
    let mut end = *source;
    for _ in 0..count {
        end.read(|reader| reader.skip())?;
    }
    Ok(source.take(source.remaining() - end.remaining())?)
}

/// Keeps the free variables, as bytes that `free_fun` frees.
///
/// # Safety
/// As for [`read`].
unsafe fn keep(free: &[u8], p: *mut erlang_fun) -> Outcome {
    if p.is_null() {
        return Ok(());
    }
    let kept = if free.is_empty() {
        ptr::null_mut()
    } else {
        allocate(free.len())?
    };
    // SAFETY: as the caller promised, and there is room for the bytes.
    unsafe {
        ptr::copy_nonoverlapping(free.as_ptr(), kept.cast(), free.len());
        put(member!(p, u.closure.free_var_len), free.len() as c_long);
        put(member!(p, u.closure.free_vars), kept);
    }
    Ok(())
}

fn allocate(size: usize) -> Result<*mut c_char, Fault> {
    // SAFETY: no size is wrong.
    let memory: *mut c_char = unsafe { libc::malloc(size) }.cast();
    if memory.is_null() {
        Err(Fault::Refused)
    } else {
        Ok(memory)
    }
}

/// # Safety
/// `p` is null or points to a fun.
unsafe fn write(sink: &mut impl Sink, p: *const erlang_fun) -> Outcome {
    // SAFETY: as the caller promised; the type says which member is set.
    unsafe {
        let fun = p.as_ref().ok_or(Fault::Refused)?;
        match fun.r#type {
            EI_FUN_EXPORT => {
                sink.put(&[tag::EXPORT_EXT]);
                write_name(sink, &fun.module)?;
                let function = ffi::text(fun.u.exprt.func)?;
                atom::write(sink, function, ERLANG_UTF8)?;
                write_signed(sink, fun.arity)
            }
            EI_FUN_CLOSURE if fun.arity == -1 => write_old_closure(sink, fun, &fun.u.closure),
            EI_FUN_CLOSURE => {
                let mut size = Count::default();
                write_closure(&mut size, 0, fun, &fun.u.closure)?;
                // The tag is not part of the size.
                write_closure(sink, size.bytes() - 1, fun, &fun.u.closure)
            }
            _ => Err(Fault::Refused),
        }
    }
}

/// # Safety
/// The closure has as many bytes of free variables as it says.
unsafe fn write_closure(
    sink: &mut impl Sink,
    size: usize,
    fun: &erlang_fun,
    closure: &erlang_closure,
) -> Outcome {
    // SAFETY: as the caller promised.
    let free = unsafe { ffi::bytes(closure.free_vars.cast(), closure.free_var_len) }?;
    sink.put(&[tag::NEW_FUN_EXT]);
    sink.put(&(size as u32).to_be_bytes());
    sink.put(&[fun.arity as u8]);
    sink.put(&closure.md5.map(|byte| byte as u8));
    sink.put(&(closure.index as u32).to_be_bytes());
    sink.put(&(closure.n_free_vars as u32).to_be_bytes());
    write_name(sink, &fun.module)?;
    write_signed(sink, closure.old_index)?;
    write_signed(sink, closure.uniq)?;
    // SAFETY: it is a pid.
    unsafe { write_pid(sink, &raw const closure.pid) }?;
    sink.put_run(free);
    Ok(())
}

/// # Safety
/// The closure has as many bytes of free variables as it says.
unsafe fn write_old_closure(
    sink: &mut impl Sink,
    fun: &erlang_fun,
    closure: &erlang_closure,
) -> Outcome {
    // SAFETY: as the caller promised.
    let free = unsafe { ffi::bytes(closure.free_vars.cast(), closure.free_var_len) }?;
    sink.put(&[tag::FUN_EXT]);
    sink.put(&(closure.n_free_vars as c_uint).to_be_bytes());
    // SAFETY: it is a pid.
    unsafe { write_pid(sink, &raw const closure.pid) }?;
    write_name(sink, &fun.module)?;
    write_signed(sink, closure.index)?;
    write_signed(sink, closure.uniq)?;
    sink.put_run(free);
    Ok(())
}
