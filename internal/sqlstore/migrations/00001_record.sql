-- The record. One text for both stores: the tokens in braces are the few types that differ
-- (see Dialect). Times carry microseconds, UTC. Keys sort by bytes in both stores.

-- +goose Up

-- One row: it is locked by every change of a definition, so that revisions are committed in order.
CREATE TABLE catalogue (
    id       {{.BigInt}} PRIMARY KEY,
    revision {{.BigInt}} NOT NULL
);
INSERT INTO catalogue (id, revision) VALUES (1, 0);

CREATE TABLE definitions (
    id           {{.Key}} PRIMARY KEY,
    name         {{.Key}} NOT NULL,
    version      {{.BigInt}} NOT NULL,
    revision     {{.BigInt}} NOT NULL,
    document     TEXT NOT NULL,
    enabled      BOOLEAN NOT NULL,
    trigger_type {{.Key}} NOT NULL,
    created_at   {{.Timestamp}} NOT NULL,
    updated_at   {{.Timestamp}} NOT NULL,
    updated_by   TEXT NOT NULL,
    deleted_at   {{.Timestamp}},
    -- A purged tombstone stays as a mark, so that a reader of the catalogue that was
    -- away still learns of the deletion, and a revival continues the versions.
    purged       BOOLEAN NOT NULL DEFAULT FALSE,
    paused_at    {{.Timestamp}},
    paused_by    TEXT NOT NULL DEFAULT '',
    pause_reason TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX definitions_live_name ON definitions (name) WHERE deleted_at IS NULL;
CREATE INDEX definitions_revision ON definitions (revision, id);

CREATE TABLE definition_versions (
    activity_id   {{.Key}} NOT NULL,
    version       {{.BigInt}} NOT NULL,
    revision      {{.BigInt}} NOT NULL,
    document      TEXT NOT NULL,
    definition_created_at {{.Timestamp}} NOT NULL,
    created_at    {{.Timestamp}} NOT NULL,
    created_by    TEXT NOT NULL,
    PRIMARY KEY (activity_id, version)
);

-- Intervals during which a definition was paused, disabled or deleted; until_at is null while one lasts.
CREATE TABLE holds (
    activity_id {{.Key}} NOT NULL,
    kind        {{.Key}} NOT NULL,
    from_at     {{.Timestamp}} NOT NULL,
    until_at    {{.Timestamp}},
    actor       TEXT NOT NULL DEFAULT '',
    reason      TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (activity_id, kind, from_at)
);

-- One row per (definition, cause), for ever: pruning runs leaves these.
CREATE TABLE ledger (
    activity_id        {{.Key}} NOT NULL,
    cause_key          {{.Key}} NOT NULL,
    kind               {{.Key}} NOT NULL,
    event_id           {{.Key}} NOT NULL DEFAULT '',
    idempotency_key    {{.Key}} NOT NULL DEFAULT '',
    -- The nominal time of a cron cause, the creation of any other.
    slot_at            {{.Timestamp}} NOT NULL,
    verdict            {{.Key}} NOT NULL,
    reason             TEXT NOT NULL DEFAULT '',
    into_key           {{.Key}} NOT NULL DEFAULT '',
    make_up            BOOLEAN NOT NULL DEFAULT FALSE,
    definition_version {{.BigInt}} NOT NULL,
    -- The Temporal run that holds the claim; empty while it is free.
    claimed_by         {{.Key}} NOT NULL DEFAULT '',
    created_at         {{.Timestamp}} NOT NULL,
    updated_at         {{.Timestamp}} NOT NULL,
    PRIMARY KEY (activity_id, cause_key)
);
CREATE INDEX ledger_activity_slot ON ledger (activity_id, slot_at, cause_key);
CREATE INDEX ledger_slot ON ledger (slot_at, activity_id, cause_key);
CREATE INDEX ledger_event ON ledger (event_id) WHERE event_id <> '';
CREATE INDEX ledger_unsettled ON ledger (updated_at) WHERE verdict IN ('pending', 'started');

CREATE TABLE events (
    event_id   {{.Key}} PRIMARY KEY,
    type       {{.Key}} NOT NULL,
    source     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    event_time {{.Timestamp}} NOT NULL,
    payload    {{.Bytes}},
    also_types TEXT NOT NULL,
    hops       {{.BigInt}} NOT NULL,
    stream_seq {{.BigInt}} NOT NULL,
    created_at {{.Timestamp}} NOT NULL
);
CREATE INDEX events_created ON events (created_at, event_id);
CREATE INDEX events_type ON events (type, created_at, event_id);

CREATE TABLE runs (
    run_id             {{.Key}} PRIMARY KEY,
    activity_id        {{.Key}} NOT NULL,
    activity_name      {{.Key}} NOT NULL,
    cause_key          {{.Key}} NOT NULL,
    kind               {{.Key}} NOT NULL,
    nominal_time       {{.Timestamp}},
    -- The event recorded with the cause: that of an event cause, or one given with a manual trigger.
    event_id           {{.Key}} NOT NULL DEFAULT '',
    idempotency_key    {{.Key}} NOT NULL DEFAULT '',
    definition_version {{.BigInt}} NOT NULL,
    workflow_id        {{.Key}} NOT NULL,
    temporal_run_id    {{.Key}} NOT NULL DEFAULT '',
    status             {{.Key}} NOT NULL,
    items              {{.BigInt}} NOT NULL DEFAULT 0,
    actions_total      {{.BigInt}} NOT NULL DEFAULT 0,
    actions_succeeded  {{.BigInt}} NOT NULL DEFAULT 0,
    actions_failed     {{.BigInt}} NOT NULL DEFAULT 0,
    error              TEXT NOT NULL DEFAULT '',
    inputs             {{.Bytes}},
    -- The plan without its actions; null until it is made, then never changed.
    plan               TEXT,
    created_at         {{.Timestamp}} NOT NULL,
    started_at         {{.Timestamp}},
    finished_at        {{.Timestamp}}
);
CREATE INDEX runs_created ON runs (created_at, run_id);
CREATE INDEX runs_activity ON runs (activity_id, created_at, run_id);
CREATE INDEX runs_event ON runs (event_id) WHERE event_id <> '';
CREATE INDEX runs_not_succeeded ON runs (status, created_at, run_id) WHERE status <> 'succeeded';
CREATE INDEX runs_finished ON runs (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE actions (
    run_id      {{.Key}} NOT NULL,
    seq         {{.BigInt}} NOT NULL,
    planned     TEXT NOT NULL,
    status      {{.Key}} NOT NULL,
    attempts    {{.BigInt}} NOT NULL DEFAULT 0,
    outcome     TEXT NOT NULL DEFAULT '',
    result      TEXT NOT NULL DEFAULT '',
    error       TEXT NOT NULL DEFAULT '',
    finished_at {{.Timestamp}},
    PRIMARY KEY (run_id, seq)
){{.WithoutRowID}};

CREATE TABLE tasks (
    task_id     {{.Key}} PRIMARY KEY,
    run_id      {{.Key}} NOT NULL,
    activity_id {{.Key}} NOT NULL,
    rule        TEXT NOT NULL,
    item_key    TEXT NOT NULL,
    action_key  {{.Key}} NOT NULL UNIQUE,
    unique_key  {{.Key}} NOT NULL DEFAULT '',
    title       TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    labels      TEXT NOT NULL DEFAULT '',
    priority    TEXT NOT NULL DEFAULT '',
    assignee    TEXT NOT NULL DEFAULT '',
    status      {{.Key}} NOT NULL,
    comments    {{.BigInt}} NOT NULL DEFAULT 0,
    created_at  {{.Timestamp}} NOT NULL,
    updated_at  {{.Timestamp}} NOT NULL
);
CREATE UNIQUE INDEX tasks_active_unique ON tasks (activity_id, unique_key)
    WHERE unique_key <> '' AND status IN ('open', 'in_progress');
CREATE INDEX tasks_created ON tasks (created_at, task_id);
CREATE INDEX tasks_activity ON tasks (activity_id, created_at, task_id);
CREATE INDEX tasks_run ON tasks (run_id);

CREATE TABLE task_comments (
    task_id    {{.Key}} NOT NULL,
    -- The action that left the comment: it leaves one, however often it is repeated.
    action_key {{.Key}} NOT NULL,
    run_id     {{.Key}} NOT NULL,
    body       TEXT NOT NULL,
    created_at {{.Timestamp}} NOT NULL,
    PRIMARY KEY (task_id, action_key)
);

CREATE TABLE slot_marks (
    activity_id     {{.Key}} PRIMARY KEY,
    accounted_until {{.Timestamp}} NOT NULL
);

CREATE TABLE beats (
    what     {{.Key}} PRIMARY KEY,
    instance TEXT NOT NULL,
    beat_at  {{.Timestamp}} NOT NULL
);

CREATE TABLE outages (
    what    {{.Key}} NOT NULL,
    from_at {{.Timestamp}} NOT NULL,
    to_at   {{.Timestamp}} NOT NULL,
    PRIMARY KEY (what, from_at)
);

-- Rows to lock where what must not interleave has no row of its own yet.
CREATE TABLE locks (
    name {{.Key}} PRIMARY KEY
);
INSERT INTO locks (name) VALUES ('outages');

CREATE TABLE idempotency (
    scope        {{.Key}} NOT NULL,
    idem_key     {{.Key}} NOT NULL,
    request_hash TEXT NOT NULL,
    answer       {{.Bytes}},
    created_at   {{.Timestamp}} NOT NULL,
    PRIMARY KEY (scope, idem_key)
);
CREATE INDEX idempotency_created ON idempotency (created_at);

CREATE TABLE audit (
    id         {{.Serial}},
    created_at {{.Timestamp}} NOT NULL,
    actor      TEXT NOT NULL,
    action     TEXT NOT NULL,
    object     {{.Key}} NOT NULL,
    detail     {{.Bytes}}
);
CREATE INDEX audit_created ON audit (created_at, id);
CREATE INDEX audit_object ON audit (object, created_at, id);

CREATE TABLE secrets (
    name       {{.Key}} PRIMARY KEY,
    sealed     {{.Bytes}} NOT NULL,
    hosts      TEXT NOT NULL,
    updated_at {{.Timestamp}} NOT NULL
);

-- +goose Down
DROP TABLE secrets;
DROP TABLE audit;
DROP TABLE idempotency;
DROP TABLE locks;
DROP TABLE outages;
DROP TABLE beats;
DROP TABLE slot_marks;
DROP TABLE task_comments;
DROP TABLE tasks;
DROP TABLE actions;
DROP TABLE runs;
DROP TABLE events;
DROP TABLE ledger;
DROP TABLE holds;
DROP TABLE definition_versions;
DROP TABLE definitions;
DROP TABLE catalogue;
