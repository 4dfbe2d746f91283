//! What a foreign template may cost.

/// Bytes of a template at most. Azure takes 4 MB; compiled with its modules inlined it may be more.
pub(crate) const MOST_BYTES: usize = 32 * 1024 * 1024;

/// Values inside of values, and values that follow from values, at most.
pub(crate) const DEEPEST: usize = 96;

/// Copies of one loop at most: Azure's own limit.
pub(crate) const MOST_COPIES: usize = 800;

/// Templates inside of templates at most.
pub(crate) const MOST_NESTED: usize = 64;

/// Work in all, in values and characters made.
pub(crate) const MOST_WORK: usize = 64_000_000;

/// Bytes of the text of one value at most.
pub(crate) const LONGEST_TEXT: usize = 4 * 1024 * 1024;
