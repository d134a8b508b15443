package secrets

import (
	"net/netip"
	"strconv"
	"strings"
	"unicode"

	core "github.com/activity-core/activity-core"
)

// CheckHost refuses what is no host pattern: "example.com" (https at port 443),
// "example.com:8443", "*.example.com", "192.0.2.1:80" or "[2001:db8::1]".
func CheckHost(pattern string) error {
	host, port := splitPort(pattern)
	if !isHost(strings.TrimPrefix(host, "*.")) || port != "" && !isPort(port) || strings.HasSuffix(pattern, ":") {
		return core.InvalidField("host", pattern, "%q is no host; write example.com for https at port 443, example.com:8443 for another port or http, or *.example.com, in lower case", pattern)
	}
	return nil
}

// isHost reports whether a text is an address (IPv6 in brackets) or a name of letters, digits,
// '-' and '_', in lower case.
func isHost(host string) bool {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		addr, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		return strings.HasSuffix(inner, "]") && err == nil && addr.Is6() && addr.Zone() == ""
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(host, "."), ".") {
		if label == "" {
			return false
		}
		for _, r := range label {
			if r != '-' && r != '_' && !unicode.IsDigit(r) && (!unicode.IsLetter(r) || unicode.ToLower(r) != r) {
				return false
			}
		}
	}
	return true
}

func isPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 && strconv.FormatUint(n, 10) == port
}

// splitPort cuts ":8443" off; the colons of a bracketed IPv6 address stay.
func splitPort(host string) (name, port string) {
	i := strings.LastIndexByte(host, ':')
	if i < 0 || strings.HasSuffix(host, "]") {
		return host, ""
	}
	return host[:i], host[i+1:]
}

// httpsPort is the port that a binding or a request without one means.
const httpsPort = "443"

// hostMatches reports whether a request's host is one that the pattern names. Each without a
// port means https at 443; a request that is plain HTTP names its port, also at 443.
func hostMatches(pattern, host string) bool {
	pattern, patternPort := splitPort(pattern)
	host, port := splitPort(strings.ToLower(host))
	if port == "" && patternPort == httpsPort {
		patternPort = "" // both mean https at 443
	}
	return patternPort == port && nameMatches(pattern, host)
}

func nameMatches(pattern, host string) bool {
	if suffix, wild := strings.CutPrefix(pattern, "*"); wild {
		return strings.HasPrefix(suffix, ".") && strings.HasSuffix(host, suffix) && len(host) > len(suffix)
	}
	return pattern == host
}

// refused is the error of a secret that may not be sent to a host, with what binds it.
func refused(name, host string, hosts []string) error {
	why := ""
	bare, _ := splitPort(strings.ToLower(host))
	for _, pattern := range hosts {
		if p, port := splitPort(pattern); nameMatches(p, bare) {
			meant := "port " + port
			if port == "" {
				meant = "https at port 443 only"
			}
			why = " (it is bound to " + pattern + ", which means " + meant + ")"
			break
		}
	}
	return core.Errorf(core.CodeForbidden, "secret %q may not be sent to host %q%s; "+
		"bind it where it is kept: `secret set %s --host %s`, the environment variable %s_HOSTS, or a file %s%s in secrets.dir", name, host, why, name, host, EnvName(name), name, hostsSuffix)
}

// parseHosts reads a list of hosts from outside the store, where upper case is the same as
// lower case. The error names the place that it stands in.
func parseHosts(list, place string) ([]string, error) {
	hosts := strings.FieldsFunc(strings.ToLower(list), func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' })
	for _, h := range hosts {
		if err := CheckHost(h); err != nil {
			return nil, core.Wrap(core.CodeInvalid, err, "%s: %s", place, core.MessageOf(err))
		}
	}
	return hosts, nil
}
