-- +goose Up

-- Every list has, for each combination of its filters, an index that begins with the filtered columns and ends with the columns it is
-- sorted by. Where a filter on a column of few values is left out, the list is merged from one range of the index for each value
-- (listing.go), so that two indexes do for eight combinations.

CREATE INDEX runs_status ON runs (status, kind, created_at, run_id);
CREATE INDEX runs_activity_status ON runs (activity_id, status, kind, created_at, run_id);
DROP INDEX runs_not_succeeded;
DROP INDEX runs_event;
CREATE INDEX runs_event ON runs (event_id, created_at, run_id) WHERE event_id <> '';

CREATE INDEX ledger_verdict ON ledger (verdict, kind, slot_at, activity_id, cause_key);
CREATE INDEX ledger_activity_verdict ON ledger (activity_id, verdict, kind, slot_at, cause_key);
DROP INDEX ledger_event;
CREATE INDEX ledger_event ON ledger (event_id, slot_at, activity_id, cause_key) WHERE event_id <> '';

CREATE INDEX tasks_status ON tasks (status, created_at, task_id);
CREATE INDEX tasks_activity_status ON tasks (activity_id, status, created_at, task_id);
DROP INDEX tasks_activity;
DROP INDEX tasks_run;
CREATE INDEX tasks_run ON tasks (run_id, status, created_at, task_id);

CREATE INDEX definitions_running ON definitions (trigger_type, enabled, name) WHERE deleted_at IS NULL AND paused_at IS NULL;
CREATE INDEX definitions_paused ON definitions (trigger_type, enabled, name) WHERE deleted_at IS NULL AND paused_at IS NOT NULL;
CREATE INDEX definitions_deleted ON definitions (deleted_at, id) WHERE deleted_at IS NOT NULL;

CREATE INDEX outages_to ON outages (to_at);

-- What a part of the system that is slow to ask was last seen to be like, by whichever process looked at it.
CREATE TABLE observations (
    what    {{.Key}} PRIMARY KEY,
    seen_at {{.Timestamp}} NOT NULL,
    body    TEXT NOT NULL
);

-- +goose Down
DROP TABLE observations;
DROP INDEX outages_to;
DROP INDEX definitions_deleted;
DROP INDEX definitions_paused;
DROP INDEX definitions_running;
DROP INDEX tasks_run;
CREATE INDEX tasks_run ON tasks (run_id);
CREATE INDEX tasks_activity ON tasks (activity_id, created_at, task_id);
DROP INDEX tasks_activity_status;
DROP INDEX tasks_status;
DROP INDEX ledger_event;
CREATE INDEX ledger_event ON ledger (event_id) WHERE event_id <> '';
DROP INDEX ledger_activity_verdict;
DROP INDEX ledger_verdict;
DROP INDEX runs_event;
CREATE INDEX runs_event ON runs (event_id) WHERE event_id <> '';
CREATE INDEX runs_not_succeeded ON runs (status, created_at, run_id) WHERE status <> 'succeeded';
DROP INDEX runs_activity_status;
DROP INDEX runs_status;
