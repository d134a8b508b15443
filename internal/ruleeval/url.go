package ruleeval

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// urlPlace is where in a URL an inserted value stands.
type urlPlace int

const (
	placeLiteral urlPlace = iota
	placeBase             // at the very beginning: a whole URL
	placeHost             // the whole host
	placeLabel            // one label of the host, beside literal text
	placePort             // after the host's colon
	placePath             // escaped; a list gives several segments
	placeQuery            // escaped, after ?
)

// planURL decides from the literal text what each value may be. The rules are
// those of docs/expressions.md: scheme literal, or the whole URL from one
// expression at the start; in the host either all of it or single labels; no user.
func planURL(parts []part) ([]urlPlace, error) {
	places := make([]urlPlace, len(parts))
	const (
		inScheme = iota
		inAuthority
		inPath
		inQuery
	)
	state := inScheme
	for i, p := range parts {
		if p.expr == nil {
			text := p.text
			if strings.ContainsAny(text, "#") {
				return nil, errors.New("a URL to be requested has no #fragment")
			}
			for j := 0; j < len(text); j++ {
				if text[j] <= ' ' || text[j] == 0x7f || text[j] == '\\' {
					return nil, fmt.Errorf("a URL holds no blanks, control characters or backslashes; write %%20 for a blank")
				}
			}
			if state == inScheme {
				if i > 0 { // after an expression that gives the beginning of the URL
					state = inPath
				} else {
					rest, ok := cutScheme(text)
					if !ok {
						return nil, errors.New("must begin with http:// or https://, or with one ${…} that gives the whole beginning of the URL")
					}
					text, state = rest, inAuthority
				}
			}
			if state == inAuthority {
				end := strings.IndexAny(text, "/?")
				host := text
				if end >= 0 {
					host = text[:end]
				}
				if strings.Contains(host, "@") {
					return nil, errors.New("a URL names no user or password; use secret_headers")
				}
				if end >= 0 {
					state, text = inPath, text[end:]
				}
			}
			if state == inPath && strings.Contains(text, "?") {
				state = inQuery
			}
			continue
		}
		switch state {
		case inScheme:
			if i > 0 {
				return nil, errors.New("only one ${…} may give the beginning of the URL")
			}
			places[i] = placeBase
		case inAuthority:
			var err error
			if places[i], err = authorityPlace(parts, i); err != nil {
				return nil, err
			}
		case inPath:
			places[i] = placePath
		case inQuery:
			places[i] = placeQuery
		}
	}
	return places, nil
}

func cutScheme(s string) (rest string, ok bool) {
	for _, scheme := range []string{"http://", "https://"} {
		if rest, ok = strings.CutPrefix(s, scheme); ok {
			return rest, true
		}
	}
	return s, false
}

// authorityPlace looks at the text around an expression in the host.
func authorityPlace(parts []part, i int) (urlPlace, error) {
	before, after := "", ""
	if i > 0 && parts[i-1].expr == nil {
		before = parts[i-1].text
	}
	next := i+1 < len(parts)
	if next && parts[i+1].expr == nil {
		after = parts[i+1].text
	}
	if strings.HasSuffix(before, ":") && !strings.HasSuffix(before, "://") {
		return placePort, nil
	}
	if strings.HasSuffix(before, "://") && (!next || after != "" && strings.ContainsRune("/?:", rune(after[0]))) {
		return placeHost, nil
	}
	rest := after
	if end := strings.IndexAny(rest, "/?:"); end >= 0 {
		rest = rest[:end]
	}
	if dot := strings.IndexByte(rest, '.'); dot < 0 || dot == len(rest)-1 {
		return 0, errors.New("in a URL's host, ${…} is either the whole host or a part that is followed by '.' and the rest of the name as text")
	}
	return placeLabel, nil
}

// resolveURL evaluates a URL template, escaping each value by its place, and
// checks the whole: no value may move what comes before or after it.
func (t *template) resolveURL(ctx context.Context, s *scope, b *budget) (any, error) {
	var out strings.Builder
	for i, p := range t.parts {
		if p.expr == nil {
			out.WriteString(p.text)
			continue
		}
		v, err := p.expr.eval(ctx, s)
		var text string
		if err == nil {
			text, err = urlPart(v, t.places[i], i == len(t.parts)-1, b)
		}
		if err != nil {
			return nil, t.fault(p.expr, err)
		}
		if t.places[i] == placeBase && strings.HasSuffix(text, "/") && i+1 < len(t.parts) && strings.HasPrefix(t.parts[i+1].text, "/") {
			text = strings.TrimSuffix(text, "/")
		}
		out.WriteString(text)
	}
	full := out.String()
	return full, checkURL(full)
}

func urlPart(v ref.Val, place urlPlace, last bool, b *budget) (string, error) {
	if list, ok := v.(traits.Lister); ok {
		if place != placePath {
			return "", errors.New("a list may stand in a URL's path only, as its segments")
		}
		native, err := toNative(list, b)
		if err != nil {
			return "", err
		}
		var segments []string
		for _, e := range native.([]any) {
			text, err := scalarText(e)
			if err != nil {
				return "", err
			}
			segment, err := pathSegment(text)
			if err != nil {
				return "", err
			}
			segments = append(segments, segment)
		}
		return strings.Join(segments, "/"), nil
	}
	native, err := toNative(v, b)
	if err != nil {
		return "", err
	}
	text, err := scalarText(native)
	if err != nil {
		return "", err
	}
	switch place {
	case placeBase:
		if err := checkURL(text); err != nil {
			return "", err
		}
		if !last && strings.ContainsAny(text, "?") {
			return "", errors.New("the beginning of a URL may hold no query when more follows")
		}
		return text, nil
	case placeHost:
		return text, checkHost(text)
	case placeLabel:
		return text, checkLabel(text)
	case placePort:
		if n, err := strconv.ParseUint(text, 10, 16); err != nil || n == 0 || text[0] == '0' {
			return "", fmt.Errorf("%s is not a port", quoteShort(text))
		}
		return text, nil
	case placePath:
		return pathSegment(text)
	case placeLiteral, placeQuery:
	}
	return url.QueryEscape(text), nil
}

func scalarText(native any) (string, error) {
	switch native.(type) {
	case []any, map[string]any:
		return "", fmt.Errorf("a %s cannot stand in a URL", nativeTypeName(native))
	}
	return nativeText(native)
}

// pathSegment escapes a value so that it stays within its segment. Clients and
// servers resolve . and .. even when escaped, so those are refused, as is nothing at all.
func pathSegment(s string) (string, error) {
	switch s {
	case "", ".", "..":
		return "", fmt.Errorf("%q cannot stand in a URL's path, it would change the path itself", s)
	}
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] == 0x7f {
			return "", fmt.Errorf("%s holds a control character, which a URL may not", quoteShort(s))
		}
	}
	return url.PathEscape(s), nil
}

// checkHost takes a name or an IP address, nothing more.
func checkHost(s string) error {
	if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(inner, "]") {
		if a, err := netip.ParseAddr(strings.TrimSuffix(inner, "]")); err == nil && a.Is6() && a.Zone() == "" {
			return nil
		}
		return fmt.Errorf("%s is not a host", quoteShort(s))
	}
	if len(s) > 253 || s == "" {
		return fmt.Errorf("%s is not a host", quoteShort(s))
	}
	for _, label := range strings.Split(strings.TrimSuffix(s, "."), ".") {
		if checkLabel(label) != nil {
			return fmt.Errorf("%s is not a host: letters, digits and '-' in parts separated by '.' are", quoteShort(s))
		}
	}
	return nil
}

func checkLabel(s string) error {
	ok := len(s) > 0 && len(s) <= 63 && s[0] != '-' && s[len(s)-1] != '-'
	for i := 0; ok && i < len(s); i++ {
		c := s[i]
		ok = c == '-' || c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
	}
	if !ok {
		return fmt.Errorf("%s is not one part of a host name: letters, digits and '-' are", quoteShort(s))
	}
	return nil
}

// checkURL accepts an absolute http(s) URL with a host and without user or fragment.
func checkURL(s string) error {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] == 0x7f || s[i] == '\\' {
			return fmt.Errorf("%s is not a URL: it holds a blank, a control character or a backslash", quoteShort(s))
		}
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return fmt.Errorf("%s is not a URL", quoteShort(s))
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%s must begin with http:// or https://", quoteShort(s))
	case u.User != nil:
		return fmt.Errorf("the URL names a user; use secret_headers")
	case strings.Contains(s, "#"):
		return fmt.Errorf("%s has a #fragment, which a request does not send", quoteShort(s))
	case u.Opaque != "" || u.Hostname() == "":
		return fmt.Errorf("%s names no host", quoteShort(s))
	}
	if p := u.Port(); p != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("%s has no valid port", quoteShort(s))
		}
	}
	host := u.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if err := checkHost(host); err != nil {
		return err
	}
	return checkDots(u.EscapedPath())
}

// checkDots refuses segments that would be resolved away, however they are escaped.
func checkDots(escaped string) error {
	for _, segment := range strings.Split(escaped, "/") {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			return fmt.Errorf("%s is not escaped as a URL's path is", quoteShort(segment))
		}
		if plain == "." || plain == ".." {
			return fmt.Errorf("the URL's path holds %q, which would change the path itself", plain)
		}
	}
	return nil
}
