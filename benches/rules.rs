//! A hundred rules of patterns over a text of 1 KiB: what rules cost on the accept path. The limit is 100 µs.
//!
//! `cargo bench --bench rules`

use criterion::{Criterion, criterion_group, criterion_main};
use martlet::{
    ground::Timestamp,
    rules::{Direction, Facts, Known, Ruleset, Source, judge, judge_briefly},
};

/// Patterns of the kinds that filters have: words, prefixes, numbers, alternatives; none of them matches.
fn rules() -> Ruleset {
    let kinds = [
        r"\bvertrag(s|es)?-nummer {n}\b",
        r"^\[alarm-{n}\]",
        r"https?://[a-z0-9.-]+\.example{n}/",
        r"(pin|tan|passwort) ?[:=] ?{n}\d{4}",
        r"order #?{n}[0-9]{3,6} (is|was) (late|lost)",
    ];
    let rule = |n: usize| {
        let pattern = kinds[n % kinds.len()].replace("{n}", &n.to_string());
        format!(
            "[[rule]]\ntitle = \"{n}\"\nif = {{ body = {{ regex = '{pattern}' }} }}\ndo = [{{ reject = \"no\" }}]\n"
        )
    };
    let text = (0..100).map(rule).collect();
    Ruleset::read(&[Source { path: "bench.toml".into(), text }], &Known::default()).expect("sound rules")
}

fn bench(c: &mut Criterion) {
    let rules = rules();
    let words = "The host in the second rack answers slowly since 10:42; order #77 was late, PIN: none. ";
    let body: String = words.chars().cycle().take(1024).collect();
    let facts = Facts { body, ..Facts::empty(Direction::Out, Timestamp(0)) };
    let judgement = judge(&rules, facts.clone());
    assert_eq!((judgement.trace.0.len(), judgement.trace.matched().count()), (100, 0));
    c.bench_function("100 rules of patterns, text of 1 KiB (limit: 100 µs)", |b| {
        b.iter_batched(|| facts.clone(), |facts| judge_briefly(&rules, facts), criterion::BatchSize::SmallInput);
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
