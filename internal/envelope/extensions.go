package envelope

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	core "github.com/activity-core/activity-core"
)

// Limits on the extension attributes of an event.
const (
	// MaxExtensions bounds how many there are.
	MaxExtensions = 64
	// MaxExtensionName bounds a name, in bytes. CloudEvents recommend 20.
	MaxExtensionName = 64
)

// attributeNames are what CloudEvents call their own attributes: no extension has such a name.
var attributeNames = map[string]bool{"specversion": true, "id": true, "source": true, "type": true, "subject": true, "time": true,
	"datacontenttype": true, "dataschema": true, "data": true}

// fitExtension tells whether a name and a value may be an extension attribute; if not, what is
// wrong with them.
func fitExtension(name string, v any) (fault string) {
	switch {
	case name == "" || len(name) > MaxExtensionName || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") != "":
		return "is no name of an extension attribute; it has 1 to 64 small letters and digits (CloudEvents 1.0, naming conventions)"
	case attributeNames[name]:
		return "is an attribute of CloudEvents' own; choose another name"
	}
	switch v := v.(type) {
	case bool, int64, uint64, float64:
		return ""
	case string:
		switch {
		case len(v) > MaxTextLength:
			return "is longer than 2048 bytes"
		case !utf8.ValidString(v) || strings.IndexFunc(v, unicode.IsControl) >= 0:
			return "is no UTF-8 text without control characters"
		}
		return ""
	}
	return "must be text, a number or a boolean"
}

func checkExtensions(all core.Extensions) error {
	if len(all) > MaxExtensions {
		return invalidField("extensions", len(all), "has %d attributes; at most %d are allowed", len(all), MaxExtensions)
	}
	for name, v := range all {
		if fault := fitExtension(name, v); fault != "" {
			return invalidField("extensions."+shorten(name), nil, "%s", fault)
		}
	}
	return nil
}

// extensionsField reads the member extensions of our own envelope: null, or an object.
func extensionsField(f field) (x core.Extensions, err error) {
	if json.Unmarshal(f.value, &x) != nil {
		return nil, invalidField(f.name, shorten(f.value), "must be an object of names and values, such as {\"partitionkey\": \"k-7\"}")
	}
	if len(x) == 0 {
		return nil, nil
	}
	return x, nil
}

// keep adds an attribute of a CloudEvent that is not one of its own. What no extension may be
// is left out: it says nothing that could be read.
func keep(x *core.Extensions, name string, v any) {
	if fitExtension(name, v) != "" {
		return
	}
	if *x == nil {
		*x = core.Extensions{}
	}
	(*x)[name] = v
}
