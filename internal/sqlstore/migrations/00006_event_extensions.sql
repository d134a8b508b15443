-- +goose Up

-- Extension attributes of CloudEvents, as a JSON object; empty: none.
ALTER TABLE events ADD COLUMN extensions TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE events DROP COLUMN extensions;
