-- Short texts that may go out as one: a hash of all that must be the same for that, while they wait.
ALTER TABLE queue ADD COLUMN mate TEXT;
CREATE INDEX queue_mate ON queue (mate, id) WHERE mate IS NOT NULL;
