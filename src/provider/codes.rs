//! Tables from a provider's codes to our words: exact keys, prefixes, ranges of numbers, bits, or patterns.
//!
//! What can go wrong is found when the file is read: two keys that are the same, ranges upside down, bad patterns. A
//! code that no key fits gives nothing, and the caller keeps what it knew.

use std::collections::BTreeMap;

use regex::Regex;

/// How keys and codes are brought to one form before they are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Normal {
    /// `001` is `1`.
    pub strip_zeros: bool,
    pub lower: bool,
}

impl Normal {
    /// The form in which codes compare; blanks around them never count.
    pub fn of(self, code: &str) -> String {
        let mut code = code.trim();
        if self.strip_zeros && !code.is_empty() {
            let stripped = code.trim_start_matches('0');
            // "000" is "0", and the zero of "0x" stays.
            code = if stripped.starts_with(|c: char| c.is_ascii_digit()) {
                stripped
            } else {
                &code[(code.len() - stripped.len()).saturating_sub(1)..]
            };
        }
        if self.lower { code.to_lowercase() } else { code.to_owned() }
    }
}

/// One table.
#[derive(Debug, Clone)]
pub struct Codes<W> {
    normal: Normal,
    exact: BTreeMap<String, W>,
    ranges: Vec<(i64, i64, W)>,
    /// Longest first.
    prefixes: Vec<(String, W)>,
    bits: Vec<(u64, W)>,
    patterns: Vec<(Regex, W)>,
}

impl<W: Copy> Codes<W> {
    /// A table without keys.
    pub fn new(normal: Normal) -> Self {
        Self {
            normal,
            exact: BTreeMap::new(),
            ranges: Vec::new(),
            prefixes: Vec::new(),
            bits: Vec::new(),
            patterns: Vec::new(),
        }
    }

    /// Adds `"k1, k2, 4*, 10..12, &8" = word`.
    ///
    /// # Errors
    /// Why the key is none.
    pub fn add(&mut self, keys: &str, word: W) -> Result<(), String> {
        keys.split(',').try_for_each(|key| self.add_one(key.trim(), word))
    }

    fn add_one(&mut self, key: &str, word: W) -> Result<(), String> {
        if key.is_empty() {
            return Err("a key is empty".into());
        }
        if let Some((low, high)) = key.split_once("..") {
            let number = |n: &str| n.trim().parse::<i64>().map_err(|_| format!("`{key}` is no range such as 10..12"));
            let (low, high) = (number(low)?, number(high)?);
            if low > high {
                return Err(format!("`{key}` is upside down"));
            }
            self.ranges.push((low, high, word));
        } else if let Some(bit) = key.strip_prefix('&') {
            let bit: u64 = bit.parse().map_err(|_| format!("`{key}` is no bit such as &8"))?;
            if !bit.is_power_of_two() {
                return Err(format!("`{key}` is no single bit: 1, 2, 4, 8 …"));
            }
            self.bits.push((bit, word));
        } else if let Some(prefix) = key.strip_suffix('*') {
            let prefix = self.normal.of(prefix);
            if prefix.is_empty() {
                return Err("`*` fits every code: the rule's own result is for those".into());
            }
            self.prefixes.push((prefix, word));
            self.prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        } else if self.exact.insert(self.normal.of(key), word).is_some() {
            return Err(format!("`{key}` stands in this table twice"));
        }
        Ok(())
    }

    /// Adds a pattern.
    pub fn add_pattern(&mut self, pattern: Regex, word: W) {
        self.patterns.push((pattern, word));
    }

    /// What the table says of a code.
    pub fn get(&self, code: &str) -> Option<W> {
        let code = self.normal.of(code);
        if let Some(word) = self.exact.get(&code) {
            return Some(*word);
        }
        let number: Option<i64> = code.parse().ok();
        let in_range = |n: i64| self.ranges.iter().find(|(low, high, _)| (*low..=*high).contains(&n));
        if let Some((_, _, word)) = number.and_then(in_range) {
            return Some(*word);
        }
        if let Some((_, word)) = self.prefixes.iter().find(|(prefix, _)| code.starts_with(prefix.as_str())) {
            return Some(*word);
        }
        let mask = number.and_then(|n| u64::try_from(n).ok());
        if let Some((_, word)) = mask.and_then(|mask| self.bits.iter().find(|(bit, _)| mask & bit != 0)) {
            return Some(*word);
        }
        self.patterns.iter().find(|(pattern, _)| pattern.is_match(&code)).map(|(_, word)| *word)
    }

    /// Every word of the table.
    pub fn words(&self) -> impl Iterator<Item = W> {
        let exact = self.exact.values().copied();
        let ranges = self.ranges.iter().map(|(_, _, word)| *word);
        let prefixes = self.prefixes.iter().map(|(_, word)| *word);
        let bits = self.bits.iter().map(|(_, word)| *word);
        let patterns = self.patterns.iter().map(|(_, word)| *word);
        exact.chain(ranges).chain(prefixes).chain(bits).chain(patterns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(normal: Normal, rows: &[(&str, char)]) -> Codes<char> {
        let mut codes = Codes::new(normal);
        for (keys, word) in rows {
            codes.add(keys, *word).expect(keys);
        }
        codes
    }

    #[test]
    fn exact_keys_win_over_ranges_and_those_over_the_longest_prefix() {
        let codes =
            table(Normal::default(), &[("4*", 'p'), ("47*", 'q'), ("4700..4710", 'r'), ("4705, x", 'e'), ("&8", 'b')]);
        for (code, word) in [("4001", 'p'), ("4799", 'q'), ("4701", 'r'), (" 4705 ", 'e'), ("x", 'e'), ("24", 'b')] {
            assert_eq!(codes.get(code), Some(word), "{code}");
        }
        assert_eq!(codes.get("5"), None);
        assert_eq!(codes.get(""), None);
    }

    #[test]
    fn zeros_and_case_are_normal_forms() {
        let normal = Normal { strip_zeros: true, lower: true };
        let codes = table(normal, &[("001, 0, ESME_X", 'a')]);
        for code in ["1", "0001", "0", "000", "esme_x"] {
            assert_eq!(codes.get(code), Some('a'), "{code}");
        }
        assert_eq!(normal.of("0x8A"), "0x8a");
        assert_eq!(normal.of("00é"), "0é");
    }

    #[test]
    fn bad_keys_are_refused() {
        for bad in ["", "1, ", "9..1", "a..b", "*", "&3", "&x", "1, 1"] {
            assert!(Codes::new(Normal::default()).add(bad, ()).is_err(), "{bad}");
        }
    }
}
