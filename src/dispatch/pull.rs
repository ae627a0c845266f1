//! One lane's loop: what is due under its key is begun as long as there are free places, until stopped.

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use super::Shared;
use crate::{
    observe,
    store::{Item, Key},
};

/// So often in a row the lane looks again for what should be there to lease.
const MOST_TURNS: u32 = 100;

/// Takes what is due under `key`, at most `window` at once, each in a task of its own.
pub async fn pull<S, F>(shared: Arc<Shared>, key: Key, window: usize, step: S)
where
    S: Fn(Arc<Shared>, Item) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let keys = [key];
    let window = Arc::new(Semaphore::new(window));
    let mut turns = 0;
    loop {
        let changed = shared.store.changed(&keys[0]);
        let permit = tokio::select! {
            permit = window.clone().acquire_owned() => permit,
            () = shared.stop.cancelled() => return,
        };
        let Ok(first) = permit else { return };
        // Only now: who waited for a slot looks at the queue as it is.
        let (now, began) = (shared.clock.now(), shared.clock.monotonic());
        let limit = 1 + window.available_permits();
        let items = match shared.store.lease(&keys, limit, now).await {
            Ok(items) => items,
            Err(down) => {
                observe::log::store_down("lease", down);
                shared.clock.sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let mut permit = Some(first);
        let found = items.len();
        for item in items {
            let permit = match permit.take() {
                Some(permit) => permit,
                None => match window.clone().acquire_owned().await {
                    Ok(permit) => permit,
                    Err(_) => return,
                },
            };
            let task = step(shared.clone(), item);
            shared.tasks.spawn(async move {
                task.await;
                drop(permit);
            });
        }
        drop(permit);
        if found == limit {
            turns = 0;
            continue;
        }
        let due = shared.store.next_due(&keys).await.ok().flatten();
        // A lease that meets attempts as they begin may come back with less than there is: what is due and nobody has goes
        // at once. Not for ever: one that cannot be leased at all must not keep this lane turning.
        if due.is_some_and(|due| due <= now) && turns < MOST_TURNS {
            turns += 1;
            tokio::task::yield_now().await;
            continue;
        }
        turns = 0;
        let wake = due.filter(|due| *due > now).map_or(super::LOOK_AGAIN, |due| due.since(now)).min(super::LOOK_AGAIN);
        tokio::select! {
            () = changed => {}
            () = shared.clock.sleep_to(began + wake) => {}
            () = shared.stop.cancelled() => return,
        }
    }
}
