//! Who stands at the other end, as the kernel says (SO_PEERCRED), and whether he may.
//!
//! Root may, the daemon's own user may, and the members of the group that the socket was given to. Whoever may connect
//! to the file is a wider circle where its mode is wide: the file alone decides nothing.

use std::ffi::CString;

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use tokio::net::unix::UCred;

/// An administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    pub uid: u32,
    /// The name of that user, or `uid 1000` where it has none.
    pub name: String,
    /// The process, where the system tells.
    pub pid: Option<i32>,
}

/// The peer as an administrator; `None`: he may not. May block: users and groups can come from the network.
pub fn admit(peer: UCred, group: Option<&str>) -> Option<Admin> {
    let uid = Uid::from_raw(peer.uid());
    let user = User::from_uid(uid).ok().flatten();
    let may = uid.is_root()
        || uid == Uid::effective()
        || group.and_then(|name| Group::from_name(name).ok().flatten()).is_some_and(|group| {
            Gid::from_raw(peer.gid()) == group.gid || user.as_ref().is_some_and(|user| belongs(user, group.gid))
        });
    let name = user.map_or_else(|| format!("uid {uid}"), |user| user.name);
    may.then_some(Admin { uid: peer.uid(), name, pid: peer.pid() })
}

fn belongs(user: &User, group: Gid) -> bool {
    let Ok(name) = CString::new(user.name.as_str()) else { return false };
    getgrouplist(&name, user.gid).is_ok_and(|all| all.contains(&group))
}
