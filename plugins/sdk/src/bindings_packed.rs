// Generated from wit/packed-1.0.0/packed.wit by wit-bindgen 0.61.1, as bindings.rs was; do not edit:
//     wit_bindgen::generate!({ world: "packed", path: "<repo>/wit/packed-1.0.0", pub_export_macro: true,
//         default_bindings_module: "fixstream_decoder::bindings_packed", generate_unused_types: true });
#[allow(dead_code, clippy::all)]
pub mod exports {
    pub mod fixstream {
        pub mod packed {
            #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
            pub mod decode {
                #[used]
                #[doc(hidden)]
                static __FORCE_SECTION_REF: fn() =
                    super::super::super::super::__link_custom_section_describing_imports;
                use super::super::super::super::_rt;
                #[doc(hidden)]
                #[allow(non_snake_case, unused_unsafe)]
                pub unsafe fn _export_decode_packed_cabi<T_: Guest>(arg0: *mut u8, arg1: usize) -> *mut u8 {
                    unsafe {
                        #[cfg(target_arch = "wasm32")]
                        _rt::run_ctors_once();
                        let result1 = {
                            let len0 = arg1;
                            T_::decode_packed(<_ as From<_rt::Vec<_>>>::from(_rt::Vec::from_raw_parts(
                                arg0.cast(),
                                len0,
                                len0,
                            )))
                        };
                        let ptr2 = (&raw mut _RET_AREA.0).cast::<u8>();
                        let vec3 = <_ as Into<_rt::Vec<_>>>::into(result1).into_boxed_slice();
                        let ptr3 = vec3.as_ptr().cast::<u8>();
                        let len3 = vec3.len();
                        ::core::mem::forget(vec3);
                        *ptr2.add(::core::mem::size_of::<*const u8>()).cast::<usize>() = len3;
                        *ptr2.add(0).cast::<*mut u8>() = ptr3.cast_mut();
                        ptr2
                    }
                }
                #[doc(hidden)]
                #[allow(non_snake_case)]
                pub unsafe fn __post_return_decode_packed<T_: Guest>(arg0: *mut u8) {
                    unsafe {
                        let l0 = *arg0.add(0).cast::<*mut u8>();
                        let l1 = *arg0.add(::core::mem::size_of::<*const u8>()).cast::<usize>();
                        let base2 = l0;
                        let len2 = l1;
                        _rt::cabi_dealloc(base2, len2 * 1, 1);
                    }
                }
                pub trait Guest {
                    #[allow(async_fn_in_trait)]
                    fn decode_packed(batch: _rt::Vec<u8>) -> _rt::Vec<u8>;
                }
                #[doc(hidden)]
                #[macro_export]
                macro_rules! __export_fixstream_packed_decode_1_0_0_cabi {
                    ($ty:ident with_types_in $($path_to_types:tt)*) => {
                        const _ : () = { #[unsafe (export_name =
                        "fixstream:packed/decode@1.0.0#decode-packed")] unsafe extern "C"
                        fn export_decode_packed(arg0 : * mut u8, arg1 : usize,) -> * mut
                        u8 { unsafe { $($path_to_types)*::
                        _export_decode_packed_cabi::<$ty > (arg0, arg1) } } #[unsafe
                        (export_name =
                        "cabi_post_fixstream:packed/decode@1.0.0#decode-packed")] unsafe
                        extern "C" fn _post_return_decode_packed(arg0 : * mut u8,) {
                        unsafe { $($path_to_types)*:: __post_return_decode_packed::<$ty >
                        (arg0) } } };
                    };
                }
                #[doc(hidden)]
                pub use __export_fixstream_packed_decode_1_0_0_cabi;
                #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                struct _RetArea([::core::mem::MaybeUninit<u8>; 2 * ::core::mem::size_of::<*const u8>()]);
                static mut _RET_AREA: _RetArea =
                    _RetArea([::core::mem::MaybeUninit::uninit(); 2 * ::core::mem::size_of::<*const u8>()]);
            }
        }
    }
}
mod _rt {
    #![allow(dead_code, unused_imports, clippy::all)]
    #[cfg(target_arch = "wasm32")]
    pub fn run_ctors_once() {
        wit_bindgen::rt::run_ctors_once();
    }
    pub use alloc_crate::vec::Vec;
    pub unsafe fn cabi_dealloc(ptr: *mut u8, size: usize, align: usize) {
        if size == 0 {
            return;
        }
        unsafe {
            let layout = alloc::Layout::from_size_align_unchecked(size, align);
            alloc::dealloc(ptr, layout);
        }
    }
    extern crate alloc as alloc_crate;
    pub use alloc_crate::alloc;
}
/// Generates `#[unsafe(no_mangle)]` functions to export the specified type as
/// the root implementation of all generated traits.
///
/// For more information see the documentation of `wit_bindgen::generate!`.
///
/// ```rust
/// # macro_rules! export{ ($($t:tt)*) => (); }
/// # trait Guest {}
/// struct MyType;
///
/// impl Guest for MyType {
///     // ...
/// }
///
/// export!(MyType);
/// ```
#[allow(unused_macros)]
#[doc(hidden)]
#[macro_export]
macro_rules! __export_packed_impl {
    ($ty:ident) => {
        fixstream_decoder::bindings_packed::export!($ty with_types_in
        fixstream_decoder::bindings_packed);
    };
    ($ty:ident with_types_in $($path_to_types_root:tt)*) => {
        $($path_to_types_root)*::
        exports::fixstream::packed::decode::__export_fixstream_packed_decode_1_0_0_cabi!($ty
        with_types_in $($path_to_types_root)*:: exports::fixstream::packed::decode);
        const _ : () = { #[cfg(target_arch = "wasm32")] #[unsafe (link_section =
        "component-type:wit-bindgen:0.61.1:fixstream:packed@1.0.0:packed:imports and exports")]
        #[doc(hidden)] #[allow(clippy::octal_escapes)] pub static
        __WIT_BINDGEN_COMPONENT_TYPE : [u8; 234] = *
        b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07n\x01A\x02\x01A\x02\x01\
B\x03\x01p}\x01@\x01\x05batch\0\0\0\x04\0\x0ddecode-packed\x01\x01\x04\0\x1dfixs\
tream:packed/decode@1.0.0\x05\0\x04\0\x1dfixstream:packed/packed@1.0.0\x04\0\x0b\
\x0c\x01\0\x06packed\x03\0\0\0G\x09producers\x01\x0cprocessed-by\x02\x0dwit-comp\
onent\x070.258.3\x10wit-bindgen-rust\x060.61.1";
        };
    };
}
#[doc(inline)]
pub use __export_packed_impl as export;
#[cfg(target_arch = "wasm32")]
#[unsafe(link_section = "component-type:wit-bindgen:0.61.1:fixstream:packed@1.0.0:packed-with-all-of-its-exports-removed:encoded world")]
#[doc(hidden)]
#[allow(clippy::octal_escapes)]
pub static __WIT_BINDGEN_COMPONENT_TYPE: [u8; 228] = *b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07H\x01A\x02\x01A\0\x04\
\0=fixstream:packed/packed-with-all-of-its-exports-removed@1.0.0\x04\0\x0b,\x01\0\
&packed-with-all-of-its-exports-removed\x03\0\0\0G\x09producers\x01\x0cprocessed\
-by\x02\x0dwit-component\x070.258.3\x10wit-bindgen-rust\x060.61.1";
#[inline(never)]
#[doc(hidden)]
pub fn __link_custom_section_describing_imports() {
    wit_bindgen::rt::maybe_link_cabi_realloc();
}
