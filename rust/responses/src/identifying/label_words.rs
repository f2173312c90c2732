//! Labels of identifying data, in lower case where they are ASCII.

/// "Call me at …"
#[rustfmt::skip]
pub(super) const PHONE: [&str; 33] = [
    "tel", "tél", "tlf", "telephone", "téléphone", "telefon", "telefono", "teléfono", "telefone", "telefax",
    "phone", "phones", "cell phone", "cellphone", "mobiltelefon", "móvil", "movil", "celular", "fax", "pager",
    "whatsapp", "hotline", "тел", "Тел", "телефон", "Телефон", "电话", "電話", "手机", "手機", "携帯", "هاتف", "전화",
];

/// Words that are a label before what is written as a telephone number, and say nothing before another.
#[rustfmt::skip]
pub(super) const PHONE_BEFORE_GROUPS: [&str; 9] = [
    "cell", "mobile", "mobil", "portable", "handy", "call", "contact", "reach", "dial",
];

/// Labels of a patient's record.
#[rustfmt::skip]
pub(super) const RECORD: [&str; 74] = [
    "mrn", "medical record", "medical record number", "medical record no", "medical record id", "medical records",
    "patient id", "patient identifier", "patient number", "patient no", "patient's id", "hospital number",
    "hospital no", "hospital id", "unit number", "chart", "chart number", "chart no", "record number",
    "record no", "encounter number", "encounter id", "admission number", "visit number", "account number", "acct",
    "nhc", "historia clínica", "historia clinica", "dossier", "ipp", "patientennummer", "patienten-id",
    "patienten-nr", "fallnummer", "krankenaktennummer", "cartella clinica", "prontuário", "病历号", "病历号码", "病案号",
    "住院号", "门诊号", "就诊号", "患者番号", "カルテ番号", "истории болезни", "История болезни", "история болезни",
    "медицинской карты", "رقم الملف", "차트번호", "환자번호", "med. rec", "med rec", "med. record", "pt id", "pt. id",
    "pt no", "pat", "hosp", "admission no", "患者id", "患者编号", "登记号", "id paziente", "id del paciente", "id patient",
    "patient-id", "file number", "patient_id", "patientid", "medical_record", "record_number",
];

/// Labels of a date of birth.
#[rustfmt::skip]
pub(super) const BIRTH: [&str; 52] = [
    "dob", "d.o.b", "date of birth", "birth date", "birthdate", "birthday", "birth", "born",
    "fecha de nacimiento", "f. nac", "f.nac", "nacido", "nacida", "nació", "date de naissance", "né", "née",
    "né(e)", "ddn", "geboren", "geb", "geburtsdatum", "geburtstag", "data di nascita", "nato", "nata",
    "data de nascimento", "nascido", "nascida", "dn", "geboortedatum", "出生日期", "出生于", "出生", "生日", "生年月日",
    "дата рождения", "Дата рождения", "родился", "родилась", "г.р", "تاريخ الميلاد", "생년월일", "fecha de nac",
    "f. nacimiento", "fec. nac", "出生年月", "Родился", "Родилась", "date_of_birth", "birth_date", "dateofbirth",
];

/// Labels of an identity card, a passport, a national insurance: any number of six digits and more is one.
#[rustfmt::skip]
pub(super) const NATIONAL: [&str; 40] = [
    "ssn", "social security", "social security number", "ss#", "national id", "national identity",
    "national insurance", "ni number", "identity card", "id card", "passport", "passport number",
    "social insurance", "social insurance number", "bsn", "pesel", "cpf", "cpr", "aadhaar", "aadhar", "dni",
    "curp", "steuer-id", "personnummer", "sécurité sociale", "codice fiscale", "身份证", "身份证号", "身份证号码", "身分證",
    "マイナンバー", "паспорт", "주민등록번호", "cod. fisc", "codigo fiscal", "nif", "número de identificación", "n° ss",
    "national identification", "national_id",
];
