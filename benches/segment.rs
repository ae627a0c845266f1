//! What a text costs before it is queued: 160 characters measured, 160 and 480 cut; and before a modem gets it: 160
//! characters as a SUBMIT.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use martlet::sms::{
    Content, Dcs,
    split::{Reference, measure, split},
    tpdu::{Address, Submit},
};

fn segment(c: &mut Criterion) {
    let words = "The quick brown fox jumps over the lazy dog at 10:30, they say. ";
    let text = |chars: usize| Content::text(words.chars().cycle().take(chars).collect::<String>());
    let (one, three) = (text(160), text(480));
    let emoji = Content::text("Привет 👋🏽 ".chars().cycle().take(160).collect::<String>());
    let reference = Reference::Eight(1);
    c.bench_function("measure 160 characters", |b| b.iter(|| measure(black_box(&one), reference)));
    c.bench_function("split 160 characters", |b| b.iter(|| split(black_box(&one), reference)));
    c.bench_function("split 480 characters", |b| b.iter(|| split(black_box(&three), reference)));
    c.bench_function("split 160 characters of UCS-2", |b| b.iter(|| split(black_box(&emoji), reference)));
}

fn encode(c: &mut Criterion) {
    let words = "The quick brown fox jumps over the lazy dog at 10:30, they say. ";
    let text = Content::text(words.chars().cycle().take(160).collect::<String>());
    let segment = split(&text, Reference::Eight(1)).expect("one").remove(0);
    let submit = Submit::new(Address::number("+15551234567").expect("a number"), Dcs(0), segment);
    let mut out = Vec::with_capacity(180);
    c.bench_function("SUBMIT of 160 characters", |b| {
        b.iter(|| {
            out.clear();
            black_box(&submit).write(&mut out)
        });
    });
}

criterion_group!(benches, segment, encode);
criterion_main!(benches);
