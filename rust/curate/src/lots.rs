//! Draws that follow from ids and the recipe's seed, and from nothing else.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What is drawn: each has lots of its own, so that one draw says nothing of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lot {
    /// Which traces of a question stay.
    Trace = 1,
    /// Which questions are for validation.
    Validation = 2,
    /// Which questions are in a part of an epoch.
    Epoch = 3,
    /// Which questions come first where a group has only so many examples.
    Examples = 4,
    /// Which questions of a class stay.
    Class = 5,
}

/// The lot of an id, evenly spread over 64 bits.
pub fn lot(of: Lot, id: u64, seed: u64) -> u64 {
    lot_of_two(of, id, 0, seed)
}

/// The lot of a trace of a question, and the like.
pub fn lot_of_two(of: Lot, id: u64, other: u64, seed: u64) -> u64 {
    let mut bytes = [of as u8; 17];
    bytes[1..9].copy_from_slice(&id.to_le_bytes());
    bytes[9..].copy_from_slice(&other.to_le_bytes());
    xxh3_64_with_seed(&bytes, seed)
}

/// Whether a lot is among this share of all. What a smaller share has, a larger one has too.
pub fn is_drawn(lot: u64, share: f64) -> bool {
    // 53 bits are what a double holds exactly.
    (lot >> 11) as f64 * (1.0 / (1_u64 << 53) as f64) < share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_drawn_and_a_larger_one_holds_a_smaller() {
        for share in [0.0, 0.005, 0.5, 0.9, 1.0] {
            let drawn = |id: &u64| is_drawn(lot(Lot::Epoch, *id, 17), share);
            let count = (0..20_000).filter(drawn).count();
            assert!((count as f64 / 20_000.0 - share).abs() < 0.01, "{share}");
        }
        for id in 0..1000 {
            let lot = lot(Lot::Epoch, id, 17);
            assert!(!is_drawn(lot, 0.25) || is_drawn(lot, 0.5));
        }
        assert!(is_drawn(u64::MAX, 1.0));
        assert!(!is_drawn(0, 0.0));
    }

    #[test]
    fn each_draw_has_lots_of_its_own() {
        let lots = [
            lot(Lot::Epoch, 1, 17),
            lot(Lot::Validation, 1, 17),
            lot(Lot::Epoch, 2, 17),
            lot(Lot::Epoch, 1, 18),
            lot_of_two(Lot::Epoch, 1, 1, 17),
        ];
        for (number, one) in lots.iter().enumerate() {
            assert!(!lots[..number].contains(one));
        }
    }
}
