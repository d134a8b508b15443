package document

import (
	"bytes"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// JSONToYAML rewrites JSON as block-style YAML, keeping the order of fields.
func JSONToYAML(text []byte) ([]byte, error) {
	node, err := jsonNode(text)
	if err != nil {
		return nil, err
	}
	plainNumbers(node)
	quoteUnprintable(node)
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(node); err != nil {
		return nil, err
	}
	return b.Bytes(), enc.Close()
}

// quoteUnprintable gives text with characters that nothing shows, such as bidirectional
// controls, the one style in which they can stand as escapes.
func quoteUnprintable(n *yaml.Node) {
	unprintable := func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }
	if n.Kind == yaml.ScalarNode && strings.ContainsFunc(n.Value, unprintable) {
		n.Style = yaml.DoubleQuotedStyle
	}
	for _, c := range n.Content {
		quoteUnprintable(c)
	}
}

// plainNumbers keeps the encoder from writing a tag before numbers that YAML's own reader has
// no type for, such as 1e400.
func plainNumbers(n *yaml.Node) {
	if tag := n.Tag; tag == "!!int" || tag == "!!float" {
		n.Tag = ""
	}
	for _, c := range n.Content {
		plainNumbers(c)
	}
}
