//! The `martlet` command: everything is in [`martlet::cli`].

/// The C library's allocator takes twice the time for what a mail needs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    martlet::cli::main()
}
