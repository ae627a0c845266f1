//! What templates may name, by where they stand.

use super::desk::{Desk, Place};
use crate::{
    ground::written::suggestion,
    provider::template::{Fact, Name, filter::Shape},
};

impl Desk<'_> {
    /// What a name is where a template stands.
    pub(super) fn fact(&self, name: &Name, place: Place) -> Result<Fact, String> {
        let word = name.word();
        let elsewhere = || Err(format!("`{{{word}}}` has no value here"));
        let plain = |shape| Ok(Fact { shape, needs_mark: false });
        match name {
            Name::Setting(setting) => match self.settings.get(setting) {
                Some(known) => {
                    let shape = if known.list { Shape::List } else { Shape::Text };
                    Ok(Fact { shape, needs_mark: known.absent && !known.list })
                }
                None => {
                    let hint = suggestion(setting, self.settings.keys().map(String::as_str));
                    Err(format!("there is no setting `{setting}`{hint}"))
                }
            },
            Name::Hook(hook) if matches!(place, Place::Send | Place::Setup) => {
                if self.hooks.contains(hook) {
                    return plain(Shape::Text);
                }
                let hint = suggestion(hook, self.hooks.iter().map(String::as_str));
                Err(format!("there is no hook `{hook}`{hint}"))
            }
            Name::Token if matches!(place, Place::Token | Place::Settings) => elsewhere(),
            Name::Token if !self.has_token => Err("`{token}` has no [token]".into()),
            Name::Token => plain(Shape::Text),
            Name::Now if place != Place::Settings => plain(Shape::Moment),
            Name::Each | Name::OwnHookId if place == Place::Setup => plain(Shape::Text),
            Name::Cursor if place == Place::Poll => Ok(Fact { shape: Shape::Text, needs_mark: true }),
            Name::Item if place == Place::Removal => plain(Shape::Text),
            Name::Validity if !self.has_validity => Err("`{validity}` has no [validity]".into()),
            Name::Data | Name::Udh if place == Place::Send => plain(Shape::Octets),
            Name::MediaUrls if place == Place::Send => plain(Shape::List),
            name if name.is_of_message() && place == Place::Send => plain(Shape::Text),
            _ => elsewhere(),
        }
    }
}
