//! Any text is a definition or is refused with places inside of it; a definition builds requests or says why not, and its
//! cases can be run.
//!
//! Input: a definition; NUL and a file of cases may stand behind it.

use std::collections::BTreeMap;

use martlet::{
    ground::Timestamp,
    provider::{Definition, Settings, Submission, cases},
    sms::Body,
};

pub fn provider_read(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (definition, told) = text.split_once('\0').map_or((text.as_ref(), None), |(a, b)| (a, Some(b)));
    let lines = definition.matches('\n').count() + 1;
    let definition = match Definition::read(definition, "x.toml") {
        Ok(definition) => definition,
        Err(wrong) => {
            assert!(!wrong.is_empty());
            for wrong in wrong {
                assert!((1..=lines).contains(&wrong.line) && wrong.column >= 1, "{wrong}");
                assert!(!wrong.cause.is_empty() && wrong.cause.chars().all(|c| !c.is_control()));
            }
            return;
        }
    };
    let settings = Settings::default();
    let now = Timestamp(1_767_323_045_000);
    let (words, data, hooks) = (Body::Text("Hi ☃".to_owned()), Body::Binary(vec![1, 2]), BTreeMap::new());
    for (body, udh) in [(&words, &[][..]), (&data, &[0x05, 0x04, 0x0b, 0x84, 0, 0])] {
        let message = Submission {
            id: "0198c0de000070008000000000000001",
            to: "+15551234567",
            from: None,
            body,
            udh,
            validity: Some(std::time::Duration::from_secs(60)),
            priority: None,
            pid: None,
            dcs: None,
            parts: 1,
            max_parts: None,
            media_urls: &[],
            hooks: &hooks,
            token: None,
            now,
            host: 0,
        };
        if let Ok(request) = definition.request(&settings, &message) {
            assert!(request.headers.iter().all(|(_, value)| !value.chars().any(char::is_control)));
            assert_eq!(Ok(request), definition.request(&settings, &message));
        }
    }
    for hook in &definition.hooks {
        assert!(definition.hook_address(&settings, hook, "https://m.example", "g", Some("id")).contains("own=id"));
    }
    if let Some(told) = told {
        let _ = cases::run(&definition, told, "x.tests.toml");
    }
}
