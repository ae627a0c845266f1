//! Requests and answers of the control socket: any bytes give one or a refusal in one line, and what is read is written
//! back as the same.

use martlet::doors::control::words::{Request, Why, answer_line, read_answer};

pub fn control(data: &[u8]) {
    match Request::read(data) {
        Ok(request) => {
            let line = request.line();
            assert_eq!(line.matches('\n').count(), 1, "one line");
            assert_eq!(Request::read(line.trim_end().as_bytes()), Ok(request));
        }
        Err(trouble) => {
            assert_eq!(trouble.why, Why::Request);
            let answer = answer_line(&Err(trouble.clone()));
            assert_eq!(answer.matches('\n').count(), 1, "one line");
            assert_eq!(read_answer(answer.as_bytes()), Ok(Err(trouble)));
        }
    }
    // The other side reads foreign octets too.
    if let Ok(answer) = read_answer(data) {
        assert_eq!(read_answer(answer_line(&answer).as_bytes()), Ok(answer));
    }
}
