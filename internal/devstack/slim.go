package devstack

import "errors"

// ErrSlim is what a binary built with the tag slim answers to who wants a server: it contains
// none, and nothing else of this package.
var ErrSlim = errors.New("this binary was built without the embedded servers (build tag slim): " +
	"use a full build of activity-core, or run `activity-core serve` against external Temporal and NATS")
