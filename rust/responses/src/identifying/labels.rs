//! Labels before a number that say what it is: "Tel.", "MRN #", "geboren am".

/// Signs between a label and its value.
const SIGNS: [char; 25] = [
    ' ', '\t', '\n', ':', '#', '.', '=', '(', '-', '*', '"', '\'', '`', '_', '|', '[', '<', '+', '\u{2013}', '\u{2014}', '\u{a0}', '：',
    '（', '°', '№',
];

/// Words between a label and its value.
const WORDS: [&str; 26] = [
    "number", "numbers", "no", "nr", "num", "is", "was", "at", "me", "us", "on", "n", "nº", "numero", "número", "le", "am", "il", "el",
    "em", "es", "est", "ist", "the", "номер", "是",
];

/// The most that is looked at before a value, in bytes.
const NEAR: usize = 64;

/// Whether one of `labels` stands right before `start`.
///
/// Labels are in lower case; ASCII letters match in any case.
pub(super) fn stands_before(text: &str, start: usize, labels: &[&str]) -> bool {
    let mut before = near(text, start);
    for _ in 0..5 {
        before = before.trim_end_matches(SIGNS);
        if labels.iter().any(|label| ends_with(before, label)) {
            return true;
        }
        let shorter = WORDS.iter().find(|word| ends_with(before, word)).map(|word| before.len() - word.len());
        let shorter = shorter.or_else(|| bracket(before));
        let Some(length) = shorter else {
            return false;
        };
        before = &before[..length];
    }
    false
}

/// The text before `start`, not more than [`NEAR`].
fn near(text: &str, start: usize) -> &str {
    let mut from = start.saturating_sub(NEAR);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..start]
}

/// Where a short bracket begins that ends the text: "DOB (mm/dd/yyyy)".
fn bracket(before: &str) -> Option<usize> {
    let inside = before.strip_suffix([')', '）'])?;
    let start = inside.rfind(['(', '（'])?;
    (inside.len() - start <= 24).then_some(start)
}

fn ends_with(before: &str, label: &str) -> bool {
    let Some(start) = before.len().checked_sub(label.len()) else {
        return false;
    };
    before.as_bytes()[start..].eq_ignore_ascii_case(label.as_bytes())
        && before.is_char_boundary(start)
        && !before[..start].ends_with(is_letter_of_spaced_script)
}

/// In scripts without spaces a label needs no gap before it.
fn is_letter_of_spaced_script(character: char) -> bool {
    character.is_alphanumeric() && (character < '\u{e00}' || ('\u{ac00}'..='\u{d7af}').contains(&character))
}

/// "Call me at …"
pub(super) const PHONE: [&str; 33] = ["tel", "tél", "tlf", "telephone", "téléphone", "telefon", "telefono", "teléfono", "telefone", "telefax", "phone", "phones", "cell phone", "cellphone", "mobiltelefon", "móvil", "movil", "celular", "fax", "pager", "whatsapp", "hotline", "тел", "Тел", "телефон", "Телефон", "电话", "電話", "手机", "手機", "携帯", "هاتف", "전화"];

/// Words that are a label before what is written as a telephone number, and say nothing before another.
pub(super) const PHONE_BEFORE_GROUPS: [&str; 9] =
    ["cell", "mobile", "mobil", "portable", "handy", "call", "contact", "reach", "dial"];

/// Labels of a patient's record.
pub(super) const RECORD: [&str; 51] = ["mrn", "medical record", "medical record number", "medical record no", "medical record id", "medical records", "patient id", "patient identifier", "patient number", "patient no", "patient's id", "hospital number", "hospital no", "hospital id", "unit number", "chart", "chart number", "chart no", "record number", "record no", "encounter number", "encounter id", "admission number", "visit number", "account number", "acct", "nhc", "historia clínica", "historia clinica", "dossier", "ipp", "patientennummer", "patienten-id", "patienten-nr", "fallnummer", "krankenaktennummer", "cartella clinica", "prontuário", "病历号", "病历号码", "病案号", "住院号", "门诊号", "就诊号", "患者番号", "カルテ番号", "истории болезни", "медицинской карты", "رقم الملف", "차트번호", "환자번호"];

/// Labels of a date of birth.
pub(super) const BIRTH: [&str; 43] = [
    "dob", "d.o.b", "date of birth", "birth date", "birthdate", "birthday", "birth", "born", "fecha de nacimiento", "f. nac", "f.nac",
    "nacido", "nacida", "nació", "date de naissance", "né", "née", "né(e)", "ddn", "geboren", "geb", "geburtsdatum", "geburtstag",
    "data di nascita", "nato", "nata", "data de nascimento", "nascido", "nascida", "dn", "geboortedatum", "出生日期", "出生于", "出生",
    "生日", "生年月日", "дата рождения", "Дата рождения", "родился", "родилась", "г.р", "تاريخ الميلاد", "생년월일",
];

/// Labels of an identity card, a passport, a national insurance: any number of six digits and more is one.
pub(super) const NATIONAL: [&str; 33] = ["ssn", "social security", "social security number", "ss#", "national id", "national identity", "national insurance", "ni number", "identity card", "id card", "passport", "passport number", "social insurance", "social insurance number", "bsn", "pesel", "cpf", "cpr", "aadhaar", "aadhar", "dni", "curp", "steuer-id", "personnummer", "sécurité sociale", "codice fiscale", "身份证", "身份证号", "身份证号码", "身分證", "マイナンバー", "паспорт", "주민등록번호"];
