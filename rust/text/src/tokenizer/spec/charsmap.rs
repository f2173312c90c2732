//! The longest text that a `Precompiled` normaliser puts in the place of a character.

/// Bytes that one character may become. SentencePiece's own maps have 33 at most.
const LONGEST: usize = 64;

/// Refuses a map, in base64, that makes more of a character.
pub(super) fn check(map: &str) -> Result<(), String> {
    let Some(bytes) = decoded(map) else {
        return Ok(()); // the crate says what is wrong with it
    };
    let Some(size) = bytes.first_chunk().map(|size| u32::from_le_bytes(*size)) else {
        return Ok(());
    };
    let texts = bytes
        .get((size as usize).saturating_add(4)..)
        .unwrap_or_default();
    let longest = texts.split(|byte| *byte == 0).map(<[u8]>::len).max();
    if longest > Some(LONGEST) {
        return Err(format!(
            "its `precompiled_charsmap` makes more than {LONGEST} bytes of a character"
        ));
    }
    Ok(())
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 0xFF) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read() {
        assert_eq!(decoded("aGVsbG8="), Some(b"hello".to_vec()));
        assert_eq!(decoded("/+8"), Some(vec![0xFF, 0xEF]));
        assert_eq!(decoded("!"), None);
    }

    #[test]
    fn a_long_replacement_is_refused() {
        assert_eq!(check("AAAAAGEA"), Ok(())); // no trie, `a`, and its end
        assert!(check(&format!("AAAAAGFh{}", "YWFh".repeat(40))).is_err());
    }
}
