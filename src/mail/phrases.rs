//! What mail programs write around a reply, by language: one row each, all in lower case.
//!
//! A row more is a language more; nothing else needs a change. All rows are tried on every mail, since people
//! answer in one language with a program in another.

/// The words of one language.
pub struct Phrases {
    /// ISO 639-1.
    pub language: &'static str,
    /// How an attribution begins, and what it contains before its final colon.
    pub wrote: &'static [(&'static str, &'static str)],
    /// Between the dashes above a quoted or forwarded mail.
    pub original: &'static [&'static str],
    pub from: &'static [&'static str],
    pub sent: &'static [&'static str],
    pub to: &'static [&'static str],
    pub subject: &'static [&'static str],
    /// How the line begins that a phone or program adds below.
    pub footers: &'static [&'static str],
}

/// All languages that are known.
#[rustfmt::skip]
pub const ALL: &[Phrases] = &[
    Phrases { language: "en", wrote: &[("on ", "wrote:"), ("", " wrote ----")],
        original: &["original message", "original appointment", "forwarded message", "forwarded by", "reply message", "begin forwarded message", "replied message"],
        from: &["from"], sent: &["sent", "date"], to: &["to", "cc"], subject: &["subject"],
        footers: &["sent from my ", "get outlook for ", "sent from mail for windows", "sent from outlook", "sent from yahoo mail", "sent from the all new aol app", "sent from proton", "sent from gmail mobile", "sent from samsung", "sent from a mobile", "sent from mobile", "sent with proton mail", "sent with sparrow", "sent via ", "sent with ", "download outlook for ", "scanned by "] },
    Phrases { language: "de", wrote: &[("am ", " schrieb"), ("am ", " geschrieben")],
        original: &["ursprüngliche nachricht", "originalnachricht", "ursprüngliche e-mail", "weitergeleitete nachricht"],
        from: &["von"], sent: &["gesendet", "datum"], to: &["an"], subject: &["betreff"],
        footers: &["von meinem ", "gesendet von ", "gesendet mit ", "outlook für "] },
    Phrases { language: "fr", wrote: &[("le ", " a écrit")],
        original: &["message d'origine", "message original", "message transféré"],
        from: &["de"], sent: &["envoyé", "envoyé le", "date"], to: &["à"], subject: &["objet", "sujet"],
        footers: &["envoyé de mon ", "envoyé depuis ", "envoyé à partir de ", "télécharger outlook ", "obtenez outlook "] },
    Phrases { language: "es", wrote: &[("el ", " escribió")],
        original: &["mensaje original", "mensaje reenviado"],
        from: &["de"], sent: &["enviado", "enviado el", "fecha"], to: &["para"], subject: &["asunto"],
        footers: &["enviado desde ", "obtener outlook "] },
    Phrases { language: "it", wrote: &[("il ", " ha scritto"), ("il giorno ", " ha scritto")],
        original: &["messaggio originale", "messaggio inoltrato"],
        from: &["da"], sent: &["inviato", "data"], to: &["a"], subject: &["oggetto"],
        footers: &["inviato da ", "inviato dal ", "scarica outlook "] },
    Phrases { language: "nl", wrote: &[("op ", " schreef"), ("op ", " het volgende geschreven")],
        original: &["oorspronkelijk bericht", "doorgestuurd bericht"],
        from: &["van"], sent: &["verzonden", "datum"], to: &["aan"], subject: &["onderwerp"],
        footers: &["verstuurd vanaf ", "verzonden vanaf ", "outlook voor "] },
    Phrases { language: "pt", wrote: &[("em ", " escreveu"), ("a ", " escreveu")],
        original: &["mensagem original", "mensagem encaminhada"],
        from: &["de"], sent: &["enviado", "enviada em", "data"], to: &["para"], subject: &["assunto"],
        footers: &["enviado do meu ", "obter o outlook "] },
    Phrases { language: "cs", wrote: &[("dne ", " napsal"), ("", " napsal")],
        original: &["původní zpráva", "původní e-mail", "přeposlaná zpráva"],
        from: &["od"], sent: &["odesláno", "datum"], to: &["komu"], subject: &["předmět"],
        footers: &["odesláno z ", "získat outlook "] },
    Phrases { language: "pl", wrote: &[("w dniu ", " napisał"), ("", " napisał")],
        original: &["wiadomość oryginalna", "oryginalna wiadomość", "przekazana wiadomość"],
        from: &["od"], sent: &["wysłano", "data"], to: &["do"], subject: &["temat"],
        footers: &["wysłane z ", "wysłano z "] },
    Phrases { language: "sv", wrote: &[("den ", " skrev"), ("", " skrev följande")],
        original: &["ursprungligt meddelande", "vidarebefordrat meddelande"],
        from: &["från"], sent: &["skickat", "datum"], to: &["till"], subject: &["ämne"],
        footers: &["skickat från ", "hämta outlook "] },
    Phrases { language: "da", wrote: &[("den ", " skrev")],
        original: &["oprindelig meddelelse", "videresendt meddelelse"],
        from: &["fra"], sent: &["sendt", "dato"], to: &["til"], subject: &["emne"],
        footers: &["sendt fra ", "hent outlook "] },
    Phrases { language: "nb", wrote: &[("på ", " skrev"), ("", " skrev")],
        original: &["opprinnelig melding", "videresendt melding"],
        from: &["fra"], sent: &["sendt", "dato"], to: &["til"], subject: &["emne"],
        footers: &["sendt fra ", "få outlook "] },
    Phrases { language: "fi", wrote: &[("", " kirjoitti")],
        original: &["alkuperäinen viesti", "välitetty viesti"],
        from: &["lähettäjä"], sent: &["lähetetty", "päivämäärä"], to: &["vastaanottaja"], subject: &["aihe"],
        footers: &["lähetetty "] },
    Phrases { language: "ja", wrote: &[("", "のメール"), ("", " wrote")],
        original: &["元のメッセージ", "転送されたメッセージ"],
        from: &["差出人", "from"], sent: &["送信日時", "日付", "送信"], to: &["宛先"], subject: &["件名"],
        footers: &["iphoneから送信", "私のiphoneから送信"] },
    Phrases { language: "zh", wrote: &[("", "写道"), ("", "寫道"), ("在", "写道")],
        original: &["原始邮件", "原始郵件", "转发的邮件"],
        from: &["发件人", "寄件者"], sent: &["发送时间", "日期", "寄件日期"], to: &["收件人", "收件者"], subject: &["主题", "主旨"],
        footers: &["发自我的", "從我的"] },
];
