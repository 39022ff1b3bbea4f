//! The lessons that processes of their own perform.

mod cow_fork;
mod demand_paging;
mod dontneed;
mod errors;
mod file_private;
mod file_shared;
mod fixed;
mod huge_pages;
mod lazy_terabyte;
mod malloc;
mod page_cache;
mod protect;
mod remap;
mod shared_memory;
mod split_merge;
mod stack;
mod use_after_munmap;
mod zero_page;

use super::{Lesson, hello};

/// All of them, in the order of the course.
pub(super) static COURSE: &[Lesson] = &[
    hello::LESSON,
    demand_paging::LESSON,
    zero_page::LESSON,
    file_private::LESSON,
    file_shared::LESSON,
    page_cache::LESSON,
    cow_fork::LESSON,
    shared_memory::LESSON,
    protect::LESSON,
    split_merge::LESSON,
    fixed::LESSON,
    remap::LESSON,
    dontneed::LESSON,
    lazy_terabyte::LESSON,
    malloc::LESSON,
    stack::LESSON,
    huge_pages::LESSON,
    errors::LESSON,
    use_after_munmap::LESSON,
];
