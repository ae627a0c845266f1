//! Values that people write, wherever they write them: durations, and what they may have meant.

use std::time::Duration;

use super::outcome::one_line;

/// The longest duration: ten years.
const LONGEST: Duration = Duration::from_secs(3650 * 86_400);

/// A value in backticks, one line, cut.
pub fn quoted(given: &str) -> String {
    let line = one_line(given, 80);
    if line.len() < given.trim().len() { format!("`{line}…`") } else { format!("`{line}`") }
}

/// `500ms`, `30s`, `4h`, `5d`.
pub fn duration(given: &str) -> Result<Duration, String> {
    let end = given.find(|c: char| !c.is_ascii_digit()).unwrap_or(given.len());
    let (digits, unit) = given.split_at(end);
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "" => return Err(format!("{} has no unit: ms, s, m, h or d", quoted(given))),
        _ => {
            let hint = if digits.is_empty() { "a duration is a number and a unit" } else { "the units are" };
            return Err(format!("{} is no duration: {hint} ms, s, m, h or d, such as \"30s\"", quoted(given)));
        }
    };
    let Ok(n) = digits.parse::<u64>() else {
        return Err(format!("{} is no duration: such as \"30s\" or \"5d\"", quoted(given)));
    };
    match n.checked_mul(millis).map(Duration::from_millis) {
        Some(duration) if duration <= LONGEST => Ok(duration),
        _ => Err(format!("{} is longer than ten years", quoted(given))),
    }
}

/// `; did you mean …?` where one of `known` is close to `given`.
pub fn suggestion<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let given = given.to_lowercase();
    known
        .into_iter()
        .map(|word| (distance(&given, word), word))
        .filter(|(far, word)| *far <= (word.len() / 3).clamp(1, 3))
        .min()
        .map(|(_, word)| format!("; did you mean `{word}`?"))
        .unwrap_or_default()
}

/// Optimal string alignment distance: insert, delete, replace, swap neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replace = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_are_close_or_absent() {
        assert_eq!(suggestion("doamins", ["domains", "hostname"]), "; did you mean `domains`?");
        assert_eq!(suggestion("bindd", ["bind", "kind"]), "; did you mean `bind`?");
        assert_eq!(suggestion("zzz", ["domains", "id"]), "");
        assert_eq!(suggestion("", ["id"]), "");
    }
}
