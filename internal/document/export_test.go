package document

import (
	"bytes"
	"encoding/json"

	core "github.com/activity-core/activity-core"
)

// MarshalJSON writes a definition as canonical JSON: fields in the order of the
// documentation, map keys sorted, no HTML escapes. Equal definitions give equal bytes.
func MarshalJSON(def core.Definition) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(def); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// MarshalYAML writes a definition as YAML in the same order of fields.
func MarshalYAML(def core.Definition) ([]byte, error) {
	text, err := MarshalJSON(def)
	if err != nil {
		return nil, err
	}
	return JSONToYAML(text)
}
