//! Listeners that hooks have of their own: bound at the start, and by a reload bound and closed.
//!
//! What can go wrong is another program at an address: then a start fails, and a reload changes nothing. One that stands keeps
//! its TLS until a restart; the files of it are read anew when they change.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::build;
use crate::{
    config::{self, Config},
    doors::{TlsFiles, http},
};

/// A socket that is bound and not served yet.
pub struct Fresh {
    listener: TcpListener,
    /// As configured, and as it is: they differ where any port will do.
    configured: SocketAddr,
    pub bound: SocketAddr,
    tls: Option<Arc<TlsFiles>>,
}

/// What handlers reach at a listener with this address and TLS.
pub type Behind = Arc<dyn Fn(SocketAddr, Option<Arc<TlsFiles>>) -> Arc<http::Shared> + Send + Sync>;

/// The listeners that are served.
pub struct HookDoors {
    open: BTreeMap<SocketAddr, CancellationToken>,
    behind: Behind,
    tasks: TaskTracker,
    stop: CancellationToken,
    drain: Duration,
}

impl HookDoors {
    /// None yet; those that will be opened end with `stop`, and have `drain` to finish what they have.
    pub fn new(behind: Behind, stop: CancellationToken, drain: Duration) -> Self {
        Self { open: BTreeMap::new(), behind, tasks: TaskTracker::new(), stop, drain }
    }

    /// Ends when all listeners have, those that reloads open too.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + 'static {
        let (tasks, stop) = (self.tasks.clone(), self.stop.clone());
        async move {
            stop.cancelled().await;
            tasks.close();
            tasks.wait().await;
        }
    }

    /// Binds what `config` names and is not served.
    ///
    /// # Errors
    /// In words: an address cannot be listened on.
    pub async fn fresh(&self, config: &Config) -> Result<Vec<Fresh>, String> {
        let wanted = build::hook_binds(config);
        bind(wanted.into_iter().filter(|(addr, _)| !self.open.contains_key(addr))).await
    }

    /// Serves what was bound, and closes what `config` does not name any more: requests under way are finished.
    pub fn take(&mut self, config: &Config, fresh: Vec<Fresh>) {
        let wanted = build::hook_binds(config);
        self.open.retain(|addr, stop| {
            let stays = wanted.contains_key(addr);
            if !stays {
                stop.cancel();
            }
            stays
        });
        for Fresh { listener, configured, bound, tls } in fresh {
            let stop = self.stop.child_token();
            let shared = (self.behind)(bound, tls);
            self.tasks.spawn(http::serve_hooks(listener, shared, configured, stop.clone(), self.drain));
            self.open.insert(configured, stop);
        }
    }
}

/// Binds these addresses.
///
/// # Errors
/// In words: one cannot be listened on, or its certificates cannot be read.
pub async fn bind(
    addresses: impl Iterator<Item = (SocketAddr, Option<&config::HttpTls>)>,
) -> Result<Vec<Fresh>, String> {
    let mut all = Vec::new();
    for (configured, tls) in addresses {
        let tls = build::http_tls(tls).map_err(|error| error.words)?;
        let failed = |error: std::io::Error| {
            format!("bind of a hook, {configured}: {error}; is another program listening there?")
        };
        let listener = TcpListener::bind(configured).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        all.push(Fresh { listener, configured, bound, tls });
    }
    Ok(all)
}
