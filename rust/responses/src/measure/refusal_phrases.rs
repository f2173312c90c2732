//! How models refuse, in lower case.

/// What may stand before a refusal and says nothing.
pub(super) const LABELS: [&str; 10] = [
    "<answer>",
    "answer:",
    "final answer:",
    "final response",
    "response:",
    "assistant:",
    "<response>",
    "note:",
    "<output>",
    "output:",
];

/// "I am sorry, but …"
pub(super) const ENGLISH_APOLOGIES: [&str; 17] = [
    "i'm sorry",
    "i'm very sorry",
    "i'm so sorry",
    "i'm really sorry",
    "i am sorry",
    "i am very sorry",
    "im sorry",
    "sorry",
    "i apologize",
    "i apologise",
    "my apologies",
    "apologies",
    "i regret",
    "unfortunately",
    "regrettably",
    "i'm afraid",
    "i am afraid",
];

/// What models say of themselves before they refuse; none is a refusal by itself.
pub(super) const ENGLISH_PREFACES: [&str; 17] = [
    "as an ai",
    "as a language model",
    "as a large language model",
    "as an artificial intelligence",
    "as a virtual assistant",
    "i'm an ai",
    "i am an ai",
    "i'm just an ai",
    "i'm not a doctor",
    "i am not a doctor",
    "i'm not a medical professional",
    "i am not a medical professional",
    "i'm not a licensed",
    "i understand",
    "i appreciate",
    "thank you for",
    "for safety reasons",
];

/// "I cannot"
pub(super) const ENGLISH_INABILITIES: [&str; 28] = [
    "i can't",
    "i cannot",
    "i can not",
    "i cant",
    "i'm unable to",
    "i am unable to",
    "i'm not able to",
    "i am not able to",
    "i won't",
    "i will not",
    "i could not",
    "i couldn't",
    "i'm currently unable to",
    "i am currently unable to",
    "i'm not in a position to",
    "i am not in a position to",
    "i don't have the ability to",
    "i do not have the ability to",
    "i don't have the capability to",
    "i do not have the capability to",
    "i'm not qualified to",
    "i am not qualified to",
    "i'm not allowed to",
    "i am not allowed to",
    "we cannot",
    "we can't",
    "and can't",
    "and cannot",
];

/// What needs no verb.
pub(super) const ENGLISH_REFUSALS: [&str; 26] = [
    "i must decline",
    "i have to decline",
    "i need to decline",
    "i respectfully decline",
    "i decline to",
    "i refuse to",
    "i must refuse",
    "i'm not comfortable providing",
    "i am not comfortable providing",
    "i don't feel comfortable",
    "it is not possible for me to",
    "it would not be appropriate for me to",
    "it would be inappropriate for me to",
    "this request goes against",
    "it's not possible for me to",
    "i will have to decline",
    "i'll have to decline",
    "my guidelines don't allow",
    "my guidelines do not allow",
    "this is not something i can",
    "that is not something i can",
    "that's not something i can",
    "i do not have access to the image",
    "i don't have access to the image",
    "i do not have access to images",
    "i don't have access to images",
];

/// Words between "I cannot" and its verb.
pub(super) const ENGLISH_FILLERS: [&str; 17] = [
    "be able to",
    "really",
    "directly",
    "currently",
    "actually",
    "ethically",
    "legally",
    "safely",
    "responsibly",
    "personally",
    "in good conscience",
    "at this time",
    "and will not",
    "and won't",
    "or will not",
    "to",
    "medically",
];

/// Verbs that refuse with an apology and without.
pub(super) const ENGLISH_VERBS: [&str; 28] = [
    "assist",
    "help",
    "comply",
    "fulfill",
    "fulfil",
    "provide",
    "answer",
    "respond",
    "give medical",
    "give you",
    "give a diagnosis",
    "give any",
    "give advice",
    "give an answer",
    "give specific",
    "offer",
    "engage",
    "participate",
    "share",
    "generate",
    "create",
    "produce",
    "write",
    "discuss",
    "diagnose",
    "accommodate",
    "proceed with",
    "facilitate",
];

/// What begins like a refusal and is none.
pub(super) const NO_REFUSALS: [&str; 5] = [
    "help but",
    "help feeling",
    "help thinking",
    "help noticing",
    "help wondering",
];

/// Verbs that refuse only after an apology: without one they may be part of an answer.
pub(super) const VERBS_AFTER_APOLOGY: [&str; 18] = [
    "give",
    "support",
    "determine",
    "identify",
    "make",
    "do",
    "tell",
    "complete",
    "talk",
    "go",
    "proceed",
    "comment",
    "speculate",
    "continue",
    "process",
    "interpret",
    "analyze",
    "analyse",
];

/// Verbs that refuse where their object is a picture or a file.
pub(super) const PICTURE_VERBS: [&str; 13] = [
    "view",
    "see",
    "access",
    "open",
    "process",
    "analyze",
    "analyse",
    "interpret",
    "evaluate",
    "assess",
    "read",
    "examine",
    "display",
];

/// Such objects: they are what was sent, not what is in it.
pub(super) const PICTURES: [&str; 11] = [
    "images",
    "the image",
    "this image",
    "any image",
    "an image",
    "your image",
    "picture",
    "photo",
    "attachment",
    "the file",
    "the link",
];

/// What gives an answer after all.
pub(super) const ANSWERS: [&str; 17] = [
    "\\boxed{",
    "answer is",
    "answer: ",
    "answer:** ",
    "most likely",
    "diagnosis is",
    "likely diagnosis",
    "consistent with",
    "suggestive of",
    "suggests",
    "indicative of",
    "答案是",
    "la respuesta es",
    "la réponse est",
    "is correct",
    "correct answer",
    "correct option",
];

/// Who cannot: it may stand before the inability.
pub(super) const PRONOUNS: [&str; 9] =
    ["yo ", "je ", "eu ", "io ", "я ", "我", "أنا ", "मैं ", "tôi "];

/// Refusals in another language.
pub(super) struct Language {
    pub(super) apologies: &'static [&'static str],
    pub(super) inabilities: &'static [&'static str],
    /// One must stand in the sentence of the inability; beginnings of words, so that endings do not matter.
    pub(super) verbs: &'static [&'static str],
}

/// Spanish, French, German, Portuguese, Italian, Dutch, Chinese, Japanese, Russian, Arabic, Korean, Hindi, Turkish, Polish,
/// Vietnamese, Indonesian.
#[rustfmt::skip]
pub(super) const LANGUAGES: [Language; 16] = [
    Language {
        apologies: &["lo siento", "lo lamento", "lamento", "disculpa", "disculpe", "perdón", "perdona", "lamentablemente", "desafortunadamente", "como modelo de lenguaje", "como inteligencia artificial", "como ia", "como asistente"],
        inabilities: &["no puedo", "no podemos", "no me es posible", "no soy capaz", "no estoy en condiciones", "no estoy capacitad", "no podré"],
        verbs: &[" ayudar", " proporcionar", " dar", " ofrecer", " responder", " asistir", " cumplir", " brindar", " diagnosticar", " interpretar", " analizar", " contestar", " procesar", " realizar", " continuar", " ver la imagen", " ver imágenes"],
    },
    Language {
        apologies: &["je suis désolé", "désolé", "je regrette", "malheureusement", "je m'excuse", "toutes mes excuses", "en tant qu'ia", "en tant qu'intelligence", "en tant que modèle", "en tant qu'assistant"],
        inabilities: &["je ne peux pas", "je ne peux", "je ne suis pas en mesure", "il m'est impossible", "je ne suis pas capable", "je ne puis", "je ne pourrai pas"],
        verbs: &["aider", "fournir", "répondre", "donner", "assister", "accéder", "interpréter", "analyser", "diagnosti", "satisfaire", "poser un diag", "poser de diag", "continuer"],
    },
    Language {
        apologies: &["es tut mir leid", "tut mir leid", "entschuldigung", "leider", "ich bedaure", "ich bedauere", "als ki", "als sprachmodell", "verzeihung"],
        inabilities: &["ich kann", "kann ich", "ich bin nicht in der lage", "bin ich nicht in der lage", "ich darf", "darf ich"],
        verbs: &["nicht helfen", "nicht dabei helfen", "dabei nicht ", "nicht weiterhelfen", "nicht beantworten", "nicht geben", "nicht unterstützen", "nicht bereitstellen", "nicht anbieten", "nicht erfüllen", "nicht beurteilen", "nicht analysieren", "nicht interpretieren", "keine medizinische", "keine diagnose", "keine auskunft", "keine ratschläge", "keinen medizinischen", "in der lage, ihnen", "in der lage, dir", "in der lage, medizinische", "in der lage, bilder"],
    },
    Language {
        apologies: &["desculpe", "desculpa", "sinto muito", "lamento", "infelizmente", "peço desculpa", "como modelo de linguagem", "como uma ia", "como ia"],
        inabilities: &["não posso", "não consigo", "não sou capaz", "não me é possível", "não estou apto", "não poderei"],
        verbs: &[" ajudar", " ajudá", " fornecer", " responder", " dar ", " oferecer", " auxiliar", " atender", " interpretar", " analisar", " diagnosticar", " prestar", " continuar"],
    },
    Language {
        apologies: &["mi dispiace", "mi spiace", "spiacente", "sono spiacente", "purtroppo", "scusa", "mi scuso", "in quanto ia", "come modello linguistico"],
        inabilities: &["non posso", "non sono in grado", "non mi è possibile", "non potrò"],
        verbs: &[" aiutar", " fornir", " rispondere", " dare ", " darti", " darle", " offrir", " assister", " interpretare", " analizzare", " diagnosticare", " soddisfare"],
    },
    Language {
        apologies: &["het spijt me", "sorry", "helaas", "mijn excuses", "als ai"],
        inabilities: &["ik kan", "kan ik", "ik ben niet in staat"],
        verbs: &["niet helpen", "niet mee helpen", "niet bij helpen", "niet verder helpen", "niet beantwoorden", "niet geven", "geen medisch", "geen diagnose", "geen advies", "niet voldoen", "niet analyseren", "niet interpreteren", "in staat om"],
    },
    Language {
        apologies: &["很抱歉", "非常抱歉", "十分抱歉", "抱歉", "对不起", "對不起", "不好意思", "作为一个ai", "作为ai", "作为一个人工智能", "作为人工智能", "作为一名ai", "作为一个语言模型"],
        inabilities: &["无法", "不能", "無法", "没办法", "没有办法", "不便", "不可以"],
        verbs: &["提供", "回答", "帮助", "帮您", "帮你", "协助", "協助", "满足", "给出", "给您", "诊断", "診斷", "查看", "分析", "继续", "解答", "处理", "完成", "讨论"],
    },
    Language {
        apologies: &["申し訳ありません", "申し訳ございません", "大変申し訳", "すみません", "ごめんなさい", "恐れ入りますが", "残念ながら", "aiとして"],
        inabilities: &["できません", "できかねます", "いたしかねます", "出来ません", "しかねます"],
        verbs: &["お答え", "回答", "お手伝い", "提供", "対応", "診断する", "診断は", "お応え", "アドバイス", "分析", "閲覧"],
    },
    Language {
        apologies: &["извините", "простите", "к сожалению", "прошу прощения", "мне жаль", "мне очень жаль", "сожалею", "приношу извинения", "как ии", "как языковая модель", "я искусственный интеллект", "я "],
        inabilities: &["не могу", "не в состоянии", "не имею возможности", "не смогу"],
        verbs: &["помочь", "предоставить", "предоставлять", "ответить", "отвечать", "дать ", "давать ", "выполнить", "ставить диагноз", "поставить диагноз", "оказать", "анализировать", "обсуждать", "продолжить", "интерпретировать"],
    },
    Language {
        apologies: &["عذرا", "عذرًا", "عذراً", "آسف", "أعتذر", "أنا آسف", "للأسف", "نعتذر", "معذرة", "المعذرة"],
        inabilities: &["لا أستطيع", "لا يمكنني", "لا أقدر", "غير قادر", "لا نستطيع", "لا يمكننا"],
        verbs: &["مساعدت", "المساعدة", "تقديم", "الإجابة", "إعطاء", "توفير", "أن أقدم", "تشخيص", "تلبية", "الرد"],
    },
    Language {
        apologies: &["죄송합니다", "죄송하지만", "죄송해요", "미안하지만", "미안합니다", "유감스럽게도", "안타깝지만"],
        inabilities: &["수 없습니다", "수 없어요", "수 없", "어렵습니다", "못합니다"],
        verbs: &["제공", "답변", "도와", "도움", "드릴", "응답", "처리", "분석", "진단할", "진단을"],
    },
    Language {
        apologies: &["क्षमा करें", "माफ़ करें", "माफ करें", "मुझे खेद है", "मुझे क्षमा करें", "मैं क्षमा", "मुझे माफ़ करें", "मुझे माफ करें", "खेद है"],
        inabilities: &["नहीं कर सकता", "नहीं कर सकती", "नहीं दे सकता", "नहीं दे सकती", "असमर्थ", "सक्षम नहीं"],
        verbs: &["मदद", "सहायता", "सलाह", "प्रदान", "उत्तर", "जवाब", "निदान"],
    },
    Language {
        apologies: &["üzgünüm", "maalesef", "özür dilerim", "kusura bakmayın", "bir yapay zeka"],
        inabilities: &["yardımcı olamam", "yardım edemem", "veremem", "sağlayamam", "cevaplayamam", "yanıtlayamam", "olamıyorum", "veremiyorum", "koyamam", "sunamam"],
        verbs: &["yardım", "tavsiye", "bilgi", "teşhis", "tanı", "cevap", "yanıt"],
    },
    Language {
        apologies: &["przepraszam", "niestety", "przykro mi", "jako model językowy", "jako ai"],
        inabilities: &["nie mogę", "nie jestem w stanie", "nie potrafię"],
        verbs: &["pomóc", "udzielić", "udzielać", "odpowiedzieć", "dostarczyć", "podać", "przedstawić", "postawić", "zapewnić"],
    },
    Language {
        apologies: &["xin lỗi", "tôi xin lỗi", "rất tiếc", "tôi rất tiếc", "rất xin lỗi"],
        inabilities: &["không thể"],
        verbs: &["giúp", "cung cấp", "trả lời", "hỗ trợ", "đưa ra", "chẩn đoán"],
    },
    Language {
        apologies: &["maaf", "mohon maaf", "saya minta maaf", "saya mohon maaf", "sayangnya", "sebagai ai"],
        inabilities: &["tidak dapat", "tidak bisa"],
        verbs: &["membantu", "memberikan", "menjawab", "menyediakan", "memenuhi", "mendiagnosis"],
    },
];
