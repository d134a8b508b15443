package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"

	core "github.com/activity-core/activity-core"
)

type positionError struct {
	line, column int
	message      string
}

func (e *positionError) Error() string { return e.message }

// jsonReader turns JSON into the same tree that the YAML reader gives. YAML's
// own reader is not used for it: it refuses tabs and has other escapes.
type jsonReader struct {
	data  []byte
	dec   *json.Decoder
	lines []int // offset of each line's first byte
}

func jsonNode(data []byte) (*yaml.Node, error) {
	data = core.WithoutBOM(data)
	r := &jsonReader{data: data, dec: json.NewDecoder(bytes.NewReader(data)), lines: []int{0}}
	r.dec.UseNumber()
	for i, b := range data {
		if b == '\n' {
			r.lines = append(r.lines, i+1)
		}
	}
	n, err := r.value(0)
	if err != nil {
		return nil, r.locate(err)
	}
	if _, err := r.dec.Token(); err != io.EOF {
		line, col := r.at(int(r.dec.InputOffset()))
		return nil, &positionError{line, col, "data after the end of the JSON value"}
	}
	return n, nil
}

func (r *jsonReader) locate(err error) error {
	var pos *positionError
	if errors.As(err, &pos) {
		return err
	}
	line, col := r.next() // where the token at fault begins
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the text ends inside a value")
		line, col = r.at(len(r.data))
	}
	return &positionError{line, col, err.Error()}
}

func (r *jsonReader) at(offset int) (line, column int) {
	i := sort.SearchInts(r.lines, offset+1) - 1
	return i + 1, offset - r.lines[i] + 1
}

// next skips what stands between tokens and returns the position of the next one.
func (r *jsonReader) next() (line, column int) {
	o := int(r.dec.InputOffset())
	for o < len(r.data) && strings.IndexByte(" \t\r\n,:", r.data[o]) >= 0 {
		o++
	}
	return r.at(o)
}

func (r *jsonReader) value(depth int) (*yaml.Node, error) {
	line, col := r.next()
	if depth > core.MaxDocumentDepth {
		return nil, &positionError{line, col, fmt.Sprintf("nested deeper than %d levels", core.MaxDocumentDepth)}
	}
	tok, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	n := &yaml.Node{Line: line, Column: col}
	scalar := func(tag, value string) (*yaml.Node, error) {
		n.Kind, n.Tag, n.Value = yaml.ScalarNode, tag, value
		return n, nil
	}
	switch t := tok.(type) {
	case json.Delim:
		if t == '[' {
			n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		} else {
			n.Kind, n.Tag = yaml.MappingNode, "!!map"
		}
		for r.dec.More() {
			child, err := r.value(depth + 1)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, child)
		}
		_, err := r.dec.Token()
		return n, err
	case string:
		if plainNumber.MatchString(strings.ReplaceAll(t, "_", "")) {
			n.Style = yaml.DoubleQuotedStyle // text, also where the YAML reader would not see a number in it
		}
		return scalar("!!str", t)
	case json.Number:
		if strings.ContainsAny(string(t), ".eE") {
			return scalar("!!float", string(t))
		}
		return scalar("!!int", string(t))
	case bool:
		return scalar("!!bool", fmt.Sprint(t))
	default:
		return scalar("!!null", "null")
	}
}
