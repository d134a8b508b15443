-- +goose Up

-- Up to which revision the schedule in Temporal is known to follow the row, and what kept it from following since: what has
-- followed < revision is the work that reconciliation has to do. Rows of before are found by the first comparison of all.
ALTER TABLE definitions ADD COLUMN followed {{.BigInt}} NOT NULL DEFAULT 0;
ALTER TABLE definitions ADD COLUMN schedule_error TEXT NOT NULL DEFAULT '';
ALTER TABLE definitions ADD COLUMN schedule_error_code {{.Key}} NOT NULL DEFAULT '';
UPDATE definitions SET followed = revision;
CREATE INDEX definitions_behind ON definitions (revision, id) WHERE followed < revision AND NOT purged;

-- +goose Down
DROP INDEX definitions_behind;
ALTER TABLE definitions DROP COLUMN schedule_error_code;
ALTER TABLE definitions DROP COLUMN schedule_error;
ALTER TABLE definitions DROP COLUMN followed;
