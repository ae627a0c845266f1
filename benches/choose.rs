//! What it costs to choose among 1, 10 and 100 gateways, and to find the key that a message waits under.

use std::{collections::BTreeMap, hint::black_box};

use criterion::{Criterion, criterion_group, criterion_main};
use martlet::{
    address::Destination,
    ground::GatewayId,
    routing::{Ask, Candidate, Class, Costs, Ours, Price, Reach, Route, Shows, Table, Target, Way, choose, whole},
};

fn choosing(c: &mut Criterion) {
    for many in [1usize, 10, 100] {
        let all: Vec<Candidate> = (0..many)
            .map(|n| Candidate {
                priority: 1 + u32::try_from(n % 3).unwrap_or(0),
                weight: 1,
                outstanding: n % 7,
                carries: true,
                up: n % 5 != 4,
                free: true,
                failed: false,
                shows: n % 2 == 0,
                talks: None,
                taken: n % 4 == 3,
                cost: Price(n as u64 % 3),
            })
            .collect();
        c.bench_function(&format!("choose among {many}"), |b| b.iter(|| choose(black_box(&all), true, [0.3, 0.7])));
    }
}

fn placing(c: &mut Criterion) {
    let id = |n: usize| -> GatewayId { format!("g{n}").parse().expect("an id") };
    let way = |n| Way {
        id: id(n),
        ours: Ours::of(&id(n), None),
        binary: true,
        shows: Shows::Anybody,
        reach: Reach::default(),
        costs: Costs::default(),
    };
    let route = |n| Route::new(whole(&format!(r"\+44{n}\d+")).expect("a pattern"), None, Target::Gateway(id(n)));
    let to = Destination::try_from("+12015550123".to_owned()).expect("a number");
    for many in [1usize, 10, 100] {
        let routes = (0..many).map(route).collect();
        let table = Table::new((0..many).map(id), (0..many).map(way), BTreeMap::new(), routes);
        let classes = [Class::global()];
        let ask = Ask {
            to: &to,
            pinned: None,
            binary: false,
            sender: None,
            sender_required: false,
            classes: &classes,
            granted: false,
        };
        let name = format!("place with {many} gateways and {many} routes that do not fit");
        c.bench_function(&name, |b| b.iter(|| table.place(black_box(&ask))));
    }
}

criterion_group!(benches, choosing, placing);
criterion_main!(benches);
