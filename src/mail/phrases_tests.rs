//! Lines that real programs write, by language: Gmail, Apple Mail, Outlook, Thunderbird and their phones.

use super::*;
use crate::mail::{Choices, Why, read, text::text};

struct Case {
    language: &'static str,
    /// Attributions; `\n` where the program wraps them.
    attributions: &'static [&'static str],
    /// The names of sender, time, addressee and subject in Outlook's block.
    block: [&'static str; 4],
    dividers: &'static [&'static str],
    footers: &'static [&'static str],
}

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case { language: "en",
        attributions: &["On Fri, Nov 20, 2026 at 9:12 AM Jane Roe <jane@example.com> wrote:", "On 20 Nov 2026, at 09:12, Jane Roe <jane@example.com> wrote:", "On 20/11/2026 09:12, Jane Roe wrote:", "At 2026-11-20 09:12:33, \"Jane Roe\" <jane@example.com> wrote:", "---- On Fri, 20 Nov 2026 09:12:00 +0100 Jane Roe <jane@example.com> wrote ----"],
        block: ["From:", "Sent:", "To:", "Subject:"],
        dividers: &["-----Original Message-----", "---------- Forwarded message ---------", "Begin forwarded message:"],
        footers: &["Sent from my iPhone", "Get Outlook for Android<https://aka.ms/AAb9ysg>", "Sent from Mail for Windows", "Sent from my Verizon, Samsung Galaxy smartphone", "Sent from Yahoo Mail on Android"] },
    Case { language: "de",
        attributions: &["Am Fr., 20. Nov. 2026 um 09:12 Uhr schrieb Jane Roe <jane@example.com>:", "Am Fr., 20. Nov. 2026 um 09:12 Uhr schrieb Jane Roe <\njane@example.com>:", "Am 20.11.2026 um 09:12 schrieb Jane Roe <jane@example.com>:", "Am 20.11.26 um 09:12 schrieb Jane Roe:", "Jane Roe <jane@example.com> schrieb am Fr., 20. Nov. 2026, 09:12:"],
        block: ["Von:", "Gesendet:", "An:", "Betreff:"],
        dividers: &["-----Ursprüngliche Nachricht-----", "-------- Weitergeleitete Nachricht --------", "Anfang der weitergeleiteten Nachricht:"],
        footers: &["Von meinem iPhone gesendet", "Gesendet von Outlook für Android<https://aka.ms/AAb9ysg>", "Von meinem Samsung Galaxy Smartphone gesendet.", "Gesendet von Mail für Windows 10", "Diese Nachricht wurde von meinem Android-Mobiltelefon mit K-9 Mail gesendet.", "Outlook für iOS herunterladen"] },
    Case { language: "fr",
        attributions: &["Le ven. 20 nov. 2026 à 09:12, Jane Roe <jane@example.com> a écrit :", "Le ven. 20 nov. 2026 à 09:12, Jane Roe <jane@example.com> a\nécrit :", "Le 20 nov. 2026 à 09:12, Jane Roe <jane@example.com> a écrit\u{a0}:", "Le 20/11/2026 à 09:12, Jane Roe a écrit :"],
        block: ["De :", "Envoyé :", "À :", "Objet :"],
        dividers: &["-----Message d'origine-----", "-------- Message transféré --------", "Début du message transféré :"],
        footers: &["Envoyé de mon iPhone", "Envoyé à partir de Outlook pour Android", "Obtenez Outlook pour iOS<https://aka.ms/o0ukef>", "Envoyé depuis mon téléphone", "Envoyé à partir de Courrier pour Windows"] },
    Case { language: "es",
        attributions: &["El vie, 20 nov 2026 a las 9:12, Jane Roe (<jane@example.com>) escribió:", "El vie, 20 nov 2026 a las 9:12, Jane Roe (<jane@example.com>)\nescribió:", "El 20 nov 2026, a las 9:12, Jane Roe <jane@example.com> escribió:", "El 20/11/26 a las 9:12, Jane Roe escribió:"],
        block: ["De:", "Enviado:", "Para:", "Asunto:"],
        dividers: &["-----Mensaje original-----", "-------- Mensaje reenviado --------", "Inicio del mensaje reenviado:"],
        footers: &["Enviado desde mi iPhone", "Obtener Outlook para iOS<https://aka.ms/o0ukef>", "Enviado desde Outlook para Android", "Enviado desde Correo para Windows 10"] },
    Case { language: "it",
        attributions: &["Il giorno ven 20 nov 2026 alle ore 09:12 Jane Roe <jane@example.com> ha scritto:", "Il giorno ven 20 nov 2026 alle ore 09:12 Jane Roe <jane@example.com>\nha scritto:", "Il giorno 20 nov 2026, alle ore 09:12, Jane Roe <jane@example.com> ha scritto:", "Il 20/11/2026 09:12, Jane Roe ha scritto:"],
        block: ["Da:", "Inviato:", "A:", "Oggetto:"],
        dividers: &["-----Messaggio originale-----", "-------- Messaggio Inoltrato --------", "Inizio messaggio inoltrato:"],
        footers: &["Inviato da iPhone", "Scarica Outlook per iOS<https://aka.ms/o0ukef>", "Ottieni Outlook per Android", "Inviato dal mio Galaxy", "Inviato da Posta per Windows"] },
    Case { language: "nl",
        attributions: &["Op vr 20 nov 2026 om 09:12 schreef Jane Roe <jane@example.com>:", "Op 20 nov. 2026 om 09:12 heeft Jane Roe <jane@example.com> het volgende\ngeschreven:", "Op 20-11-2026 om 09:12 schreef Jane Roe:"],
        block: ["Van:", "Verzonden:", "Aan:", "Onderwerp:"],
        dividers: &["-----Oorspronkelijk bericht-----", "-------- Doorgestuurd bericht --------", "Begin doorgestuurd bericht:"],
        footers: &["Verstuurd vanaf mijn iPhone", "Verzonden vanaf mijn Galaxy", "Outlook voor iOS downloaden", "Verzonden vanuit Outlook voor Android"] },
    Case { language: "pt",
        attributions: &["Em sex., 20 de nov. de 2026 às 09:12, Jane Roe <jane@example.com> escreveu:", "Em sex., 20 de nov. de 2026 às 09:12, Jane Roe <jane@example.com>\nescreveu:", "Jane Roe <jane@example.com> escreveu (sexta, 20/11/2026 à(s) 09:12):", "Em 20/11/2026 09:12, Jane Roe escreveu:", "No dia 20/11/2026, às 09:12, Jane Roe <jane@example.com> escreveu:"],
        block: ["De:", "Enviado:", "Para:", "Assunto:"],
        dividers: &["-----Mensagem original-----", "-------- Mensagem encaminhada --------", "Início da mensagem encaminhada:"],
        footers: &["Enviado do meu iPhone", "Obter o Outlook para iOS<https://aka.ms/o0ukef>", "Obtenha o Outlook para Android", "Enviado do Email para Windows 10"] },
    Case { language: "cs",
        attributions: &["pá 20. 11. 2026 v 9:12 odesílatel Jane Roe <jane@example.com> napsal:", "pá 20. 11. 2026 v 9:12 odesílatel Jane Roe <jane@example.com>\nnapsal:", "Dne 20. 11. 2026 v 9:12 Jane Roe napsal(a):", "Dne 20.11.2026 v 9:12 Jane Roe <jane@example.com> napsala:", "20. 11. 2026 v 9:12, Jane Roe <jane@example.com>:"],
        block: ["Od:", "Odesláno:", "Komu:", "Předmět:"],
        dividers: &["---------- Původní e-mail ----------", "-----Původní zpráva-----", "---------- Přeposlaná zpráva ----------"],
        footers: &["Odesláno z iPhonu", "Odesláno z mého iPhonu", "Získat Outlook pro Android<https://aka.ms/AAb9ysg>", "Odesláno z mobilního zařízení Samsung Galaxy", "Odesláno z aplikace Pošta pro Windows"] },
    Case { language: "pl",
        attributions: &["pt., 20 lis 2026 o 09:12 Jane Roe <jane@example.com> napisał(a):", "pt., 20 lis 2026 o 09:12 Jane Roe <jane@example.com>\nnapisał(a):", "W dniu 20.11.2026 o 09:12, Jane Roe pisze:", "Wiadomość napisana przez Jane Roe <jane@example.com> w dniu 20 lis 2026, o godz. 09:12:"],
        block: ["Od:", "Wysłane:", "Do:", "Temat:"],
        dividers: &["-----Wiadomość oryginalna-----", "-----Oryginalna wiadomość-----", "-------- Przekazana wiadomość --------"],
        footers: &["Wysłane z iPhone'a", "Wysłane z mojego iPhone'a", "Pobierz Outlook dla iOS", "Uzyskaj aplikację Outlook dla systemu Android"] },
    Case { language: "sv",
        attributions: &["Den fre 20 nov. 2026 kl 09:12 skrev Jane Roe <jane@example.com>:", "20 nov. 2026 kl. 09:12 skrev Jane Roe <jane@example.com>:", "fre 20 nov. 2026 kl. 09:12 skrev Jane Roe <\njane@example.com>:", "Den 2026-11-20 kl. 09:12, skrev Jane Roe:"],
        block: ["Från:", "Skickat:", "Till:", "Ämne:"],
        dividers: &["-----Ursprungligt meddelande-----", "-------- Vidarebefordrat meddelande --------", "Vidarebefordrat brev:"],
        footers: &["Skickat från min iPhone", "Hämta Outlook för iOS<https://aka.ms/o0ukef>", "Skickat från Outlook för Android", "Skickades från min Samsung"] },
    Case { language: "da",
        attributions: &["Den fre. 20. nov. 2026 kl. 09.12 skrev Jane Roe <jane@example.com>:", "Den fre. 20. nov. 2026 kl. 09.12 skrev Jane Roe <\njane@example.com>:", "Den 20-11-2026 kl. 09:12 skrev Jane Roe:", "fre. 20. nov. 2026 09.12 skrev Jane Roe <jane@example.com>:"],
        block: ["Fra:", "Sendt:", "Til:", "Emne:"],
        dividers: &["-----Oprindelig meddelelse-----", "-------- Videresendt meddelelse --------", "Start på videresendt besked:"],
        footers: &["Sendt fra min iPhone", "Hent Outlook til iOS<https://aka.ms/o0ukef>", "Sendt fra Outlook til Android"] },
    Case { language: "nb",
        attributions: &["fre. 20. nov. 2026 kl. 09:12 skrev Jane Roe <jane@example.com>:", "fre. 20. nov. 2026 kl. 09:12 skrev Jane Roe <\njane@example.com>:", "20. nov. 2026 kl. 09:12 skrev Jane Roe <jane@example.com>:", "Den 20.11.2026 09:12, skrev Jane Roe:", "På 20. november 2026 kl. 09:12:33, Jane Roe (jane@example.com) skrev:"],
        block: ["Fra:", "Sendt:", "Til:", "Emne:"],
        dividers: &["-----Opprinnelig melding-----", "-------- Videresendt melding --------"],
        footers: &["Sendt fra min iPhone", "Få Outlook for iOS<https://aka.ms/o0ukef>", "Skaff deg Outlook for Android", "Sendt fra E-post for Windows"] },
    Case { language: "fi",
        attributions: &["pe 20. marrask. 2026 klo 9.12 Jane Roe (jane@example.com) kirjoitti:", "pe 20. marrask. 2026 klo 9.12 Jane Roe (jane@example.com)\nkirjoitti:", "Jane Roe <jane@example.com> kirjoitti 20.11.2026 kello 9.12:", "20.11.2026 9.12, Jane Roe kirjoitti:"],
        block: ["Lähettäjä:", "Lähetetty:", "Vastaanottaja:", "Aihe:"],
        dividers: &["-----Alkuperäinen viesti-----", "-------- Välitetty viesti --------", "Välitetty viesti alkaa:"],
        footers: &["Lähetetty iPhonesta", "Lähetetty iPhonestani", "Hanki Outlook for iOS", "Lähetetty Outlookista Androidille", "Lähetetty Samsung-puhelimestani"] },
    Case { language: "ja",
        attributions: &["2026年11月20日(金) 9:12 Jane Roe <jane@example.com>:", "2026/11/20 9:12、Jane Roe <jane@example.com>のメール:", "2026年11月20日 9:12、Jane Roe <jane@example.com>のメール：", "On 2026/11/20 9:12, 山田太郎 wrote:"],
        block: ["差出人:", "送信日時:", "宛先:", "件名:"],
        dividers: &["-----元のメッセージ-----", "-------- 転送されたメッセージ --------", "転送されたメッセージ：", "-----Original Message-----"],
        footers: &["iPhoneから送信", "私のiPhoneから送信", "Outlook for iOS を入手", "iOS版 Outlook を入手", "my Xperiaから送信"] },
    Case { language: "zh",
        attributions: &["Jane Roe <jane@example.com> 于2026年11月20日周五 09:12写道：", "在 2026年11月20日，09:12，Jane Roe <jane@example.com> 写道：", "在 2026-11-20 09:12:33，\"Jane Roe\" <jane@example.com> 写道：", "Jane Roe <jane@example.com> 於 2026年11月20日 週五 上午9:12寫道："],
        block: ["发件人:", "发送时间:", "收件人:", "主题:"],
        dividers: &["------------------ 原始邮件 ------------------", "-------- 转发的邮件 --------", "開始轉寄郵件："],
        footers: &["发自我的 iPhone", "發自我的 iPhone", "从我的iPhone发送", "获取 Outlook for iOS<https://aka.ms/o0ukef>", "取得 iOS 版 Outlook"] },
];

/// What is kept of a plain mail, and why each other stretch was cut.
fn kept(body: &str) -> (String, Vec<Why>) {
    let raw = format!("From: a@x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\n");
    let extract = text(&read(raw.as_bytes()).expect("a mail"), &Choices::default()).expect("a text");
    (extract.text, extract.cuts.iter().map(|cut| cut.why).collect())
}

#[test]
fn every_language_has_cases() {
    let known: Vec<&str> = ALL.iter().map(|p| p.language).collect();
    assert_eq!(known, ["en", "de", "fr", "es", "it", "nl", "pt", "cs", "pl", "sv", "da", "nb", "fi", "ja", "zh"]);
    let tried: Vec<&str> = CASES.iter().map(|c| c.language).collect();
    assert_eq!(tried, known);
    assert!(CASES.iter().all(|c| c.attributions.len() >= 3 && c.dividers.len() >= 2 && c.footers.len() >= 3));
}

#[test]
fn attributions() {
    for case in CASES {
        for line in case.attributions {
            let wanted = ("Yes.".to_owned(), vec![Why::Attribution, Why::Quote]);
            assert_eq!(kept(&format!("Yes.\n\n{line}\n\n> q\n> r")), wanted, "{}: {line}", case.language);
            // Not every program marks what it quotes.
            assert_eq!(kept(&format!("Yes.\n\n{line}\n\nq\n\nr")), wanted, "{}: {line}, unmarked", case.language);
            // Interleaved answers stay.
            let answers = kept(&format!("{line}\n> One?\nYes.\n> Two?\nNo.")).0;
            assert_eq!(answers, "Yes.\nNo.", "{}: {line}, interleaved", case.language);
        }
    }
}

#[test]
fn header_blocks() {
    for case in CASES {
        let [from, sent, to, subject] = case.block;
        let block = format!(
            "{from} Jane Roe <jane@example.com>\n{sent} 2026-11-20 09:12\n{to} Petr <petr@example.com>\n{subject} Re: x"
        );
        let wanted = ("Yes.".to_owned(), vec![Why::Attribution, Why::Quote]);
        for above in ["", "________________________________\n"] {
            assert_eq!(kept(&format!("Yes.\n\n{above}{block}\n\nq\n\nr")), wanted, "{} {above}", case.language);
        }
        let bold: Vec<String> = block.lines().map(|l| l.replacen(':', ":*", 1)).map(|l| format!("*{l}")).collect();
        assert_eq!(kept(&format!("Yes.\n\n{}\n\nq", bold.join("\n"))), wanted, "{}, bold", case.language);
        for divider in case.dividers {
            assert_eq!(kept(&format!("Yes.\n\n{divider}\n{block}\n\nq")), wanted, "{}: {divider}", case.language);
        }
    }
}

#[test]
fn dividers() {
    for case in CASES {
        for line in case.dividers {
            let wanted = ("Yes.".to_owned(), vec![Why::Attribution, Why::Quote]);
            assert_eq!(kept(&format!("Yes.\n\n{line}\n\nq")), wanted, "{}: {line}", case.language);
        }
    }
}

#[test]
fn footers() {
    for case in CASES {
        for line in case.footers {
            let wanted = ("Yes.".to_owned(), vec![Why::Footer]);
            assert_eq!(kept(&format!("Yes.\n\n{line}")), wanted, "{}: {line}", case.language);
        }
    }
}

#[test]
fn news_is_no_footer() {
    for line in [
        "Sent from Prague yesterday",
        "Odesláno z Prahy včera",
        "Gesendet von Anna gestern",
        "Von meinem Bruder",
        "Enviado desde Madrid",
        "Envoyé depuis Paris",
        "Inviato da Roma",
        "Verzonden vanaf Amsterdam",
        "Skickat från Stockholm",
        "Sendt fra Oslo",
        "Wysłane z Warszawy",
        "Lähetetty eilen",
        "Sent from my desk, which is easier",
    ] {
        assert_eq!(kept(&format!("Parcel 7:\n\n{line}")).0, format!("Parcel 7:\n\n{line}"));
    }
}

#[test]
fn sentences_are_no_attributions() {
    for line in [
        "On average, it works at 10:30:",
        "Am Montag um 10:30 Uhr treffen wir uns so:",
        "Le plan pour 2026 :",
        "El plan de 2026:",
        "Il piano 2026:",
        "Op vrijdag om 09:12:",
        "Em 2026 fazemos isto:",
        "Dne 20. 11. 2026 v 9:12 se sejdeme zde:",
        "W dniu 20.11.2026 spotkanie:",
        "Den 20 november 2026 gäller:",
        "pe 20.11.2026 klo 9:12 tavataan:",
        "2026年11月20日 9:12 集合:",
        "在 2026年11月20日，09:12 集合：",
        "To be clear about 2026:",
    ] {
        let body = format!("{line}\nfirst point\nsecond point");
        assert_eq!(kept(&body).0, body);
    }
}
