package apidocs

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	core "github.com/activity-core/activity-core"
)

// oneLine is how many bytes of JSON stand on one line.
const oneLine = 90

var inBraces = regexp.MustCompile(`\{([^{}/]*)\}`)

// curl is a command that makes a request of the operation: with what is required, and the
// example of the body.
func curl(l located, params []*huma.Param, token bool) string {
	path := inBraces.ReplaceAllStringFunc(l.path, func(name string) string { return "$" + variable(strings.Trim(name, "{}")) })
	var query, lines []string
	for _, p := range params {
		switch {
		case !p.Required:
		case p.In == "query":
			query = append(query, p.Name+"=$"+variable(p.Name))
		case p.In == "header":
			lines = append(lines, `-H "`+p.Name+": $"+variable(p.Name)+`"`)
		}
	}
	if len(query) > 0 {
		path += "?" + strings.Join(query, "&")
	}
	first := "curl"
	switch body := l.op.RequestBody; {
	case streams(l.op):
		first += " -N"
	case l.method == http.MethodGet, l.method == http.MethodPost && exampleOf(body) != "":
	default:
		first += " -X " + l.method
	}
	lines = append([]string{first + ` "$ACTIVITY_CORE_SERVER` + path + `"`}, lines...)
	if token {
		lines = append(lines, `-H "Authorization: Bearer $ACTIVITY_CORE_TOKEN"`)
	}
	if text := exampleOf(l.op.RequestBody); text != "" {
		lines = append(lines, `-H "Content-Type: `+jsonType+`"`, "-d "+quoted(text))
	}
	return strings.Join(lines, " \\\n  ")
}

func streams(op *huma.Operation) bool {
	for _, r := range op.Responses {
		if r.Content["text/event-stream"] != nil {
			return true
		}
	}
	return false
}

// exampleOf is the JSON of a body's example, "" where there is none.
func exampleOf(body *huma.RequestBody) string {
	if body == nil || body.Content[jsonType] == nil || body.Content[jsonType].Example == nil {
		return ""
	}
	text, err := core.MarshalPlain(body.Content[jsonType].Example)
	if err != nil {
		return "" // an example without a JSON form shows nothing
	}
	if len(text) <= oneLine {
		return string(text)
	}
	var out bytes.Buffer
	if json.Indent(&out, text, "", "  ") != nil {
		return string(text)
	}
	return out.String()
}

// quoted is a text as one word of a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// variable is a name as a variable of a shell.
func variable(name string) string {
	return strings.ToUpper(strings.ReplaceAll(slug(name), "-", "_"))
}
