package contextsource

import (
	"encoding/json"

	core "github.com/activity-core/activity-core"
)

// decodeJSON is [core.DecodeData], with no bytes at all for null.
func decodeJSON(raw []byte) (any, error) {
	if len(raw) == 0 {
		return nil, nil // absence is null
	}
	return core.DecodeData(raw)
}

// jsonOf turns what has a JSON form into the values of expressions.
func jsonOf(v any) (any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return core.DecodeData(raw)
}
