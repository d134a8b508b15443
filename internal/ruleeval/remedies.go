package ruleeval

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/parser"
)

// What to write instead of what an expression cannot say. Each remedy compiles: a test writes
// every one of them back.

// functionNames are what other languages call the functions of CEL: how the call is written
// here, % being its first argument.
var functionNames = map[string]string{
	"len": "size(%)", "length": "size(%)", "count": "size(%)",
	"lower": "%.lowerAscii()", "lowercase": "%.lowerAscii()", "tolower": "%.lowerAscii()", "upper": "%.upperAscii()", "uppercase": "%.upperAscii()", "toupper": "%.upperAscii()",
	"strip": "%.trim()", "trim": "%.trim()", "unique": "%.distinct()", "uniq": "%.distinct()", "sorted": "%.sort()", "reversed": "%.reverse()",
	"str": "string(%)", "tostring": "string(%)", "text": "string(%)", "float": "double(%)", "number": "double(%)", "tonumber": "double(%)", "toint": "int(%)", "integer": "int(%)", "parseint": "int(%)",
	"max": "math.greatest(%)", "min": "math.least(%)", "abs": "math.abs(%)", "floor": "math.floor(%)", "ceil": "math.ceil(%)", "round": "math.round(%)",
	"tojson": "json.encode(%)", "jsonencode": "json.encode(%)", "fromjson": "json.decode(%)", "parsejson": "json.decode(%)", "jsondecode": "json.decode(%)",
	"urlencode": "url_escape(%)", "totimestamp": "time.parse(%)", "parsetime": "time.parse(%)", "todate": "time.parse(%)", "date": "time.parse(%)", "datetime": "time.parse(%)", "time": "time.parse(%)",
	"strftime": "time.format(%, '%F')", "formattime": "time.format(%, '%F')", "formatdate": "time.format(%, '%F')", "dateformat": "time.format(%, '%F')",
}

// otherFunction is how a call of a function that CEL has not is written; "" where none is known.
func otherFunction(env *cel.Env, tree *ast.AST, node ast.Expr) string {
	call := node.AsCall()
	form := functionNames[strings.ReplaceAll(strings.ToLower(call.FunctionName()), "_", "")]
	args := call.Args()
	if call.IsMemberFunction() {
		args = append([]ast.Expr{call.Target()}, args...)
	}
	if form == "" || len(args) != 1 && !strings.HasPrefix(form, "time.format") || len(args) == 0 {
		return ""
	}
	text, err := parser.Unparse(args[0], tree.SourceInfo())
	if err != nil || len(text) > 200 {
		return ""
	}
	if k := args[0].Kind(); strings.HasPrefix(form, "%") && k == ast.CallKind && !args[0].AsCall().IsMemberFunction() {
		text = "(" + text + ")"
	}
	if remedy := strings.Replace(form, "%", text, 1); fits(env, remedy) {
		return remedy
	}
	return ""
}

// fits says whether a remedy passes the type checker, but for the variables of loops around it.
func fits(env *cel.Env, remedy string) bool {
	_, issues := env.Compile(remedy)
	for _, e := range issues.Errors() {
		if !undeclared.MatchString(e.Message) {
			return false
		}
	}
	return true
}

var (
	dashedChain = regexp.MustCompile(`[A-Za-z_]\w*(?:\.\w+)+(?:[-/.]\w+)*`)
	textLiteral = regexp.MustCompile(`'[^']*'|"[^"]*"`)
	oddKey      = regexp.MustCompile(`([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\.((?:[@$0-9][\w@$-]*)|(?:in|true|false|null)\b(?:-\w+)*)`)
)

// keyMaps are fields whose keys are often names of a domain, such as app.kubernetes.io/name.
var keyMaps = map[string]bool{"labels": true, "annotations": true, "matchLabels": true, "nodeSelector": true, "selector": true, "tags": true}

// quotedKey is how the field is written that an expression reads as a subtraction or a division
// of that name; "" where it is none.
func quotedKey(src, name string) string {
	plain := textLiteral.ReplaceAllStringFunc(src, func(s string) string { return strings.Repeat(" ", len(s)) })
	for _, chain := range dashedChain.FindAllString(plain, -1) {
		at := strings.IndexAny(chain, "-/")
		if at < 0 || !regexp.MustCompile(`(?:[-/]`+regexp.QuoteMeta(name)+`\b|\b`+regexp.QuoteMeta(name)+`-)`).MatchString(chain) {
			continue
		}
		parts := strings.Split(chain, ".")
		if slash := strings.Index(chain, "/"); slash >= 0 {
			if parts = splitAtKey(chain, slash); parts == nil {
				continue
			}
		}
		var b strings.Builder
		for i, part := range parts {
			switch {
			case i == 0:
				b.WriteString(part)
			case isIdentifier(part) && !celWords[part]:
				b.WriteString("." + part)
			default:
				b.WriteString("['" + part + "']")
			}
		}
		if isIdentifier(parts[0]) {
			return b.String()
		}
	}
	return ""
}

// celWords are words of CEL that no field may be called in a dotted path.
var celWords = map[string]bool{"in": true, "true": true, "false": true, "null": true}

// splitAtKey divides payload.labels.app.kubernetes.io/name before the key; nil where what is
// before the slash is no name of a domain.
func splitAtKey(chain string, slash int) []string {
	before := strings.Split(chain[:slash], ".")
	for i, part := range before {
		if keyMaps[part] && i+2 < len(before) {
			return append(before[:i+1:i+1], strings.Join(before[i+1:], ".")+chain[slash:])
		}
	}
	if len(before) < 4 { // payload.a.b/c is a division
		return nil
	}
	return append(before[:2:2], strings.Join(before[2:], ".")+chain[slash:])
}

// oddField is how a field is written that begins with a digit or sign, or is called like a word
// of CEL; "" for all else.
func oddField(src string) string {
	plain := textLiteral.ReplaceAllStringFunc(src, func(s string) string { return strings.Repeat(" ", len(s)) })
	m := oddKey.FindStringSubmatch(plain)
	if m == nil {
		return ""
	}
	return fmt.Sprintf("%s['%s']", m[1], m[2])
}

// guard says how a null is kept out of an operation.
func guard(path string) string {
	return fmt.Sprintf("guard it: %s != null && …, or %s != null ? … : …", path, path)
}
