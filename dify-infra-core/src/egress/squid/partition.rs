//! Sets of pieces of a range, and which pieces nothing tells apart.

use std::collections::HashMap;
use std::ops::Range;

use super::range::Span;

/// A set of pieces, by their number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// No piece, of so many.
    pub(super) fn none(length: usize) -> Self {
        Self(vec![0; length.div_ceil(64)])
    }

    /// Every piece, of so many.
    pub(super) fn all(length: usize) -> Self {
        let mut all = Self::none(length);
        all.insert(0..length);
        all
    }

    /// Adds pieces that follow each other.
    pub(super) fn insert(&mut self, pieces: Range<usize>) {
        for word in pieces.start / 64..pieces.end.div_ceil(64) {
            let from = pieces.start.saturating_sub(word * 64).min(63);
            let to = (pieces.end - word * 64).min(64);
            if from < to {
                self.0[word] |= (u64::MAX << from) & (u64::MAX >> (64 - to));
            }
        }
    }

    pub(super) fn contains(&self, piece: usize) -> bool {
        self.0
            .get(piece / 64)
            .is_some_and(|word| word >> (piece % 64) & 1 == 1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(super) fn and(mut self, other: &Self) -> Self {
        self.each(other, |one, other| one & other);
        self
    }

    pub(super) fn or(mut self, other: &Self) -> Self {
        self.each(other, |one, other| one | other);
        self
    }

    pub(super) fn without(mut self, other: &Self) -> Self {
        self.each(other, |one, other| one & !other);
        self
    }

    /// The pieces, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(at * 64 + bit)
            })
        })
    }

    fn each(&mut self, other: &Self, make: impl Fn(u64, u64) -> u64) {
        for (one, other) in self.0.iter_mut().zip(&other.0) {
            *one = make(*one, *other);
        }
    }
}

/// Ranges that are cut wherever one of some others begins or ends: each piece is wholly in any of these,
/// or wholly outside of it.
#[derive(Debug)]
pub(super) struct Pieces {
    spans: Vec<Span>,
    /// The range that each piece is of.
    ranges: Vec<usize>,
}

impl Pieces {
    /// Cuts ranges, which are in order and apart from each other.
    pub(super) fn cut(ranges: &[Span], cuts: impl Iterator<Item = Span>) -> Self {
        let is_inside = |at: &u128| {
            let index = ranges.partition_point(|range| range.last < *at);
            ranges.get(index).is_some_and(|range| range.first < *at)
        };
        let starts = cuts.flat_map(|cut| std::iter::once(cut.first).chain(cut.last.checked_add(1)));
        let mut starts: Vec<u128> = starts.filter(is_inside).collect();
        starts.sort_unstable();
        starts.dedup();
        let mut pieces = Self {
            spans: Vec::with_capacity(ranges.len() + starts.len()),
            ranges: Vec::with_capacity(ranges.len() + starts.len()),
        };
        let mut starts = starts.into_iter().peekable();
        for (index, range) in ranges.iter().enumerate() {
            let mut first = range.first;
            while let Some(start) = starts.next_if(|start| *start <= range.last) {
                pieces.push(first, start - 1, index);
                first = start;
            }
            pieces.push(first, range.last, index);
        }
        pieces
    }

    fn push(&mut self, first: u128, last: u128, range: usize) {
        self.spans.push(Span { first, last });
        self.ranges.push(range);
    }

    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    pub(super) fn span(&self, piece: usize) -> Span {
        self.spans[piece]
    }

    /// The pieces in a range that they were cut by.
    pub(super) fn within(&self, range: Span) -> Range<usize> {
        let start = self.spans.partition_point(|span| span.last < range.first);
        let end = self.spans.partition_point(|span| span.first <= range.last);
        start..end.max(start)
    }

    /// The pieces in any of some ranges.
    pub(super) fn within_any<'a>(&self, ranges: impl IntoIterator<Item = &'a Span>) -> Bits {
        let mut bits = Bits::none(self.len());
        for range in ranges {
            bits.insert(self.within(*range));
        }
        bits
    }

    /// Pieces that follow each other in one of the ranges, joined: each with its first piece and with
    /// the number of that range.
    pub(super) fn joined(&self, pieces: &Bits) -> Vec<(Span, usize, usize)> {
        let mut joined: Vec<(Span, usize, usize)> = Vec::new();
        for piece in pieces.iter() {
            let (span, range) = (self.spans[piece], self.ranges[piece]);
            match joined.last_mut() {
                Some((open, _, of))
                    if *of == range && open.last.checked_add(1) == Some(span.first) =>
                {
                    open.last = span.last;
                }
                _ => joined.push((span, piece, range)),
            }
        }
        joined
    }
}

/// Which of some elements are in the same sets.
#[derive(Debug)]
pub(super) struct Partition {
    classes: Vec<usize>,
    count: usize,
}

impl Partition {
    /// As many elements that nothing tells apart yet.
    pub(super) fn new(elements: usize) -> Self {
        Self {
            classes: vec![0; elements],
            count: 1,
        }
    }

    /// Tells elements of a set from the others.
    pub(super) fn split(&mut self, set: &Bits) {
        let mut new: HashMap<usize, usize> = HashMap::new();
        for element in set.iter() {
            let Some(class) = self.classes.get_mut(element) else {
                continue;
            };
            *class = *new.entry(*class).or_insert_with(|| {
                self.count += 1;
                self.count - 1
            });
        }
    }

    /// The elements of each class, in the order of their first ones.
    pub(super) fn classes(&self) -> Vec<Vec<usize>> {
        let mut places: HashMap<usize, usize> = HashMap::new();
        let mut classes: Vec<Vec<usize>> = Vec::new();
        for (element, class) in self.classes.iter().enumerate() {
            let place = *places.entry(*class).or_insert(classes.len());
            if place == classes.len() {
                classes.push(Vec::new());
            }
            classes[place].push(element);
        }
        classes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(first: u128, last: u128) -> Span {
        Span { first, last }
    }

    #[test]
    fn ranges_are_cut_at_every_end_inside_of_them_and_nowhere_else() {
        let ranges = [span(10, 19), span(30, 30), span(40, 49)];
        let pieces = Pieces::cut(
            &ranges,
            [span(0, 12), span(15, 44), span(49, u128::MAX)].into_iter(),
        );
        let spans: Vec<Span> = (0..pieces.len()).map(|piece| pieces.span(piece)).collect();
        assert_eq!(
            spans,
            [
                span(10, 12),
                span(13, 14),
                span(15, 19),
                span(30, 30),
                span(40, 44),
                span(45, 48),
                span(49, 49)
            ]
        );
        assert_eq!(pieces.within(span(15, 44)), 2..5);
        let joined = pieces.joined(&Bits::all(pieces.len()));
        let joined: Vec<Span> = joined.into_iter().map(|(span, ..)| span).collect();
        assert_eq!(joined, ranges);
    }

    proptest! {
        #[test]
        fn elements_are_in_one_class_just_when_they_are_in_the_same_sets(
            sets in prop::collection::vec(prop::collection::vec(0usize..130, 0..40), 0..6)
        ) {
            let mut partition = Partition::new(130);
            let sets: Vec<Bits> = sets
                .iter()
                .map(|set| {
                    let mut bits = Bits::none(130);
                    for element in set {
                        bits.insert(*element..*element + 1);
                    }
                    bits
                })
                .collect();
            for set in &sets {
                partition.split(set);
            }
            let signature = |element: usize| sets.iter().map(|set| set.contains(element)).collect::<Vec<_>>();
            let classes = partition.classes();
            prop_assert_eq!(classes.iter().map(Vec::len).sum::<usize>(), 130);
            let mut known = std::collections::HashSet::new();
            for class in classes {
                let first = signature(class[0]);
                prop_assert!(class.iter().all(|element| signature(*element) == first));
                prop_assert!(known.insert(first));
            }
        }

        #[test]
        fn a_range_of_bits_is_what_it_says(length in 1usize..200, start in 0usize..200, size in 0usize..200) {
            let (start, end) = (start.min(length), (start + size).min(length));
            let mut bits = Bits::none(length);
            bits.insert(start..end);
            prop_assert_eq!(bits.iter().collect::<Vec<_>>(), (start..end).collect::<Vec<_>>());
            let rest = Bits::all(length).without(&bits);
            prop_assert_eq!(rest.iter().count(), length - (end - start));
        }
    }
}
