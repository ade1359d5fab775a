//! The tag byte that opens every term, with the layout of what follows it.
//!
//! All integers are big-endian. `atom` stands for any atom, `term` for any term.
//! Source: OTP, *External Term Format*; RECORD_EXT as OTP 29 writes it.

/// Opens a stand-alone term: `131 term`. A distribution header does without it.
pub const VERSION: u8 = 131;

/// `67 u32-n u8-flags atom-module atom-name n*atom-field n*term-value`: a native record (OTP 29).
pub const RECORD_EXT: u8 = 67;
/// `70 f64`: a finite IEEE 754 double.
pub const NEW_FLOAT_EXT: u8 = 70;
/// `77 u32-len u8-bits len*u8`: of the last byte only the `bits` most significant bits count.
pub const BIT_BINARY_EXT: u8 = 77;
/// `80 u32-size zlib(term)`: only after [`VERSION`], and never on a distribution link.
pub const COMPRESSED: u8 = 80;
/// `82 u8-index`: an atom of the distribution header that precedes the term.
pub const ATOM_CACHE_REF: u8 = 82;
/// `88 atom-node u32-id u32-serial u32-creation`.
pub const NEW_PID_EXT: u8 = 88;
/// `89 atom-node u32-id u32-creation`: a port whose id fits 28 bits.
pub const NEW_PORT_EXT: u8 = 89;
/// `90 u16-n atom-node u32-creation n*u32`.
pub const NEWER_REFERENCE_EXT: u8 = 90;
/// `97 u8`.
pub const SMALL_INTEGER_EXT: u8 = 97;
/// `98 i32`.
pub const INTEGER_EXT: u8 = 98;
/// `99 31*u8`: a float as text, padded with NUL; before OTP R11.
pub const FLOAT_EXT: u8 = 99;
/// `100 u16-len len*u8`: Latin-1.
pub const ATOM_EXT: u8 = 100;
/// `101 atom-node u32-id u8-creation`: long gone, still decoded by every release.
pub const REFERENCE_EXT: u8 = 101;
/// `102 atom-node u32-id u8-creation`: before OTP 23.
pub const PORT_EXT: u8 = 102;
/// `103 atom-node u32-id u32-serial u8-creation`: before OTP 23.
pub const PID_EXT: u8 = 103;
/// `104 u8-arity arity*term`.
pub const SMALL_TUPLE_EXT: u8 = 104;
/// `105 u32-arity arity*term`.
pub const LARGE_TUPLE_EXT: u8 = 105;
/// `106`: the empty list.
pub const NIL_EXT: u8 = 106;
/// `107 u16-len len*u8`: a list of integers from 0 to 255.
pub const STRING_EXT: u8 = 107;
/// `108 u32-len len*term term-tail`.
pub const LIST_EXT: u8 = 108;
/// `109 u32-len len*u8`.
pub const BINARY_EXT: u8 = 109;
/// `110 u8-n u8-sign n*u8`: magnitude with the least significant byte first.
pub const SMALL_BIG_EXT: u8 = 110;
/// `111 u32-n u8-sign n*u8`.
pub const LARGE_BIG_EXT: u8 = 111;
/// `112 u32-size u8-arity 16*u8-uniq u32-index u32-n atom-module int-old_index int-old_uniq pid n*term`.
pub const NEW_FUN_EXT: u8 = 112;
/// `113 atom-module atom-function int-arity`.
pub const EXPORT_EXT: u8 = 113;
/// `114 u16-n atom-node u8-creation n*u32`: before OTP 23.
pub const NEW_REFERENCE_EXT: u8 = 114;
/// `115 u8-len len*u8`: Latin-1.
pub const SMALL_ATOM_EXT: u8 = 115;
/// `116 u32-n n*(term-key term-value)`: keys are distinct.
pub const MAP_EXT: u8 = 116;
/// `117 u32-n pid atom-module int-index int-uniq n*term`: removed in OTP R8, still decoded here.
pub const FUN_EXT: u8 = 117;
/// `118 u16-len len*u8`: UTF-8.
pub const ATOM_UTF8_EXT: u8 = 118;
/// `119 u8-len len*u8`: UTF-8.
pub const SMALL_ATOM_UTF8_EXT: u8 = 119;
/// `120 atom-node u64-id u32-creation`.
pub const V4_PORT_EXT: u8 = 120;
/// `121 …`: private to the node that wrote it (`term_to_binary(T, [local])`); nobody else can read it.
pub const LOCAL_EXT: u8 = 121;
