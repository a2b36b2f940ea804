//! Size-class allocator for a guest that runs on one thread: constant time, no headers, no merging.
//!
//! The host reuses an instance for many batches, and every string and list of a record is one
//! allocation here; measured, this is about a tenth of the whole crossing. Freed blocks go to the
//! list of their class and are used again. Memory never goes back to the host; the instance does.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr::{copy_nonoverlapping, null_mut};

/// Up to this size classes are multiples of [`STEP`], above it powers of two.
const LARGEST_STEPPED: usize = 1024;
const STEP: usize = 16;
/// 0 to 64 are the steps, 65 to 85 the powers of two from 2^11 to 2^31.
const CLASSES: usize = 86;
const PAGE: usize = 65_536;

#[global_allocator]
static GLOBAL: SizeClasses = SizeClasses(UnsafeCell::new(Heap {
    free: [0; CLASSES],
    next: 0,
    end: 0,
}));

struct SizeClasses(UnsafeCell<Heap>);

struct Heap {
    /// Address of the first free block of each class, 0 when there is none. The first word of a free
    /// block is the address of the next one.
    free: [usize; CLASSES],
    /// Never used memory: from `next` to `end`.
    next: usize,
    end: usize,
}

// SAFETY: wasm32-unknown-unknown without the atomics feature has exactly one thread, so no two
// references to the heap exist at the same time; the allocator calls nothing that allocates.
unsafe impl Sync for SizeClasses {}

/// Class and block size of a layout; `None` when it is larger than any block.
#[inline]
fn class_of(layout: &Layout) -> Option<(usize, usize)> {
    // a block is aligned to STEP; for more, room to shift the start is added
    let size = if layout.align() > STEP {
        layout.size().checked_add(layout.align())?
    } else {
        layout.size()
    };
    if size <= LARGEST_STEPPED {
        // at least one step, so that the address of the next free block fits
        let class = size.div_ceil(STEP).max(1);
        Some((class, class * STEP))
    } else {
        let bits = usize::BITS - (size - 1).leading_zeros();
        // 1025 needs 11 bits: class 65
        (bits < usize::BITS).then_some((54 + bits as usize, 1 << bits))
    }
}

#[inline]
fn aligned(block: usize, layout: &Layout) -> *mut u8 {
    let start = if layout.align() > STEP {
        block.next_multiple_of(layout.align())
    } else {
        block
    };
    start as *mut u8
}

impl Heap {
    /// Makes room for `size` never used bytes.
    #[cold]
    fn grow(&mut self, size: usize) -> bool {
        let pages = size.div_ceil(PAGE);
        let old = core::arch::wasm32::memory_grow(0, pages);
        if old == usize::MAX {
            return false;
        }
        let start = old * PAGE;
        if start != self.end {
            // first call, or somebody else grew the memory: the rest of the old piece is given up
            self.next = start;
        }
        // at the very top of 4 GiB the end would not fit; nobody gets that much
        let Some(end) = start.checked_add(pages * PAGE) else {
            return false;
        };
        self.end = end;
        true
    }
}

// SAFETY: blocks come from memory that this allocator grew itself and handed to nobody else, are as
// large as their class and aligned to STEP (pages are, and all sizes are multiples of it); a block is
// in a free list or in use, never both.
unsafe impl GlobalAlloc for SizeClasses {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some((class, size)) = class_of(&layout) else {
            return null_mut();
        };
        // SAFETY: one thread, and no other reference lives, see `Sync` above.
        let heap = unsafe { &mut *self.0.get() };
        let Some(head) = heap.free.get_mut(class) else {
            return null_mut();
        };
        let block = *head;
        if block != 0 {
            // SAFETY: a block in a free list is ours, at least STEP long, and begins with the
            // address of the next one, written by `dealloc`.
            *head = unsafe { *(block as *const usize) };
            return aligned(block, &layout);
        }
        if heap.end - heap.next < size && !heap.grow(size) {
            return null_mut();
        }
        let block = heap.next;
        heap.next += size;
        aligned(block, &layout)
    }

    #[inline]
    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        if layout.align() > STEP {
            return; // where its block begins is not known; nothing in a decoder is aligned so
        }
        let Some((class, _)) = class_of(&layout) else {
            return;
        };
        // SAFETY: one thread, and no other reference lives, see `Sync` above.
        let heap = unsafe { &mut *self.0.get() };
        let Some(head) = heap.free.get_mut(class) else {
            return;
        };
        // SAFETY: the caller gives back a block of this class (same layout as in `alloc`), which is
        // at least STEP long and aligned to it, and does not use it any more.
        unsafe { *start.cast::<usize>() = *head };
        *head = start as usize;
    }

    #[inline]
    unsafe fn realloc(&self, start: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises that `new_size`, rounded up to the alignment, does not overflow.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        if class_of(&layout) == class_of(&new_layout) && layout.align() <= STEP {
            return start;
        }
        // SAFETY: the size is not 0, as the caller promises.
        let new_start = unsafe { self.alloc(new_layout) };
        if !new_start.is_null() {
            // SAFETY: both are blocks of at least the copied length, in use, and so not the same.
            unsafe { copy_nonoverlapping(start, new_start, layout.size().min(new_size)) };
            // SAFETY: `start` came from this allocator with `layout`, as the caller promises.
            unsafe { self.dealloc(start, layout) };
        }
        new_start
    }
}
