package config

import (
	"os"
	"strings"

	"go.yaml.in/yaml/v3"

	core "github.com/activity-core/activity-core"
)

// changedNumbers lists the values of a settings file that YAML would read as another number
// than stands there, or as a number where a name or secret was meant: 010, 1e5, 0x1F. The rule
// is that of definitions, [core.NumberAsTyped].
func changedNumbers(path string) (faults []core.FieldError) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil // the loader says so
	}
	var doc yaml.Node
	if yaml.Unmarshal(text, &doc) != nil || len(doc.Content) == 0 {
		return nil // as above
	}
	secret := map[string]bool{}
	for _, s := range settings() {
		secret[s.key] = s.secret != ""
	}
	var walk func(n *yaml.Node, key string)
	walk = func(n *yaml.Node, key string) {
		switch n.Kind {
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				walk(n.Content[i+1], strings.TrimPrefix(key+"."+n.Content[i].Value, "."))
			}
		case yaml.ScalarNode:
			if tag := n.ShortTag(); tag != "!!int" && tag != "!!float" {
				return
			}
			if err := core.NumberAsTyped(n.Value); err != nil {
				message := err.Error()
				if secret[key] {
					message = "YAML would read another value than stands there: put it in quotes"
				}
				faults = append(faults, core.FieldError{Location: key, Message: message + " (set by " + path + ")", Line: n.Line, Column: n.Column})
			}
		default:
			for _, c := range n.Content {
				walk(c, key)
			}
		}
	}
	walk(&doc, "")
	return faults
}
