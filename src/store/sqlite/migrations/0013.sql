-- Receipts under names that their network gives out again and again (TP-MR of a modem): which of them it is shows in time.
ALTER TABLE parked ADD COLUMN reused INTEGER NOT NULL DEFAULT 0;
