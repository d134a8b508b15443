package activitycore

import (
	"encoding/json"
	"errors"
)

// Extensions are an event's extension attributes. Numbers are those of [DecodeData].
type Extensions map[string]any

// UnmarshalJSON keeps whole numbers whole.
func (x *Extensions) UnmarshalJSON(data []byte) error {
	v, err := DecodeData(data)
	if err != nil {
		return err
	}
	m, ok := v.(map[string]any)
	if !ok && v != nil {
		return errors.New("extensions must be an object of names and values")
	}
	*x = m
	return nil
}

// JSON is the object of them, nil if there is none.
func (x Extensions) JSON() []byte {
	if len(x) == 0 {
		return nil
	}
	raw, err := json.Marshal(map[string]any(x))
	if err != nil { // scalars only: it has one
		return nil
	}
	return raw
}

// Text is an extension that is text, "" for any other.
func (x Extensions) Text(name string) string {
	s, _ := x[name].(string)
	return s
}
