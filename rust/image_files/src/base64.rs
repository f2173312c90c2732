//! Base64 as rows write it: standard or for URLs, padded or not, with white space or without.

/// What a byte of base64 stands for; `SKIP` for white space, `WRONG` for anything else.
const SKIP: u8 = 0xFE;
const WRONG: u8 = 0xFF;

const VALUES: [u8; 256] = values();

const fn values() -> [u8; 256] {
    let mut values = [WRONG; 256];
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut at = 0;
    while at < letters.len() {
        #[expect(clippy::cast_possible_truncation, reason = "there are 64 letters")]
        let value = at as u8;
        values[letters[at] as usize] = value;
        at += 1;
    }
    values[b'-' as usize] = 62;
    values[b'_' as usize] = 63;
    let mut blank = 0;
    while blank < 4 {
        values[b" \t\r\n"[blank] as usize] = SKIP;
        blank += 1;
    }
    values
}

/// How many bytes a text of base64 stands for.
pub(crate) fn decoded_length(text: &str) -> u64 {
    let counts = |byte: &u8| *byte != b'=' && VALUES[usize::from(*byte)] != SKIP;
    text.as_bytes().iter().filter(|byte| counts(byte)).count() as u64 * 3 / 4
}

/// Decodes all of it; what is wrong otherwise.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, &'static str> {
    let solid = text.trim_end_matches([' ', '\t', '\r', '\n']);
    let bare = solid.trim_end_matches(['=', ' ', '\t', '\r', '\n']);
    let padding = solid[bare.len()..]
        .bytes()
        .filter(|byte| *byte == b'=')
        .count();
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0_u32, 0_usize);
    for byte in bare.bytes() {
        match VALUES[usize::from(byte)] {
            SKIP => {}
            WRONG => return Err("a character that is not of base64"),
            value => {
                bits = bits << 6 | u32::from(value);
                count += 1;
                if count.is_multiple_of(4) {
                    out.extend_from_slice(&bits.to_be_bytes()[1..]);
                    bits = 0;
                }
            }
        }
    }
    let rest = count % 4;
    if rest == 1 || (padding > 0 && (rest + padding) % 4 != 0) || padding > 2 {
        return Err("base64 that is cut");
    }
    match rest {
        2 => out.extend_from_slice(&(bits << 12).to_be_bytes()[1..2]),
        3 => out.extend_from_slice(&(bits << 6).to_be_bytes()[1..3]),
        _ => {}
    }
    Ok(out)
}

/// The first bytes of a text that is all base64; `None` if anything else is in it.
pub(crate) fn beginning(text: &str) -> Option<Vec<u8>> {
    let bare = text.trim_end_matches(['=', ' ', '\t', '\r', '\n']);
    let is_wrong = |byte: u8| VALUES[usize::from(byte)] == WRONG;
    if bare.bytes().any(is_wrong) {
        return None;
    }
    let first = bare
        .bytes()
        .filter(|byte| VALUES[usize::from(*byte)] != SKIP);
    let first: String = first.take(32).map(char::from).collect();
    decode(&first[..first.len() / 4 * 4]).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    fn encoded(bytes: &[u8], letters: &[u8; 64]) -> String {
        let mut text = String::new();
        for group in bytes.chunks(3) {
            let mut padded = [0; 4];
            padded[1..=group.len()].copy_from_slice(group);
            let bits = u32::from_be_bytes(padded);
            for place in 0..4 {
                let letter = letters[(bits >> (18 - 6 * place) & 63) as usize];
                text.push(if place <= group.len() {
                    char::from(letter)
                } else {
                    '='
                });
            }
        }
        text
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(bytes in prop::collection::vec(any::<u8>(), 0..80), for_urls in any::<bool>(), wrap in 1..90_usize) {
            let mut letters = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            if for_urls {
                letters[62..].copy_from_slice(b"-_");
            }
            let text = encoded(&bytes, &letters);
            prop_assert_eq!(decode(&text).unwrap(), bytes.clone());
            prop_assert_eq!(decode(text.trim_end_matches('=')).unwrap(), bytes.clone());
            let lines: Vec<String> = text.as_bytes().chunks(wrap).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
            prop_assert_eq!(decode(&(lines.join("\r\n") + "\n")).unwrap(), bytes.clone());
            let start = beginning(&text).unwrap();
            prop_assert_eq!(&start[..], &bytes[..start.len()]);
        }
    }

    #[test]
    fn what_is_not_base64_is_said() {
        for text in ["QQ=", "Q", "QUJD=", "QQ===", "QUI.", "QU=D", "é"] {
            assert!(decode(text).is_err(), "{text}");
        }
        assert_eq!(decode("").unwrap(), b"");
    }
}
