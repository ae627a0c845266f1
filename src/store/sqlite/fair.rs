//! Whose text goes first among equals: start-time fair queueing, one flow for each account.
//!
//! A new item's rank is the later of its lane's virtual time and the finish of its flow's last item; its flow's finish
//! moves on by its cost in segments. So a mailing of ten thousand texts and one text of another account share the lane
//! as two flows do, and an idle flow saves up nothing. Lanes of different keys and priorities have their own times.

use std::collections::HashMap;

use sqlx::{Row as _, SqliteConnection};

/// A flow within a lane; the flow `""` is the lane's own virtual time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Flow {
    pub lane: String,
    pub priority: u8,
    pub flow: String,
}

#[derive(Default)]
pub struct Fair(HashMap<Flow, i64>);

impl Fair {
    pub async fn read(conn: &mut SqliteConnection) -> Result<Self, sqlx::Error> {
        let rows = sqlx::query("SELECT lane, priority, flow, finish FROM fair").fetch_all(conn).await?;
        let mut fair = HashMap::with_capacity(rows.len());
        for row in rows {
            let priority = u8::try_from(row.try_get::<i64, _>(1)?).unwrap_or(u8::MAX);
            fair.insert(Flow { lane: row.try_get(0)?, priority, flow: row.try_get(2)? }, row.try_get(3)?);
        }
        Ok(Self(fair))
    }

    fn clock_of(flow: &Flow) -> Flow {
        Flow { flow: String::new(), ..flow.clone() }
    }

    /// The rank of a new item of `flow`, and what the flow and its lane stand at afterwards.
    pub fn rank(&mut self, flow: &Flow, cost: u8) -> (i64, [(Flow, i64); 2]) {
        let clock = Self::clock_of(flow);
        let now = self.0.get(&clock).copied().unwrap_or(0);
        let start = now.max(self.0.get(flow).copied().unwrap_or(0));
        let finish = start.saturating_add(i64::from(cost.max(1)));
        self.0.insert(flow.clone(), finish);
        (start, [(flow.clone(), finish), (clock, now)])
    }

    /// An item of this rank is being served: the lane's time goes on.
    pub fn served(&mut self, lane: &str, priority: u8, rank: i64) {
        let clock = Flow { lane: lane.to_owned(), priority, flow: String::new() };
        let now = self.0.entry(clock).or_insert(0);
        *now = rank.max(*now);
    }

    /// The same for the highest rank of each lane and priority.
    pub fn served_all(&mut self, ranks: HashMap<(String, u8), i64>) {
        for ((lane, priority), rank) in ranks {
            self.served(&lane, priority, rank);
        }
    }

    /// Forgets flows that are no further than their lane: they say nothing.
    pub fn prune(&mut self) -> Vec<Flow> {
        let idle: Vec<_> = (self.0.iter())
            .filter(|(flow, finish)| {
                !flow.flow.is_empty() && self.0.get(&Self::clock_of(flow)).is_some_and(|now| now >= finish)
            })
            .map(|(flow, _)| flow.clone())
            .collect();
        for flow in &idle {
            self.0.remove(flow);
        }
        idle
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(name: &str) -> Flow {
        Flow { lane: "*".into(), priority: 1, flow: name.into() }
    }

    #[test]
    fn a_mailing_does_not_starve_another_account() {
        let mut fair = Fair::default();
        let bulk: Vec<i64> = (0..1000).map(|_| fair.rank(&flow("bulk"), 1).0).collect();
        fair.served("*", 1, bulk[10]);
        let (late, _) = fair.rank(&flow("alice"), 1);
        assert_eq!(late, bulk[10], "alice goes next to what is served now, not behind the mailing");
        let (next, _) = fair.rank(&flow("alice"), 3);
        assert_eq!(next, bulk[11]);
        assert_eq!(fair.rank(&flow("alice"), 1).0, bulk[14], "a text of three segments costs three");
    }

    #[test]
    fn idle_flows_are_forgotten() {
        let mut fair = Fair::default();
        let (rank, _) = fair.rank(&flow("a"), 1);
        assert!(fair.prune().is_empty());
        fair.served("*", 1, rank + 1);
        assert_eq!(fair.prune(), [flow("a")]);
        assert_eq!(fair.rank(&flow("a"), 1).0, rank + 1);
    }
}
