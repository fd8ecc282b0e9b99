//! How small lists grow, and what small allocations take. There are many of them for each conversation, and most stay short.

/// What a shared text takes on the heap beside its bytes: two counters, and what the allocator rounds up.
pub(crate) const ARC_BYTES: usize = 24;

/// Makes space for one more element. A list begins with one element, because many stay so short, and
/// grows by half, but by two at least.
pub(crate) fn reserve_one<T>(list: &mut Vec<T>) {
    if list.len() == list.capacity() {
        list.reserve_exact(if list.is_empty() { 1 } else { (list.len() / 2).max(2) });
    }
}
