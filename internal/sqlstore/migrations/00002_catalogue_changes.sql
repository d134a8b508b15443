-- +goose Up

-- A random token for each of the catalogue's latest revisions. Whoever keeps a picture of the catalogue compares the token of the revision
-- it has come to: after a restore from a backup the revision alone may have grown past it again.
CREATE TABLE catalogue_changes (
    revision {{.BigInt}} PRIMARY KEY,
    token    TEXT NOT NULL
);
INSERT INTO catalogue_changes (revision, token) SELECT revision, 'before tokens' FROM catalogue;

-- +goose Down
DROP TABLE catalogue_changes;
