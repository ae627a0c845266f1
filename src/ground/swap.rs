//! A value that is replaced as a whole while others read it. Whoever has read it goes on with what he has.

use std::sync::{Arc, PoisonError, RwLock};

/// All clones see a new value at once.
#[derive(Debug, Default)]
pub struct Swap<T>(Arc<RwLock<Arc<T>>>);

impl<T> Swap<T> {
    pub fn new(value: T) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(value))))
    }

    pub fn now(&self) -> Arc<T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on this one.
    pub fn replace(&self, value: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
    }
}

impl<T> Clone for Swap<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> From<T> for Swap<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_clones_see_the_new_value_and_readers_keep_theirs() {
        let one = Swap::new(1);
        let (other, read) = (one.clone(), one.now());
        other.replace(2);
        assert_eq!((*read, *one.now()), (1, 2));
    }
}
