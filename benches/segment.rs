//! What a text costs before it is queued: 160 characters measured, 160 and 480 cut.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use martlet::sms::{
    Content,
    split::{Reference, measure, split},
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

criterion_group!(benches, segment);
criterion_main!(benches);
