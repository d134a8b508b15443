-- +goose Up

-- The definitions whose runs led to an event, as a JSON list; empty for none, and for events of older versions.
ALTER TABLE events ADD COLUMN chain TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE events DROP COLUMN chain;
