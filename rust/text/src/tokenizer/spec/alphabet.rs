//! The characters that byte-level vocabularies write bytes with (the GPT-2 table).

/// The character that stands for a byte.
pub(crate) fn byte_to_char(byte: u8) -> char {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    if printable(byte) {
        return char::from(byte);
    }
    let mut next = '\u{100}'..;
    let others = (0..byte).filter(|other| !printable(*other));
    others.for_each(|_| _ = next.next());
    next.start
}

/// The byte that each character below U+0144 stands for; `None` where no byte does.
pub(crate) fn char_to_byte_table() -> [Option<u8>; 0x144] {
    let mut table = [None; 0x144];
    for byte in 0..=u8::MAX {
        table[byte_to_char(byte) as usize] = Some(byte);
    }
    table
}

/// The vocabulary entry that stands for `bytes`.
pub(crate) fn written(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| byte_to_char(*byte)).collect()
}

/// The bytes that a vocabulary entry stands for; `None` when it has another character.
pub(crate) fn read(entry: &str) -> Option<Vec<u8>> {
    let table = char_to_byte_table();
    entry
        .chars()
        .map(|character| table.get(character as usize).copied().flatten())
        .collect()
}
