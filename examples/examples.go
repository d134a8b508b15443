// Package examples holds the sample definitions as files, for people to read and for
// `activity-core seed` to load. It must hold no logic.
package examples

import "embed"

// Files are the definitions (*.yaml) and, below context/, the data they read.
//
//go:embed *.yaml context
var Files embed.FS
