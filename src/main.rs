fn main() -> std::process::ExitCode {
    let path = std::env::args().skip_while(|a| a != "--config").nth(1).unwrap();
    match martlet::config::load(path.as_ref()) {
        Ok(config) => tokio::runtime::Runtime::new().unwrap().block_on(martlet::app::run(config)),
        Err(e) => { eprintln!("{e}"); std::process::ExitCode::from(78) }
    }
}
