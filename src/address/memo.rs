//! A small memory of answers that are dear to compute and asked again at once.
//!
//! libphonenumber costs tens of microseconds a question, and one mail asks several times about one number (RCPT, DATA,
//! region, premium). Answers never change while the process lives, so this changes no result. Bounded: when it is full
//! it starts over.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// Answers kept at once.
const MOST: usize = 4_096;
/// Longer questions are not kept, octets.
const LONGEST: usize = 64;

/// Answers by question.
pub struct Memo<V>(Mutex<Option<HashMap<String, V>>>);

impl<V: Clone> Memo<V> {
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// The answer to `question`, computed the first time.
    pub fn get(&self, question: &str, compute: impl FnOnce() -> V) -> V {
        if question.len() > LONGEST {
            return compute();
        }
        let known = |memo: &Self| {
            let map = memo.0.lock().unwrap_or_else(PoisonError::into_inner);
            map.as_ref().and_then(|map| map.get(question).cloned())
        };
        if let Some(answer) = known(self) {
            return answer;
        }
        // Computed outside the lock: a slow question holds up nobody.
        let answer = compute();
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let map = map.get_or_insert_default();
        if map.len() >= MOST {
            map.clear();
        }
        map.insert(question.to_owned(), answer.clone());
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn computes_once_and_stays_small() {
        let memo = Memo::new();
        assert_eq!(memo.get("a", || 1), 1);
        assert_eq!(memo.get("a", || 2), 1);
        let long = "x".repeat(LONGEST + 1);
        assert_eq!((memo.get(&long, || 1), memo.get(&long, || 2)), (1, 2));
        for n in 0..=MOST {
            memo.get(&n.to_string(), || n);
        }
        assert!(memo.0.lock().expect("the lock").as_ref().is_some_and(|map| map.len() <= MOST));
    }
}
