//! SMTP by lettre.
