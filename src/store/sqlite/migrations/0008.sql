-- Errands of rules wait in lanes 'e:run', 'e:call', 'e:sql' and 'e:append'; rows of their kinds are nothing that an older
-- version could read, so that it refuses this store.
INSERT INTO tally (name, n) VALUES ('errands', 0) ON CONFLICT DO NOTHING;
