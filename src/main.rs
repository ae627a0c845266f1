//! The `martlet` command: everything is in [`martlet::cli`].

fn main() -> std::process::ExitCode {
    martlet::cli::main()
}
