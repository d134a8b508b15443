-- +goose Up

-- The rules of each zone since each time at which they were taken up, as a file in the format of RFC 9636. A zone without a row, and
-- what was before its first row, goes by release 2025c, which every earlier version of the program had.
CREATE TABLE zone_rules (
    zone    {{.Key}} NOT NULL,
    since   {{.Timestamp}} NOT NULL,
    release TEXT NOT NULL,
    data    {{.Bytes}} NOT NULL,
    PRIMARY KEY (zone, since)
);
INSERT INTO locks (name) VALUES ('zone_rules');

-- +goose Down
DELETE FROM locks WHERE name = 'zone_rules';
DROP TABLE zone_rules;
